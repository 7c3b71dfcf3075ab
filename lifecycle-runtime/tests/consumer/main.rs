//! A queue consumer that is given its queue, on a paused clock: what is claimed, renewed, finished
//! and handed back, and when.

#[path = "../common/mod.rs"]
mod common;
mod promise;
mod queue;

use std::time::Duration;

use common::{found, ms, plan, step, stopped};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{Lifecycle, Outcome, QueueConsumer, Report, StepOutcome, Task};
use queue::Event::{
    Begun, Claimed, Fail, Failed, Finish, Finished, Gone, HandBack, HandedBack, Renewed,
};
use queue::{Answer, Handling, Pushing, Queue, Renewal, Script, handle};
use tokio::time::{Instant, sleep};

pub(crate) const LEASE: Duration = ms(900);

/// One consumer that has a second to drain.
pub(crate) fn one() -> Plan {
    let mut given = step("emails", Kind::QueueConsumer, ms(1000), &[]);
    given.step.lease = Some(LEASE);
    plan(Duration::ZERO, vec![given])
}

/// Consumes with `concurrency` from the start, stops after a second.
async fn consumed(queue: &Queue, concurrency: usize) -> Report {
    let consumer = QueueConsumer::of(queue.clone())
        .concurrency(concurrency)
        .each(handle);
    stopped(Lifecycle::new(one()).with("emails", consumer)).await
}

/// The end of a job that was claimed and worked on.
fn ended(queue: &Queue, id: &str) -> Vec<queue::Event> {
    let mut events = queue.of(id);
    assert_eq!(events[..2], [Claimed, Begun], "{id}");
    events.retain(|event| !matches!(event, Claimed | Begun | Renewed));
    events
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_done_in_the_drain_is_finished_and_none_is_claimed_after_the_stop() {
    let jobs = [ms(100); 30].map(|_| Script::new(Handling::Takes(400)));
    let queue = Queue::new(jobs);
    let report = consumed(&queue, 2).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(report.total, ms(200), "two each at 0, 400 and 800 ms");
    for job in 0..6 {
        assert_eq!(
            ended(&queue, &format!("job-{job}")),
            [Gone, Finish, Finished]
        );
    }
    assert!(queue.of("job-6").is_empty());
    let emails = found(&report, "emails");
    assert!(emails.handed_back.is_empty() && emails.unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn claiming_ends_with_the_signal_and_not_after_settle_unless_others_make_work() {
    let jobs = [ms(100); 30].map(|_| Script::new(Handling::Takes(400)));
    let consume = |jobs| {
        let queue = Queue::new(jobs).holding(&["ahead"]);
        (queue.clone(), QueueConsumer::of(queue).each(handle))
    };

    let mut settling = one();
    settling.unmanaged.settle = ms(5000);
    let (queue, consumer) = consume(jobs);
    let report = stopped(Lifecycle::new(settling).with("emails", consumer)).await;
    assert_eq!(report.total, ms(5000));
    assert_eq!(ended(&queue, "job-2"), [Gone, Finish, Finished]);
    assert!(queue.of("job-3").is_empty());
    assert_eq!(found(&report, "emails").handed_back, ["ahead"]);

    let importer = step("importer", Kind::Task, ms(1000), &[]);
    let emails = step("emails", Kind::QueueConsumer, ms(1000), &[0]);
    let (queue, consumer) = consume(jobs);
    let lifecycle = Lifecycle::new(plan(Duration::ZERO, vec![importer, emails]))
        .with("emails", consumer)
        .with(
            "importer",
            Task::new(|stopping| async move {
                stopping.requested().await;
                sleep(ms(900)).await;
            }),
        );
    let report = stopped(lifecycle).await;
    assert_eq!(ended(&queue, "job-4"), [Gone, Finish, Finished]);
    assert!(queue.of("job-5").is_empty());
    assert_eq!(report.total, ms(1000));
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_cut_short_and_so_is_a_long_poll_that_can_be() {
    let queue = Queue::new([]);
    assert_eq!(consumed(&queue, 1).await.total, Duration::ZERO);
    assert_eq!(queue.claims().len(), 1);

    let consumer = QueueConsumer::of(Pushing(queue)).each(handle);
    let report = stopped(Lifecycle::new(one()).with("emails", consumer)).await;
    assert_eq!(
        (report.total, report.outcome),
        (Duration::ZERO, Outcome::Clean)
    );
}

#[tokio::test(start_paused = true)]
async fn a_claim_on_its_way_is_seen_through_and_its_jobs_handed_back_not_begun() {
    // The first gives nothing; the second is on its way when the stop comes.
    let queue = Queue::new([]).latency(300);
    let adder = queue.clone();
    tokio::spawn(async move {
        sleep(ms(900)).await;
        adder.add("late", Script::new(Handling::Takes(0)));
    });
    let report = consumed(&queue, 1).await;
    assert_eq!(queue.of("late"), [Claimed, HandBack, HandedBack]);
    assert_eq!(report.total, ms(200));
    assert_eq!(
        report.outcome,
        Outcome::Clean,
        "nothing was begun, so nothing was lost"
    );
    assert_eq!(found(&report, "emails").handed_back, ["late"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_holds_already_is_handed_back_at_once() {
    let queue = Queue::new([Script::new(Handling::Takes(1400))]).holding(&["a", "b"]);
    let began = Instant::now();
    let report = consumed(&queue, 1).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(found(&report, "emails").handed_back, ["a", "b"]);
    assert_eq!(ended(&queue, "job-0"), [Gone, Finish, Finished]);
    let log = queue.log();
    let back = log
        .iter()
        .find(|(_, id, _)| id == "b")
        .expect("handed back");
    assert_eq!(
        back.0 - began,
        ms(1000),
        "at the stop, not when the last job has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_every_third_of_it_while_the_job_runs() {
    let queue = Queue::new([Script::new(Handling::Takes(1900))]);
    let report = consumed(&queue, 1).await;
    assert_eq!(report.outcome, Outcome::Clean);
    let renewed: Vec<_> = queue
        .log()
        .iter()
        .filter(|it| it.2 == Renewed)
        .cloned()
        .collect();
    let times: Vec<_> = renewed
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    assert_eq!(times, [ms(300); 5]);
    assert_eq!(ended(&queue, "job-0"), [Gone, Finish, Finished]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stuck_is_handed_back_and_named() {
    let queue =
        Queue::new([Handling::Hangs, Handling::LetsGo(50), Handling::IsDone(50)].map(Script::new));
    let report = consumed(&queue, 3).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.outcome, StepOutcome::TimedOut);
    assert_eq!(report.exit_code(), 80);
    assert_eq!(emails.active, 3, "at the timeout");
    assert_eq!(emails.handed_back, ["job-1", "job-0"]);
    assert!(emails.unfinished.is_empty(), "each has its end: {emails:?}");
    assert_eq!(emails.error, None);
    for job in ["job-0", "job-1"] {
        assert_eq!(ended(&queue, job), [Gone, HandBack, HandedBack]);
    }
    assert_eq!(ended(&queue, "job-2"), [Gone, Finish, Finished]);
    assert_eq!(
        report.total,
        ms(1100),
        "a handler has four tenths of the unwind time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hand_back_that_fails_or_gives_no_answer_is_unfinished() {
    let stuck = Script::new(Handling::Hangs);
    let queue = Queue::new([
        stuck.answer(Answer::Fails(10)),
        stuck.answer(Answer::Hangs),
        stuck.answer(Answer::After(100)),
        stuck.answer(Answer::After(200)),
    ]);
    let report = consumed(&queue, 4).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.handed_back, ["job-2"]);
    let mut unfinished = emails.unfinished.clone();
    unfinished.sort();
    assert_eq!(unfinished, ["job-0", "job-1", "job-3"]);
    let error = emails.error.as_deref().expect("says why");
    assert!(
        error.contains("job-0: perhaps not handed back: connection reset"),
        "{error}"
    );
    assert!(
        error.contains("job-1: perhaps not handed back: no answer within the step's time"),
        "{error}"
    );
    assert_eq!(report.total, ms(1225), "nine tenths of the unwind time");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_finish_is_on_its_way_at_the_timeout_is_never_handed_back() {
    let done = Script::new(Handling::Takes(1900));
    let queue = Queue::new([done.answer(Answer::Hangs), done.answer(Answer::After(150))]);
    let report = consumed(&queue, 2).await;
    assert_eq!(ended(&queue, "job-0"), [Gone, Finish]);
    assert_eq!(ended(&queue, "job-1"), [Gone, Finish, Finished]);
    let emails = found(&report, "emails");
    assert_eq!(emails.outcome, StepOutcome::TimedOut);
    assert_eq!(emails.unfinished, ["job-0"]);
    assert!(emails.handed_back.is_empty());
    let error = emails.error.as_deref().expect("says why");
    assert!(
        error.contains("job-0: done, but perhaps not finished"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_makes_a_failed_job_and_the_others_go_on() {
    let queue = Queue::new([
        Script::new(Handling::Fails(100)),
        Script::new(Handling::Panics(100)),
        Script::new(Handling::Takes(100)),
        Script::new(Handling::Takes(1500)),
        Script::new(Handling::Panics(1500)),
    ]);
    let report = consumed(&queue, 5).await;
    for job in ["job-0", "job-1", "job-4"] {
        assert_eq!(ended(&queue, job), [Gone, Fail, Failed]);
    }
    for job in ["job-2", "job-3"] {
        assert_eq!(ended(&queue, job), [Gone, Finish, Finished]);
    }
    assert_eq!(report.outcome, Outcome::Clean, "the queue knows of each");
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_cancels_the_work_and_the_queue_is_told_nothing() {
    let hung = Script::new(Handling::Hangs);
    let queue = Queue::new([
        hung.renewal(1, Renewal::Lost),
        hung.renewal(1, Renewal::Fails),
        hung.renewal(1, Renewal::Hangs),
        // Lost after the stop.
        hung.renewal(3, Renewal::Lost),
    ]);
    let began = Instant::now();
    let report = consumed(&queue, 4).await;
    for job in 0..4 {
        assert_eq!(ended(&queue, &format!("job-{job}")), [Gone]);
    }
    let gone = |job: &str| {
        let log = queue.log();
        let gone = log.iter().find(|it| it.1 == job && it.2 == Gone);
        gone.expect("dropped").0 - began
    };
    // Renewed at 300; lost at 600, and 100 to let go.
    assert_eq!(gone("job-0"), ms(700));
    // It lapses at 1200. The last of several tries was at 1000; a renewal without an answer is given
    // up at 1100.
    assert_eq!(gone("job-1"), ms(1100));
    assert_eq!(gone("job-2"), ms(1200));
    let emails = found(&report, "emails");
    assert_eq!(emails.outcome, StepOutcome::Failed);
    assert!(
        emails.unfinished.contains(&"job-3".to_owned()),
        "{emails:?}"
    );
    assert!(
        !emails.unfinished.contains(&"job-0".to_owned()),
        "lost while the service ran"
    );
    assert!(emails.handed_back.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_failed_once_is_tried_again_in_time() {
    let script = Script::new(Handling::Takes(1500)).renewal(1, Renewal::FailsOnce);
    let queue = Queue::new([script]);
    let began = Instant::now();
    let report = consumed(&queue, 1).await;
    assert_eq!(report.outcome, Outcome::Clean);
    let renewed: Vec<_> = queue
        .log()
        .into_iter()
        .filter(|it| it.2 == Renewed)
        .map(|it| it.0 - began)
        .collect();
    assert_eq!(renewed, [300, 700, 1000, 1300].map(ms));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_on_its_way_reaches_the_queue_before_the_jobs_end_does() {
    let queue = Queue::new([
        Script::new(Handling::Takes(350)).renewal(0, Renewal::Slow(200)),
        Script::new(Handling::Hangs).renewal(5, Renewal::Slow(120)),
    ]);
    consumed(&queue, 2).await;
    let end = [Claimed, Begun, Gone, Renewed, Finish, Finished];
    assert_eq!(queue.of("job-0"), end);
    // The sixth is asked for at 1800 and answered at 1920; the seventh never is.
    let events = queue.of("job-1");
    assert_eq!(
        events[events.len() - 4..],
        [Renewed, Gone, HandBack, HandedBack]
    );
}

#[tokio::test(start_paused = true)]
async fn claims_that_fail_are_made_again_ever_more_slowly_and_not_after_the_stop() {
    let queue = Queue::new([Script::new(Handling::Takes(0))]).failing(100);
    let began = Instant::now();
    let report = consumed(&queue, 1).await;
    let times: Vec<_> = queue.claims().iter().map(|at| *at - began).collect();
    assert_eq!(times, [ms(0), ms(250), ms(750)]);
    assert_eq!(
        (report.total, report.outcome),
        (Duration::ZERO, Outcome::Clean)
    );

    let queue = Queue::new([Script::new(Handling::Takes(0))]).failing(2);
    consumed(&queue, 1).await;
    assert_eq!(ended(&queue, "job-0"), [Gone, Finish, Finished]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_queues_own_code_loses_one_job_and_no_other() {
    let queue = Queue::new([
        Script::new(Handling::Takes(1500)).answer(Answer::Panics),
        Script::new(Handling::Takes(1600)),
    ]);
    let report = consumed(&queue, 2).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.unfinished, ["job-0"]);
    assert_eq!(emails.outcome, StepOutcome::Panicked);
    assert_eq!(ended(&queue, "job-1"), [Gone, Finish, Finished]);
}

/// Real time: a paused clock stands still while a thread is blocked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_whose_handler_blocks_its_thread_is_not_handed_back() {
    let queue = Queue::new([Script::new(Handling::Takes(0))]);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Arc::new(std::sync::Mutex::new(released));
    let consumer = QueueConsumer::of(queue.clone()).each(move |_, _| {
        let released = std::sync::Arc::clone(&released);
        async move {
            // Until the report is there, whatever that takes.
            tokio::task::block_in_place(|| released.lock().unwrap().recv().ok());
        }
    });
    let stopping = stopped(Lifecycle::new(one()).with("emails", consumer));
    let report = tokio::time::timeout(ms(30_000), stopping).await;
    drop(release);
    let report = report.expect("it is not waited for");
    assert!(!queue.of("job-0").contains(&HandBack));
    let emails = found(&report, "emails");
    assert_eq!(emails.unfinished, ["job-0"]);
    assert!(emails.handed_back.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_the_users_own_can_note_a_hand_back() {
    let consumer = QueueConsumer::new(|claims| async move {
        let (back, kept) = (claims.working("back"), claims.working("kept"));
        claims.cancelled().await;
        back.handed_back();
        sleep(ms(10)).await;
        drop(kept);
    });
    let report = stopped(Lifecycle::new(one()).with("emails", consumer)).await;
    let emails = found(&report, "emails");
    assert_eq!(emails.active, 2);
    assert_eq!(emails.handed_back, ["back"]);
    assert_eq!(emails.unfinished, ["kept"]);
}
