//! What was measured, and what is said of it: each detection on the evidence it needs, and silent one
//! step aside of it.

mod leaving;
mod probes;
mod requests;
mod signal;

use std::time::Duration;

use crate::Script;
use crate::idle::{IdleConnection, Kind};
use crate::measured::{
    Course, Measured, Planned, Process, Severity, Step, StepPlan, Timeline, Zero, version,
};
use crate::own_report::{OwnReport, OwnStep};
use crate::probe::{Change, Flip, Readiness};
use crate::series::{Series, Slice};
use crate::target::process::Status;
use crate::target::signalled::{Reaction, Role, Seen, Signalled};
use crate::traffic::outcome::Lost;
use crate::traffic::tally::{Counts, Latency, LostRequest, Requests};
use crate::verdict::{self, Expectations};

const TERM: i32 = 15;

/// A drill in which nothing went wrong: asked a second before the signal, gone 300 ms after it.
pub(crate) fn clean() -> Measured {
    let mut script = Script::new("shop", "Kubernetes", Duration::from_secs(11));
    script.hook = Some(Duration::from_secs(1));
    script.routing_lag = Duration::from_secs(1);
    Measured {
        version: version(),
        passed: true,
        service: script.service.clone(),
        platform: script.platform.clone(),
        platform_label: script.platform_label.clone(),
        command: vec!["shop".to_owned()],
        address: None,
        waited: None,
        excused: Vec::new(),
        scenario: None,
        seed: None,
        course: Course::Played,
        expected: Expectations::default(),
        findings: Vec::new(),
        signal: "SIGTERM".into(),
        planned: Planned::of(&script),
        timeline: Timeline {
            zero: Zero::Signal,
            started_ms: -5_000.0,
            ready_ms: Some(-4_000.0),
            asked_ms: Some(-1_000.0),
            routing_ended_ms: Some(0.0),
            grace_ms: Some(-1_000.0),
            signalled_ms: Some(0.0),
            killed_ms: None,
            ended_ms: Some(300.0),
        },
        process: Process {
            status: Some(Status::Code(0)),
            exit_ms: Some(300.0),
            left_ms: Some(9_700.0),
            sigkill_needed: false,
            left_behind: Some(0),
            signalled: Some(one(seen("shop", Role::Program, Reaction::Handles))),
        },
        load: None,
        requests: Some(Requests::default()),
        series: Some(busy_until(200.0)),
        readiness: None,
        liveness: None,
        idle: Vec::new(),
        listener_closed_ms: None,
        steps: Vec::new(),
        report: None,
        not_measured: Vec::new(),
        output: Vec::new(),
    }
}

fn seen(command: &str, role: Role, reaction: Reaction) -> Seen {
    let command: Vec<_> = command.split(' ').map(str::to_owned).collect();
    Seen {
        pid: 10,
        parent: 1,
        program: command[0].clone(),
        command,
        role,
        reaction,
        listens: role == Role::Program,
        first: false,
        outlived: None,
    }
}

fn one(main: Seen) -> Signalled {
    Signalled {
        main,
        descendants: Vec::new(),
        descendants_in_all: 0,
        everyone: false,
    }
}

/// Requests under way until this moment, in slices of 100 ms.
fn busy_until(ms: f64) -> Series {
    let slices = (0..110).map(|at| Slice {
        in_flight: u32::from(-1_000.0 + f64::from(at) * 100.0 < ms),
        ..Slice::default()
    });
    Series {
        start_ms: -1_000.0,
        slice_ms: 100.0,
        slices: slices.collect(),
    }
}

fn lost(how: Lost, sent_ms: f64, ended_ms: f64) -> Requests {
    Requests {
        stopping: Counts {
            lost: 1,
            lost_to_idle_close: u64::from(how == Lost::IdleClose),
            ..Counts::default()
        },
        lost: vec![LostRequest {
            request: "GET /slow".to_owned(),
            how,
            sent_ms,
            ended_ms,
        }],
        ..Requests::default()
    }
}

fn ended(measured: &mut Measured, at_ms: f64, status: Status) {
    measured.timeline.ended_ms = Some(at_ms);
    measured.process.exit_ms = Some(at_ms);
    measured.process.status = Some(status);
    measured.series = Some(busy_until(at_ms.min(200.0)));
}

fn killed(measured: &mut Measured) {
    ended(measured, 10_002.0, Status::Signal(9));
    measured.timeline.killed_ms = Some(10_000.0);
    measured.process.sigkill_needed = true;
    measured.process.left_ms = None;
    measured.process.left_behind = None;
}

fn readiness(measured: &mut Measured, at_ms: f64, status: Option<u16>) {
    measured.readiness = Some(Readiness {
        samples: 100,
        flip: Flip::Flipped { at_ms },
        last_yes_ms: Some(at_ms - 10.0),
        changes: vec![
            Change {
                at_ms: -4_000.0,
                status: Some(200),
            },
            Change { at_ms, status },
        ],
    });
}

/// The names of what is found, in the order in which it is told.
fn names(measured: &Measured) -> Vec<String> {
    let findings = verdict::findings(measured, Duration::from_secs(10));
    findings.iter().map(|it| it.name.to_string()).collect()
}

/// The only finding: its message and its cause, as one text.
#[track_caller]
fn only(measured: &Measured, name: &str) -> String {
    let findings = verdict::findings(measured, Duration::from_secs(10));
    assert_eq!(names(measured), [name], "{findings:#?}");
    format!("{} / {}", findings[0].message, findings[0].cause)
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn nothing_is_said_of_a_clean_stop() {
    assert_eq!(names(&clean()), [""; 0]);
}
