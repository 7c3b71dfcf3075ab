//! What a signal or a stop of its own sets in motion, on a paused clock.

use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::plan::Drift;
use crate::report::Outcome;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A service that settles 5 s on its own and 1 s on its platform, where it has 10 s in all.
fn control() -> (Control, Receiver<Order>) {
    let timeline = |settle, deadline| Timeline {
        platform: "kubernetes".into(),
        settle,
        timeouts: Vec::new().into(),
        unwind: Duration::ZERO,
        deadline,
        grace: ms(12_000),
        kill: ms(12_000),
    };
    let plan = Plan {
        service: "shop".into(),
        digest: "0".into(),
        health: None,
        keep_alive: None,
        drift: Drift::Warn,
        steps: Vec::new().into(),
        timelines: Vec::new().into(),
        unmanaged: timeline(ms(5000), ms(14_000)),
    };
    let (orders, received) = channel();
    let timeline = timeline(ms(1000), ms(10_000));
    let health = Health::default();
    (
        Control::new(plan.into(), None, timeline, health, Some(orders)),
        received,
    )
}

fn deadline(orders: &Receiver<Order>) -> Duration {
    match orders.try_recv() {
        Ok(Order::At(at)) => at - Instant::now(),
        other => panic!("no deadline: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_sets_the_platforms_deadline() {
    let (control, orders) = control();
    assert!(control.wired(Vec::new()));
    control.ready();
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Begin);
    assert_eq!(deadline(&orders), ms(10_000));
    assert_eq!(control.settles_until() - Instant::now(), ms(1000));
    tokio::time::advance(ms(300)).await;
    assert_eq!((control.settle(), control.left()), (ms(700), ms(9700)));
    assert!(control.requested.is_cancelled() && control.health.is_stopping());
}

#[tokio::test(start_paused = true)]
async fn while_it_starts_it_has_a_second_and_nothing_may_start_any_more() {
    let (control, orders) = control();
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Begin);
    assert_eq!(deadline(&orders), START_UP_LIMIT);
    assert!(!control.wired(Vec::new()));
    assert_eq!(control.forced().outcome, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_its_own_settles_by_itself_and_has_the_time_for_it() {
    let (control, orders) = control();
    assert!(control.wired(Vec::new()));
    control.ready();
    control.stop("a task died".to_owned());
    control.stop("another".to_owned());
    assert_eq!(deadline(&orders), ms(14_000));
    assert!(orders.try_recv().is_err());
    assert_eq!(control.settles_until() - Instant::now(), ms(5000));
    assert_eq!(control.finished().cause.as_deref(), Some("a task died"));
}

#[tokio::test(start_paused = true)]
async fn a_signal_on_the_way_out_starts_the_platforms_clock() {
    let (control, orders) = control();
    assert!(control.wired(Vec::new()));
    control.ready();
    control.stop("a task died".to_owned());
    let cause = Some("a task died".to_owned());
    assert_eq!(control.asked_by(), (None, cause.clone()));
    deadline(&orders);
    tokio::time::advance(ms(500)).await;
    assert_eq!(
        control.signal(Signal::Interrupt, false),
        Verdict::Begin,
        "not a second one"
    );
    assert_eq!(deadline(&orders), ms(10_000));
    assert_eq!(control.settles_until() - Instant::now(), ms(1000));
    let report = control.finished();
    assert_eq!(control.asked_by(), (Some(Signal::Interrupt), cause));
    assert_eq!(report.signal, Some(Signal::Interrupt));
    assert_eq!(report.total, ms(500));
}

#[tokio::test(start_paused = true)]
async fn further_signals_go_by_the_rule() {
    let (control, orders) = control();
    assert!(control.wired(Vec::new()));
    control.ready();
    assert_eq!(control.signal(Signal::Interrupt, false), Verdict::Begin);
    deadline(&orders);
    tokio::time::advance(ms(10)).await;
    assert_eq!(
        control.signal(Signal::Interrupt, false),
        Verdict::Ignore,
        "the same key press"
    );
    tokio::time::advance(SAME_KEY_PRESS.saturating_sub(ms(10))).await;
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Ignore);
    assert!(orders.try_recv().is_err());
    assert_eq!(control.signal(Signal::Interrupt, false), Verdict::Leave);
    assert!(matches!(orders.try_recv(), Ok(Order::Now)));
    assert_eq!(control.forced().outcome, Outcome::Forced);
}

/// PM2 and Fly.io stop a program with SIGINT.
#[tokio::test(start_paused = true)]
async fn a_platform_that_sends_sigint_may_repeat_itself() {
    for (first, at_terminal, verdict) in [
        (Signal::Interrupt, false, Verdict::Ignore),
        // `docker run -it`, and Ctrl-C twice.
        (Signal::Interrupt, true, Verdict::Leave),
        // No platform sends both: this is somebody's `kill -INT`.
        (Signal::Terminate, false, Verdict::Leave),
    ] {
        let (mut control, _orders) = control();
        control.platform = Some("fly".to_owned());
        assert!(control.wired(Vec::new()));
        control.ready();
        assert_eq!(control.signal(first, at_terminal), Verdict::Begin);
        tokio::time::advance(ms(1000)).await;
        let again = control.signal(Signal::Interrupt, at_terminal);
        assert_eq!(again, verdict, "{first:?}, at a terminal: {at_terminal}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_at_a_terminal_does_not_wait_for_routing() {
    let (control, _orders) = control();
    assert!(control.wired(Vec::new()));
    control.ready();
    assert_eq!(control.signal(Signal::Interrupt, true), Verdict::Begin);
    assert_eq!(control.settles_until(), Instant::now());
    assert!(control.window(0).hurry);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_never_ready_has_nothing_to_settle() {
    let (control, _orders) = control();
    assert!(control.wired(Vec::new()));
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Begin);
    control.ready();
    assert_eq!(control.settles_until(), Instant::now());
    assert!(!control.health.is_ready());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_start_is_not_clean_when_it_is_ended() {
    let (control, _orders) = control();
    control.start_failed("no database".to_owned());
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Begin);
    assert_eq!(control.forced_outcome(), Outcome::StartFailed);
    let report = control.forced();
    assert_eq!(report.outcome, Outcome::StartFailed);
    assert_eq!(report.cause.as_deref(), Some("no database"));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_failed_and_has_to_be_ended_by_force_was_forced() {
    let (control, _orders) = control();
    assert!(control.wired(Vec::new()));
    control.start_failed("`db` did not start".to_owned());
    assert_eq!(control.signal(Signal::Terminate, false), Verdict::Begin);
    assert_eq!(control.forced().outcome, Outcome::Forced);
    assert_eq!(
        control.forced().exit_code(),
        control.forced_outcome().exit_code()
    );
}
