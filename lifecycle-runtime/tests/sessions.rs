//! How sessions are told to leave, waited for and ended, on a paused clock.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{found, ms, plan, step, stopped};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{Lifecycle, Outcome, Report, Session, Sessions, StepOutcome, WebSockets};
use proptest::prelude::*;
use tokio::time::{Instant, sleep, sleep_until};

const ZERO: Duration = Duration::ZERO;
/// When `stopped` asks the service to stop.
const STOP: Duration = ms(1000);

fn rooms(timeout: Duration) -> Plan {
    plan(ZERO, vec![step("rooms", Kind::Websocket, timeout, &[])])
}

/// A plan whose manifest says `spread`.
fn spread_rooms(timeout: Duration, spread: Duration) -> Plan {
    let mut given = step("rooms", Kind::Websocket, timeout, &[]);
    given.step.spread = Some(spread);
    plan(ZERO, vec![given])
}

async fn stopped_with(plan: Plan, sockets: WebSockets) -> Report {
    stopped(Lifecycle::new(plan).with("rooms", sockets)).await
}

/// Sessions that leave `reply` after they are told; when they were told, counted from the stop.
fn polite(handle: &Sessions, count: usize, reply: Duration) -> Arc<Mutex<Vec<Duration>>> {
    let began = Instant::now();
    let told = Arc::new(Mutex::new(Vec::new()));
    for index in 0..count {
        let session = handle.enter_foreign(format!("user-{index}")).unwrap();
        let told = Arc::clone(&told);
        tokio::spawn(async move {
            let farewell = session.leaving().await;
            told.lock()
                .unwrap()
                .push(began.elapsed().saturating_sub(STOP));
            assert_eq!(farewell.code(), 1001);
            sleep(reply).await;
            drop(session);
        });
    }
    told
}

#[tokio::test(start_paused = true)]
async fn without_a_spread_all_are_told_at_once_and_waited_for() {
    let sockets = WebSockets::new();
    let told = polite(&sockets.handle(), 100, ms(300));
    let report = stopped_with(rooms(ms(5000)), sockets).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.total, ms(300));
    assert_eq!(*told.lock().unwrap(), vec![ZERO; 100]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_are_told_evenly_over_the_spread() {
    let sockets = WebSockets::new();
    let told = polite(&sockets.handle(), 10_000, ms(50));
    let report = stopped_with(spread_rooms(ms(15_000), ms(10_000)), sockets).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert!(
        report.total > ms(9900) && report.total <= ms(10_051),
        "{report:?}"
    );
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 10_000);
    for (index, at) in told.iter().enumerate() {
        let even = ms(index as u64);
        assert!(at.abs_diff(even) <= ms(2), "{index} at {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_told_in_no_order_and_each_with_a_time_of_its_own_to_come_back() {
    let sockets = WebSockets::new().spread(ms(1000)).retry_after(ms(4000));
    let handle = sockets.handle();
    let order = Arc::new(Mutex::new(Vec::new()));
    for index in 0..1000_usize {
        let session = handle.enter_foreign(index).unwrap();
        let order = Arc::clone(&order);
        tokio::spawn(async move {
            let farewell = session.leaving().await;
            order.lock().unwrap().push((index, farewell.retry_after()));
        });
    }
    let report = stopped_with(rooms(ms(5000)), sockets).await;
    assert_eq!(report.outcome, Outcome::Clean);
    let order = order.lock().unwrap();
    let ascents = order
        .windows(2)
        .filter(|pair| pair[0].0 < pair[1].0)
        .count();
    assert!((400..600).contains(&ascents), "{ascents} of 999");
    let mut hints: Vec<_> = order.iter().map(|it| it.1).collect();
    hints.sort();
    assert!(hints[0] >= ms(4000) && hints[999] <= ms(8000), "{hints:?}");
    assert!(hints[100] < ms(5000) && hints[500] > ms(5000) && hints[900] > ms(7000));
}

#[tokio::test(start_paused = true)]
async fn the_plans_spread_goes_before_the_programs() {
    let sockets = WebSockets::new().spread(ms(100));
    let told = polite(&sockets.handle(), 100, ZERO);
    stopped_with(spread_rooms(ms(15_000), ms(4000)), sockets).await;
    assert!(*told.lock().unwrap().last().unwrap() > ms(3900));
}

#[tokio::test(start_paused = true)]
async fn a_spread_is_cut_to_what_leaves_the_last_one_time_to_answer() {
    for (timeout, answer, longest) in [(5000, 2000, 3000), (2000, 2000, 1000), (8000, 500, 7500)] {
        let sockets = WebSockets::new().answer_within(ms(answer));
        let told = polite(&sockets.handle(), 1000, ZERO);
        let report = stopped_with(spread_rooms(ms(timeout), ms(60_000)), sockets).await;
        assert_eq!(report.outcome, Outcome::Clean);
        let last = *told.lock().unwrap().last().unwrap();
        assert!(
            last <= ms(longest) && last > ms(longest) * 99 / 100,
            "{last:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_session_has_left_goes_to_the_next() {
    let sockets = WebSockets::new().spread(ms(10_000));
    let handle = sockets.handle();
    let told = polite(&handle, 50, ZERO);
    // As many leave by themselves as soon as the service stops.
    for index in 0..50 {
        let session = handle.enter_foreign(index).unwrap();
        tokio::spawn(async move {
            sleep(STOP + ms(1)).await;
            drop(session);
        });
    }
    let report = stopped_with(rooms(ms(20_000)), sockets).await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 50);
    // The rate is that of a hundred in ten seconds, and the end comes in half the time.
    assert!(told[49] <= ms(5100), "{told:?}");
    assert!(told[25] >= ms(2300), "{told:?}");
    assert_eq!(report.total, told[49]);
}

#[tokio::test(start_paused = true)]
async fn nobody_left_means_nothing_to_wait_for() {
    for sessions in [0, 1] {
        let sockets = WebSockets::new().spread(ms(10_000));
        let told = polite(&sockets.handle(), sessions, ZERO);
        let report = stopped_with(rooms(ms(20_000)), sockets).await;
        assert_eq!(report.total, ZERO, "one is told at once");
        assert_eq!(told.lock().unwrap().len(), sessions);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_routing_notices_is_told_as_the_others_and_who_comes_later_is_refused() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let early = tokio::spawn({
        let handle = handle.clone();
        async move {
            sleep(STOP + ms(500)).await;
            assert!(handle.is_open());
            let session = handle.enter_foreign("settling").unwrap();
            let farewell = session.leaving().await;
            sleep(ms(200)).await;
            let refused = handle.enter_foreign("late").unwrap_err();
            assert_eq!(refused.retry_after(), ms(7000));
            assert!(!handle.is_open());
            farewell
        }
    });
    let sockets = sockets.reason("moving house").retry_after(ms(7000));
    let plan = plan(
        ms(1000),
        vec![step("rooms", Kind::Websocket, ms(5000), &[])],
    );
    let report = stopped_with(plan, sockets).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.total, ms(1200));
    assert_eq!(report.rejected, 1);
    assert_eq!(early.await.unwrap().reason(), "moving house");
}

#[tokio::test(start_paused = true)]
async fn who_stays_is_named_and_cancelled_and_has_the_unwind_time() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let session = handle.enter_foreign("ada").unwrap();
    let cancelled = tokio::spawn(async move {
        session.cancelled().await;
        assert!(session.is_cancelled());
        sleep(ms(100)).await;
        drop(session);
    });
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.outcome, StepOutcome::TimedOut);
    assert_eq!(rooms.unfinished, ["ada"]);
    assert_eq!((rooms.active, rooms.oldest), (1, Some(ms(4000))));
    assert_eq!(report.total, ms(3100));
    assert_eq!(report.exit_code(), 80);
    cancelled.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_ignores_everything_and_is_not_ours_to_end_is_reported_as_abandoned() {
    let sockets = WebSockets::new();
    let session = sockets.handle().enter_foreign("deaf").unwrap();
    tokio::spawn(async move {
        let _held = session;
        pending::<()>().await;
    });
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.abandoned, ["deaf"]);
    assert_eq!(report.total, ms(3250));
    assert_eq!(report.exit_code(), 80);
}

/// Says when it is dropped.
struct Noted(Arc<Mutex<Option<Instant>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn who_ignores_everything_is_dropped_where_the_future_is_ours() {
    let sockets = WebSockets::new();
    let dropped = Arc::new(Mutex::new(None));
    let socket = Noted(Arc::clone(&dropped));
    let session = sockets.handle().enter_foreign("deaf").unwrap();
    let running = tokio::spawn(session.run(|session| async move {
        let _held = (session, socket);
        pending::<()>().await;
    }));
    let began = Instant::now();
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    assert_eq!(found(&report, "rooms").unfinished, ["deaf"]);
    assert!(found(&report, "rooms").abandoned.is_empty());
    assert_eq!(running.await.unwrap(), None);
    let after = dropped.lock().unwrap().unwrap() - began;
    assert_eq!(after, STOP + ms(3250));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_runs_to_its_end_gives_what_it_made() {
    let sockets = WebSockets::new();
    let session = sockets.handle().enter_foreign("brief").unwrap();
    let made = session.run(|session| async move { session.name().to_owned() });
    assert_eq!(made.await.as_deref(), Some("brief"));
    assert_eq!(sockets.handle().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_panics_after_the_stop_is_lost_and_one_before_is_not() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    for (name, early) in [("before", true), ("after", false)] {
        let session = handle.enter_foreign(name).unwrap();
        tokio::spawn(async move {
            if !early {
                session.leaving().await;
            }
            let _session = session;
            panic!("bug");
        });
    }
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.outcome, StepOutcome::Panicked);
    assert_eq!(rooms.error.as_deref(), Some("panicked: after"));
}

#[tokio::test(start_paused = true)]
async fn long_names_and_many_sessions_are_bounded_in_the_report() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let sessions: Vec<Session> = (0..500)
        .map(|_| handle.enter_foreign("é".repeat(5000)).unwrap())
        .collect();
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.active, 500);
    assert!(rooms.unfinished.len() <= 32);
    assert!(
        rooms
            .unfinished
            .iter()
            .all(|name| name.chars().count() == 96)
    );
    drop(sessions);
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_ones_own_is_asked_to_stop_and_its_sessions_are_told() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let sockets = sockets.serve(|stopping| async move {
        let session = handle.enter_foreign("accepted").unwrap();
        tokio::spawn(async move {
            session.leaving().await;
            sleep(ms(400)).await;
            drop(session);
        });
        stopping.requested().await;
        Ok::<(), std::io::Error>(())
    });
    let report = stopped_with(rooms(ms(3000)), sockets).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.total, ms(400));
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_ones_own_that_fails_stops_the_service() {
    let sockets = WebSockets::new().serve(|_| async { Err::<(), _>("no listener") });
    let service = Lifecycle::new(rooms(ms(3000))).with("rooms", sockets);
    let report = service.embedded().run().await;
    assert_eq!(report.exit_code(), 80);
    assert_eq!(report.cause.as_deref(), Some("`rooms` ended: no listener"));
}

/// What one client does: when it comes, how long it stays by itself, how long it takes to answer.
#[derive(Debug, Clone)]
struct Client {
    comes: u64,
    stays: u64,
    answers: u64,
}

/// What became of it.
#[derive(Debug, Default, Clone, Copy)]
struct Fate {
    entered: Option<Instant>,
    told: Option<Instant>,
    left: Option<Instant>,
}

prop_compose! {
    fn client()(comes in 0u64..4000, stays in 1u64..20_000, answers in 0u64..2000) -> Client {
        Client { comes, stays, answers }
    }
}

async fn live(client: Client, handle: Sessions) -> Fate {
    sleep(ms(client.comes)).await;
    let mut fate = Fate::default();
    let Ok(session) = handle.enter_foreign("somebody") else {
        return fate;
    };
    let entered = Instant::now();
    fate.entered = Some(entered);
    tokio::select! {
        biased;
        farewell = session.leaving() => {
            fate.told = Some(Instant::now());
            // Asked again, it is the same one.
            assert_eq!(session.leaving().await, farewell);
            assert_eq!(session.farewell(), Some(farewell));
            sleep(ms(client.answers)).await;
        }
        () = sleep_until(entered + ms(client.stays)) => assert_eq!(session.farewell(), None),
    }
    fate.left = Some(Instant::now());
    fate
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_session_gets_exactly_one_farewell_within_the_spread(
        clients in proptest::collection::vec(client(), 0..60),
        settle in 0u64..2000,
        spread in 0u64..8000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (began, fates, report) = runtime.block_on(async {
            let sockets = WebSockets::new().spread(ms(spread));
            let began = Instant::now();
            let handle = sockets.handle();
            let lives: Vec<_> = clients
                .iter()
                .map(|client| tokio::spawn(live(client.clone(), handle.clone())))
                .collect();
            let given = step("rooms", Kind::Websocket, ms(12_000), &[]);
            let report = stopped_with(plan(ms(settle), vec![given]), sockets).await;
            let mut fates = Vec::new();
            for life in lives {
                fates.push(life.await.unwrap());
            }
            (began, fates, report)
        });
        let opens = began + STOP + ms(settle);
        prop_assert_eq!(report.outcome, Outcome::Clean);
        let mut told = Vec::new();
        let mut last = opens;
        let mut refused = 0;
        for (client, fate) in clients.iter().zip(&fates) {
            let Some(entered) = fate.entered else {
                prop_assert!(began + ms(client.comes) >= opens);
                // Of those that came before the service had gone.
                refused += 1;
                continue;
            };
            prop_assert!(entered <= opens);
            if let Some(at) = fate.told {
                prop_assert!(opens <= at && at <= opens + ms(spread), "{:?}", at - opens);
                told.push(at);
            } else {
                // It went by itself, and that was before the window's end.
                prop_assert!(fate.left.unwrap() <= opens + ms(spread) + ms(1));
            }
            last = last.max(fate.left.unwrap());
        }
        prop_assert!(report.rejected <= refused);
        prop_assert_eq!(began + STOP + report.total, last);
        // Never faster than one a slot, and a slot's length of jitter.
        told.sort();
        if let Some(slot) = ms(spread).checked_div(u32::try_from(fates.len()).unwrap()) {
            for (index, at) in told.iter().enumerate() {
                prop_assert!(*at + ms(1) >= opens + slot * u32::try_from(index).unwrap());
            }
        }
    }
}
