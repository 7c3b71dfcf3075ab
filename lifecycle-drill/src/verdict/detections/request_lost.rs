//! Requests that were accepted and then neither answered nor refused.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::measured::Finding;
use crate::traffic::outcome::Lost;
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, was};
use crate::words::{count, grouped, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "request-lost",
    what: "Requests were accepted, and neither answered nor refused.",
    cause: "The process left, or was killed, while they were under way; or its listener was closed \
            with connections still in the backlog.",
    remedy: "From the signal on, take no new work, end what is under way, and leave then.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    let all = requests.all();
    let idle_closes = seen.idle_closes();
    let lost = all.lost.saturating_sub(idle_closes);
    if lost == 0 {
        return None;
    }
    let mut message = format!(
        "{} of {} {} lost: accepted, and neither answered nor refused",
        grouped(lost),
        count(all.sent(), "request"),
        was(lost)
    );
    let wheres: Vec<_> = seen
        .phases()
        .filter(|(counts, _)| counts.lost > 0)
        .map(|(counts, when)| format!("{} sent {when}", grouped(counts.lost)))
        .collect();
    if lost == all.lost {
        let _infallible = write!(message, " ({})", wheres.join(", "));
    }
    // Those are told by a finding of their own.
    let told = |how: Lost| idle_closes == 0 || how != Lost::IdleClose;
    let first = requests.lost.iter().find(|lost| told(lost.how));
    if let Some(first) = first {
        let _infallible = write!(
            message,
            "; the first, {}, was sent at {} and {} at {}",
            first.request,
            moment(first.sent_ms),
            first.how.words(),
            moment(first.ended_ms)
        );
    }
    let at = first.map(|first| first.ended_ms);
    let cause = cause(seen);
    if all.lost <= seen.expected().lost {
        return DETECTION.warning(at, message, cause);
    }
    DETECTION.failure(at, message, cause)
}

fn cause(seen: &Evidence<'_>) -> Cow<'static, str> {
    let taken = seen.taken_by_the_end().len();
    let listed = seen.requests().map_or(0, |requests| requests.lost.len());
    let before = |asked: f64| {
        seen.requests().is_some_and(|requests| {
            requests.after().lost == 0 && requests.lost.iter().all(|lost| lost.ended_ms < asked)
        })
    };
    if seen.measured.timeline.asked_ms.is_none_or(before) {
        return "they were lost before any stop was asked: the service loses them under this load"
            .into();
    }
    if seen.measured.process.sigkill_needed && taken > 0 {
        return "the process did not end by itself, and SIGKILL took the requests in flight with it"
            .into();
    }
    if seen.has_launcher() && seen.left_behind() {
        return "the program was not told to stop, and was killed with them under way: it outlived the \
                first process"
            .into();
    }
    if seen.measured.timeline.ended_ms.is_some() && taken > 0 {
        if seen.under_way_at_the_end().is_empty() {
            return "they came in the instant in which the process left: either it did not wait for \
                    them, or they met connections that it was closing, or its backlog"
                .into();
        }
        let who = if taken == listed {
            "they"
        } else {
            "most of them"
        };
        return format!("{who} were under way when the process left: it did not wait for them")
            .into();
    }
    if let Some(closed) = seen.measured.listener_closed_ms
        && let Some(first) = seen.requests().and_then(|requests| requests.lost.first())
        && (first.ended_ms - closed).abs() < 20.0
    {
        return "they were lost as the listener closed: connections that the system had taken for it \
                waited in its backlog, and were reset; accept them until none is left"
            .into();
    }
    let first = seen.requests().and_then(|requests| requests.lost.first());
    if first.is_some_and(|first| seen.is_near_the_end(first.ended_ms)) {
        return "they were lost shortly before the process was gone: either it left with them under way, or \
                it closed their connections before it left"
            .into();
    }
    "the process lived on: their handlers were cancelled or their connections closed, or the \
     listener closed with connections still in the backlog"
        .into()
}
