//! What is known to go wrong on Cloud Run, on Heroku and on Azure Container Apps.

use super::{Hazard, found, not_found, partly};

pub(super) static ALL: &[Hazard] = &[
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
    found(
        "C-03",
        "A request may take longer than an instance has left once it is told to go.",
        &[
            "request-timeout-outlives-drain",
            "longest-request-outlives-drain",
        ],
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
    found(
        "A-01",
        "The settle time, the program and a margin need more than the grace period.",
        &["grace-too-short", "no-drain-time", "grace-drift"],
    ),
    found(
        "A-02",
        "No grace period is written, and the sum needs more than the default of thirty seconds.",
        &["grace-too-short"],
    ),
    found(
        "A-03",
        "A grace period is longer than any that the platform is known to keep.",
        &["grace-longer-than-known"],
    ),
    found(
        "A-04",
        "The grace period of the environment's ingress is taken for the app's.",
        &["ingress-grace-not-the-apps"],
    ),
    found(
        "A-05",
        "A grace period is changed by hand, beside the file that makes the next revision.",
        &["grace-drift"],
    ),
    found(
        "A-06",
        "A request or a stream says nothing for longer than the ingress waits.",
        &["ended-by-platform-first"],
    ),
];
