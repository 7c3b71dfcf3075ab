//! Requests turned away while routing still sent them.

use std::borrow::Cow;

use crate::measured::Finding;
use crate::traffic::tally::Counts;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, grouped, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "request-refused",
    what: "Requests were refused, with 503 or at the connection, while routing still sent them. Users \
           notice unless something retries.",
    cause: "The process takes no more requests, or is gone, before routing has noticed that it leaves: \
            nobody pays the settle time.",
    remedy: "Keep serving until routing has noticed: a `preStop` sleep, or a delay in the program in \
             which readiness is down and everything is still served.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    let (all, after) = (requests.all(), requests.after());
    let refused = |counts: &Counts| counts.refused + counts.refused_at_connect;
    if refused(&all) == 0 {
        return None;
    }
    let wheres: Vec<_> = seen
        .phases()
        .filter(|(counts, _)| refused(counts) > 0)
        .map(|(counts, when)| format!("{} sent {when}", grouped(refused(&counts))))
        .collect();
    let message = format!(
        "{} refused ({} with 503, {} at the connection) while routing still sent them: {}",
        count(refused(&all), "request"),
        grouped(all.refused),
        grouped(all.refused_at_connect),
        wheres.join(", ")
    );
    let at = (refused(&after) > 0)
        .then(|| {
            seen.first_from_the_stop(|slice| slice.refused + slice.refused_at_connect > 0)
                .or(seen.measured.timeline.asked_ms)
        })
        .flatten();
    let cause = cause(
        seen,
        &requests.stopping,
        &requests.gone,
        refused(&after) == 0,
    );
    match seen.expected().refused {
        Some(most) if refused(&after) > most => {
            DETECTION.failure(at, format!("{message}; {most} are expected at most"), cause)
        }
        _ => DETECTION.warning(at, message, cause),
    }
}

fn cause(
    seen: &Evidence<'_>,
    stopping: &Counts,
    gone: &Counts,
    only_before: bool,
) -> Cow<'static, str> {
    if only_before {
        return "the service cannot take this load; no stop was asked yet".into();
    }
    let ended = seen.measured.timeline.routing_ended_ms;
    let routing = ended.map(moment).unwrap_or_default();
    let before_routing = |at: f64| ended.is_some_and(|ended| at < ended);
    if gone.refused_at_connect > 0 && seen.has_launcher() && seen.left_behind() {
        return "the program outlived the first process and was killed, while routing still sent requests"
            .into();
    }
    if let (true, Some(left)) = (
        gone.refused_at_connect > 0,
        seen.left_ms().filter(|at| before_routing(*at)),
    ) {
        return format!(
            "the process was gone at {}, and routing went on until {routing}; a longer settle time \
             covers it",
            moment(left)
        )
        .into();
    }
    if let (true, Some(closed)) = (
        stopping.refused_at_connect > 0,
        seen.measured
            .listener_closed_ms
            .filter(|at| before_routing(*at)),
    ) {
        return format!(
            "the listener was closed at {}, and routing went on until {routing}; a longer settle \
             time covers it",
            moment(closed)
        )
        .into();
    }
    "the process stops taking requests before routing has noticed that it leaves; a longer settle \
     time covers it"
        .into()
}
