//! What is known to go wrong on Kubernetes.

use super::Place::On;
use super::{Group, found, partly};

pub(super) static GROUP: Group = Group {
    place: On(&["kubernetes"]),
    hazards: &[
        found(
            "K-01",
            "The preStop hook, the program and a margin together need more than the grace period.",
            &["grace-too-short", "no-drain-time"],
        ),
        found(
            "K-02",
            "A preStop sleep takes the whole grace period, or more.",
            &[
                "hook-takes-whole-grace",
                "hook-outlives-grace",
                "deployed-hook-outlives-grace",
            ],
        ),
        found(
            "K-03",
            "A probe's own grace period is below a second, or stands at the readiness probe.",
            &["out-of-range", "probe-grace-misplaced"],
        ),
        found(
            "K-04",
            "The grace period is nothing, one second, negative or no whole number.",
            &[
                "grace-of-nothing",
                "rounded-up",
                "bad-duration",
                "deployed-grace-of-nothing",
                "deployed-value-refused",
            ],
        ),
        found(
            "K-05",
            "Requests are routed to the pod, and nobody waits until routing has noticed that it leaves.",
            &["settle-unpaid", "deployed-without-drain-delay"],
        ),
        found(
            "K-06",
            "The hook runs a shell's tool in an image that has no shell.",
            &["exec-hook-needs-shell", "deployed-hook-needs-shell"],
        ),
        found(
            "K-07",
            "Native sidecars stop one after another in what the program has left of the grace period.",
            &["grace-too-short"],
        ),
        partly(
            "K-08",
            "A stop signal is set that the cluster does not send.",
            &["stop-signal-not-sent"],
            "A manifest cannot set a stop signal; it is looked for in deployed files.",
        ),
        partly(
            "K-09",
            "The grace period is longer than an autoscaler or a Spot notice waits.",
            &["node-leaves-first", "spot-notice-too-short"],
            "Against a Spot notice only what the plan needs is held, and not a grace period that nobody uses up.",
        ),
        partly(
            "K-10",
            "The grace period is longer than a node's own shutdown waits.",
            &["node-leaves-first"],
            "The kubelet's configuration is not in the manifest: only what `limits.node_shutdown` says of it is compared, and that it is unset is not noticed.",
        ),
        found(
            "K-11",
            "A program that hangs keeps a long grace period, or has more of it than one that works.",
            &["liveness-waits-whole-grace", "hung-program-holds-grace"],
        ),
        partly(
            "K-12",
            "On some patch releases an exec readiness probe stays at its last value while the pod ends.",
            &["readiness-freezes"],
            "A manifest names a minor release, not the patch; what is generated asks by HTTP, so it is looked for in deployed files.",
        ),
        partly(
            "K-13",
            "A Service sends client traffic to pods that are not ready, so also to those that leave.",
            &["traffic-to-leaving-pods"],
            "What is generated never says so; it is looked for in deployed files.",
        ),
        found(
            "K-14",
            "A mesh's proxy that is no native sidecar leaves before the program, or waits longer than the pod may.",
            &["mesh-leaves-first", "sidecar-leaves-first"],
        ),
        found(
            "K-15",
            "A balancer that targets pods directly follows too late, keeps the pod longer than it lives, or cuts a long request.",
            &[
                "drain-outlived-by-load-balancer",
                "longest-request-outlives-drain",
            ],
        ),
        partly(
            "K-16",
            "A Job's replacement starts while the old pod still shuts down, and both write.",
            &["exclusive-held-twice", "job-drift"],
            "Only a manifest can say that a resource has one writer, with `exclusive`.",
        ),
        found(
            "K-17",
            "A rollout may neither take a pod away nor add one.",
            &["rollout-takes-all-pods"],
        ),
        partly(
            "K-18",
            "A rollout's progress deadline is shorter than a batch takes to stop and to start.",
            &["progress-deadline-too-short"],
            "Where `rollout.start_time` does not say how long the program takes to start, a rollout is reckoned without it.",
        ),
    ],
};
