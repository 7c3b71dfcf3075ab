//! SIGUSR1 and SIGQUIT ask what is still running; what became of the others is in the log.

use std::thread;

use rustix::process::Signal;

use crate::common::ms;
use crate::running::{QUICK, start};

#[test]
fn what_is_in_flight_is_printed_and_the_service_goes_on() {
    let mut child = start("busy", &[]);
    child.until("starting");
    child.signal(Signal::USR1);
    let table = child.errors(4);
    assert!(table.starts_with("shop: starting for "), "{table}");
    assert!(table.contains("\nwork      task      pending "), "{table}");

    child.until("working");
    for signal in [Signal::USR1, Signal::QUIT] {
        // Ready a moment after the task has said so.
        thread::sleep(ms(200));
        child.signal(signal);
        let table = child.errors(4);
        assert!(table.starts_with("shop: ready for "), "{table}");
        assert!(table.contains(" order 42\n"), "{table}");
    }

    child.signal(Signal::TERM);
    thread::sleep(ms(200));
    child.signal(Signal::QUIT);
    let table = child.errors(4);
    assert!(table.starts_with("shop: stopping for "), "{table}");
    assert!(table.contains("; SIGTERM; 3."), "{table}");
    assert!(table.contains("\nwork      task      stopping "), "{table}");
    assert!(table.contains("\ndb        database  running "), "{table}");
    assert_eq!(child.end(QUICK).code, Some(80));
}

#[test]
fn what_each_signal_led_to_is_logged() {
    let mut child = start("stubborn-and-says-all-its-log", &[]);
    child.until("ready");
    for (signal, said) in [
        (Signal::TERM, "INFO: stopping"),
        (Signal::TERM, "INFO: already stopping; ignored"),
    ] {
        child.signal(signal);
        child.until(said);
    }
    child.signal(Signal::INT);
    assert!(child.end(QUICK).code.is_some());
}

#[test]
fn it_is_printed_when_every_worker_is_blocked() {
    for scenario in ["wedged-for-ever", "wedged-for-ever-current-thread"] {
        let mut child = start(scenario, &[]);
        child.until("blocked");
        child.signal(Signal::QUIT);
        let table = child.errors(4);
        assert!(table.contains("\nwork      task      running "), "{table}");
    }
}

#[test]
fn a_signal_that_the_program_had_taken_is_left_to_it() {
    let mut child = start("usr1-of-its-own", &[]);
    child.until("ready");
    child.signal(Signal::USR1);
    thread::sleep(ms(300));
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
}
