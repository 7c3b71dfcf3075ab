//! The plan's digest: equal for manifests that mean the same, whatever their formatting.
//!
//! What counts is what a shutdown does: steps, waits, times, platforms' terms. An image, a number of
//! replicas or a comment does not.

use std::fmt::Write as _;

use crate::duration::millis;
use crate::manifest::Manifest;
use crate::plan::{On, Plan};
use crate::timeline::{Timeline, unmanaged};

/// Sixteen hexadecimal digits over everything that decides a shutdown.
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
    let mut steps: Vec<String> = (0..plan.steps.len())
        .map(|step| step_line(plan, step))
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

fn step_line(plan: &Plan, at: usize) -> String {
    let step = &plan.steps[at];
    let name = |step: usize| plan.steps[step].name.as_str();
    let mut waits: Vec<String> = step
        .waits
        .iter()
        .map(|wait| match wait.on {
            On::Step(other) => name(other).to_owned(),
            On::Gate(gate) => {
                // Gates are sets of whole phases: their size and the first names of the sorted
                // members tell them apart without writing ten thousand names ten thousand times.
                let gate = &plan.gates[gate];
                let hash = gate.members.iter().fold(0_u64, |sum, &member| {
                    sum.wrapping_add(fnv1a(name(member).as_bytes()))
                });
                format!("gate:{}:{hash:x}:{}", gate.members.len(), gate.gates.len())
            }
        })
        .collect();
    waits.sort_unstable();
    format!(
        "step {} {} {} {} best_effort {} port {:?} lease {:?} waits {}",
        step.name,
        step.kind.as_str(),
        step.phase.as_str(),
        millis(step.timeout.value),
        step.best_effort,
        step.port,
        step.lease.map(millis),
        waits.join(" "),
    )
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
