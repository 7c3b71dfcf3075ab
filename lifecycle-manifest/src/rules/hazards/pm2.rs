//! What is known to go wrong under PM2.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["pm2"]),
    hazards: &[
        found(
            "P-01",
            "The program and a margin need more than `kill_timeout`, or than its default of 1.6 seconds.",
            &["grace-too-short", "no-drain-time", "grace-drift"],
        ),
        found(
            "P-02",
            "A `kill_timeout` is written in seconds, and PM2 reads milliseconds.",
            &["grace-in-wrong-unit", "deployed-kill-timeout-in-seconds"],
        ),
        found(
            "P-03",
            "A `kill_timeout` of 0 is taken for none, and the default holds.",
            &["grace-of-nothing", "deployed-grace-of-nothing"],
        ),
        partly(
            "P-04",
            "The program handles SIGTERM alone, and PM2 sends SIGINT or a message.",
            &[
                "signal-not-handled",
                "signal-drift",
                "message-without-listener",
                "deployed-message-without-listener",
            ],
            "Which signals a program without this runtime answers is in its code.",
        ),
        found(
            "P-05",
            "The container around PM2 is killed before PM2 has stopped its programs.",
            &["outer-grace-too-short"],
        ),
        found(
            "P-06",
            "A reload stops the old process before the new one is ready.",
            &["listen-timeout-below-start"],
        ),
        found(
            "P-07",
            "A program that drains its children itself is signalled together with them.",
            &["children-signalled-too"],
        ),
    ],
};
