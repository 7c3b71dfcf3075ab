//! A container's first process: orphans are reaped, and nobody's status is stolen. In a real process
//! namespace, which needs `unshare` and the right to use it.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::running::{QUICK, Running, skipped, start_by, wait_until};

/// A process namespace of its own, with its own `/proc`.
fn namespace() -> Option<Command> {
    let arguments = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let tried = Command::new("unshare").args(arguments).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        skipped("no process namespace: the duties of a container's first process");
        return None;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(arguments);
    Some(unshare)
}

/// Signals process 1 of the namespace: the child of `unshare`.
fn signal_first(child: &Running, signal: Signal) {
    let pid = child.child.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let first = children.split_whitespace().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(first).unwrap(), signal).unwrap();
}

#[test]
fn orphans_are_reaped_and_a_status_that_somebody_waits_for_is_his() {
    let Some(unshare) = namespace() else { return };
    let mut child = start_by(unshare, "orphans", &[]);
    child.until("up as a child of the first process");
    child.until("all reaped");
    // The program waits for its own child long after that has exited.
    child.until("own child: exit status: 7");
    signal_first(&child, Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("closed"));
    assert_eq!(ended.report()["signal"], "SIGTERM");
}

/// What the test above would look like without the duties.
#[test]
fn switched_off_the_service_is_process_1_itself_and_orphans_stay() {
    let Some(unshare) = namespace() else { return };
    let mut child = start_by(unshare, "orphans", &[("LIFECYCLE_INIT", "off")]);
    child.until("up as the first process");
    child.until("zombies stay");
    signal_first(&child, Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn signals_are_passed_on_and_the_code_comes_back() {
    let Some(unshare) = namespace() else { return };
    let mut child = start_by(unshare, "deaf-program-short", &[]);
    child.until_some(|line| line.contains("pids "));
    signal_first(&child, Signal::INT);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    assert_eq!(ended.report()["signal"], "SIGINT");
}

/// Process 1 ignores what it does not handle; the service does not.
#[test]
fn a_service_that_is_killed_takes_its_container_along() {
    let Some(unshare) = namespace() else { return };
    let mut child = start_by(unshare, "orphans", &[]);
    child.until("up as a child of the first process");
    signal_first(&child, Signal::ALARM);
    let ended = child.end(QUICK);
    // 128 and the number of SIGALRM.
    assert_eq!(ended.code, Some(128 + 14), "{}", ended.stderr);
    assert!(ended.report.is_none());
}

#[test]
fn the_builder_takes_the_duties_when_it_is_told_to() {
    let Some(unshare) = namespace() else { return };
    let mut child = start_by(unshare, "orphans-by-hand", &[]);
    child.until("up as a child of the first process");
    child.until("all reaped");
    signal_first(&child, Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
}

#[test]
fn elsewhere_it_is_one_process() {
    let mut child = crate::running::start("orphans", &[]);
    child.until("up as some process");
    child.signal(Signal::TERM);
    wait_until("it ends", || child.child.try_wait().unwrap().is_some());
}
