//! A program that runs as long as the service does.

use std::path::Path;
use std::time::Duration;

use lifecycle::plan::Kind;
use lifecycle::{ChildProcess, Lifecycle, Outcome, Report, StepOutcome, StopSignal};
use rustix::process::Signal;

use crate::common::{Given, found, ms, plan, step};
use crate::running::{QUICK, start};
use crate::{gone, numbers, sh};

const ZERO: Duration = Duration::ZERO;
/// Long enough that nothing which takes it can be mistaken for something that ended.
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn proxy(timeout: Duration) -> Given {
    step("proxy", Kind::ChildProcess, timeout, &[])
}

/// Runs the program until it has written to `ready`, and asks the service to stop; the numbers it
/// wrote.
async fn stopped(given: Given, program: ChildProcess, ready: &Path) -> (Report, Vec<u32>) {
    let service = Lifecycle::new(plan(ZERO, vec![given]))
        .with("proxy", program)
        .embedded();
    let stop = service.stop_handle();
    let running = tokio::spawn(service.run());
    let numbers = numbers(ready).await;
    stop.stop("test");
    (running.await.unwrap(), numbers)
}

#[tokio::test]
async fn it_gets_the_signal_and_has_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, bye) = (folder.path().join("ready"), folder.path().join("bye"));
    let program = ChildProcess::new(sh(&format!(
        "trap 'sleep 0.2; echo 1 >{}; exit 0' TERM; echo $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
        bye.display(),
        ready.display()
    )));
    let (report, pids) = stopped(proxy(LONG), program, &ready).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert!(bye.exists(), "it had its time");
    gone(pids[0]).await;
}

#[tokio::test]
async fn an_end_by_the_signal_itself_is_good_and_another_status_is_a_failure() {
    for (end, outcome, error) in [
        (":", StepOutcome::Done, None),
        ("trap 'exit 143' TERM", StepOutcome::Done, None),
        (
            "trap 'exit 3' TERM",
            StepOutcome::Failed,
            Some("`sh`: exit status: 3"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let script = format!(
            "{end}; echo $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
            ready.display()
        );
        let (report, _) = stopped(proxy(LONG), ChildProcess::new(sh(&script)), &ready).await;
        assert_eq!(found(&report, "proxy").outcome, outcome, "{end}");
        assert_eq!(found(&report, "proxy").error.as_deref(), error);
    }
}

#[tokio::test]
async fn it_is_stopped_by_the_signal_it_wants() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let program = ChildProcess::new(sh(&format!(
        "trap '' TERM; trap 'exit 0' QUIT; echo $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
        ready.display()
    )));
    let program = program.stop_signal(StopSignal::Quit);
    let (report, _) = stopped(proxy(LONG), program, &ready).await;
    assert_eq!(report.outcome, Outcome::Clean);
}

#[tokio::test]
async fn who_does_not_listen_is_killed_with_all_of_its_group_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let program = ChildProcess::new(sh(&format!(
        "trap '' TERM; sleep 300 & echo $$ $! >{}; for _ in $(seq 60); do sleep 1; done",
        ready.display()
    )));
    let (report, pids) = stopped(proxy(ms(300)), program, &ready).await;
    let step = found(&report, "proxy");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(step.unfinished, [format!("sh ({})", pids[0])]);
    assert_eq!(
        step.error.as_deref(),
        Some("`sh` was killed after its time: signal: 9 (SIGKILL)")
    );
    assert_eq!(report.exit_code(), 80);
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn what_it_leaves_of_its_group_is_asked_too_and_has_the_rest_of_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, bye) = (folder.path().join("ready"), folder.path().join("bye"));
    // The shell dies of the signal; the other one needs a while.
    let other = format!(
        "trap \"sleep 0.3; echo 1 >{}; exit 0\" TERM; echo $PPID $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
        bye.display(),
        ready.display()
    );
    let program = ChildProcess::new(sh(&format!("sh -c '{other}' & wait")));
    let (report, pids) = stopped(proxy(LONG), program, &ready).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert!(bye.exists(), "it had its time");
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn the_signal_goes_to_the_whole_group_where_that_is_asked_for() {
    for to_all in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (ready, told) = (folder.path().join("ready"), folder.path().join("told"));
        let worker = format!("trap \"echo 1 >{}; exit 0\" TERM", told.display());
        let worker = format!(
            "{worker}; echo $PPID $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
            ready.display()
        );
        // The shell keeps the signal to itself, and ends its worker otherwise.
        let program = ChildProcess::new(sh(&format!(
            "trap 'sleep 0.3; kill -KILL $!; exit 0' TERM; sh -c '{worker}' & \
             for _ in $(seq 3000); do sleep 0.02; done"
        )));
        let program = if to_all {
            program.signal_group()
        } else {
            program
        };
        let (report, _) = stopped(proxy(LONG), program, &ready).await;
        assert_eq!(report.outcome, Outcome::Clean);
        assert_eq!(told.exists(), to_all);
    }
}

#[tokio::test]
async fn an_exit_nobody_asked_for_stops_the_service_in_order() {
    for (script, cause) in [
        ("exit 0", "`sh` has exited by itself: exit status: 0"),
        ("exit 3", "`sh` has exited by itself: exit status: 3"),
        (
            "kill -9 $$",
            "`sh` has exited by itself: signal: 9 (SIGKILL)",
        ),
    ] {
        let service = Lifecycle::new(plan(ZERO, vec![proxy(LONG)]))
            .with("proxy", ChildProcess::new(sh(script)));
        let report = service.embedded().run().await;
        assert_eq!(report.cause, Some(format!("`proxy` ended: {cause}")));
        assert_eq!(found(&report, "proxy").error.as_deref(), Some(cause));
        assert_eq!(report.exit_code(), 80);
    }
}

#[tokio::test]
async fn one_that_may_end_just_ends() {
    let program = ChildProcess::new(sh("exit 0")).may_end();
    let service = Lifecycle::new(plan(ZERO, vec![proxy(LONG)])).with("proxy", program);
    let report = service.embedded().run().await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(
        report.cause.as_deref(),
        Some("everything that served has ended")
    );
}

#[tokio::test]
async fn one_that_cannot_be_started_stops_the_service() {
    let program = ChildProcess::new(std::process::Command::new("/no/such/program"));
    let service = Lifecycle::new(plan(ZERO, vec![proxy(LONG)])).with("proxy", program);
    let report = service.embedded().run().await;
    let error = found(&report, "proxy").error.clone().unwrap();
    assert!(
        error.starts_with("`program` was not started: No such file"),
        "{error}"
    );
    assert_eq!(report.exit_code(), 80);
}

#[tokio::test]
async fn it_is_started_again_without_what_it_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (starts, ready) = (folder.path().join("starts"), folder.path().join("ready"));
    // The first two leave somebody behind and die.
    let program = ChildProcess::new(sh(&format!(
        "sleep 300 & echo $! >>{starts}; if [ $(wc -l <{starts}) -lt 3 ]; then exit 1; fi; \
         cat {starts} >{ready}; wait",
        starts = starts.display(),
        ready = ready.display()
    )));
    let (report, pids) = stopped(proxy(LONG).restarting(), program, &ready).await;
    assert_eq!(report.outcome, Outcome::Clean);
    assert_eq!(pids.len(), 3);
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn it_goes_with_a_service_that_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let program = ChildProcess::new(sh(&format!(
        "trap '' TERM; sleep 300 & echo $$ $! >{}; wait; wait",
        ready.display()
    )));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let service = Lifecycle::new(plan(ZERO, vec![proxy(LONG)]))
        .with("proxy", program)
        .embedded();
    runtime.spawn(service.run());
    let pids = numbers(&ready).await;
    runtime.shutdown_background();
    for pid in pids {
        gone(pid).await;
    }
}

/// A program that is a service with a plan of its own would take all of it for its own.
#[test]
fn it_inherits_nothing_that_was_said_to_the_service_alone() {
    let said_to_it = [
        ("EXTRA", "inherited"),
        ("LIFECYCLE_PLATFORM", "kubernetes"),
        ("LIFECYCLE_DIGEST", "ffffffffffffffff"),
        ("LIFECYCLE_GRACE_MS", "30000"),
        ("LIFECYCLE_HEALTH_PORT", "9"),
        ("LIFECYCLE_INIT", "off"),
        ("NOTIFY_SOCKET", "@lifecycle-nobody-listens"),
        ("WATCHDOG_USEC", "60000000"),
        ("WATCHDOG_PID", "1"),
        ("LISTEN_FDS", "1"),
        ("LISTEN_PID", "1"),
        ("LISTEN_FDNAMES", "http"),
    ];
    let mut child = start("environment", &said_to_it);
    let mut said: Vec<String> = (0..2)
        .map(|_| {
            let line = child.until_some(|line| line.ends_with(".\n"));
            // The test harness writes into the first.
            line.rsplit("... ").next().unwrap().to_owned()
        })
        .collect();
    said.sort();
    child.signal(Signal::TERM);
    let ended = child.end(QUICK);
    assert_eq!(
        said,
        ["main", "short"]
            .map(|name| format!("{name}: LIFECYCLE_PLATFORM={name} environment inherited.\n"))
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
