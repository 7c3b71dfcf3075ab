//! What is known to go wrong everywhere.

use super::Place::Elsewhere;
use super::{Group, found, not_found, partly};

pub(super) static GROUP: Group = Group {
    place: Elsewhere("Everywhere"),
    hazards: &[
        found(
            "X-01",
            "The server's keep-alive is no longer than the idle timeout of the balancer in front.",
            &["keep-alive-below-balancer"],
        ),
        not_found(
            "X-02",
            "Connections that are kept open outlive the listener, because nobody asks the client to close them.",
            "What a server sends while it drains is in its code; the runtime's sends `Connection: close` and GOAWAY.",
        ),
        found(
            "X-03",
            "An inner timeout is longer than the one around it.",
            &[
                "grace-too-short",
                "hook-outlives-grace",
                "above-platform-cap",
                "longest-request-outlives-drain",
                "longest-job-outlives-drain",
                "supervisor-leaves-first",
            ],
        ),
        found(
            "X-04",
            "A number is rounded the wrong way, negative, or zero where zero means something else.",
            &[
                "rounded-up",
                "bad-duration",
                "out-of-range",
                "grace-of-nothing",
            ],
        ),
        found(
            "X-05",
            "A number is meant in another unit than it is read in.",
            &["bad-duration", "unknown-key"],
        ),
        partly(
            "X-06",
            "The platform sends another signal than the program waits for.",
            &["signal-not-handled", "signal-drift"],
            "Which signals a program without this runtime answers is in its code.",
        ),
        partly(
            "X-07",
            "Steps run in the wrong order: what is still used is closed, what is still written to is flushed.",
            &[
                "step-closed-before-its-user",
                "dependency-cycle",
                "flushed-before-drained",
            ],
            "By the order of phases telemetry is flushed before clients are closed: what closing them records is not looked at.",
        ),
        not_found(
            "X-08",
            "A second signal breaks off a shutdown half done.",
            "What a program does at a second signal is in its code; the runtime takes it once, and by rule.",
        ),
        found(
            "X-09",
            "Of several deadlines from outside the shortest decides, and the plan knows another one only.",
            &["node-leaves-first", "spot-notice-too-short"],
        ),
        partly(
            "X-10",
            "The program is not the first process of its container, and never gets the signal.",
            &["shell-swallows-signal"],
            "The image's own entry point is not read: only a command in a deployed file is.",
        ),
    ],
};
