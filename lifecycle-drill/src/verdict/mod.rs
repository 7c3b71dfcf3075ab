//! What was measured, read as findings: each a name, a sentence, and the usual cause.

use std::fmt::Write as _;
use std::time::Duration;

use super::measured::{Course, Finding, Measured, Severity};
use super::probe::Flip;
use super::target::process::{Status, signal_name};
use super::traffic::tally::Counts;
use super::words::{count, grouped, moment, span};

/// Requests that are late by more than this, ninety-nine in a hundred, are not the load asked for.
const BEHIND_MS: f64 = 50.0;

/// Whether a drill with these findings passes.
pub fn passes(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.severity != Severity::Failure)
}

/// All findings, failures first, each kind once.
pub fn findings(measured: &Measured, start_timeout: Duration) -> Vec<Finding> {
    let mut findings: Vec<_> = [
        start(measured, start_timeout),
        lost(measured),
        failed(measured),
        readiness(measured),
        liveness(measured),
        sigkill(measured),
        exit(measured),
        refused(measured),
        slow_steps(measured),
        left_behind(measured),
        off_target(measured),
        load(measured),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it is what every rule below returns"
)]
fn failure(name: &'static str, message: String, cause: &'static str) -> Option<Finding> {
    Some(Finding {
        name: name.into(),
        severity: Severity::Failure,
        message,
        at_ms: None,
        cause: cause.into(),
    })
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it is what every rule below returns"
)]
fn warning(name: &'static str, message: String, cause: &'static str) -> Option<Finding> {
    Some(Finding {
        name: name.into(),
        severity: Severity::Warning,
        message,
        at_ms: None,
        cause: cause.into(),
    })
}

/// The process did not live to be stopped.
fn start(measured: &Measured, start_timeout: Duration) -> Option<Finding> {
    let ended = || how(measured.process.status);
    match measured.course {
        Course::Played => None,
        Course::NeverReady => failure(
            "never-ready",
            format!(
                "the process was not ready within {}{}",
                span(millis(start_timeout)),
                match &measured.waited {
                    Some(waited) => format!(": {}", waited.words()),
                    None => String::new(),
                }
            ),
            "it listens on another port or path than the drill was told, or it waits for something \
             that is not there; its last lines are below",
        ),
        Course::DiedAtStart => failure(
            "died-at-start",
            format!("the process {} before it was ready", ended()),
            "it could not start; its last lines are below",
        ),
        Course::DiedBeforeStop => failure(
            "died-before-stop",
            format!(
                "the process {} under load, before any stop was asked",
                ended()
            ),
            "it crashed under the load, or it is a command that starts another process and leaves",
        ),
        Course::DiedBeforeSignal => failure(
            "died-before-signal",
            format!(
                "the process {} after the stop was asked and before {}",
                ended(),
                measured.signal
            ),
            "it crashed under the load",
        ),
    }
}

fn lost(measured: &Measured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let all = requests.all();
    if all.lost == 0 {
        return None;
    }
    let mut message = format!(
        "{} of {} {} lost: accepted, and neither answered nor refused",
        grouped(all.lost),
        count(all.sent(), "request"),
        was(all.lost)
    );
    let mut wheres = Vec::new();
    for (counts, when) in phases(measured) {
        if counts.lost > 0 {
            wheres.push(format!("{} sent {when}", grouped(counts.lost)));
        }
    }
    let _infallible = write!(message, " ({})", wheres.join(", "));
    if let Some(first) = requests.lost.first() {
        let _infallible = write!(
            message,
            "; the first, {}, was sent at {} and {} at {}",
            first.request,
            moment(first.sent_ms),
            first.how.words(),
            moment(first.ended_ms)
        );
    }
    let cause = if all.lost_to_idle_close == all.lost {
        "idle kept-alive connections are closed at once at the signal, in the instant of a client's \
         next request; answer with `Connection: close` from the signal on, and let idle connections \
         linger"
    } else if measured.process.sigkill_needed {
        "the process did not end by itself, and SIGKILL took the requests in flight with it"
    } else {
        "the process leaves at the signal without waiting for the requests in flight, or its \
         listener closes with connections still in the backlog"
    };
    failure("request-lost", message, cause)
}

/// Server errors count only where none had come before the stop was asked.
fn failed(measured: &Measured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let all = requests.all().server_error;
    let before = requests.server_errors_before_stop;
    if all == before {
        return None;
    }
    let status = requests.last_server_error.unwrap_or_default();
    if before > 0 {
        return warning(
            "request-failed",
            format!(
                "{} answered with a server error (the last {status}), {before} of them before any \
                 stop was asked",
                count(all, "request")
            ),
            "the requests of the drill fail by themselves, so it cannot tell what the stop broke",
        );
    }
    failure(
        "request-failed",
        format!(
            "{} answered with a server error (the last {status}) after the stop was asked; before \
             it there was none",
            count(all, "request")
        ),
        "a resource was closed while requests that use it were still under way, or requests are \
         refused without `Connection: close` or `Retry-After`",
    )
}

fn readiness(measured: &Measured) -> Option<Finding> {
    let budget = span(measured.planned.readiness_budget_ms);
    match measured.readiness.as_ref()?.flip {
        Flip::Never => failure(
            "readiness-never-flipped",
            format!(
                "readiness still said yes {budget} after {} and later",
                measured.signal
            ),
            "the readiness handler does not know about the shutdown; have it answer 503 from the \
             signal on",
        ),
        Flip::Flipped { at_ms } if at_ms > measured.planned.readiness_budget_ms => warning(
            "readiness-late",
            format!(
                "readiness went down {} after {}; it has {budget}",
                span(at_ms),
                measured.signal
            ),
            "readiness only fails once the listener closes, instead of at the signal",
        ),
        Flip::Flipped { .. } | Flip::AlreadyDown | Flip::NotSeen => None,
    }
}

fn liveness(measured: &Measured) -> Option<Finding> {
    let live = measured.liveness.as_ref()?;
    let first = live.first_failure_ms?;
    let what = match live.first_failure_status {
        Some(status) => format!("answered {status}"),
        None => "found nobody, or no answer within a second".to_owned(),
    };
    let asked = measured.timeline.asked_ms;
    let unseen = !measured.planned.liveness_probed && asked.is_some_and(|asked| first >= asked);
    let finding = if unseen { warning } else { failure };
    finding(
        "liveness-failed",
        format!(
            "liveness failed {} while the process was alive; the first, at {}, {what}",
            count(live.failures as u64, "time"),
            moment(first)
        ),
        "liveness is served by the listener that closes at the signal, or by workers that are \
         blocked; a platform that probes it then restarts the process in the middle of its shutdown",
    )
}

fn sigkill(measured: &Measured) -> Option<Finding> {
    if !measured.process.sigkill_needed {
        return None;
    }
    let shell = measured.command.first().is_some_and(|program| {
        let name = program.rsplit('/').next().unwrap_or_default();
        matches!(name, "sh" | "bash" | "dash" | "ash" | "zsh")
    });
    failure(
        "sigkill-needed",
        format!(
            "the process was still there {} after {}, and was killed",
            span(measured.planned.signal_to_kill_ms),
            measured.signal
        ),
        if shell {
            "the command is a shell, and shells do not pass signals on: run the program itself, in \
             exec form"
        } else {
            "the signal is not handled, or something in the shutdown waits without a limit"
        },
    )
}

fn exit(measured: &Measured) -> Option<Finding> {
    if measured.course != Course::Played || measured.process.sigkill_needed {
        return None;
    }
    let when = measured.process.exit_ms.map(moment).unwrap_or_default();
    match measured.process.status? {
        Status::Code(0) => None,
        Status::Code(code) => failure(
            "exit-not-zero",
            format!("the process left with exit code {code} at {when}"),
            match code {
                80 => "work was abandoned: a step ran into its timeout",
                81 => "the work was done, and closing something after it failed",
                82 => "the shutdown was cut short by the watchdog or a second signal",
                128..=165 => {
                    "the program turns the signal into a failure: 128 and the signal's number"
                }
                _ => "the shutdown failed, or the program reports its stop as a failure",
            },
        ),
        Status::Signal(number) => failure(
            "exit-not-zero",
            format!("the process was ended by {} at {when}", signal_name(number)),
            if signal_name(number) == measured.signal {
                "the program does not handle the signal, so the system ends it on the spot"
            } else {
                "the program crashed during its shutdown"
            },
        ),
        Status::Unknown => failure(
            "exit-not-zero",
            format!("the process ended at {when}, and the system did not say how"),
            "something else reaped the process before the drill could",
        ),
    }
}

/// Refusals are not losses, but their users noticed unless something retried.
fn refused(measured: &Measured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let (all, after) = (requests.all(), requests.after());
    let refused = |counts: &Counts| counts.refused + counts.refused_at_connect;
    if refused(&all) == 0 {
        return None;
    }
    let wheres: Vec<_> = phases(measured)
        .filter(|(counts, _)| refused(counts) > 0)
        .map(|(counts, when)| format!("{} sent {when}", grouped(refused(&counts))))
        .collect();
    warning(
        "request-refused",
        format!(
            "{} refused ({} with 503, {} at the connection) while routing still sent them: {}",
            count(refused(&all), "request"),
            grouped(all.refused),
            grouped(all.refused_at_connect),
            wheres.join(", ")
        ),
        if refused(&after) == 0 {
            "the service cannot take this load; no stop was asked yet"
        } else {
            "the process stops taking requests before routing has noticed that it leaves; a longer \
             settle time covers it"
        },
    )
}

/// A load that the service turns away says little about how it stops.
fn off_target(measured: &Measured) -> Option<Finding> {
    let all = measured.requests.as_ref()?.all();
    if all.client_error == 0 || all.client_error * 2 < all.served {
        return None;
    }
    warning(
        "load-off-target",
        format!(
            "{} of {} answered with 4xx",
            grouped(all.client_error),
            count(all.served, "request")
        ),
        "the paths of the load do not exist, or want credentials; such answers say little about \
         how the service stops",
    )
}

fn slow_steps(measured: &Measured) -> Option<Finding> {
    let over: Vec<_> = measured
        .steps
        .iter()
        .filter_map(|step| {
            let (plan, own) = (step.planned?, step.measured.as_ref()?);
            let end = own.end_ms.filter(|end| *end > plan.end_ms)?;
            Some(format!(
                "{} at {}, planned by {}",
                step.name,
                moment(end),
                moment(plan.end_ms)
            ))
        })
        .collect();
    if over.is_empty() {
        return None;
    }
    warning(
        "step-over-plan",
        format!(
            "{} ended later than planned: {}",
            count(over.len() as u64, "step"),
            over.join("; ")
        ),
        "the binary was built from another plan, or the machine was too busy to keep time",
    )
}

fn left_behind(measured: &Measured) -> Option<Finding> {
    let left = measured.process.left_behind.filter(|left| *left > 0)?;
    warning(
        "processes-left-behind",
        format!(
            "{} outlived the one that was stopped, and had to be killed",
            count(left as u64, "process")
        ),
        "it starts children and does not wait for them; in a container they end with it, unasked",
    )
}

fn load(measured: &Measured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let held_back = requests.all().not_sent;
    if held_back > 0 {
        return warning(
            "load-held-back",
            format!(
                "{} not sent: the drill ran into its own bounds",
                count(held_back, "request")
            ),
            "the service answers too slowly for this rate, or this machine is out of ports",
        );
    }
    if requests.ended_early {
        return warning(
            "load-held-back",
            format!(
                "the load ended after {}, before routing did",
                count(requests.all().sent(), "request")
            ),
            "the rate and the length of the drill ask for more requests than it may send",
        );
    }
    (requests.behind_p99_ms > BEHIND_MS)
        .then(|| {
            warning(
                "load-behind",
                format!(
                    "the load was up to {} behind its schedule",
                    span(requests.behind_p99_ms)
                ),
                "this machine is too busy for this rate; latencies include the delay",
            )
        })
        .flatten()
}

/// The phases with their words.
fn phases(measured: &Measured) -> impl Iterator<Item = (Counts, String)> {
    let signal = &measured.signal;
    measured.requests.iter().flat_map(move |requests| {
        [
            (requests.before, "before the stop was asked".to_owned()),
            (
                requests.settling,
                format!("between the stop asked and {signal}"),
            ),
            (requests.stopping, format!("after {signal}")),
            (requests.gone, "after the process was gone".to_owned()),
        ]
    })
}

fn how(status: Option<Status>) -> String {
    match status {
        Some(Status::Code(code)) => format!("left with exit code {code}"),
        Some(Status::Signal(number)) => format!("was ended by {}", signal_name(number)),
        Some(Status::Unknown) | None => "ended".to_owned(),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

const fn was(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}
