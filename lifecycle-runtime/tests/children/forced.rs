//! Nothing is left behind by a process that is ended by force.

use rustix::process::Signal;

use crate::common::ms;
use crate::gone;
use crate::running::{QUICK, Running, start};

/// The numbers of the program and of its own child.
fn pids(child: &mut Running) -> Vec<u32> {
    let line = child.until_some(|line| line.contains("pids "));
    let (_, numbers) = line.split_once("pids ").unwrap();
    numbers
        .split_whitespace()
        .map(|it| it.parse().unwrap())
        .collect()
}

#[tokio::test]
async fn the_watchdog_kills_the_group_of_a_program_first() {
    let mut child = start("blocked-with-program", &[]);
    let pids = pids(&mut child);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(ms(3000) + QUICK);
    assert_eq!(ended.code, Some(82), "{}", ended.stderr);
    assert_eq!(pids.len(), 2);
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn so_does_a_second_ctrl_c() {
    let mut child = start("deaf-program", &[]);
    let pids = pids(&mut child);
    child.signal(Signal::INT);
    std::thread::sleep(ms(300));
    child.signal(Signal::INT);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(82), "{}", ended.stderr);
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn a_program_that_does_not_stop_is_killed_at_its_steps_end() {
    let mut child = start("deaf-program-short", &[]);
    let pids = pids(&mut child);
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    let step = &ended.report()["steps"][0];
    assert_eq!(step["outcome"], "timed-out");
    assert_eq!(step["unfinished"][0], format!("sh ({})", pids[0]));
    for pid in pids {
        gone(pid).await;
    }
}

/// Blocking work that cannot be ended does not keep the process.
#[test]
fn abandoned_blocking_work_is_named_and_the_process_exits_in_time() {
    let mut child = start("deaf-thread", &[]);
    child.until("ready");
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    let step = &ended.report()["steps"][0];
    assert_eq!(step["outcome"], "timed-out");
    assert_eq!(step["abandoned"][0], "deaf piece");
    assert_eq!(step["abandoned"][1], "deaf worker");
    // The step's time and its unwinding, and not the watchdog's.
    assert!(ended.took >= ms(500), "{:?}", ended.took);
}
