//! Who waits for work in flight, beside who ends it: see [`crate::sync`].

use std::sync::Arc;

use loom::future::block_on;
use loom::thread;

use super::roster::Roster;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::check;

#[test]
fn the_last_job_to_end_is_noticed() {
    check(|| {
        let roster = Arc::new(Roster::default());
        let jobs = [roster.enter(&1), roster.enter(&2)];
        let jobs = jobs.map(|job| thread::spawn(move || drop(job)));
        block_on(roster.drained());
        assert_eq!(roster.active().count, 0);
        for job in jobs {
            job.join().unwrap();
        }
    });
}

#[test]
fn the_last_handle_is_waited_for_and_what_it_began() {
    check(|| {
        let roster = Arc::new(Roster::default());
        roster.hold();
        let worker = thread::spawn({
            let roster = Arc::clone(&roster);
            move || {
                let job = roster.enter(&"job");
                roster.release();
                drop(job);
            }
        });
        block_on(roster.drained());
        assert_eq!(roster.active().count, 0);
        worker.join().unwrap();
    });
}

#[test]
fn two_may_wait_for_the_same_end() {
    check(|| {
        let roster = Arc::new(Roster::default());
        let job = roster.enter(&"job");
        let other = thread::spawn({
            let roster = Arc::clone(&roster);
            move || block_on(roster.drained())
        });
        let ending = thread::spawn(move || drop(job));
        block_on(roster.drained());
        other.join().unwrap();
        ending.join().unwrap();
    });
}

#[test]
fn a_gate_refuses_who_comes_late_or_waits_for_him() {
    check(|| {
        let roster = Arc::new(Roster::default());
        let over = Arc::new(AtomicBool::new(false));
        let comer = thread::spawn({
            let (roster, over) = (Arc::clone(&roster), Arc::clone(&over));
            move || {
                if let Ok(inside) = roster.try_enter(&"transfer") {
                    assert!(!over.load(Ordering::Relaxed), "inside after the step's end");
                    drop(inside);
                }
            }
        });
        roster.close();
        block_on(roster.drained());
        over.store(true, Ordering::Relaxed);
        comer.join().unwrap();
        assert!(roster.try_enter(&"later").is_err());
    });
}
