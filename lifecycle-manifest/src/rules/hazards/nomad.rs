//! What is known to go wrong on Nomad.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["nomad"]),
    hazards: &[
        found(
            "N-01",
            "The program and a margin need more than the task's `kill_timeout`.",
            &["grace-too-short", "no-drain-time", "grace-drift"],
        ),
        partly(
            "N-02",
            "A client cuts a `kill_timeout` to its own limit, and says so nowhere but in an event.",
            &["value-above-cap", "above-platform-cap"],
            "What a client is configured with stands in no job file: a manifest says it, or its default holds.",
        ),
        found(
            "N-03",
            "A service is registered, and nothing waits between its deregistration and the signal.",
            &["settle-unpaid", "outside-drift"],
        ),
        partly(
            "N-04",
            "A `kill_timeout` is longer than the deployment's `progress_deadline`, and Nomad refuses the job.",
            &["grace-outlives-progress-deadline"],
            "A job file by itself is not compared: Nomad refuses it when it is submitted.",
        ),
        found(
            "N-05",
            "A driver without containers sends SIGINT, and the program handles only SIGTERM.",
            &["signal-not-handled", "signal-drift"],
        ),
        found(
            "N-06",
            "The Docker driver drops fractions of a second where no signal is written.",
            &["rounded-up", "grace-drift", "deployed-grace-of-nothing"],
        ),
        found(
            "N-07",
            "The leader of a group is stopped alone and first, and the others wait for it.",
            &["leader-stops-first"],
        ),
        found(
            "N-08",
            "The delays and the windows are together longer than a drained node waits.",
            &["drained-before-stopped"],
        ),
        partly(
            "N-09",
            "A task that is restarted in its place does not wait for its `shutdown_delay`.",
            &["restart-skips-drain-delay"],
            "Restarts that somebody asks for by hand are not in any file.",
        ),
    ],
};
