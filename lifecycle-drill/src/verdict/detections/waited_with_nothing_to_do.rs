//! The process stays on with nothing to do.

use crate::measured::Finding;
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, idle_in_words};
use crate::words::{moment, span};

/// Waiting for less than this, in milliseconds, is nothing to speak of.
const SHORT: f64 = 1_000.0;

pub(super) static DETECTION: Detection = Detection {
    name: "waited-with-nothing-to-do",
    what: "The process stayed for more than a second after the last request had ended and routing had \
           noticed, and says nothing of what it did. Every deployment takes longer by as much.",
    cause: "A fixed sleep, a limit that is waited out, or work that the drill cannot see.",
    remedy: "Leave when everything is done, and let limits be limits.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    // With a report, its steps say what the time went into; told by its let-go, so does that.
    if seen.measured.report.is_some() || seen.left_when_let_go().is_some() || seen.has_launcher() {
        return None;
    }
    let (quiet, left) = (seen.quiet_from()?, seen.left_ms()?);
    let waited = left - quiet;
    if waited < SHORT {
        return None;
    }
    let idle = seen.idle_to_the_end();
    let cause = if idle.is_empty() {
        "a fixed sleep, or a limit that is waited out; or it did work that the drill cannot see: the \
         server had closed every connection before"
            .to_owned()
    } else {
        format!(
            "either it waits for idle connections until a limit, {} of the drill's being open to the \
             end, or it sleeps for a fixed time, or it did work that the drill cannot see",
            idle_in_words(&idle)
        )
    };
    DETECTION.warning(
        Some(quiet),
        format!(
            "nothing was under way from {} on, and the process left {} later, at {}",
            moment(quiet),
            span(waited),
            moment(left)
        ),
        cause,
    )
}
