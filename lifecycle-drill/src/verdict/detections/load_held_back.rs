//! The load was not sent in full.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::count;

pub(super) static DETECTION: Detection = Detection {
    name: "load-held-back",
    what: "Not all of the load was sent: the drill ran into its own bounds.",
    cause: "The service answers too slowly for this rate, the drill is too long for it, or this machine \
            is out of ports.",
    remedy: "Ask for a lower rate.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    let requests = seen.requests()?;
    let sent = requests.all().sent();
    held_back(requests.all().not_sent)
        .or_else(|| ended_early(sent, "routing did").filter(|_| requests.ended_early))
}

/// So many were not sent.
pub(crate) fn held_back(not_sent: u64) -> Option<Finding> {
    (not_sent > 0).then_some(())?;
    DETECTION.warning(
        None,
        format!(
            "{} not sent: the drill ran into its own bounds",
            count(not_sent, "request")
        ),
        "the service answers too slowly for this rate, or this machine is out of ports",
    )
}

/// The load was over before something else was.
pub(crate) fn ended_early(sent: u64, before: &str) -> Option<Finding> {
    DETECTION.warning(
        None,
        format!(
            "the load ended after {}, before {before}",
            count(sent, "request")
        ),
        "the rate and the length of the drill ask for more requests than it may send",
    )
}
