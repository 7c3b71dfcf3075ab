//! Drills of real processes, and the text that a drill prints.
//!
//! What is asserted is the verdict and what was counted, never how long something took.

mod known;
mod left;
mod page;
mod records;
mod scenarios;
pub(crate) mod verdicts;
pub(crate) mod victim;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::measured::{Course, Severity};
use super::probe::Flip;
use super::target::process::Status;
use super::{Event, Load, Measured, Pace, PlannedStep, Progress, Script, Subject, Target, run};
use victim::Way;

/// A script as Kubernetes plays it, in little: routing ends when the hook does.
fn kubernetes() -> Script {
    let mut script = Script::new("victim", "Kubernetes", Duration::from_secs(20));
    script.hook = Some(Duration::from_millis(300));
    script.routing_lag = Duration::from_millis(300);
    script.readiness_budget = Duration::from_millis(300);
    "preStop sleep".clone_into(&mut script.settle_payer);
    script
}

/// A script without a hook: requests keep coming after the signal.
fn lagging() -> Script {
    Script {
        hook: None,
        ..kubernetes()
    }
}

fn quiet() -> Progress {
    Arc::new(|_| {})
}

async fn drill(target: &Target, script: &Script) -> Measured {
    drill_with(target, script, &victim::load()).await
}

async fn drill_with(target: &Target, script: &Script, load: &Load) -> Measured {
    let measured = run(target, script, load, &quiet()).await.unwrap();
    let json = serde_json::to_value(&measured).unwrap();
    println!("{json:#}");
    assert_eq!(json["version"], 1);
    measured
}

fn failures(measured: &Measured) -> Vec<&str> {
    let failures = measured
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Failure);
    failures.map(|finding| &*finding.name).collect()
}

/// Warnings about the process; that this machine is busy is not one.
fn warnings(measured: &Measured) -> Vec<&str> {
    let warnings = measured
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Warning);
    warnings
        .map(|finding| &*finding.name)
        .filter(|name| !name.starts_with("load-"))
        .collect()
}

pub(crate) fn is_alive(pid: u32) -> bool {
    rustix::process::Pid::from_raw(i32::try_from(pid).unwrap())
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[tokio::test]
async fn a_polite_process_passes() {
    let measured = drill(&victim::target(Way::Polite), &kubernetes()).await;
    assert_eq!(failures(&measured), [""; 0]);
    assert!(measured.passed);
    assert_eq!(measured.course, Course::Played);
    assert_eq!(measured.process.status, Some(Status::Code(0)));
    assert!(!measured.process.sigkill_needed);
    let requests = measured.requests.unwrap();
    assert!(requests.before.served > 0 && requests.settling.served > 0);
    assert_eq!(requests.all().lost, 0);
    let series = measured.series.unwrap();
    let served: u32 = series.slices.iter().map(|slice| slice.served).sum();
    assert_eq!(u64::from(served), requests.all().served);
    assert!(series.slices.iter().any(|slice| slice.in_flight > 1));
    assert!(matches!(
        measured.readiness.unwrap().flip,
        Flip::Flipped { .. }
    ));
    assert_eq!(measured.liveness.unwrap().failures, 0);
    assert!(measured.report.is_none());
    assert!(measured.not_measured[0].contains("no report was left"));
}

#[tokio::test]
async fn requests_in_flight_are_lost_by_a_process_that_dies_at_once() {
    let measured = drill(&victim::target(Way::DiesAtOnce), &kubernetes()).await;
    assert_eq!(failures(&measured), ["signal-not-handled", "request-lost"]);
    let requests = measured.requests.unwrap();
    assert!(requests.settling.lost > 0);
    assert!(requests.lost.iter().any(|lost| lost.request == "GET /slow"));
    assert!(matches!(measured.process.status, Some(Status::Signal(_))));
}

#[tokio::test]
async fn a_process_that_ignores_the_signal_is_killed() {
    let mut script = kubernetes();
    script.grace = Duration::from_millis(1_500);
    let mut target = victim::target(Way::Ignores);
    target.ready = None;
    let measured = drill(&target, &script).await;
    assert_eq!(failures(&measured), ["sigkill-needed"]);
    assert!(measured.process.sigkill_needed);
    assert_eq!(measured.process.left_ms, None);
    assert!(measured.readiness.is_none());
    assert!(
        measured
            .not_measured
            .iter()
            .any(|it| it.starts_with("readiness: no readiness URL"))
    );
}

#[tokio::test]
async fn an_exit_code_other_than_zero_fails() {
    let measured = drill(&victim::target(Way::ExitsThree), &kubernetes()).await;
    assert_eq!(failures(&measured), ["exit-not-zero"]);
    assert_eq!(measured.process.status, Some(Status::Code(3)));
}

#[tokio::test]
async fn a_process_that_is_never_ready_is_not_stopped() {
    let mut target = victim::target(Way::NeverReady);
    target.start_timeout = Duration::from_secs(1);
    let measured = drill(&target, &kubernetes()).await;
    assert_eq!(failures(&measured), ["never-ready"]);
    assert_eq!(measured.course, Course::NeverReady);
    assert!(measured.requests.is_none());
    assert_eq!(measured.process.status, None);
    let why = "steps: the process was killed before it was ready".to_owned();
    assert!(measured.not_measured.contains(&why), "{measured:?}");
    // What was tried, what was seen last, and where it listens instead.
    let port = target.base.unwrap().address().port();
    let message = &measured.findings[0].message;
    assert!(
        message.ends_with(&format!(
            ": waited for GET http://127.0.0.1:{port}/ready to answer 2xx or 3xx, \
             and saw last: it answered 503; it listens on 127.0.0.1:{port}"
        )),
        "{message}"
    );
}

#[tokio::test]
async fn readiness_that_stays_up_fails() {
    let measured = drill(&victim::target(Way::StaysReady), &kubernetes()).await;
    assert_eq!(failures(&measured), ["readiness-never-flipped"]);
}

#[tokio::test]
async fn liveness_that_goes_down_fails() {
    let measured = drill(&victim::target(Way::FailsLiveness), &kubernetes()).await;
    assert_eq!(failures(&measured), ["liveness-failed"]);
    assert_eq!(measured.liveness.unwrap().first_failure_status, Some(500));
}

#[tokio::test]
async fn errors_after_the_signal_fail_and_refusals_warn() {
    let measured = drill(&victim::target(Way::Errors), &lagging()).await;
    assert_eq!(failures(&measured), ["request-failed"]);
    assert_eq!(measured.requests.unwrap().last_server_error, Some(500));

    let measured = drill(&victim::target(Way::Refuses), &lagging()).await;
    assert_eq!(failures(&measured), [""; 0]);
    assert_eq!(warnings(&measured), ["request-refused"]);
    let requests = measured.requests.unwrap();
    assert!(requests.stopping.refused > 0);
}

#[tokio::test]
async fn requests_that_are_still_routed_to_a_process_that_is_gone_are_refused() {
    let measured = drill(&victim::target(Way::DiesAtOnce), &lagging()).await;
    assert_eq!(failures(&measured), ["signal-not-handled", "request-lost"]);
    assert_eq!(warnings(&measured), ["request-refused"]);
    assert!(measured.requests.unwrap().gone.refused_at_connect > 0);
}

#[tokio::test]
async fn the_idle_close_race_is_a_loss_of_its_own_kind() {
    let mut load = victim::load();
    load.slow_share = 0.0;
    let measured = drill_with(&victim::target(Way::ClosesIdle), &lagging(), &load).await;
    // On a busy machine the instant may last too long to be one.
    let failures = failures(&measured);
    let lost = ["keep-alive-reset", "request-lost"];
    assert!(
        failures.iter().any(|name| lost.contains(name)),
        "{failures:?}"
    );
    let requests = measured.requests.unwrap();
    assert!(requests.stopping.lost_to_idle_close > 0);
}

#[tokio::test]
async fn a_start_that_fails_shows_the_last_lines() {
    let measured = drill(&victim::target(Way::DiesAtStart), &kubernetes()).await;
    assert_eq!(failures(&measured), ["died-at-start"]);
    assert_eq!(measured.process.status, Some(Status::Code(9)));
    assert!(
        measured
            .output
            .iter()
            .any(|line| line.contains("no database"))
    );
}

#[tokio::test]
async fn a_crash_under_load_is_told_from_a_stop() {
    let mut load = victim::load();
    load.warm_up = Duration::from_secs(30);
    let measured = drill_with(&victim::target(Way::Crashes), &kubernetes(), &load).await;
    assert!(failures(&measured).contains(&"died-before-stop"));
    assert_eq!(measured.timeline.signalled_ms, None);
}

#[tokio::test]
async fn the_report_is_shown_beside_the_plan() {
    let mut script = kubernetes();
    let step = |name: &str, kind: &str| PlannedStep {
        name: name.to_owned(),
        kind: kind.to_owned(),
        start: Duration::ZERO,
        timeout: Duration::from_secs(5),
        end: Duration::from_secs(5),
    };
    script.steps = vec![step("http", "http-server"), step("db", "database")];
    let measured = drill(&victim::target(Way::Reporting), &script).await;
    assert_eq!(failures(&measured), [""; 0]);
    assert_eq!(measured.report.as_ref().unwrap().outcome, "clean");
    assert_eq!(measured.steps.len(), 2);
    assert_eq!(measured.steps[0].measured.as_ref().unwrap().outcome, "done");
    assert!(measured.steps[1].measured.is_none());
}

#[tokio::test]
async fn deregistration_ends_once_nothing_is_in_flight() {
    let mut script = lagging();
    script.platform_label = "Amazon ECS".to_owned();
    script.deregistration = Some(Duration::from_secs(120));
    let measured = drill(&victim::target(Way::DiesAtOnce), &script).await;
    // Nothing was in flight at the signal, so there was nothing to lose.
    assert_eq!(failures(&measured), ["signal-not-handled"]);
    let requests = measured.requests.unwrap();
    assert!(requests.settling.served > 0);
    assert_eq!(requests.stopping.sent() + requests.gone.sent(), 0);
    let times = measured.timeline;
    assert!(times.grace_ms.unwrap() - times.asked_ms.unwrap() < 60_000.0);
}

#[tokio::test]
async fn at_saturation_clients_never_rest() {
    let load = Load {
        pace: Pace::Closed {
            kept_alive: 8,
            fresh: 2,
        },
        ..victim::load()
    };
    let measured = drill_with(&victim::target(Way::Polite), &kubernetes(), &load).await;
    assert_eq!(failures(&measured), [""; 0]);
    assert!(measured.requests.unwrap().before.served > 8);
}

#[tokio::test]
async fn no_process_is_left_behind() {
    let measured = drill(&victim::target(Way::LeavesChild), &kubernetes()).await;
    assert_eq!(warnings(&measured), ["processes-left-behind"]);
    let child = measured
        .output
        .iter()
        .find_map(|line| line.strip_prefix("child "))
        .unwrap();
    assert_gone(child.parse().unwrap());
}

#[tokio::test]
async fn a_drill_that_is_dropped_leaves_nothing() {
    let pid = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&pid);
    let progress: Progress = Arc::new(move |event| {
        if let Event::Started { pid } = event {
            *seen.lock().unwrap() = pid;
        }
    });
    let (target, script, load) = (victim::target(Way::Ignores), kubernetes(), victim::load());
    let drill = run(&target, &script, &load, &progress);
    assert!(
        tokio::time::timeout(Duration::from_millis(600), drill)
            .await
            .is_err()
    );
    let pid = *pid.lock().unwrap();
    assert_ne!(pid, 0);
    assert!(!is_alive(pid), "process {pid} was left behind");
}

#[test]
fn an_interrupted_drill_leaves_nothing() {
    let port = victim::free_port();
    let command = victim::command();
    let mut driller = Command::new(&command[0])
        .args(&command[1..])
        .envs(victim::env(Way::Driller, port))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driller.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let started = lines.find(|line| line.contains("Started")).unwrap();
    let pid: u32 = started
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap();
    lines.find(|line| line.starts_with("Signalled")).unwrap();
    assert!(is_alive(pid));
    let own = rustix::process::Pid::from_child(&driller);
    rustix::process::kill_process(own, rustix::process::Signal::INT).unwrap();
    let said: Vec<_> = lines.collect();
    assert!(
        said.iter()
            .any(|line| line.contains("interrupted by SIGINT")),
        "{said:?}"
    );
    assert_eq!(driller.wait().unwrap().code(), Some(7));
    assert_gone(pid);
}

/// Waits for a process that was killed: whoever inherited it may take a moment to reap it.
fn assert_gone(pid: u32) {
    let until = Instant::now() + Duration::from_secs(20);
    while is_alive(pid) && !is_zombie(pid) {
        assert!(Instant::now() < until, "process {pid} was left behind");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_drill_that_cannot_be_played_is_an_error() {
    let (script, load) = (kubernetes(), victim::load());
    let mut target = victim::target(Way::Polite);
    target.subject = Subject::Command(vec!["/no/such/program".to_owned()]);
    let error = run(&target, &script, &load, &quiet()).await.unwrap_err();
    assert!(format!("{error:#}").contains("could not start `/no/such/program`"));

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    target.base = Some(super::Endpoint::on_port(
        taken.local_addr().unwrap().port(),
        "/",
    ));
    let error = run(&target, &script, &load, &quiet()).await.unwrap_err();
    assert!(error.to_string().contains("something already listens"));

    target.subject = Subject::Command(Vec::new());
    let error = run(&target, &script, &load, &quiet()).await.unwrap_err();
    assert!(error.to_string().contains("no command"));
}
