//! Programs that handlers start and wait for.

use std::process::Stdio;
use std::time::Duration;

use lifecycle::{ChildProcess, Children, Lifecycle, NotStarted, Outcome, Report, StepOutcome};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::common::{Given, found, ms, plan};
use crate::programs::proxy;
use crate::{gone, numbers, sh};

const LONG: Duration = Duration::from_secs(60);

/// Runs the service, does `then` with the handle, and asks it to stop.
async fn stopped_after<F, Fut, T>(given: Given, then: F) -> (Report, Children, T)
where
    F: FnOnce(Children) -> Fut,
    Fut: Future<Output = T>,
{
    let tools = ChildProcess::on_demand();
    let handle = tools.handle();
    let service = Lifecycle::new(plan(Duration::ZERO, vec![given]))
        .with("proxy", tools)
        .embedded();
    let (stop, health) = (service.stop_handle(), service.health());
    let running = tokio::spawn(service.run());
    while !health.is_ready() {
        sleep(ms(1)).await;
    }
    let kept = then(handle.clone()).await;
    stop.stop("test");
    (running.await.unwrap(), handle, kept)
}

#[tokio::test]
async fn what_it_says_and_how_it_ends_comes_back() {
    let tools = ChildProcess::on_demand();
    let programs = tools.handle();
    let mut command = sh("cat; echo bad >&2; exit 3");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = programs.spawn(command).unwrap();
    assert!(child.id() > 1);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"hello").await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"hello");
    assert_eq!(output.stderr, b"bad\n");

    let mut child = programs.spawn(sh("exit 5")).unwrap();
    for _ in 0..2 {
        assert_eq!(child.wait().await.unwrap().code(), Some(5));
    }
    let missing = programs.spawn(std::process::Command::new("/no/such/program"));
    assert!(matches!(missing, Err(NotStarted::Failed(_))));
}

#[tokio::test]
async fn they_are_waited_for_and_no_other_is_started() {
    let (report, handle, waiting) = stopped_after(proxy(LONG), |programs| async move {
        let mut child = programs.spawn(sh("sleep 0.3; exit 4")).unwrap();
        (tokio::spawn(async move { child.wait().await }),)
    })
    .await;
    assert_eq!(report.outcome, Outcome::Clean);
    let status = waiting.0.await.unwrap().unwrap();
    assert_eq!(status.code(), Some(4), "it was neither asked nor killed");
    let late = handle.spawn(sh(":"));
    assert!(matches!(late, Err(NotStarted::Closed(_))), "{late:?}");
    assert!(handle.is_closed());
}

#[tokio::test]
async fn at_the_timeout_they_are_asked_and_then_killed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (polite, deaf) = (folder.path().join("polite"), folder.path().join("deaf"));
    let scripts = [
        format!(
            "trap 'exit 9' TERM; echo $$ >{}; for _ in $(seq 3000); do sleep 0.02; done",
            polite.display()
        ),
        format!(
            "trap '' TERM; sleep 300 & echo $$ $! >{}; for _ in $(seq 60); do sleep 1; done",
            deaf.display()
        ),
    ];
    let ready = (polite.clone(), deaf.clone());
    let (report, _, (asked, pids)) = stopped_after(proxy(ms(200)), |programs| async move {
        let mut waiting = scripts.map(|script| {
            let mut child = programs.spawn(sh(&script)).unwrap();
            tokio::spawn(async move { child.wait().await })
        });
        let mut pids = numbers(&ready.0).await;
        pids.extend(numbers(&ready.1).await);
        let asked = std::mem::replace(
            &mut waiting[0],
            tokio::spawn(async { Err(std::io::ErrorKind::Other.into()) }),
        );
        (asked, pids)
    })
    .await;
    assert_eq!(asked.await.unwrap().unwrap().code(), Some(9));
    let step = found(&report, "proxy");
    assert_eq!(step.outcome, StepOutcome::TimedOut);
    assert_eq!(
        step.unfinished,
        [format!("sh ({})", pids[0]), format!("sh ({})", pids[1])]
    );
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test]
async fn one_that_nobody_wants_any_more_is_killed_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let tools = ChildProcess::on_demand();
    let programs = tools.handle();
    for dropped in [true, false] {
        let ready = folder.path().join(format!("ready-{dropped}"));
        let child = programs.spawn(sh(&format!(
            "trap '' TERM; sleep 300 & echo $$ $! >{}; for _ in $(seq 60); do sleep 1; done",
            ready.display()
        )));
        let child = child.unwrap();
        let pids = numbers(&ready).await;
        match dropped {
            true => drop(child),
            false => child.kill(),
        }
        for pid in pids {
            gone(pid).await;
        }
    }
}

#[tokio::test]
async fn nothing_of_its_group_lives_longer_than_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let tools = ChildProcess::on_demand();
    let script = format!("sleep 300 & echo $! >{}", ready.display());
    let mut child = tools.handle().spawn(sh(&script)).unwrap();
    assert!(child.wait().await.unwrap().success());
    gone(numbers(&ready).await[0]).await;
}

#[tokio::test]
async fn a_wait_that_failed_fails_again() {
    let script = "trap '' TERM; for _ in $(seq 60); do sleep 1; done";
    let (_, _, mut child) = stopped_after(proxy(ms(100)), |programs| async move {
        programs.spawn(sh(script)).unwrap()
    })
    .await;
    for _ in 0..2 {
        let error = child.wait().await.expect_err("nobody was left to wait");
        assert_eq!(error.to_string(), "killed at the end of the service");
    }
}
