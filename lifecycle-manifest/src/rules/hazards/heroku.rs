//! What is known to go wrong on Heroku.

use super::Place::On;
use super::{Group, found, not_found};

pub(super) static GROUP: Group = Group {
    place: On(&["heroku"]),
    hazards: &[
        found(
            "H-01",
            "The program and a margin need more than the thirty seconds that every dyno has.",
            &["above-platform-cap"],
        ),
        found(
            "H-02",
            "A program that drains its children itself is signalled together with them.",
            &["children-signalled-too"],
        ),
        not_found(
            "H-03",
            "The signal comes more than once, and the second one breaks the shutdown off.",
            "What a program does at a second signal is in its code; the runtime takes it once, and by rule.",
        ),
        found(
            "H-04",
            "A grace period is written, and there is nothing to set.",
            &["grace-not-settable"],
        ),
    ],
};
