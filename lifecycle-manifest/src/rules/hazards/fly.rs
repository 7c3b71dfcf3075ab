//! What is known to go wrong on Fly.io.

use super::Place::On;
use super::{Group, found};

pub(super) static GROUP: Group = Group {
    place: On(&["fly"]),
    hazards: &[
        found(
            "F-01",
            "A `kill_timeout` is above the five minutes that Fly.io takes.",
            &["value-above-cap", "above-platform-cap"],
        ),
        found(
            "F-02",
            "The program and a margin need more than `kill_timeout`, or than its default of five seconds.",
            &["grace-too-short", "no-drain-time", "grace-drift"],
        ),
        found(
            "F-03",
            "No `kill_signal` is written, and the documentation names two defaults.",
            &["stop-signal-left-to-platform", "signal-drift"],
        ),
        found(
            "F-04",
            "The `kill_signal` is one that no program can take.",
            &["signal-not-handled", "deployed-signal-kills"],
        ),
        found(
            "F-05",
            "A key of the shutdown stands below a section of `fly.toml`, where nobody reads it.",
            &["kill-keys-misplaced"],
        ),
        found(
            "F-06",
            "A piece of work takes longer than the five minutes there are at most.",
            &["longest-job-outlives-drain", "above-platform-cap"],
        ),
        found(
            "F-07",
            "The end of a window that is best effort is planned for.",
            &["margin-too-thin"],
        ),
    ],
};
