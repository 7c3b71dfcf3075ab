//! What the templates of Kubernetes print.

use lifecycle_manifest::deployed::planned::{self, PlannedHook};
use lifecycle_manifest::duration::{human, seconds_up};
use lifecycle_manifest::platform::{
    Controller, Kubernetes, NAME_LABEL, Replacement, SecurityContext, Share, Sidecar,
};
use lifecycle_manifest::{Rollout, Timeline};
use minijinja::Value;
use serde::Serialize;

use super::super::STARTUP;
use super::super::files::MARK;
use super::super::{Ask, Common, Port};
use super::mesh;
use crate::template;

/// The data of all templates.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    header: Value,
    #[serde(flatten)]
    common: Common<'a>,
    image: &'a str,
    sum: Value,
    namespace: Option<&'a str>,
    kind: Value,
    api_version: Value,
    group: Value,
    /// The name, where a pattern is taken.
    exactly: String,
    /// The least that would do.
    needed_seconds: u64,
    /// That, in words.
    needs: String,
    pub(super) headless: bool,
    service_name: Option<&'a str>,
    /// None where somebody else says how many.
    replicas: Option<u32>,
    min_ready_seconds: Option<u64>,
    progress_deadline_seconds: Option<u64>,
    strategy: Option<Strategy>,
    /// The manifest says how; what is laid over another's file leaves it alone otherwise.
    strategy_is_written: bool,
    restart_policy: Option<Value>,
    schedule: Option<&'a str>,
    concurrency_policy: Value,
    deadline_seconds: Option<u64>,
    replacement_policy: Option<Value>,
    native_sidecars: Vec<Beside<'a>>,
    other_sidecars: Vec<Beside<'a>>,
    grace_seconds: u64,
    sleep_seconds: Option<u64>,
    exec_command: Option<Vec<&'a str>>,
    request: Option<Request<'a>>,
    ports: Vec<Port>,
    pub(super) service_ports: Vec<Port>,
    pub(super) probes: Option<Probes<'a>>,
    pod_labels: Vec<Label<'a>>,
    selector: Vec<Label<'a>>,
    mesh_labels: Vec<Pair>,
    mesh_annotations: Vec<Pair>,
    /// Left away where it is not ours to say.
    security: Option<Security>,
}

/// What the program's container may do.
#[derive(Serialize)]
struct Security {
    read_only_root: bool,
    /// The lowest port below 1024 that it opens: without a capability, only a setting of the pod lets it.
    low_port: Option<u16>,
}

/// A hook that asks the container itself.
#[derive(Serialize)]
struct Request<'a> {
    path: &'a str,
    port: u16,
}

/// A label or an annotation.
#[derive(Serialize)]
pub(super) struct Pair {
    name: &'static str,
    value: String,
}

impl Pair {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { name, value }
    }
}

/// A label that the manifest names, or that is made of a name in it.
#[derive(Serialize)]
struct Label<'a> {
    name: Value,
    value: &'a str,
}

impl<'a> Label<'a> {
    fn all(labels: Vec<(&'a str, &'a str)>) -> Vec<Self> {
        let labels = labels.into_iter();
        let label = |(name, value): (&str, &'a str)| Self {
            // Ours needs no quotes; whatever else is there may be a word that YAML reads otherwise.
            name: match name {
                NAME_LABEL => Value::from_safe_string(name.to_owned()),
                name => Value::from(name),
            },
            value,
        };
        labels.map(label).collect()
    }
}

/// How a new version takes the old one's place.
#[derive(Serialize)]
struct Strategy {
    key: Value,
    kind: Value,
    why: Value,
    shares: Vec<NamedShare>,
}

#[derive(Serialize)]
struct NamedShare {
    name: Value,
    value: Value,
}

/// A container beside the program's.
#[derive(Serialize)]
struct Beside<'a> {
    name: &'a str,
    image: &'a str,
    command: Vec<&'a str>,
    args: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Probes<'a> {
    ready: &'a str,
    live: &'a str,
    port: u16,
    period_seconds: u64,
    failures: u32,
    startup_failures: u64,
    live_period_seconds: u64,
    live_failures: u32,
    live_grace_seconds: Option<u64>,
}

pub(super) fn data<'a>(
    ask: &Ask<'a>,
    kubernetes: &'a Kubernetes,
    line: &Timeline,
    image: &'a str,
    target: &str,
) -> Data<'a> {
    let service = ask.resolved.plan.service.as_str();
    let controller = kubernetes.controller();
    let is_stateful = controller == Controller::StatefulSet;
    let group = match controller.finishes() {
        true => "batch",
        false => "apps",
    };
    let word = |word: &str| Value::from_safe_string(word.to_owned());
    let header = format!(
        "{MARK} {target} from lifecycle.yaml; change the manifest and run it again with -o and this directory"
    );
    let (mut sleep_seconds, mut exec_command, mut request) = (None, None, None);
    match planned::hook(kubernetes, line) {
        Some(PlannedHook::Sleep(seconds)) => sleep_seconds = Some(seconds),
        Some(PlannedHook::Exec(command)) => exec_command = Some(command),
        Some(PlannedHook::Http { path, port }) => request = Some(Request { path, port }),
        None => {}
    }
    Data {
        header: template::comment(&header),
        common: ask.common(line, Some("/dev/termination-log")),
        image,
        sum: template::comment(&line.sum()),
        namespace: kubernetes
            .namespace
            .as_ref()
            .map(|namespace| namespace.value.as_str()),
        kind: word(controller.kind()),
        api_version: Value::from_safe_string(format!("{group}/v1")),
        group: word(group),
        exactly: format!("^{service}$"),
        needed_seconds: seconds_up(line.needed()),
        needs: format!(
            "{service} needs {} to stop: {}",
            human(line.needed()),
            line.sum()
        ),
        headless: is_stateful,
        service_name: is_stateful.then_some(service),
        replicas: (controller.has_replicas() && kubernetes.autoscaler.is_none())
            .then(|| kubernetes.most_pods()),
        min_ready_seconds: kubernetes
            .rollout
            .min_ready
            .is_some()
            .then(|| seconds_up(kubernetes.min_ready().value)),
        progress_deadline_seconds: kubernetes
            .rollout
            .progress_deadline
            .is_some()
            .then(|| seconds_up(kubernetes.progress_deadline().value)),
        strategy: (!controller.finishes()).then(|| strategy(kubernetes, line)),
        strategy_is_written: kubernetes.rollout.strategy.is_some()
            || kubernetes.rollout.max_surge.is_some()
            || kubernetes.rollout.max_unavailable.is_some(),
        // A pod that failed stays to be looked at, and another one takes its place.
        restart_policy: controller.finishes().then(|| word("Never")),
        schedule: kubernetes.schedule(),
        concurrency_policy: word(kubernetes.concurrency().policy()),
        deadline_seconds: kubernetes
            .job_deadline()
            .map(|deadline| seconds_up(deadline.value)),
        replacement_policy: (controller.finishes() && kubernetes.has_pod_replacement())
            .then(|| word(kubernetes.successor().policy())),
        native_sidecars: beside(kubernetes, true),
        other_sidecars: beside(kubernetes, false),
        grace_seconds: planned::grace_seconds(line),
        sleep_seconds,
        exec_command,
        request,
        probes: probes(ask, kubernetes),
        ports: ask.ports(true),
        service_ports: ask.ports(false),
        pod_labels: Label::all(kubernetes.pod_labels(service)),
        selector: Label::all(kubernetes.selector_of(service)),
        mesh_labels: mesh::labels(kubernetes),
        mesh_annotations: mesh::annotations(kubernetes),
        security: security(kubernetes, &ask.ports(true)),
    }
}

fn probes<'a>(ask: &Ask<'a>, kubernetes: &Kubernetes) -> Option<Probes<'a>> {
    let probes = planned::probes(ask.resolved)?;
    Some(Probes {
        startup_failures: seconds_up(STARTUP).div_ceil(probes.period_seconds),
        ready: probes.ready,
        live: probes.live,
        port: probes.port,
        period_seconds: probes.period_seconds,
        failures: probes.failures,
        live_period_seconds: probes.live_period_seconds,
        live_failures: probes.live_failures,
        live_grace_seconds: kubernetes
            .liveness_grace()
            .map(|grace| seconds_up(grace.value)),
    })
}

fn security(kubernetes: &Kubernetes, ports: &[Port]) -> Option<Security> {
    let context = kubernetes.security();
    let low = ports
        .iter()
        .map(|port| port.number)
        .filter(|port| *port < 1024);
    (context != SecurityContext::Yours).then(|| Security {
        read_only_root: context == SecurityContext::Restricted,
        low_port: low.min(),
    })
}

/// Who goes first, the old pods or the new ones, with the sum that follows from it.
fn strategy(kubernetes: &Kubernetes, line: &Timeline) -> Strategy {
    let word = |word: &str| Value::from_safe_string(word.to_owned());
    let controller = kubernetes.controller();
    let (surge, missing) = kubernetes.shares();
    let of_deployments = controller == Controller::Deployment;
    // A number stands as one, a share is text.
    let share = |share: Share| match share {
        Share::Pods(pods) => Value::from(pods),
        Share::Percent(_) => Value::from(share.to_string()),
    };
    let mut shares = Vec::new();
    let written = kubernetes.rollout.max_unavailable.is_some();
    // Not every cluster knows this one of a StatefulSet, and one by one is what it does anyway.
    if controller != Controller::StatefulSet || written {
        shares.push(("maxUnavailable", missing));
    }
    if controller != Controller::StatefulSet {
        shares.push(("maxSurge", surge));
    }
    let replacement = kubernetes.replacement();
    let why = match Rollout::of(kubernetes, line) {
        None => "Somebody deletes a pod, and only then is it replaced.".to_owned(),
        Some(_) if replacement == Replacement::Recreate => {
            "Every old pod is gone before the first new one starts.".to_owned()
        }
        Some(rollout) if rollout.waits_for_the_end() => {
            "An old pod has ended before a new one takes its place.".to_owned()
        }
        Some(rollout) if rollout.missing == 0 => {
            "A new pod is ready before an old one is asked to stop.".to_owned()
        }
        Some(rollout) => format!("{} at a time.", rollout.batch),
    };
    Strategy {
        key: word(match of_deployments {
            true => "strategy",
            false => "updateStrategy",
        }),
        kind: word(replacement.kind()),
        why: template::comment(&why),
        shares: match replacement {
            Replacement::Rolling => shares
                .into_iter()
                .map(|(name, value)| NamedShare {
                    name: word(name),
                    value: share(value),
                })
                .collect(),
            _ => Vec::new(),
        },
    }
}

/// The sidecars of which the manifest knows what they run.
fn beside(kubernetes: &Kubernetes, native: bool) -> Vec<Beside<'_>> {
    kubernetes
        .sidecars
        .iter()
        .filter(|sidecar| sidecar.native == native)
        .filter_map(of_sidecar)
        .collect()
}

fn of_sidecar(sidecar: &Sidecar) -> Option<Beside<'_>> {
    Some(Beside {
        name: &sidecar.name.value,
        image: &sidecar.image.as_ref()?.value,
        command: sidecar.command.iter().map(|it| it.value.as_str()).collect(),
        args: sidecar.args.iter().map(|it| it.value.as_str()).collect(),
    })
}
