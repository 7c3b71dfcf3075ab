//! The plan's digest: equal for manifests that mean the same, whatever their formatting.
//!
//! What counts is what a shutdown does: steps, waits, times, platforms' terms. An image, a number of
//! replicas or a comment does not.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::duration::millis;
use crate::manifest::Manifest;
use crate::plan::{On, Plan};
use crate::timeline::{Timeline, unmanaged};

/// Sixteen hexadecimal digits over everything that decides a shutdown.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::digest::digest;
///
/// let of = |timeout: &str| {
///     let analysis = Analysis::of(&format!("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: {{ kind: http-server, port: 8080, timeout: {timeout} }}
/// "));
///     let resolved = analysis.resolved.unwrap();
///     digest(&resolved.manifest, &resolved.plan, &resolved.timelines)
/// };
/// assert_eq!(of("90s"), of("1m30s"));
/// assert_ne!(of("90s"), of("91s"));
/// assert_eq!(of("90s").len(), 16);
/// ```
pub fn digest(manifest: &Manifest, plan: &Plan, timelines: &[Timeline]) -> String {
    format!(
        "{:016x}",
        fnv1a(canonical(manifest, plan, timelines).as_bytes())
    )
}

/// The meaning as text, in an order of its own. Names hold neither spaces nor line ends.
fn canonical(manifest: &Manifest, plan: &Plan, timelines: &[Timeline]) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "lifecycle 1 {} drift {}",
        plan.service,
        plan.drift.as_str()
    );
    if let Some(health) = &plan.health {
        let _ = writeln!(
            text,
            "health {:?} {} {} {} {}",
            health.port,
            health.ready,
            health.live,
            millis(health.period),
            health.failures
        );
    }
    if let Some(keep_alive) = &manifest.traffic.keep_alive {
        let _ = writeln!(text, "keep_alive {}", millis(keep_alive.value));
    }
    let gates: Vec<OpenGate> = (0..plan.gates.len())
        .map(|gate| OpenGate::new(plan, gate))
        .collect();
    let mut steps: Vec<String> = (0..plan.steps.len())
        .map(|step| step_line(plan, step, &gates))
        .collect();
    steps.sort_unstable();
    let mut platforms: Vec<String> = timelines
        .iter()
        .map(|line| platform_line(plan, line))
        .collect();
    // Where no platform is named, the program stops by this one.
    platforms.push(platform_line(plan, &unmanaged(manifest, plan)));
    platforms.sort_unstable();
    for line in steps.iter().chain(&platforms) {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn step_line(plan: &Plan, at: usize, gates: &[OpenGate]) -> String {
    let step = &plan.steps[at];
    format!(
        "step {} {} {} {} best_effort {} port {:?} lease {:?} waits {:x}",
        step.name,
        step.kind.as_str(),
        step.phase.as_str(),
        millis(step.timeout.value),
        step.best_effort,
        step.port,
        step.lease.map(millis),
        waits(plan, at, gates),
    )
}

/// A gate with the gates within it opened.
struct OpenGate {
    members: HashSet<usize>,
    /// Over the members' names; a sum does not depend on their order.
    sum: u64,
}

impl OpenGate {
    fn new(plan: &Plan, gate: usize) -> Self {
        let mut members = HashSet::new();
        let mut inner = vec![gate];
        while let Some(gate) = inner.pop() {
            members.extend(&plan.gates[gate].members);
            inner.extend(&plan.gates[gate].gates);
        }
        let sum = sum(plan, members.iter().copied());
        Self { members, sum }
    }
}

/// The set of steps that a step waits for, whoever said so: a wait that is written where it would
/// hold by default means the same.
fn waits(plan: &Plan, at: usize, gates: &[OpenGate]) -> u64 {
    let mut opened: Vec<&OpenGate> = Vec::new();
    let mut direct: HashSet<usize> = HashSet::new();
    for wait in &plan.steps[at].waits {
        match wait.on {
            On::Gate(gate) => opened.push(&gates[gate]),
            On::Step(other) => {
                direct.insert(other);
            }
        }
    }
    direct.retain(|other| opened.iter().all(|gate| !gate.members.contains(other)));
    // Gates of one step are of different phases and share no member.
    let gates = opened.iter().map(|gate| gate.sum);
    gates.fold(sum(plan, direct.into_iter()), u64::wrapping_add)
}

fn sum(plan: &Plan, steps: impl Iterator<Item = usize>) -> u64 {
    let hashes = steps.map(|step| fnv1a(plan.steps[step].name.as_bytes()));
    hashes.fold(0, u64::wrapping_add)
}

fn platform_line(plan: &Plan, line: &Timeline) -> String {
    let mut timeouts: Vec<String> = line
        .windows
        .iter()
        .zip(&plan.steps)
        .map(|(window, step)| format!("{}:{}", step.name, millis(window.timeout.value)))
        .collect();
    timeouts.sort_unstable();
    let sidecars: Vec<u64> = line
        .terms
        .sidecars
        .iter()
        .map(|s| millis(s.value))
        .collect();
    format!(
        "platform {} grace {} outside {} hook {} settle {} sidecars {sidecars:?} unwind {} reserve {} {}",
        line.platform(),
        millis(line.grace().value),
        line.terms
            .outside
            .as_ref()
            .map_or(0, |outside| millis(outside.value)),
        millis(line.signal_at()),
        millis(line.app_settle.value),
        millis(line.unwind),
        millis(line.reserve.value),
        timeouts.join(" "),
    )
}

/// FNV-1a, 64 bits: the digest tells plans apart, it does not defend against anybody.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
