//! The process waits for connections on which nothing happens.

use crate::idle::Kind;
use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::{count, moment};

pub(super) static DETECTION: Detection = Detection {
    name: "held-by-idle-connections",
    what: "The process left in the moment in which the drill let go of connections that it had held \
           idle, shortly before SIGKILL. Clients that keep theirs would have had it killed.",
    cause: "The shutdown waits until every connection is closed, those included on which nothing \
            happens: kept-alive ones between two requests, or silent ones that were opened ahead of \
            need.",
    remedy: "Close idle connections when the requests in flight are done, and give the rest a limit. In \
             Node: `server.closeIdleConnections()`, later `server.closeAllConnections()`.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let (kind, at, how_many) = seen.left_when_let_go()?;
    if seen.busy_until().is_some_and(|busy| busy > at) {
        return None;
    }
    let left = seen.left_ms()?;
    let kill = seen.measured.planned.signal_to_kill_ms;
    let (what, which) = match kind {
        Kind::KeptAlive => (
            "idle kept-alive connection",
            "kept-alive connections between two requests",
        ),
        Kind::Silent => (
            "silent connection",
            "connections on which nothing was ever sent",
        ),
    };
    let quiet = match seen.quiet_from() {
        Some(quiet) => format!(", with nothing under way from {} on", moment(quiet)),
        None => String::new(),
    };
    DETECTION.failure(
        Some(at),
        format!(
            "the process stayed{quiet}, and left at {} when the drill let go of the {} that it held; \
             SIGKILL was due at {}",
            moment(left),
            count(how_many as u64, what),
            moment(kill)
        ),
        format!(
            "the shutdown waits for {which}, for as long as clients hold them; close idle connections \
             when the requests in flight are done"
        ),
    )
}
