//! Reads what was measured of a rolling deploy, once it is over.

use std::time::Instant;

use super::conduct::Played;
use super::deploy::Rolling;
use super::instance::Instance;
use super::measured::{
    ClientView, Deploy, InstanceMeasured, Kind, Losses, RollingMeasured, RolloutCourse, Seen,
    is_expected,
};
use super::verdict;
use crate::measured::{LoadSummary, Planned};
use crate::own_report;
use crate::stage::millis_between;
use crate::target::process::needed_kill;
use crate::traffic::tally::{Counts, Requests};
use crate::verdict::Expectations;
use crate::words::grouped;

/// The version of the JSON.
const VERSION: u32 = 1;

/// Reads what was measured.
pub(super) fn of(played: Played<'_>) -> RollingMeasured {
    let Played {
        target,
        script,
        load,
        rolling,
        course,
        instances,
        balancer,
        began,
        ended,
        tally,
    } = played;
    let losses: Vec<Losses> = balancer
        .router
        .faults()
        .into_iter()
        .map(|(number, how, faults)| {
            let signalled = instances
                .iter()
                .find(|it| Some(it.place.replica) == number)
                .and_then(|it| it.moments.signalled);
            Losses {
                instance: number,
                how,
                count: faults.count,
                first_ms: millis_between(began, faults.first),
                last_ms: millis_between(began, faults.last),
                first_after_signal_ms: signalled.map(|at| millis_between(at, faults.first)),
            }
        })
        .collect();
    let planned = Planned::of(script);
    let measured: Vec<InstanceMeasured> = instances
        .iter()
        .map(|it| instance(it, &planned, &losses, began, course, &script.expect))
        .collect();
    let mut not_measured = vec![
        "the new instances are the same program: what another version does beside this one is not \
         rehearsed"
            .to_owned(),
    ];
    if measured.iter().all(|it| it.report.is_none()) {
        not_measured.push(
            "steps: no instance left a report; the program does not link the lifecycle runtime, or \
             ended before it could write one"
                .to_owned(),
        );
    }
    let mut whole = RollingMeasured {
        version: VERSION,
        kind: Kind::Rolling,
        passed: false,
        sentence: String::new(),
        service: script.service.clone(),
        platform: script.platform.clone(),
        platform_label: script.platform_label.clone(),
        command: target.subject.words(),
        course,
        expected: script.expect.clone(),
        findings: Vec::new(),
        deploy: Deploy::of(rolling),
        signal: script.signal.name().to_owned(),
        planned,
        seed: load.seed,
        load: LoadSummary::of(load),
        requests: tally.map(|tally| ClientView::of(tally.requests(began))),
        losses,
        took_ms: ended.map(|ended| millis_between(began, ended)),
        instances: measured,
        not_measured,
    };
    whole.sentence = sentence(&whole);
    whole.findings = verdict::findings(&whole, target.start_timeout);
    whole.passed = crate::verdict::passes(&whole.findings);
    whole
}

fn instance(
    it: &Instance,
    planned: &Planned,
    losses: &[Losses],
    began: Instant,
    course: RolloutCourse,
    expected: &Expectations,
) -> InstanceMeasured {
    let moments = &it.moments;
    let from_began = |at| millis_between(began, at);
    let ended = it.ended();
    let status = ended.map(|ended| ended.status);
    let sigkill_needed = needed_kill(moments.killed, it.running.over(), status);
    let exit_ms = moments
        .signalled
        .zip(ended)
        .map(|(signalled, ended)| millis_between(signalled, ended.at));
    let number = it.place.replica;
    let own = losses.iter().filter(|it| it.instance == Some(number));
    let lost = own.map(|it| it.count).sum();
    let held_up = matches!(
        course,
        RolloutCourse::Stuck { instance } | RolloutCourse::Died { instance, .. } if instance == number
    );
    let as_it_should = status.is_none_or(|status| is_expected(status, expected)) && !held_up;
    InstanceMeasured {
        number,
        new: it.new,
        port: it.place.port,
        health_port: Some(it.place.health_port).filter(|port| *port != it.place.port),
        started_ms: from_began(moments.started),
        ready_ms: moments.ready.map(from_began),
        routed_ms: moments.routed.map(from_began),
        asked_ms: moments.asked.map(from_began),
        unrouted_ms: moments.unrouted.map(from_began),
        signalled_ms: moments.signalled.map(from_began),
        killed_ms: moments.killed.map(from_began),
        ended_ms: ended.map(|ended| from_began(ended.at)),
        taken: it.backend.taken.load(std::sync::atomic::Ordering::SeqCst),
        in_flight_at_signal: it.burden.map(|burden| burden.in_flight),
        connections_at_signal: it.burden.map(|burden| burden.connections),
        lapses: it.lapses,
        lost,
        status,
        exit_ms,
        left_ms: exit_ms
            .filter(|_| !sigkill_needed)
            .map(|exit| (planned.signal_to_kill_ms - exit).max(0.0)),
        sigkill_needed,
        left_behind: match ended.is_some() && moments.killed.is_none() {
            true => it.running.left_behind(),
            false => None,
        },
        report: own_report::read(&it.report).ok(),
        output: match as_it_should && moments.ready.is_some() {
            true => Vec::new(),
            false => it.running.last_lines(),
        },
    }
}

impl Deploy {
    fn of(rolling: &Rolling) -> Self {
        let millis = |duration: std::time::Duration| duration.as_secs_f64() * 1_000.0;
        Self {
            replicas: rolling.replicas,
            surge: rolling.surge,
            unavailable: rolling.unavailable,
            waits_for_the_end: rolling.waits_for_the_end,
            balancing: rolling.balancing,
            probe_period_ms: millis(rolling.probe_period),
            probe_failures: rolling.probe_failures,
            min_ready_ms: millis(rolling.min_ready),
            propagation_ms: millis(rolling.propagation),
        }
    }
}

impl Seen {
    fn of(counts: Counts) -> Self {
        Self {
            served: counts.served,
            client_error: counts.client_error,
            refused: counts.refused,
            server_error: counts.server_error,
            // The balancer is always there: a connection that it closes at once is one that an instance
            // refused.
            lost: counts.lost + counts.refused_at_connect,
            lost_unanswered: counts.lost_unanswered,
            not_sent: counts.not_sent,
        }
    }
}

impl ClientView {
    fn of(requests: Requests) -> Self {
        Self {
            before: Seen::of(requests.before),
            during: Seen::of(requests.settling.plus(requests.stopping)),
            after: Seen::of(requests.gone),
            latency_before: requests.latency_before,
            latency_during: requests.latency_after,
            behind_p99_ms: requests.behind_p99_ms,
            last_server_error: requests.last_server_error,
            server_errors_before: requests.server_errors_before_stop,
            ended_early: requests.ended_early,
            lost: requests.lost,
        }
    }
}

/// What clients saw, in a sentence.
fn sentence(measured: &RollingMeasured) -> String {
    let replicas = match measured.deploy.replicas {
        1 => "1 replica".to_owned(),
        many => format!("{many} replicas"),
    };
    let deploy = match measured.course {
        RolloutCourse::Played => format!("a rolling deploy of {replicas}"),
        _ => format!("a rolling deploy of {replicas} that did not come to its end"),
    };
    let Some(all) = measured.requests.as_ref().map(ClientView::all) else {
        return format!("{deploy} was sent no request");
    };
    let mut sentence = format!(
        "{deploy} lost {} of {} requests",
        grouped(all.lost),
        grouped(all.sent())
    );
    let mut beside = Vec::new();
    if all.refused > 0 {
        beside.push(format!("turned {} away with 503", grouped(all.refused)));
    }
    if all.server_error > 0 {
        beside.push(format!(
            "answered {} with a server error",
            grouped(all.server_error)
        ));
    }
    if !beside.is_empty() {
        sentence = format!("{sentence}, and {}", beside.join(" and "));
    }
    if let Some(unknown) = measured.requests.as_ref().and_then(unmeasured) {
        sentence = format!("{sentence}, but {unknown}");
    }
    sentence
}

/// Why the number of lost requests says too little of the deploy.
pub(super) fn unmeasured(seen: &ClientView) -> Option<String> {
    let held_back = seen.all().not_sent;
    if seen.during.sent() == 0 {
        Some("none was sent while it lasted".to_owned())
    } else if seen.ended_early && seen.after.sent() == 0 {
        Some("the load ended before it did".to_owned())
    } else if held_back > 0 {
        Some(format!("{} more could not be sent", grouped(held_back)))
    } else {
        None
    }
}
