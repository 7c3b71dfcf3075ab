//! What is known to go wrong on Azure Container Apps.

use super::Place::On;
use super::{Group, found};

pub(super) static GROUP: Group = Group {
    place: On(&["azure_container_apps"]),
    hazards: &[
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
    ],
};
