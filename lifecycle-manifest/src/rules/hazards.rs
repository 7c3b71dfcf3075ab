//! What is known to go wrong, and which rule finds it; or why none does.
//!
//! The list is the platforms' own: each way in which a stop is known to fail on one of them, everywhere,
//! or at a queue. A test holds it complete: nothing is left out without a reason.

mod hosted;
mod nomad_and_fly;
mod processes;

use std::fmt::Write as _;

/// One way in which a stop is known to fail.
#[derive(Debug, Clone, Copy)]
pub struct Hazard {
    /// Its number, after the letter of its family.
    pub id: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// The rules that find it, by name.
    pub rules: &'static [&'static str],
    /// What of it no rule finds, and why; empty where all of it is found.
    pub unchecked: &'static str,
}

const fn found(id: &'static str, what: &'static str, rules: &'static [&'static str]) -> Hazard {
    Hazard {
        id,
        what,
        rules,
        unchecked: "",
    }
}

const fn partly(
    id: &'static str,
    what: &'static str,
    rules: &'static [&'static str],
    unchecked: &'static str,
) -> Hazard {
    Hazard {
        id,
        what,
        rules,
        unchecked,
    }
}

const fn not_found(id: &'static str, what: &'static str, why: &'static str) -> Hazard {
    partly(id, what, &[], why)
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Hazard> {
    let platforms = [nomad_and_fly::ALL, processes::ALL, hosted::ALL];
    ALL.iter().chain(platforms.into_iter().flatten())
}

/// Those of Kubernetes, ECS, Docker and Compose, of everywhere, and of queues.
static ALL: &[Hazard] = &[
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
    found(
        "K-09",
        "The grace period is longer than an autoscaler or a Spot notice waits.",
        &["node-leaves-first", "spot-notice-too-short"],
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
    found(
        "E-06",
        "On Spot, deregistration and stop together need more than the notice.",
        &["spot-notice-too-short", "stop-chain-outlives-spot"],
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
    found(
        "Q-01",
        "A job takes longer than its consumer has to finish it.",
        &["longest-job-outlives-drain"],
    ),
    found(
        "Q-02",
        "A job takes longer than its lease, and nobody renews it.",
        &["lease-expires-at-work"],
    ),
    found(
        "Q-03",
        "A long poll waits while the drain's time runs.",
        &["poll-outlives-drain"],
    ),
    not_found(
        "Q-04",
        "A Kafka client closes with a timeout as long as what is left of the grace period.",
        "The client's own timeout is an argument in the program; its step's timeout bounds it here.",
    ),
    not_found(
        "Q-05",
        "A BullMQ worker is closed without any bound.",
        "The bound is a line of the program; its step's timeout is one here.",
    ),
    found(
        "Q-06",
        "More jobs are claimed at once than can be finished.",
        &["prefetch-outlives-drain"],
    ),
    found(
        "Q-07",
        "A lease ends during the drain, and the job is done twice.",
        &["lease-expires-at-work"],
    ),
];

/// Where a hazard belongs, for headings.
fn family(id: &str) -> &'static str {
    match id.as_bytes().first() {
        Some(b'K') => "Kubernetes",
        Some(b'E') => "Amazon ECS",
        Some(b'D') => "Docker and Compose",
        Some(b'Q') => "Queues",
        Some(b'N') => "Nomad",
        Some(b'F') => "Fly.io",
        Some(b'S') => "systemd",
        Some(b'P') => "PM2",
        Some(b'C') => "Cloud Run",
        Some(b'H') => "Heroku",
        Some(b'A') => "Azure Container Apps",
        _ => "Everywhere",
    }
}

/// The page `docs/rules/not-checked.md`.
pub fn page() -> String {
    let mut page = String::from(
        "<!-- Written out of lifecycle-manifest/src/rules/hazards.rs; a test holds it fresh. -->\n\n\
         # What is known and not checked\n\n\
         Stops are known to fail in these ways, and no rule finds them: they cannot be known from a manifest or from what is deployed.\n\
         Each has its reason, and below stands by which rules all the others are found.\n",
    );
    let mut section =
        |title: &str, of: &dyn Fn(&Hazard) -> bool, line: &dyn Fn(&Hazard) -> String| {
            // Writing to a `String` cannot fail.
            let _ = write!(page, "\n## {title}\n");
            let mut last = "";
            for hazard in all().filter(|hazard| of(hazard)) {
                if family(hazard.id) != last {
                    last = family(hazard.id);
                    let _ = write!(page, "\n### {last}\n\n");
                }
                let _ = writeln!(page, "- **{}** {}{}", hazard.id, hazard.what, line(hazard));
            }
        };
    let why = |hazard: &Hazard| format!("\n  {}", hazard.unchecked);
    section("Not checked", &|hazard| hazard.rules.is_empty(), &why);
    section(
        "Checked in part",
        &|hazard| !hazard.rules.is_empty() && !hazard.unchecked.is_empty(),
        &|hazard| format!("{}{}", by_rules(hazard), why(hazard)),
    );
    section("Checked", &|hazard| hazard.unchecked.is_empty(), &by_rules);
    page
}

fn by_rules(hazard: &Hazard) -> String {
    let links: Vec<String> = hazard
        .rules
        .iter()
        .map(|name| format!("[{name}]({name}.md)"))
        .collect();
    format!("\n  Found by {}.", links.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// How many there are, by the letter of their numbers.
    const COUNTS: &[(char, usize)] = &[
        ('K', 18),
        ('E', 10),
        ('D', 8),
        ('X', 10),
        ('Q', 7),
        ('N', 9),
        ('F', 7),
        ('S', 8),
        ('P', 7),
        ('C', 7),
        ('H', 4),
        ('A', 6),
    ];

    #[test]
    fn every_hazard_has_a_rule_or_a_reason() {
        let listed: Vec<&str> = all().map(|hazard| hazard.id).collect();
        let known: Vec<String> = COUNTS
            .iter()
            .flat_map(|&(letter, count)| (1..=count).map(move |at| format!("{letter}-{at:02}")))
            .collect();
        assert_eq!(listed, known, "each once, in order");
        for hazard in all() {
            let id = hazard.id;
            let is_sentence = |text: &str| text.len() > 30 && text.ends_with('.');
            assert!(
                is_sentence(hazard.what),
                "{id} does not say what goes wrong"
            );
            assert!(
                is_sentence(hazard.unchecked)
                    || (hazard.unchecked.is_empty() && !hazard.rules.is_empty()),
                "{id} has neither a rule nor a reason"
            );
            let named: BTreeSet<&str> = hazard.rules.iter().copied().collect();
            assert_eq!(named.len(), hazard.rules.len(), "{id} names a rule twice");
            for name in hazard.rules {
                let rule = super::super::find(name);
                assert!(
                    rule.is_some_and(|rule| rule.name == *name),
                    "{id}: there is no rule `{name}`"
                );
            }
        }
    }
}
