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
    let held_back = requests.all().not_sent;
    if held_back > 0 {
        return DETECTION.warning(
            None,
            format!(
                "{} not sent: the drill ran into its own bounds",
                count(held_back, "request")
            ),
            "the service answers too slowly for this rate, or this machine is out of ports",
        );
    }
    requests.ended_early.then_some(())?;
    DETECTION.warning(
        None,
        format!(
            "the load ended after {}, before routing did",
            count(requests.all().sent(), "request")
        ),
        "the rate and the length of the drill ask for more requests than it may send",
    )
}
