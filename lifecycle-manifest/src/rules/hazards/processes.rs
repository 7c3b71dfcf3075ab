//! What is known to go wrong under systemd and under PM2.

use super::{Hazard, found, partly};

pub(super) static ALL: &[Hazard] = &[
    found(
        "S-01",
        "The program and a margin need more than `TimeoutStopSec=`.",
        &["grace-too-short", "no-drain-time", "grace-drift"],
    ),
    found(
        "S-02",
        "`TimeoutStopSec=0` is written for no time, and systemd takes it for no limit.",
        &["grace-without-end", "deployed-stop-without-end"],
    ),
    found(
        "S-03",
        "`KillMode=` is `process` or `none`, and children of the program live on.",
        &["children-left-behind", "deployed-children-left-behind"],
    ),
    found(
        "S-04",
        "A program that drains its children itself is signalled together with them.",
        &["children-signalled-too", "unit-drift"],
    ),
    found(
        "S-05",
        "An `ExecStop=` drains the program, on a clock of its own that the plan does not know.",
        &["exec-stop-cut-off", "outside-drift"],
    ),
    partly(
        "S-06",
        "`SendSIGKILL=no` leaves what hangs for ever.",
        &["deployed-stop-without-end"],
        "A manifest cannot say so; it is looked for in deployed files.",
    ),
    partly(
        "S-07",
        "A unit leaves `TimeoutStopSec=` to its host, and distributions differ in their default.",
        &["stop-timeout-left-to-host"],
        "What is generated always says it; it is looked for in deployed files.",
    ),
    found(
        "S-08",
        "The program asks for more time, and the unit does not hear it: its `Type=` is not `notify`.",
        &["unit-drift"],
    ),
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
];
