//! What is known to go wrong on Cloud Run.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["cloud_run"]),
    hazards: &[
        found(
            "C-01",
            "The program and a margin need more than the ten seconds that every instance has.",
            &["above-platform-cap"],
        ),
        found(
            "C-02",
            "A single step's timeout is as long as the ten seconds.",
            &["above-platform-cap"],
        ),
        partly(
            "C-03",
            "A request may take longer than an instance has left once it is told to go.",
            &[
                "request-timeout-outlives-drain",
                "longest-request-outlives-drain",
            ],
            "A `request_timeout` that is not written is not held against the plan.",
        ),
        found(
            "C-04",
            "A sidecar that the program needs while it stops is told to stop together with it.",
            &["sidecar-leaves-first", "sidecar-outlives-grace"],
        ),
        found(
            "C-05",
            "A grace period is written, and there is no such field.",
            &["grace-not-settable", "deployed-grace-not-settable"],
        ),
        found(
            "C-06",
            "A job of a queue takes longer than the ten seconds.",
            &["longest-job-outlives-drain", "above-platform-cap"],
        ),
        partly(
            "C-07",
            "A job's task is ended by its timeout, or held for a live migration and let go on.",
            &["ended-by-platform-first"],
            "What a program does at SIGTSTP and SIGCONT is in its code.",
        ),
    ],
};
