//! What is known to go wrong under Docker and Compose.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["docker", "compose"]),
    hazards: &[
        found(
            "D-01",
            "The program and a margin need more than the grace period in whole seconds.",
            &["grace-too-short", "no-drain-time", "grace-drift"],
        ),
        found(
            "D-02",
            "A grace period has a fraction of a second, and Compose cuts it off.",
            &[
                "rounded-up",
                "deployed-grace-cut",
                "deployed-grace-of-nothing",
            ],
        ),
        found(
            "D-03",
            "No grace period is written, and the program needs more than the engine's ten seconds.",
            &["grace-too-short", "grace-drift"],
        ),
        found(
            "D-04",
            "A hook of Compose has no timeout, and the stop waits for it without end.",
            &["hook-never-ends", "deployed-hook-never-ends"],
        ),
        partly(
            "D-05",
            "A shell or a wrapper is the first process, and keeps the signal to itself.",
            &["shell-swallows-signal"],
            "The image's own entry point is not read: only a command in a deployed file is.",
        ),
        found(
            "D-06",
            "The program takes one signal as a stop, and another one is sent.",
            &["signal-not-handled", "signal-drift"],
        ),
        partly(
            "D-07",
            "A service that the program calls while it stops is stopped before it.",
            &["stopped-before-its-user"],
            "Without a manifest that names it, only a service whose name stands in the environment is known to be called.",
        ),
        partly(
            "D-08",
            "What stands around the stop, such as a systemd unit or a job of CI, does not wait for it.",
            &["supervisor-leaves-first", "never-killed"],
            "What the services that stop after this one need is their own manifests' to say.",
        ),
    ],
};
