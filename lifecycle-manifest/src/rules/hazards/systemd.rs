//! What is known to go wrong under systemd.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["systemd"]),
    hazards: &[
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
    ],
};
