//! Jobs that are started by the clock, on a paused one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Given, found, ms, plan, step, stopped, window};
use lifecycle::plan::Kind;
use lifecycle::{Lifecycle, Outcome, Schedule, Scheduler, StepOutcome};
use tokio::time::{Instant, sleep};

const ZERO: Duration = Duration::ZERO;

/// What began when, in milliseconds since the test did.
#[derive(Clone)]
struct Begun(Arc<Mutex<Vec<(&'static str, u128)>>>, Instant);

impl Begun {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn note(&self, name: &'static str) {
        let at = self.1.elapsed().as_millis();
        self.0.lock().unwrap().push((name, at));
    }

    fn of(&self, name: &str) -> Vec<u128> {
        let begun = self.0.lock().unwrap();
        let of = begun.iter().filter(|(it, _)| *it == name);
        of.map(|&(_, at)| at).collect()
    }
}

fn nightly() -> Given {
    step("nightly", Kind::Scheduler, ms(1000), &[])
}

/// Runs the scheduler for a second and gives the report.
async fn run(scheduler: Scheduler) -> lifecycle::Report {
    stopped(Lifecycle::new(plan(ZERO, vec![nightly()])).with("nightly", scheduler)).await
}

#[tokio::test(start_paused = true)]
async fn the_first_run_can_begin_at_once() {
    let begun = Begun::new();
    let (early, usual) = (begun.clone(), begun.clone());
    let scheduler = Scheduler::new()
        .job("early", Schedule::every(ms(400)).at_once(), move |_| {
            early.note("early");
            async {}
        })
        .job("usual", Schedule::every(ms(400)), move |_| {
            usual.note("usual");
            async {}
        });
    assert_eq!(run(scheduler).await.outcome, Outcome::Clean);
    assert_eq!(begun.of("early"), [0, 400, 800]);
    assert_eq!(begun.of("usual"), [400, 800]);
}

#[tokio::test(start_paused = true)]
async fn jobs_run_side_by_side_and_runs_of_one_never_overlap() {
    let begun = Begun::new();
    let (slow, quick) = (begun.clone(), begun.clone());
    let scheduler = Scheduler::new()
        .job("slow", Schedule::every(ms(100)), move |_| {
            slow.note("slow");
            sleep(ms(250))
        })
        .job("quick", Schedule::every(ms(300)), move |_| {
            quick.note("quick");
            async {}
        });
    run(scheduler).await;
    assert_eq!(begun.of("quick"), [300, 600, 900]);
    // Each begins as soon as the one before has ended.
    assert_eq!(begun.of("slow"), [100, 350, 600, 850]);
}

#[tokio::test(start_paused = true)]
async fn missed_times_are_skipped_where_that_is_asked_for() {
    let begun = Begun::new();
    let slow = begun.clone();
    let scheduler =
        Scheduler::new().job("slow", Schedule::every(ms(110)).skip_missed(), move |_| {
            slow.note("slow");
            sleep(ms(250))
        });
    run(scheduler).await;
    assert_eq!(begun.of("slow"), [110, 440, 770]);
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_each_run_by_less_than_it_says_and_moves_no_time() {
    let begun = Begun::new();
    let noted = begun.clone();
    let schedule = Schedule::every(ms(100)).jitter(ms(80));
    let scheduler = Scheduler::new().job("spread", schedule, move |_| {
        noted.note("spread");
        async {}
    });
    run(scheduler).await;
    let begun = begun.of("spread");
    assert!(begun.len() >= 9, "{begun:?}");
    for (index, at) in begun.iter().enumerate() {
        let time = 100 * (index as u128 + 1);
        assert!((time..time + 82).contains(at), "{begun:?}");
    }
    let late: Vec<u128> = begun.iter().map(|at| at % 100).collect();
    assert!(late.iter().any(|it| *it != late[0]), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_its_turn_is_forgotten_at_the_stop() {
    let begun = Begun::new();
    let noted = begun.clone();
    let schedule = Schedule::every(ms(900)).jitter(ms(3_600_000));
    let scheduler = Scheduler::new().job("spread", schedule, move |_| {
        noted.note("spread");
        async {}
    });
    let report = run(scheduler).await;
    assert_eq!(window(&report, "nightly"), (0, 0));
    assert_eq!(begun.of("spread"), [0_u128; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_run_sees_the_stop_and_may_finish_early() {
    let scheduler =
        Scheduler::new().job("report", Schedule::every(ms(600)), |stopping| async move {
            stopping.requested().await;
            sleep(ms(100)).await;
        });
    let report = run(scheduler).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(window(&report, "nightly"), (0, 100));
}

#[tokio::test(start_paused = true)]
async fn a_run_sees_its_cancellation_before_it_is_dropped() {
    let scheduler = Scheduler::new()
        .job("polite", Schedule::every(ms(600)), |stopping| async move {
            stopping.cancelled().await;
            sleep(ms(100)).await;
        })
        .job("report", Schedule::every(ms(700)), |_| sleep(ms(1350)));
    let report = run(scheduler).await;
    let nightly = found(&report, "nightly");
    assert_eq!(nightly.outcome, StepOutcome::TimedOut);
    assert_eq!(nightly.unfinished, ["polite", "report"]);
    assert_eq!((nightly.active, nightly.oldest), (2, Some(ms(1400))));
    // One let go after 100 ms; the other would have ended by itself at 1050, and was let.
    assert_eq!(window(&report, "nightly"), (0, 1100));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_badly_after_the_stop_is_the_steps_failure_by_name() {
    let scheduler = Scheduler::new()
        .job("report", Schedule::every(ms(600)), |stopping| async move {
            stopping.requested().await;
            Err::<(), _>("disk full")
        })
        .job("purge", Schedule::every(ms(600)), |stopping| async move {
            stopping.requested().await;
            sleep(ms(200)).await;
        });
    let report = run(scheduler).await;
    let nightly = found(&report, "nightly");
    assert_eq!(nightly.outcome, StepOutcome::Failed);
    assert_eq!(nightly.error.as_deref(), Some("`report`: disk full"));
    assert_eq!(
        window(&report, "nightly"),
        (0, 200),
        "the other one finished"
    );
}

#[tokio::test(start_paused = true)]
async fn no_run_begins_from_the_signal_on() {
    let begun = Begun::new();
    let noted = begun.clone();
    let scheduler = Scheduler::every(ms(300), move || {
        noted.note("run");
        async {}
    });
    let plan = plan(ms(5000), vec![nightly()]);
    let report = stopped(Lifecycle::new(plan).with("nightly", scheduler)).await;
    assert_eq!(begun.of("run"), [300, 600, 900]);
    assert_eq!(window(&report, "nightly"), (5000, 5000));
}

#[tokio::test(start_paused = true)]
async fn a_period_without_an_end_never_comes() {
    let scheduler = Scheduler::every(Duration::MAX, || async { panic!("too early") });
    assert_eq!(run(scheduler).await.outcome, Outcome::Clean);
}
