//! What a rolling deploy came to, read as findings.

mod lost;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::measured::{InstanceMeasured, RollingMeasured, RolloutCourse};
use crate::measured::{Finding, Severity};
use crate::target::process::{Status, signal_name};
use crate::verdict::{self, exits};
use crate::words::{count, grouped, span};

/// All findings, failures first.
pub(super) fn findings(measured: &RollingMeasured, start_timeout: Duration) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        course(measured, start_timeout),
        lost::lost(measured),
        failed(measured),
        killed(measured),
        exits(measured),
        refused(measured),
        late(measured),
        slow(measured),
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

/// `at_ms` is when it happened first on the timeline of the deploy, where one moment can be named.
fn finding(
    severity: Severity,
    name: &'static str,
    at_ms: Option<f64>,
    message: String,
    cause: impl Into<Cow<'static, str>>,
) -> Finding {
    Finding {
        name: name.into(),
        severity,
        message,
        at_ms,
        cause: cause.into(),
    }
}

/// The deploy did not come to its end.
fn course(measured: &RollingMeasured, start_timeout: Duration) -> Option<Finding> {
    let limit = span(start_timeout.as_secs_f64() * 1_000.0);
    let left = measured
        .instances
        .iter()
        .filter(|it| !it.new && it.asked_ms.is_none())
        .count();
    let left = format!(
        "{} of {} old instances were not replaced",
        grouped(left as u64),
        measured.deploy.replicas
    );
    let (name, message, cause) = match measured.course {
        RolloutCourse::Played => return None,
        RolloutCourse::NeverReady => (
            "never-ready",
            format!("the first instances were not all ready within {limit}"),
            "the program listens on another port than the one it was given, or waits for something \
             that is not there; its last lines are below",
        ),
        RolloutCourse::Stuck { instance }
            if measured
                .instances
                .iter()
                .any(|it| it.number == instance && it.ready_ms.is_some()) =>
        {
            (
                "rollout-stuck",
                format!("instance {instance}, a new one, was ready and did not stay it: {left}"),
                "it cannot bear this load beside the others, or something that it needs went away; \
                 its last lines are below",
            )
        }
        RolloutCourse::Stuck { instance } => (
            "rollout-stuck",
            format!("instance {instance}, a new one, was not ready within {limit}: {left}"),
            "several instances want the same thing, a file or a lock, or the start takes longer beside \
             the load; its last lines are below",
        ),
        RolloutCourse::Died {
            instance,
            ready,
            status,
        } => (
            "instance-died",
            format!(
                "instance {instance} {} {}: {left}",
                how(status),
                match ready {
                    true => "under load, before any signal",
                    false => "before it was ready",
                }
            ),
            match ready {
                true => "it crashed under the load; its last lines are below",
                false => {
                    "it could not start beside the others: a port, a file or a lock that all of them \
                     want; its last lines are below"
                }
            },
        ),
    };
    let died = |number| {
        let mut instances = measured.instances.iter();
        instances.find(|it| it.number == number)?.ended_ms
    };
    let at = match measured.course {
        RolloutCourse::Died { instance, .. } => died(instance),
        _ => None,
    };
    Some(finding(Severity::Failure, name, at, message, cause))
}

fn how(status: Status) -> String {
    exits::in_words(status).unwrap_or_else(|| "ended, and the system did not say how,".to_owned())
}

/// Server errors of instances.
fn failed(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let all = requests.all();
    let before = requests.server_errors_before;
    // Sent before the deploy and failed after it began is the deploy's doing.
    let since = all.server_error.saturating_sub(before);
    if since == 0 {
        return None;
    }
    let status = requests.last_server_error.unwrap_or_default();
    let sent_before = requests.before.sent();
    let sent_since = all.sent().saturating_sub(sent_before);
    let alike = verdict::is_alike(before, sent_before, since, sent_since);
    let when = match before {
        0 => "since the deploy began; before it there was none".to_owned(),
        _ => format!(
            "since the deploy began, of {} sent since; before it, {} of {}",
            grouped(sent_since),
            grouped(before),
            grouped(sent_before)
        ),
    };
    let cause = match alike {
        true => {
            "the requests of the drill fail by themselves, so it cannot tell what the deploy broke"
        }
        false => {
            "a resource is closed while requests that use it are still under way, or requests are \
             refused without `Connection: close` or `Retry-After`"
        }
    };
    let expected = alike || since <= measured.expected.server_errors;
    Some(finding(
        severity(expected),
        "request-failed",
        None,
        format!(
            "{} answered with a server error (the last {status}) {when}",
            count(since, "request")
        ),
        cause,
    ))
}

/// Of something that went otherwise than it should, as it was expected to or not.
const fn severity(expected: bool) -> Severity {
    match expected {
        true => Severity::Warning,
        false => Severity::Failure,
    }
}

fn stopped(measured: &RollingMeasured) -> impl Iterator<Item = &InstanceMeasured> {
    measured
        .instances
        .iter()
        .filter(|it| it.signalled_ms.is_some())
}

/// The first of the moments that are known.
fn first(moments: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    moments.flatten().min_by(f64::total_cmp)
}

fn killed(measured: &RollingMeasured) -> Option<Finding> {
    let killed: Vec<_> = stopped(measured).filter(|it| it.sigkill_needed).collect();
    if killed.is_empty() {
        return None;
    }
    Some(finding(
        Severity::Failure,
        "sigkill-needed",
        first(killed.iter().map(|it| it.killed_ms)),
        format!(
            "{} of {} were still there {} after {}, and were killed",
            killed.len(),
            count(stopped(measured).count() as u64, "instance"),
            span(measured.planned.signal_to_kill_ms),
            measured.signal
        ),
        "the signal is not handled, or something in the shutdown waits without a limit: connections that \
         clients keep, for instance",
    ))
}

/// Instances that left otherwise than they should.
fn exits(measured: &RollingMeasured) -> Option<Finding> {
    let mut ways: BTreeMap<String, Vec<&InstanceMeasured>> = BTreeMap::new();
    for it in stopped(measured).filter(|it| !it.sigkill_needed) {
        let Some(status) = it.status.filter(|status| !measured.is_expected(*status)) else {
            continue;
        };
        ways.entry(how(status)).or_default().push(it);
    }
    let most = ways.values().max_by_key(|alike| alike.len())?;
    let cause = match most.first()?.status? {
        Status::Signal(number) if signal_name(number) == measured.signal => {
            exits::BY_THE_STOP_SIGNAL
        }
        Status::Signal(_) => exits::BY_ANOTHER_SIGNAL,
        Status::Code(code) => exits::cause(code, most.iter().any(|it| it.report.is_some())),
        Status::Unknown => exits::REAPED,
    };
    let told: Vec<String> = ways
        .iter()
        .map(|(way, alike)| format!("{} {way}", alike.len()))
        .collect();
    let instead = exits::instead(&measured.expected);
    Some(finding(
        Severity::Failure,
        "exit-not-zero",
        first(ways.values().flatten().map(|it| it.ended_ms)),
        format!(
            "of {}, {}{instead}",
            count(stopped(measured).count() as u64, "stopped instance"),
            told.join(", ")
        ),
        cause,
    ))
}

/// Instances that left by themselves, and later than they should.
fn late(measured: &RollingMeasured) -> Option<Finding> {
    let expected = measured.expected.exit_within_ms;
    let most = expected.or(measured.planned.deadline_ms)?;
    let left = stopped(measured).filter(|it| !it.sigkill_needed);
    let took: Vec<(f64, Option<f64>)> = left
        .filter_map(|it| Some((it.exit_ms?, it.ended_ms)))
        .collect();
    let late: Vec<_> = took.iter().filter(|(exit, _)| *exit > most).collect();
    let slowest = late.iter().map(|(exit, _)| *exit).max_by(f64::total_cmp)?;
    Some(finding(
        severity(expected.is_none()),
        "exit-late",
        first(late.iter().map(|(_, ended)| *ended)),
        format!(
            "{} of {} left later than {} after {}, the last after {}; {}",
            late.len(),
            count(took.len() as u64, "stopped instance"),
            span(most),
            measured.signal,
            span(slowest),
            match expected {
                Some(_) => "they are expected to be gone by then",
                None => "by then they are planned to be gone",
            }
        ),
        "a step took longer than its timeout, or the program does something that is not in the plan",
    ))
}

/// Answers took longer than is expected.
fn slow(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    verdict::slow(
        requests.latency_before.map(|before| before.p99_ms),
        requests.latency_during?.p99_ms,
        measured.expected.p99_ms?,
        "the beginning of the deploy",
        Some(0.0),
    )
}

fn refused(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let all = requests.all().refused;
    if all == 0 {
        return None;
    }
    let since = all.saturating_sub(requests.before.refused);
    let most = measured.expected.refused;
    let expected = most.is_none_or(|most| since <= most);
    let but = match most {
        Some(most) if !expected => format!("; {} are expected at most", grouped(most)),
        _ => String::new(),
    };
    Some(finding(
        severity(expected),
        "request-refused",
        None,
        format!(
            "{} turned away with 503 while instances were replaced{but}",
            count(all, "request")
        ),
        "instances stop taking requests before routing has noticed that they leave; a longer settle time \
         covers it",
    ))
}

fn left_behind(measured: &RollingMeasured) -> Option<Finding> {
    let leaving = || stopped(measured).filter(|it| it.left_behind.is_some_and(|left| left > 0));
    let left: usize = leaving().filter_map(|it| it.left_behind).sum();
    if left == 0 {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "processes-left-behind",
        first(leaving().map(|it| it.ended_ms)),
        format!(
            "{} outlived the instances that were stopped, and had to be killed",
            count(left as u64, "process")
        ),
        "the program starts children and does not wait for them; in a container they end with it, unasked",
    ))
}

fn off_target(measured: &RollingMeasured) -> Option<Finding> {
    let all = measured.requests.as_ref()?.all();
    verdict::off_target(all.client_error, all.served)
}

fn load(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let played = measured.course == RolloutCourse::Played;
    if played && requests.during.sent() == 0 {
        return Some(finding(
            Severity::Failure,
            "load-held-back",
            None,
            "no request was sent while instances were replaced".to_owned(),
            "the load was over before the deploy began, or its rate is too low for so short a deploy; \
             without requests nothing is known of it",
        ));
    }
    if requests.ended_early {
        let mut early = verdict::ended_early(requests.all().sent(), "the deploy did")?;
        // What would have been lost of the rest nobody knows.
        if requests.after.sent() == 0 {
            early.severity = Severity::Failure;
        }
        return Some(early);
    }
    verdict::held_back(requests.all().not_sent).or_else(|| verdict::behind(requests.behind_p99_ms))
}
