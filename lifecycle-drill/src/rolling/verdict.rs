//! What a rolling deploy came to, read as findings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::deploy::Balancing;
use super::measured::{InstanceMeasured, Losses, RollingMeasured, RolloutCourse, Seen};
use super::router::Fault;
use crate::measured::{Finding, Severity};
use crate::target::process::{Status, signal_name};
use crate::words::{count, grouped, moment, span};

/// Requests that are late by more than this, ninety-nine in a hundred, are not the load asked for.
const BEHIND_MS: f64 = 50.0;
/// So many kinds of losses are told one by one.
const TOLD: usize = 3;

/// All findings, failures first.
pub(super) fn findings(measured: &RollingMeasured, start_timeout: Duration) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        course(measured, start_timeout),
        lost(measured),
        failed(measured),
        killed(measured),
        exits(measured),
        refused(measured),
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

fn finding(
    severity: Severity,
    name: &'static str,
    message: String,
    cause: impl Into<Cow<'static, str>>,
) -> Finding {
    Finding {
        name: name.into(),
        severity,
        message,
        at_ms: None,
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
    Some(finding(Severity::Failure, name, message, cause))
}

fn how(status: Status) -> String {
    match status {
        Status::Code(code) => format!("left with exit code {code}"),
        Status::Signal(number) => format!("was ended by {}", signal_name(number)),
        Status::Unknown => "ended, and the system did not say how,".to_owned(),
    }
}

fn lost(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let all = requests.all();
    if all.lost == 0 {
        return None;
    }
    let mut losses: Vec<&Losses> = measured.losses.iter().collect();
    losses.sort_by_key(|it| std::cmp::Reverse(it.count));
    let mut told: Vec<String> = losses
        .iter()
        .take(TOLD)
        .map(|it| one(measured, it))
        .collect();
    if losses.len() > TOLD {
        let rest: u64 = losses.iter().skip(TOLD).map(|it| it.count).sum();
        told.push(format!("{} more in other ways", grouped(rest)));
    }
    let mut greatest = losses.first().copied();
    if all.lost_unanswered > 0 {
        told.push(format!("{} never answered", grouped(all.lost_unanswered)));
        greatest = greatest.filter(|it| it.count > all.lost_unanswered);
    }
    let told = match told.is_empty() {
        true => String::new(),
        false => format!(": {}", told.join("; ")),
    };
    let message = format!(
        "{} of {} {} lost{told}",
        grouped(all.lost),
        count(all.sent(), "request"),
        match all.lost {
            1 => "was",
            _ => "were",
        }
    );
    let mut lost = finding(
        Severity::Failure,
        "request-lost",
        message,
        cause(measured, greatest),
    );
    let firsts = requests.lost.iter().map(|it| it.sent_ms);
    lost.at_ms = firsts.min_by(f64::total_cmp);
    Some(lost)
}

/// One kind of losses: how many, where, and when.
fn one(measured: &RollingMeasured, losses: &Losses) -> String {
    let number = grouped(losses.count);
    let how = losses.how.words();
    let signal = &measured.signal;
    let whom = match losses.instance {
        None => String::new(),
        Some(instance) => format!(" at instance {instance}"),
    };
    let when = match losses.first_after_signal_ms {
        Some(after) => format!("from {} on, counted from its {signal}", moment(after)),
        None => format!("from {} on", moment(losses.first_ms)),
    };
    format!("{number} {how}{whom}, {when}")
}

/// What usually causes the greatest of the losses.
fn cause(measured: &RollingMeasured, losses: Option<&Losses>) -> String {
    let signal = &measured.signal;
    let Some(losses) = losses else {
        return "the instances answer too slowly for this load".to_owned();
    };
    let instance = losses
        .instance
        .and_then(|number| measured.instances.iter().find(|it| it.number == number));
    let after_signal = losses
        .first_after_signal_ms
        .is_some_and(|after| after >= 0.0);
    let killed = instance.is_some_and(|it| it.sigkill_needed);
    // It was signalled while it was still sent something new.
    let still_routed = instance.is_some_and(|it| {
        let signalled = it.signalled_ms.unwrap_or(f64::INFINITY);
        it.unrouted_ms.is_none_or(|unrouted| unrouted > signalled)
    });
    let lapsed = measured.instances.iter().any(|it| it.lapses > 0);
    match losses.how {
        Fault::NoInstance if lapsed => {
            "instances that nobody had asked to stop did not answer the \
             platform's probes in time, and were taken out of use: they cannot bear this load"
                .to_owned()
        }
        Fault::NoInstance => {
            let deploy = measured.deploy;
            format!(
                "for a while no instance was in use: {} may be missing and {} may be added at a time, \
                 and new ones were not ready yet when the old ones had left",
                count(u64::from(deploy.unavailable), "instance"),
                grouped(u64::from(deploy.surge)),
            )
        }
        Fault::NobodyListened if after_signal && still_routed => format!(
            "the instances stop listening at {signal}, and routing goes on sending them requests for {} \
             after the stop was asked: say no to readiness from the signal on and keep serving for that \
             long, or have the platform wait before the signal (`preStop`, deregistration)",
            span(measured.planned.routing_lag_ms)
        ),
        Fault::IdleClose => format!(
            "kept-alive connections are closed in the instant of their next request: answer with \
             `Connection: close` from {signal} on, and let idle connections linger"
        ),
        _ if killed => format!(
            "the instances do not end by themselves, and SIGKILL takes the requests in flight with it; \
             they have {} from {signal}",
            span(measured.planned.signal_to_kill_ms)
        ),
        Fault::Closed | Fault::Reset | Fault::Cut if after_signal => {
            match measured.deploy.balancing {
                Balancing::Connections => format!(
                    "the instances leave at {signal} without waiting for the requests in flight and for \
                 those that still come in over connections that clients keep"
                ),
                Balancing::Requests => format!(
                    "the instances leave at {signal} without waiting for the requests in flight; the \
                 balancer answers 502 for each and sends none again"
                ),
            }
        }
        _ => "the instances fail under this load; no stop had been asked of them".to_owned(),
    }
}

/// Server errors of instances.
fn failed(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let (before, all) = (requests.before.server_error, requests.all().server_error);
    if all == 0 {
        return None;
    }
    let status = requests.last_server_error.unwrap_or_default();
    let (severity, when, cause) = match before {
        0 => (
            Severity::Failure,
            "since the deploy began; before it there was none".to_owned(),
            "a resource is closed while requests that use it are still under way, or requests are \
             refused without `Connection: close` or `Retry-After`",
        ),
        _ => (
            Severity::Warning,
            format!("{} of them before the deploy", grouped(before)),
            "the requests of the drill fail by themselves, so it cannot tell what the deploy broke",
        ),
    };
    Some(finding(
        severity,
        "request-failed",
        format!(
            "{} answered with a server error (the last {status}), {when}",
            count(all, "request")
        ),
        cause,
    ))
}

fn stopped(measured: &RollingMeasured) -> impl Iterator<Item = &InstanceMeasured> {
    measured
        .instances
        .iter()
        .filter(|it| it.signalled_ms.is_some())
}

fn killed(measured: &RollingMeasured) -> Option<Finding> {
    let killed = stopped(measured).filter(|it| it.sigkill_needed).count();
    if killed == 0 {
        return None;
    }
    Some(finding(
        Severity::Failure,
        "sigkill-needed",
        format!(
            "{killed} of {} were still there {} after {}, and were killed",
            count(stopped(measured).count() as u64, "instance"),
            span(measured.planned.signal_to_kill_ms),
            measured.signal
        ),
        "the signal is not handled, or something in the shutdown waits without a limit: connections that \
         clients keep, for instance",
    ))
}

/// Instances that left otherwise than with 0.
fn exits(measured: &RollingMeasured) -> Option<Finding> {
    let mut ways: BTreeMap<String, (usize, Status)> = BTreeMap::new();
    for it in stopped(measured).filter(|it| !it.sigkill_needed) {
        let Some(status) = it.status.filter(|status| *status != Status::Code(0)) else {
            continue;
        };
        ways.entry(how(status)).or_insert((0, status)).0 += 1;
    }
    let (_, (_, first)) = ways.iter().max_by_key(|(_, (times, _))| *times)?;
    let cause = match first {
        Status::Signal(number) if signal_name(*number) == measured.signal => {
            "the program does not handle the signal, so the system ends it on the spot"
        }
        Status::Signal(_) => "the program crashed during its shutdown",
        Status::Code(80) => "work was abandoned: a step ran into its timeout",
        Status::Code(128..=165) => {
            "the program turns the signal into a failure: 128 and the signal's number"
        }
        _ => "the shutdown failed, or the program reports its stop as a failure",
    };
    let told: Vec<String> = ways
        .iter()
        .map(|(way, (times, _))| format!("{times} {way}"))
        .collect();
    Some(finding(
        Severity::Failure,
        "exit-not-zero",
        format!(
            "of {}, {}",
            count(stopped(measured).count() as u64, "stopped instance"),
            told.join(", ")
        ),
        cause,
    ))
}

fn refused(measured: &RollingMeasured) -> Option<Finding> {
    let all = measured.requests.as_ref()?.all();
    if all.refused == 0 {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "request-refused",
        format!(
            "{} turned away with 503 while instances were replaced",
            count(all.refused, "request")
        ),
        "instances stop taking requests before routing has noticed that they leave; a longer settle time \
         covers it",
    ))
}

fn left_behind(measured: &RollingMeasured) -> Option<Finding> {
    let left: usize = stopped(measured).filter_map(|it| it.left_behind).sum();
    if left == 0 {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "processes-left-behind",
        format!(
            "{} outlived the instances that were stopped, and had to be killed",
            count(left as u64, "process")
        ),
        "the program starts children and does not wait for them; in a container they end with it, unasked",
    ))
}

fn off_target(measured: &RollingMeasured) -> Option<Finding> {
    let all: Seen = measured.requests.as_ref()?.all();
    if all.client_error == 0 || all.client_error * 2 < all.served {
        return None;
    }
    Some(finding(
        Severity::Warning,
        "load-off-target",
        format!(
            "{} of {} answered with 4xx",
            grouped(all.client_error),
            count(all.served, "request")
        ),
        "the paths of the load do not exist, or want credentials; such answers say little about how the \
         service stops",
    ))
}

fn load(measured: &RollingMeasured) -> Option<Finding> {
    let requests = measured.requests.as_ref()?;
    let held_back = requests.all().not_sent;
    let (name, message, cause) = if held_back > 0 {
        (
            "load-held-back",
            format!(
                "{} not sent: the drill ran into its own bounds",
                count(held_back, "request")
            ),
            "the service answers too slowly for this rate, or this machine is out of ports",
        )
    } else if requests.ended_early {
        (
            "load-held-back",
            format!(
                "the load ended after {}, before the deploy did",
                count(requests.all().sent(), "request")
            ),
            "the rate and the length of the deploy ask for more requests than the drill may send",
        )
    } else if requests.behind_p99_ms > BEHIND_MS {
        (
            "load-behind",
            format!(
                "the load was up to {} behind its schedule",
                span(requests.behind_p99_ms)
            ),
            "this machine is too busy for this rate; latencies include the delay",
        )
    } else {
        return None;
    };
    Some(finding(Severity::Warning, name, message, cause))
}
