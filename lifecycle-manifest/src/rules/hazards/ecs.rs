//! What is known to go wrong on Amazon ECS.

use super::Place::On;
use super::{Group, found, not_found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["ecs"]),
    hazards: &[
        found(
            "E-01",
            "The stop timeout is above Fargate's limit, no whole number, or shorter than the program needs.",
            &[
                "value-above-cap",
                "above-platform-cap",
                "grace-too-short",
                "rounded-up",
                "deployed-value-refused",
            ],
        ),
        found(
            "E-02",
            "Containers that depend on one another stop one after another, longer than the Spot notice.",
            &["spot-notice-too-short", "stop-chain-outlives-spot"],
        ),
        found(
            "E-03",
            "The stop timeout is not written while the program needs more than the default, or it is 0.",
            &[
                "grace-too-short",
                "grace-of-nothing",
                "deployed-grace-of-nothing",
            ],
        ),
        found(
            "E-04",
            "The deregistration delay is left at five minutes before short requests.",
            &["default-deregistration-delay"],
        ),
        found(
            "E-05",
            "A request may last longer than the deregistration delay.",
            &["longest-request-outlives-drain"],
        ),
        partly(
            "E-06",
            "On Spot, deregistration and stop together need more than the notice.",
            &["spot-notice-too-short", "stop-chain-outlives-spot"],
            "Of a manifest it is what the plan needs, of deployed files the stop times without the delay before them.",
        ),
        found(
            "E-07",
            "The server closes idle connections before the balancer does.",
            &["keep-alive-below-balancer"],
        ),
        found(
            "E-08",
            "The program waits for routing although ECS has drained the target before the signal.",
            &["settle-paid-twice"],
        ),
        found(
            "E-09",
            "On EC2 no stop timeout is written, so that each host's agent decides.",
            &["agent-decides-grace", "stop-timeout-left-to-host"],
        ),
        not_found(
            "E-10",
            "The stop signal that is planned for is not the one that the image names.",
            "The image is not read, and a manifest sets no signal on ECS; the runtime answers SIGTERM and SIGINT alike.",
        ),
    ],
};
