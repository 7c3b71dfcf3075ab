//! Requests that were lost, and what usually causes it.

use std::collections::BTreeMap;

use super::{finding, first, severity};
use crate::measured::Finding;
use crate::rolling::deploy::Balancing;
use crate::rolling::measured::{ClientView, Losses, RollingMeasured};
use crate::rolling::router::Fault;
use crate::traffic::outcome::Lost;
use crate::words::{count, grouped, moment, span};

/// So many kinds of losses are told one by one.
const TOLD: usize = 3;

pub(super) fn lost(measured: &RollingMeasured) -> Option<Finding> {
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
    if losses.is_empty()
        && let Some(how) = mostly(requests)
    {
        told.push(format!("most of them {}", how.words()));
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
    Some(finding(
        severity(all.lost <= measured.expected.lost),
        "request-lost",
        first(requests.lost.iter().map(|it| Some(it.sent_ms))),
        message,
        cause(measured, greatest),
    ))
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
        return seen_by_clients(measured).to_owned();
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
        Fault::NoRoom => {
            "the drill's own balancer ran out of descriptors or ports, and no instance is to \
                          blame: ask for a lower rate, or allow more (`ulimit -n`)"
                .to_owned()
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
                 balancer answers 502 for each and sends none again, as an Application Load Balancer does"
                ),
            }
        }
        _ => "the instances fail under this load; no stop had been asked of them".to_owned(),
    }
}

/// How most of the lost requests that are listed ended for their clients.
fn mostly(requests: &ClientView) -> Option<Lost> {
    let mut ways: BTreeMap<Lost, usize> = BTreeMap::new();
    for lost in &requests.lost {
        *ways.entry(lost.how).or_default() += 1;
    }
    ways.into_iter()
        .max_by_key(|(_, times)| *times)
        .map(|(how, _)| how)
}

/// What usually causes what the balancer did not see, and clients did.
fn seen_by_clients(measured: &RollingMeasured) -> &'static str {
    let slow = "the instances answer too slowly for this load";
    let Some(requests) = &measured.requests else {
        return slow;
    };
    let all = requests.all();
    if all.lost_unanswered * 2 > all.lost {
        return slow;
    }
    let signalled = measured.instances.iter().filter_map(|it| it.signalled_ms);
    let first_signal = signalled.min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    let after = requests.lost.iter().any(|it| it.ended_ms >= first_signal);
    let killed = measured.instances.iter().any(|it| it.sigkill_needed);
    match mostly(requests) {
        None | Some(Lost::Unanswered) => slow,
        Some(Lost::Garbled) => "the instances answer in another protocol than they are asked in",
        Some(Lost::IdleClose) => {
            "kept-alive connections are closed in the instant of their next request"
        }
        Some(_) if !after => "the instances fail under this load; no stop had been asked of them",
        Some(_) if killed => {
            "the instances do not end by themselves, and SIGKILL takes the answers under way with it"
        }
        Some(Lost::Cut | Lost::Closed | Lost::Reset | Lost::Gateway) => {
            "the instances leave with answers, or sockets and streams, still under way: end them as their \
             protocol asks before leaving"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rolling::tests::measured;
    use crate::traffic::tally::LostRequest;

    fn lost_as(how: Lost, unanswered: u64) -> String {
        let mut measured = measured();
        let requests = measured.requests.as_mut().unwrap();
        requests.during.lost = 3;
        requests.during.lost_unanswered = unanswered;
        requests.lost = vec![
            LostRequest {
                request: "GET /".to_owned(),
                how,
                sent_ms: 1_000.0,
                ended_ms: 2_000.0,
            };
            3
        ];
        measured.instances[0].signalled_ms = Some(1_500.0);
        lost(&measured).unwrap().cause.into_owned()
    }

    #[test]
    fn what_the_balancer_did_not_see_is_judged_by_what_clients_saw() {
        assert!(lost_as(Lost::Unanswered, 3).contains("too slowly"));
        let cut = lost_as(Lost::Cut, 0);
        assert!(cut.contains("still under way"), "{cut}");
    }
}
