//! The promise, as a property: whatever goes wrong with which job, each gets exactly one end, no
//! lease lapses while its job runs, nothing begins after the stop, and the report is true.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use lifecycle::{Lifecycle, QueueConsumer, Report};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::common::{found, ms};
use super::queue::Event::{
    Begun, Claimed, Fail, Failed, Finish, Finished, Gone, HandBack, HandedBack, Renewed,
};
use super::queue::{Answer, Event, Handling, Pushing, Queue, Renewal, Script, handle};
use super::{LEASE, one};

#[derive(Debug, Clone)]
struct Given {
    /// When each job comes, and what goes wrong with it.
    jobs: Vec<(u64, Script)>,
    concurrency: usize,
    latency: u64,
    failing: usize,
    held: bool,
    pushing: bool,
}

fn script() -> impl Strategy<Value = Script> {
    let handling = prop_oneof![
        3 => (0..3000_u64).prop_map(Handling::Takes),
        1 => (0..3000_u64).prop_map(Handling::Fails),
        1 => (0..3000_u64).prop_map(Handling::Panics),
        2 => Just(Handling::Hangs),
        1 => (0..200_u64).prop_map(Handling::LetsGo),
        1 => (0..200_u64).prop_map(Handling::IsDone),
    ];
    let answer = prop_oneof![
        4 => (0..50_u64).prop_map(Answer::After),
        2 => (0..2000_u64).prop_map(Answer::After),
        1 => (0..50_u64).prop_map(Answer::Fails),
        1 => Just(Answer::Hangs),
    ];
    let renewal = prop_oneof![
        5 => Just(Renewal::Well),
        1 => Just(Renewal::Lost),
        1 => Just(Renewal::Fails),
        1 => Just(Renewal::FailsOnce),
        1 => Just(Renewal::Hangs),
        1 => (1..400_u64).prop_map(Renewal::Slow),
    ];
    (handling, answer, renewal, 0..5_usize).prop_map(|(handling, answer, renewal, renewed)| {
        Script::new(handling)
            .answer(answer)
            .renewal(renewed, renewal)
    })
}

fn given() -> impl Strategy<Value = Given> {
    (
        proptest::collection::vec((0..1500_u64, script()), 0..12),
        1..6_usize,
        prop_oneof![Just(0), 0..400_u64],
        0..3_usize,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(jobs, concurrency, latency, failing, held, pushing)| Given {
                jobs,
                concurrency,
                latency,
                failing,
                held,
                pushing,
            },
        )
}

/// The report, the queue as it was then, and when the stop came.
async fn run(given: &Given) -> (Report, Queue, Instant) {
    let mut queue = Queue::new([]).latency(given.latency).failing(given.failing);
    if given.held && !given.pushing {
        queue = queue.holding(&["held-0", "held-1"]);
    }
    for (index, (comes, script)) in given.jobs.iter().copied().enumerate() {
        let queue = queue.clone();
        tokio::spawn(async move {
            sleep(ms(comes)).await;
            queue.add(&format!("job-{index}"), script);
        });
    }
    let consumer = match given.pushing {
        true => QueueConsumer::of(Pushing(queue.clone()))
            .concurrency(given.concurrency)
            .each(handle),
        false => QueueConsumer::of(queue.clone())
            .concurrency(given.concurrency)
            .each(handle),
    };
    let lifecycle = Lifecycle::new(one()).with("emails", consumer);
    let stop = lifecycle.stop_handle();
    let running = tokio::spawn(lifecycle.embedded().run());
    sleep(ms(1000)).await;
    let stopped = Instant::now();
    stop.stop("test");
    let report = running.await.expect("the run does not panic");
    (report, queue, stopped)
}

/// Checks one job's events, and says where the report has to name it.
fn judge(events: &[(Instant, Event)], stopped: Instant) -> Result<Named, TestCaseError> {
    let at = |wanted: Event| events.iter().find(|it| it.1 == wanted).map(|it| it.0);
    let count = |wanted: &[Event]| events.iter().filter(|it| wanted.contains(&it.1)).count();
    prop_assert!(count(&[Finish, HandBack, Fail]) <= 1, "{events:?}");
    prop_assert!(count(&[Claimed]) <= 1 && count(&[Begun]) <= 1);
    prop_assert!(at(Begun).is_none_or(|begun| begun <= stopped), "{events:?}");
    if at(Begun).is_some() {
        let gone = at(Gone);
        prop_assert!(gone.is_some(), "a handler outlives its step: {events:?}");
        let order: Vec<Event> = events.iter().map(|it| it.1).collect();
        let place = |wanted: Event| order.iter().position(|it| *it == wanted);
        for answer in [Finish, HandBack, Fail] {
            prop_assert!(
                place(answer).is_none_or(|it| Some(it) > place(Gone)),
                "an answer while the handler runs: {events:?}"
            );
        }
        let answered = [Finish, HandBack, Fail].into_iter().find_map(place);
        let renewed = order.iter().rposition(|it| *it == Renewed);
        prop_assert!(
            answered.is_none_or(|answered| renewed.is_none_or(|it| it < answered)),
            "renewed after its end: {events:?}"
        );
        let mut granted = at(Claimed);
        for (when, event) in events {
            if matches!(event, Renewed | Gone) {
                let age = granted.map_or(Duration::ZERO, |granted| *when - granted);
                prop_assert!(age <= LEASE, "the lease lapsed: {events:?}");
                granted = Some(*when);
            }
        }
    }
    let last = events.last().map(|it| it.0);
    let after = last.map_or(Ordering::Less, |last| last.cmp(&stopped));
    Ok(if at(HandedBack).is_some() {
        Named::HandedBack(after)
    } else if count(&[Finished, Failed]) == 1 {
        Named::Nowhere
    } else {
        Named::Unfinished(after)
    })
}

/// How a job ended, and whether after the stop: what happened before is not the report's, and what
/// happened in the same moment may be or not.
#[derive(Debug)]
enum Named {
    Nowhere,
    HandedBack(Ordering),
    Unfinished(Ordering),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_job_has_one_end_and_the_report_says_which(given in given()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (report, queue, stopped) = runtime.block_on(run(&given));
        let emails = found(&report, "emails");
        prop_assert!(report.total <= ms(1250), "{:?}", report.total);
        prop_assert!(queue.claims().iter().all(|at| *at <= stopped), "a claim after the stop");

        let log = queue.log();
        if given.held && !given.pushing {
            for id in ["held-0", "held-1"] {
                prop_assert_eq!(queue.of(id), [HandBack, HandedBack]);
            }
        }
        let ids: BTreeSet<&String> = log.iter().map(|it| &it.1).collect();
        let mut handed_back: BTreeSet<&String> = emails.handed_back.iter().collect();
        prop_assert_eq!(handed_back.len(), emails.handed_back.len(), "named twice");
        let mut unfinished: BTreeSet<&String> = emails.unfinished.iter().collect();
        prop_assert_eq!(unfinished.len(), emails.unfinished.len(), "named twice");
        for id in ids {
            let events: Vec<_> = log.iter().filter(|it| it.1 == *id).map(|it| (it.0, it.2)).collect();
            let (named, after) = match judge(&events, stopped)? {
                Named::Nowhere => continue,
                Named::HandedBack(after) => (handed_back.remove(id), after),
                Named::Unfinished(after) => (unfinished.remove(id), after),
            };
            match after {
                Ordering::Greater => prop_assert!(named, "{} is not named: {:?}", id, emails),
                Ordering::Equal => {}
                // An answer that never came can have been given up after the stop.
                Ordering::Less => prop_assert!(!named || events.len() > 2, "{:?}", emails),
            }
        }
        prop_assert!(handed_back.is_empty(), "named, and not handed back: {:?}", handed_back);
        prop_assert!(unfinished.is_empty(), "named, and not unfinished: {:?}", unfinished);
    }
}
