//! What happens to jobs when their worker is told to go.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Queue;
use crate::worker::{Lease, Worker};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Less than the drain of the workers, which is 4 s: who ends within it was not waited for.
const AT_ONCE: Duration = ms(3000);

type Scene<Q> = (&'static str, fn(&Q, &str));

/// Plays the scenes that every broker plays, side by side, each on a queue of its own.
pub(crate) fn play<Q: Queue + Sync>(queue: impl Fn(&str) -> Q) {
    let scenes: [Scene<Q>; 5] = [
        ("idle", an_idle_worker_leaves_at_once),
        ("running", a_running_job_is_finished_and_no_other_begun),
        ("renewed", a_lease_is_renewed_while_a_job_outlives_it),
        ("stuck", a_stuck_job_is_handed_back_and_anothers_at_once),
        ("failed", a_failed_job_is_the_queues_again),
    ];
    let scenes = scenes.map(|(name, scene)| (name, queue(name), scene));
    scope(|scope| {
        for (name, queue, scene) in &scenes {
            scope.spawn(move || scene(queue, name));
        }
    });
}

fn an_idle_worker_leaves_at_once(queue: &impl Queue, name: &str) {
    queue.publish("first", "first take 0");
    let mut worker = Worker::start(queue, name, Lease::Short);
    worker.says("ended first");
    // Long enough for it to wait for the next.
    sleep(ms(700));
    let terminated = worker.terminate();
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
    assert_eq!(ended.jobs["outcome"], "done", "{}", ended.told);
    assert_eq!(queue.jobs(), 0, "the first is finished");
}

fn a_running_job_is_finished_and_no_other_begun(queue: &impl Queue, name: &str) {
    queue.publish("long", "long take 2500");
    let mut worker = Worker::start(queue, name, Lease::Short);
    worker.says("began long");
    let terminated = worker.terminate();
    sleep(ms(300));
    queue.publish("late", "late take 0");
    worker.says("ended long");
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert_eq!(queue.jobs(), 1, "the long one is off the queue");
    assert_eq!(queue.claim(Lease::Long), ["late"], "nobody has it");
}

fn a_lease_is_renewed_while_a_job_outlives_it(queue: &impl Queue, name: &str) {
    queue.publish("long", "long take 6000");
    let mut worker = Worker::start(queue, name, Lease::Short);
    worker.says("began long");
    // Three times its lease, and the end of it after the stop.
    let began = Instant::now();
    let mut terminated = None;
    while began.elapsed() < ms(5500) {
        assert!(
            queue.claim(Lease::Short).is_empty(),
            "after {:?}",
            began.elapsed()
        );
        if began.elapsed() > ms(3500) && terminated.is_none() {
            terminated = Some(worker.terminate());
        }
        sleep(ms(100));
    }
    let ended = worker.ended(terminated.unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert_eq!(queue.jobs(), 0);
}

fn a_stuck_job_is_handed_back_and_anothers_at_once(queue: &impl Queue, name: &str) {
    queue.publish("stuck", "stuck hang 0");
    queue.publish("quick", "quick take 1500");
    let mut worker = Worker::start(queue, name, Lease::Long);
    worker.says_all(&["began stuck", "began quick"]);
    let terminated = worker.terminate();
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(80), "{}", ended.told);
    assert_eq!(ended.jobs["outcome"], "timed-out");
    assert_eq!(
        ended.jobs["handed_back"],
        json!(["stuck"]),
        "{}",
        ended.told
    );
    assert_eq!(ended.jobs.get("unfinished"), None, "{}", ended.told);
    // Its lease has most of a minute to go.
    assert_eq!(queue.claim(Lease::Long), ["stuck"]);
    assert_eq!(queue.jobs(), 1);
}

fn a_failed_job_is_the_queues_again<Q: Queue>(queue: &Q, name: &str) {
    queue.publish("bad", "bad fail 0");
    queue.publish("good", "good take 1500");
    let mut worker = Worker::start(queue, name, Lease::Long);
    worker.says_all(&["began bad", "ended good"]);
    let terminated = worker.terminate();
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert_eq!(
        queue.jobs(),
        usize::from(Q::FAILED_IS_KEPT),
        "{}",
        ended.told
    );
}

pub(crate) fn prefetched_jobs_are_others_at_once(queue: &impl Queue) {
    for id in ["a", "b", "c", "d", "e", "f"] {
        queue.publish(id, &format!("{id} take 3000"));
    }
    let mut worker = Worker::start(queue, "prefetched", Lease::Short);
    worker.says_all(&["began a", "began b"]);
    sleep(ms(500));
    assert!(
        queue.claim(Lease::Long).is_empty(),
        "the worker holds them all"
    );
    let terminated = worker.terminate();
    let mut others = Vec::new();
    while others.len() < 4 {
        assert!(
            terminated.elapsed() < ms(2000),
            "only {others:?} came back while two run"
        );
        others.extend(queue.claim(Lease::Long));
        sleep(ms(20));
    }
    others.sort();
    assert_eq!(others, ["c", "d", "e", "f"]);
    let ended = worker.ended(terminated);
    assert_eq!(
        ended.code,
        Some(0),
        "nothing begun was lost: {}",
        ended.told
    );
    let mut handed_back = ended.jobs["handed_back"].as_array().unwrap().clone();
    handed_back.sort_by_key(ToString::to_string);
    assert_eq!(json!(handed_back), json!(["c", "d", "e", "f"]));
}

pub(crate) fn a_lost_lease_ends_the_work<Q: Queue>(queue: &Q, steal: impl Fn(&Q, &str)) {
    queue.publish("lost", "lost hang 0");
    let mut worker = Worker::start(queue, "lost", Lease::Short);
    worker.says("began lost");
    steal(queue, "lost");
    worker.says("cancelled lost");
    sleep(ms(500));
    assert_eq!(queue.jobs(), 1, "neither finished");
    assert!(queue.claim(Lease::Long).is_empty(), "nor handed back");
    let terminated = worker.terminate();
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(0), "{}", ended.told);
    assert!(
        ended.told.contains("another consumer has it"),
        "{}",
        ended.told
    );
}

pub(crate) fn a_broker_that_goes_away_loses_nothing_twice(queue: &impl Queue, stop: impl Fn()) {
    queue.publish("doomed", "doomed take 1500");
    let mut worker = Worker::start(queue, "gone", Lease::Long);
    worker.says("began doomed");
    let terminated = worker.terminate();
    stop();
    let ended = worker.ended(terminated);
    assert_eq!(ended.code, Some(80), "{}", ended.told);
    assert_eq!(
        ended.jobs["unfinished"],
        json!(["doomed"]),
        "{}",
        ended.told
    );
    assert_eq!(ended.jobs.get("handed_back"), None, "{}", ended.told);
}
