//! The listener is closed while readiness still says yes, or so that it can say nothing.

use crate::measured::Finding;
use crate::probe::Flip;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::moment;

pub(super) static DETECTION: Detection = Detection {
    name: "listener-closed-before-readiness",
    what: "The listener was closed before readiness had said no, while routing still sent requests.",
    cause: "The server is closed as the first thing at the signal. Routing only learns from probes that \
            find nobody, and every request until then is refused.",
    remedy: "At the signal, let readiness answer 503 first; close the listener when routing has noticed.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let closed = seen.listener_closed_while_alive()?;
    let readiness = seen.measured.readiness.as_ref()?;
    let routing = seen.measured.timeline.routing_ended_ms?;
    if closed >= routing || readiness.flip == Flip::AlreadyDown {
        return None;
    }
    let fell = match readiness.flip {
        Flip::Flipped { at_ms } => Some(at_ms),
        _ => None,
    };
    let said_no = seen.readiness_said_no();
    let then = match fell {
        // It had said no by itself in time, or between two looks: nobody asked it in between.
        Some(at) if said_no && readiness.last_yes_ms.unwrap_or(at) <= closed => return None,
        Some(at) if said_no => format!("readiness said no at {} only", moment(at)),
        Some(at) => format!(
            "readiness never said no: from {} on its probe found nobody",
            moment(at)
        ),
        None => "readiness never said no".to_owned(),
    };
    DETECTION.failure(
        Some(closed),
        format!(
            "the listener was closed at {}, {} before routing ended; {then}",
            moment(closed),
            crate::words::span(routing - closed)
        ),
        "the server is closed as the first thing at the signal; let readiness answer 503 first, and \
         close the listener once routing has noticed",
    )
}
