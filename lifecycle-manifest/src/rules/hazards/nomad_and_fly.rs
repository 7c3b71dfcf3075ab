//! What is known to go wrong on Nomad and on Fly.io.

use super::{Hazard, found, partly};

pub(super) static ALL: &[Hazard] = &[
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
        &["rounded-up", "grace-drift"],
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
];
