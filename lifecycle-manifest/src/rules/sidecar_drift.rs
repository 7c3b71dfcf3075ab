//! The sidecars of the deployment are not those that the manifest counts.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Container, Pair, container_place},
    duration::{human, seconds_up},
    finding::{Finding, Place, Severity, Side},
    manifest::Written,
    platform::{Beside, EcsSidecar, Sidecar},
};
#[cfg(feature = "deployed")]
use std::{cmp::Ordering, time::Duration};

rule! {
    /// The deployed sidecars are not those that the manifest counts.
    ///
    /// ## What it finds
    ///
    /// A sidecar that is native in one file and ordinary in the other; a native sidecar that the manifest does not count; one that the manifest counts and nothing deploys.
    /// On ECS: a sidecar that the program does not depend on, or whose `stopTimeout` is not the manifest's.
    /// A sidecar that a mesh injects is not looked for, and ordinary containers that the manifest does not name are not compared.
    ///
    /// ## Why it matters
    ///
    /// A native sidecar stops after the program and takes its time from the same grace period. An ordinary one gets the signal together with the program, and is gone while the program still needs it.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: { pre_stop: 5s, sidecars: [{ name: proxy, timeout: 5s }] }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    ///     - name: proxy                          # not an init container with restartPolicy: Always
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `initContainers` with `restartPolicy: Always` in the deployment, or `native: false` in the manifest; a sidecar that only one of them has is added to the other, or taken away.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   initContainers:
    ///     - { name: proxy, restartPolicy: Always }
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a sidecar is known to stop at once.
    ///
    /// ## Source
    ///
    /// Kubernetes, KEP-753: native sidecars stop after the main containers, in reverse order.
    pub(super) RULE = "LC705", "sidecar-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    if let Some(ecs) = pair.platform.ecs() {
        for sidecar in &ecs.sidecars {
            on_ecs(pair, sidecar, findings);
        }
        return;
    }
    let ordinary = |name: &str| {
        let mut containers = pair.workload().containers.iter();
        containers.find(|it| it.name() == name)
    };
    for Beside { name, .. } in pair.platform.beside() {
        if ordinary(&name.value).is_none() {
            let help = "add it to the deployment, or take it from the manifest";
            findings.push(absent(pair, name, WHILE_IT_STOPS.to_owned(), help));
        }
    }
    let Some(kubernetes) = pair.platform.kubernetes() else {
        return;
    };
    for sidecar in &kubernetes.sidecars {
        let name = sidecar.name.value.as_str();
        let native = pair
            .workload()
            .native_sidecars()
            .find(|it| it.name() == name);
        let ordinary = ordinary(name);
        match (native, ordinary) {
            (Some(_), _) if sidecar.native => {}
            (_, Some(_)) if !sidecar.native => {}
            (_, Some(container)) => findings.push(leaves_early(pair, sidecar, container)),
            (Some(container), None) => findings.push(leaves_late(pair, sidecar, container)),
            (None, None) if kubernetes.mesh.is_some() => {}
            (None, None) => {
                let text = match sidecar.native {
                    true => format!("{} are kept free for it", human(sidecar.timeout.value)),
                    false => WHILE_IT_STOPS.to_owned(),
                };
                let help = "add it to the deployment, take it from the manifest, or name the `mesh` that injects it";
                findings.push(absent(pair, &sidecar.name, text, help));
            }
        }
    }
    let counted = |name: &str| kubernetes.sidecars.iter().any(|it| it.name.value == name);
    for container in pair
        .workload()
        .native_sidecars()
        .filter(|it| !counted(it.name()))
    {
        findings.push(uncounted(pair, container));
    }
}

#[cfg(feature = "deployed")]
fn beside(sidecar: &Sidecar, text: String) -> (Place, String) {
    (Place::Value(sidecar.name.route.clone()), text)
}

#[cfg(feature = "deployed")]
fn leaves_early(pair: &Pair<'_>, sidecar: &Sidecar, container: &Container) -> Finding {
    let name = &sidecar.name.value;
    let message = format!(
        "`{name}` is an ordinary container of {}, and the manifest has it stop after the program",
        pair.title()
    );
    pair.finding(&RULE, message, container_place(container))
        .label("gets its signal together with the program")
        .beside(beside(
            sidecar,
            "a native sidecar in the manifest".to_owned(),
        ))
        .help("make it an init container with `restartPolicy: Always`")
        .help(format!(
            "or write `native: false` for `{name}` in the manifest"
        ))
}

#[cfg(feature = "deployed")]
fn leaves_late(pair: &Pair<'_>, sidecar: &Sidecar, container: &Container) -> Finding {
    let name = &sidecar.name.value;
    let time = sidecar.timeout.value;
    let spare = pair.deployed_line().spare().unwrap_or_default();
    let message = format!(
        "`{name}` is a native sidecar of {}: it stops after the program, and the manifest does not count its {}",
        pair.title(),
        human(time)
    );
    let mut finding = pair
        .finding(&RULE, message, container_place(container))
        .label("takes its time from the grace period, after the program")
        .beside(beside(sidecar, "not native in the manifest".to_owned()));
    finding = pair.with_sum(finding);
    if spare >= time {
        finding.severity = Severity::Warning;
        finding = finding.note(format!("its {} still fit", human(time)));
    }
    finding.help(format!(
        "take `native: false` away from `{name}` in the manifest"
    ))
}

#[cfg(feature = "deployed")]
const WHILE_IT_STOPS: &str = "counted on while the program stops";

#[cfg(feature = "deployed")]
fn absent(pair: &Pair<'_>, name: &Written<String>, text: String, help: &str) -> Finding {
    let message = format!(
        "`{}` is in the manifest, and {} does not have it: the safe side",
        name.value,
        pair.title()
    );
    let mut finding = pair
        .finding(&RULE, message, pair.container_place())
        .label("no container of that name beside this one")
        .beside((Place::Value(name.route.clone()), text))
        .help(help);
    finding.severity = Severity::Warning;
    finding
}

#[cfg(feature = "deployed")]
fn uncounted(pair: &Pair<'_>, container: &Container) -> Finding {
    let name = container.name();
    let message = format!(
        "`{name}` of {} stops after the program, and the manifest does not count it",
        pair.title()
    );
    let mut finding = pair
        .finding(&RULE, message, container_place(container))
        .label("takes its time from the grace period, after the program")
        .beside((
            pair.platform_place(),
            "no sidecar of that name here".to_owned(),
        ));
    finding.severity = Severity::Warning;
    let entry = format!("{{ name: {name}, timeout: … }}");
    let is_first = pair
        .platform
        .kubernetes()
        .is_none_or(|it| it.sidecars.is_empty());
    pair.with_sum(finding).help(match is_first {
        true => {
            format!("write `sidecars: [{entry}]` in the manifest, with the time it takes to stop")
        }
        false => {
            format!("add `{entry}` to `sidecars` in the manifest, with the time it takes to stop")
        }
    })
}

/// A container that the program depends on: it stops after it, in a time of its own.
#[cfg(feature = "deployed")]
fn on_ecs(pair: &Pair<'_>, sidecar: &EcsSidecar, findings: &mut Vec<Finding>) {
    let name = sidecar.name.value.as_str();
    let planned = sidecar.timeout.value;
    let title = pair.title();
    let mut containers = pair.workload().containers.iter();
    let Some(container) = containers.find(|container| container.name() == name) else {
        let text = format!("stops after the program, within {}", human(planned));
        let help = "add it to the task definition, or take it from the manifest";
        findings.push(absent(pair, &sidecar.name, text, help));
        return;
    };
    if !pair.workload().depends_on(pair.container(), name) {
        let message = format!(
            "`{}` does not depend on `{name}` in {title}, and the manifest has `{name}` stop after it",
            pair.container().name()
        );
        findings.push(
            pair.finding(&RULE, message, container_place(container))
                .label("gets its signal together with the program")
                .beside((
                    Place::Value(sidecar.name.route.clone()),
                    "stops after the program, by the manifest".to_owned(),
                ))
                .help(format!(
                    "write `dependsOn: [{{ containerName: {name}, condition: START }}]` at `{}`",
                    pair.container().name()
                )),
        );
    }
    let Some(given) = pair.stop_timeout(container) else {
        return;
    };
    let wanted = Duration::from_secs(seconds_up(planned));
    let (difference, side, severity) = match given.value.cmp(&wanted) {
        Ordering::Equal => return,
        Ordering::Less => (
            wanted.saturating_sub(given.value),
            "less than the manifest counts",
            Severity::Error,
        ),
        Ordering::Greater => (
            given.value.saturating_sub(wanted),
            "more than the manifest counts: the safe side",
            Severity::Warning,
        ),
    };
    let message = format!(
        "`{name}` of {title} is given {} to stop, {} {side}",
        human(given.value),
        human(difference)
    );
    let label = given.label("stopTimeout", |value| {
        format!("killed {value} after its signal")
    });
    let mut finding = pair
        .finding(&RULE, message, given.place.clone())
        .label(label)
        .related_in(
            Side::Manifest,
            Place::Value(sidecar.timeout.route.clone()),
            format!("{} in the manifest", human(planned)),
        )
        .help(format!("write `stopTimeout: {}`", wanted.as_secs()));
    finding.severity = severity;
    findings.push(finding);
}
