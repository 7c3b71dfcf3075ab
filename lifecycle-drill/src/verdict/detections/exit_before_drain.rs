//! The process leaves while requests are under way.

use crate::measured::Finding;
use crate::target::process::Status;
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, oldest};
use crate::words::{count, moment, span};

/// Leaving sooner than this, in milliseconds, is not waiting.
const AT_ONCE: f64 = 250.0;

pub(super) static DETECTION: Detection = Detection {
    name: "exit-before-drain",
    what: "The process left by itself while requests that it had accepted were under way.",
    cause: "It leaves at the signal without waiting for them, or the limit of its drain is shorter than \
            they take.",
    remedy: "Wait for the requests in flight before leaving, for as long as the longest of them may \
             take.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    // Ended by a signal, it did not leave: it was taken away.
    let Some(Status::Code(_)) = seen.left_with() else {
        return None;
    };
    if seen.has_launcher() {
        return None;
    }
    let taken = seen.under_way_at_the_end();
    let left = seen.left_ms()?;
    let oldest = oldest(&taken, left)?;
    let requests = seen.requests()?;
    // Only the first of many are listed.
    let at_least = match requests.all().lost > requests.lost.len() as u64 {
        true => "at least ",
        false => "",
    };
    DETECTION.failure(
        Some(left),
        format!(
            "the process left at {} with {at_least}{} under way; the oldest is {oldest}",
            moment(left),
            count(taken.len() as u64, "request")
        ),
        if left < AT_ONCE {
            "it leaves at the signal, and does not wait for the requests in flight".to_owned()
        } else {
            format!(
                "either its drain has a limit, of about {}, that is shorter than its requests take, \
                 or it sleeps for a fixed time and leaves then, without looking at what is in flight",
                span(left)
            )
        },
    )
}
