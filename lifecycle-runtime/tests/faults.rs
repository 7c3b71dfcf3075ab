//! `LIFECYCLE_FAULTS` in a real process. The child is this very program, started again; bounds are
//! generous, since the machine may be busy.
#![cfg_attr(
    not(feature = "faults"),
    allow(
        dead_code,
        unused_imports,
        reason = "most of it is there with the feature"
    )
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use common::{ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::{Database, Resources, Runtime, Task, Wiring};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

struct Shop;

impl Resources for Shop {
    fn wire(self, wiring: &mut Wiring) {
        wiring.add(
            "work",
            Task::new(|stopping| async move {
                println!("ready");
                stopping.requested().await;
            }),
        );
        wiring.add("db", Database::new(|| async { println!("closed") }));
    }
}

/// Not a test: what the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    if std::env::var_os("SUBJECT").is_none() {
        return;
    }
    let plan = plan(
        ms(0),
        vec![
            step("work", Kind::Task, ms(300), &[]),
            step("db", Kind::Database, ms(300), &[0]),
        ],
    );
    tracing::subscriber::set_global_default(Lines).unwrap();
    let code = Runtime::multi_thread()
        .worker_threads(2)
        .run(Box::leak(Box::new(plan)), || async { Shop });
    let number = (0..=255).find(|&number| ExitCode::from(number) == code);
    std::process::exit(number.unwrap_or(255).into());
}

/// A log subscriber that writes messages to standard error.
struct Lines;

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message;
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    eprintln!("log: {value:?}");
                }
            }
        }
        event.record(&mut Message);
    }
}

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    report: Option<Value>,
    took: Duration,
}

/// The subject with these faults.
fn drilled(faults: &str) -> Ended {
    stopped("LIFECYCLE_FAULTS", faults)
}

/// Starts the subject with a variable, sends SIGTERM once it is ready, and waits for its end.
fn stopped(variable: &str, value: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["subject", "--exact", "--ignored", "--nocapture"])
        .env("SUBJECT", "1")
        .env(variable, value)
        .env("LIFECYCLE_REPORT", &report)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    loop {
        let mut line = String::new();
        let ended = lines.read_line(&mut line).unwrap() == 0;
        stdout.push_str(&line);
        if ended {
            break;
        }
        if line.trim_end().ends_with("ready") {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            break;
        }
    }
    let begun = Instant::now();
    lines.read_to_string(&mut stdout).unwrap();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    let code = child.wait().unwrap().code();
    let report = std::fs::read(&report).ok();
    Ended {
        code,
        stdout,
        stderr,
        report: report.map(|text| serde_json::from_slice(&text).unwrap()),
        took: begun.elapsed(),
    }
}

#[cfg(feature = "faults")]
#[test]
fn a_resource_that_hangs_is_reported_as_a_drill_would_want_it() {
    let ended = drilled(" db = hang ;");
    assert_eq!(ended.code, Some(81), "{}", ended.stderr);
    assert!(ended.stdout.contains("closed"), "it is closed all the same");
    let report = ended.report.unwrap();
    let first = &report["steps"][0];
    assert_eq!(
        (&first["name"], &first["outcome"]),
        (&json!("db"), &json!("timed-out"))
    );
    assert_eq!(report["faults"], json!(["db=hang"]));
    let loud = "log: FAULTS ARE ON, this is not a service to rely on: db=hang";
    assert!(ended.stderr.contains(loud), "{}", ended.stderr);
}

#[cfg(feature = "faults")]
#[test]
fn a_blocked_executor_is_ended_by_the_watchdog() {
    let ended = drilled("executor=block:1h");
    assert_eq!(ended.code, Some(82), "{}", ended.stderr);
    assert_eq!(ended.report.unwrap()["outcome"], "forced");
    assert!(ended.took < Duration::from_secs(30));
}

#[cfg(feature = "faults")]
#[test]
fn several_faults_and_a_full_disk() {
    let ended = drilled("work=panic;db=fail;report=full");
    assert_eq!(ended.code, Some(80), "{}", ended.stderr);
    assert_eq!(ended.report, None);
    let unwritten = "log: the report could not be written";
    assert!(ended.stderr.contains(unwritten), "{}", ended.stderr);
}

#[cfg(feature = "faults")]
#[test]
fn what_cannot_be_meant_keeps_the_service_from_starting() {
    for (faults, why) in [
        ("db", "`db` is not `RESOURCE=FAULT`, as `orders-db=hang` is"),
        (
            "dbs=hang",
            "the plan has no resource `dbs`; it has work, db",
        ),
        ("db=hang; db=fail", "`db` has two faults"),
        (
            "db=explode",
            "there is no fault `explode`; there are hang, slow:TIME, fail, panic, block:TIME and \
             die:TIME",
        ),
        ("db=slow", "`slow` needs a time: `slow:3s`"),
        (
            "db=slow:3",
            "`3` is no time; write `3s`, `250ms` or `1m30s`",
        ),
        ("db=hang:3s", "`hang` takes no time"),
        (
            "executor=hang",
            "the executor can only `block:TIME`, not `hang`",
        ),
        (
            "report=hang",
            "the report's only fault is `full`, not `hang`",
        ),
    ] {
        let ended = drilled(faults);
        assert_eq!(ended.code, Some(1), "{faults}");
        let line = format!("Error: shop: LIFECYCLE_FAULTS: {why}\n");
        assert!(ended.stderr.contains(&line), "{faults}: {}", ended.stderr);
        assert!(!ended.stdout.contains("ready"), "nothing has started");
    }
}

#[cfg(not(feature = "faults"))]
#[test]
fn a_program_without_faults_says_that_it_ignores_them() {
    let ended = drilled("db=hang");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = "log: LIFECYCLE_FAULTS is set and ignored: the program was built without the feature \
                `faults`";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(ended.report.unwrap().get("faults").is_none());
}

#[cfg(not(feature = "aws"))]
#[test]
fn a_program_without_aws_says_that_it_does_not_ask_it() {
    let ended = stopped("LIFECYCLE_AWS", "spot");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said =
        "log: LIFECYCLE_AWS is set and ignored: the program was built without the feature `aws`";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
