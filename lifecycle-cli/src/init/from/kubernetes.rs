//! A Kubernetes workload, as far as a manifest has keys for it.

use std::time::Duration;

use lifecycle_manifest::Written;
use lifecycle_manifest::deployed::{Container, Workload};
use lifecycle_manifest::platform::{Mesh, NAME_LABEL, SecurityContext, Selector, Spot};
use lifecycle_manifest::text::Route;

use super::super::draft::{Common, Draft, Kubernetes, Name, Proxy, Sidecar, Slot};
use super::guess::{self, Listening};
use super::probes::{health, probed_port};
use super::{Chosen, Source, hook, port, program, seconds, text, workload};

/// What a container is given to stop that nothing is known of.
const SIDECAR: Duration = Duration::from_secs(2);

pub(super) fn describe(draft: &mut Draft, chosen: Chosen<'_>, sources: &[Source]) {
    let Chosen { source, workload } = chosen;
    let mut entry = Kubernetes {
        common: Common {
            grace: grace(source, workload),
            ..Common::default()
        },
        replicas: match &workload.replicas {
            Some(_) if !workload::controller(workload).has_replicas() => Slot::default(),
            Some(written) => match u32::try_from(written.value).ok().filter(|n| *n <= 10_000) {
                Some(number) => Slot::of(number),
                None => Slot::unsaid(format!("{} says {}", source.name, written.value)),
            },
            None => Slot::default(),
        },
        namespace: match &workload.namespace {
            Some(written) => match Name::of(&written.value) {
                Some(name) => Slot::of(name),
                None => Slot::unsaid(format!("{} says `{}`", source.name, written.value)),
            },
            None => Slot::default(),
        },
        mesh: mesh(workload),
        spot: spot(source, workload),
        load_balancer: load_balancer(sources),
        ..Kubernetes::default()
    };
    workload::describe(&mut entry, source, workload);
    let main = program(draft, workload);
    if let Some(container) = main.and_then(|main| workload.containers.get(main)) {
        entry.common.image = text(container.image.as_ref());
        let ports = ports(source, workload, container, sources);
        let probed = probed_port(container);
        guess::servers(draft, source, &ports, probed);
        guess::others(draft, source, container);
        guess::something(draft, source);
        let health = health(draft, source, container);
        if health.value.is_some() || draft.health.value.is_none() {
            draft.health = health;
        }
        hook::describe(draft, &mut entry, source, container);
        let liveness = container
            .liveness
            .as_ref()
            .and_then(|probe| probe.grace.as_ref());
        entry.liveness_grace = liveness
            .and_then(seconds)
            .filter(|grace| !grace.is_zero())
            .map_or_else(Slot::default, Slot::of);
        entry.security_context = security_context(source, workload, container);
    }
    entry.selector = selector(draft, source, workload);
    guess::something(draft, source);
    entry.sidecars = sidecars(source, workload, main);
    draft.kubernetes = Some(entry);
}

/// The deployed one can never be changed, so where it is another it is taken over.
fn selector(draft: &Draft, source: &Source, workload: &Workload) -> Slot<Selector> {
    let labels = workload.selector.iter();
    let labels: Vec<(String, String)> = labels
        .map(|(name, value)| (name.to_owned(), value.value.clone()))
        .collect();
    let service = draft.service.value.as_ref().map(Name::as_str);
    let is_ours =
        |(name, value): &(String, String)| name == NAME_LABEL && Some(value.as_str()) == service;
    if labels.iter().all(is_ours) || workload::controller(workload).finishes() {
        return Slot::default();
    }
    match Selector::of(labels) {
        Some(selector) => Slot::of(selector),
        None => Slot::unsaid(format!("{} has other labels than text there", source.name)),
    }
}

fn grace(source: &Source, workload: &Workload) -> Slot<Duration> {
    let Some(written) = &workload.grace else {
        let route = workload.spec.key("terminationGracePeriodSeconds");
        return Slot::unsaid(match source.deployed().is_odd(&route) {
            true => format!("{} has no whole number there", source.name),
            false => format!("not in {}: Kubernetes gives its default", source.name),
        });
    };
    match seconds(written) {
        Some(grace) => Slot::of(grace),
        None if written.value < 0 => {
            let note = format!("{} says {}, which acts as 1s", source.name, written.value);
            Slot::noted(Duration::from_secs(1), note)
        }
        None => Slot::unsaid(format!("{} says {}s", source.name, written.value)),
    }
}

/// What is listened on: the ports that are written, the ones that Services send to, and else the one
/// that is probed.
fn ports(
    source: &Source,
    workload: &Workload,
    container: &Container,
    sources: &[Source],
) -> Vec<Listening> {
    let mut ports: Vec<Listening> = Vec::new();
    for written in &container.ports {
        let at = |key| {
            let block = written.number.route.parent()?;
            source.text(&block.key(key))
        };
        let is_tcp = at("protocol").is_none_or(|protocol| protocol == "TCP");
        if let Some(number) = port(written.number.value).filter(|_| is_tcp) {
            ports.push(Listening {
                number,
                name: (written.name.as_ref()).map_or(String::new(), |name| name.value.clone()),
                protocol: at("appProtocol").unwrap_or_default().to_owned(),
            });
        }
    }
    let services = sources.iter().flat_map(|source| {
        let services = source.deployed().services.iter();
        services.map(move |service| (source, service))
    });
    for (source, service) in services {
        if !workload.pod_labels.hold(&service.selector) {
            continue;
        }
        for one in &service.ports {
            let target = one
                .target
                .as_ref()
                .and_then(|target| target.value.parse().ok());
            let Some(number) = target.and_then(port) else {
                continue;
            };
            let at = |key| {
                source
                    .text(&one.route.key(key))
                    .unwrap_or_default()
                    .to_owned()
            };
            let is_tcp = ["", "TCP"].contains(&at("protocol").as_str());
            match ports.iter_mut().find(|known| known.number == number) {
                Some(known) if known.protocol.is_empty() => known.protocol = at("appProtocol"),
                None if is_tcp => ports.push(Listening {
                    number,
                    name: at("name"),
                    protocol: at("appProtocol"),
                }),
                _ => {}
            }
        }
    }
    if ports.is_empty()
        && let Some(number) = probed_port(container)
    {
        ports.push(Listening {
            number,
            name: String::new(),
            protocol: String::new(),
        });
    }
    ports
}

/// Native sidecars, which stop after the program and share its grace period.
fn sidecars(source: &Source, workload: &Workload, main: Option<usize>) -> Slot<Vec<Sidecar>> {
    let native: Vec<Sidecar> = workload
        .native_sidecars()
        .filter_map(|container| {
            let image = container.image.as_ref().map(|image| image.value.clone());
            let words = |words: &[Written<String>]| -> Vec<String> {
                let words = words.iter().map(|word| word.value.clone());
                words.filter(|_| image.is_some()).collect()
            };
            Some(Sidecar {
                name: Name::of(container.name())?,
                timeout: SIDECAR,
                native: true,
                command: words(&container.entry),
                args: words(&container.args),
                image,
            })
        })
        .collect();
    // Containers beside the program get the signal together with it; how long they then stay decides
    // whether they leave too early, and no file says it. A guess would be a finding about nothing.
    let beside: Vec<&str> = workload
        .containers
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != main)
        .map(|(_, container)| container.name())
        .filter(|name| !name.is_empty())
        .collect();
    let mut notes = Vec::new();
    if !native.is_empty() {
        let words = match native.len() {
            1 => "how long does it take to stop?",
            _ => "how long does each take to stop?",
        };
        notes.push(source.asks(words));
    }
    if !beside.is_empty() {
        notes.push(format!(
            "beside the program in {}: {}; {}",
            source.name,
            beside.join(", "),
            "when they leave is not in it, `native: false` says how long they stay"
        ));
    }
    Slot {
        value: (!native.is_empty()).then_some(native),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// Injection that the pod asks for; a whole namespace's is not in its file.
fn mesh(workload: &Workload) -> Slot<Proxy> {
    let get = |name: &str| {
        [&workload.pod_labels, &workload.pod_annotations]
            .into_iter()
            .find_map(|pairs| pairs.get(name))
            .map(|written| written.value.trim())
    };
    let truth = |name: &str| get(name).and_then(|text| text.parse::<bool>().ok());
    let time = |text: &str| lifecycle_manifest::duration::parse(text).ok();
    if get("sidecar.istio.io/inject") == Some("true") {
        // The proxy's settings are a little file of their own.
        let drain = get("proxy.istio.io/config").and_then(|config| {
            let (_, value) = config.split_once("terminationDrainDuration")?;
            let quotes = ['"', '\''];
            let value = value.trim_start_matches(quotes).trim_start();
            let value = value.strip_prefix(':')?.split([',', '}', '\n']).next()?;
            time(value.trim().trim_matches(quotes))
        });
        return Slot::of(Proxy {
            mesh: Mesh::Istio,
            native: truth("sidecar.istio.io/nativeSidecar"),
            drain,
        });
    }
    if get("linkerd.io/inject") == Some("enabled") {
        return Slot::of(Proxy {
            mesh: Mesh::Linkerd,
            native: truth("config.linkerd.io/proxy-enable-native-sidecar")
                .or_else(|| truth("config.alpha.linkerd.io/proxy-enable-native-sidecar")),
            drain: get("config.linkerd.io/shutdown-grace-period").and_then(time),
        });
    }
    Slot::default()
}

/// Nodes that the pod must run on. That it tolerates others too does not say that it runs there.
fn spot(source: &Source, workload: &Workload) -> Slot<Spot> {
    let selector = workload.spec.key("nodeSelector");
    let says = |name: &str, value: &str| {
        source
            .text(&selector.key(name))
            .is_some_and(|text| text.eq_ignore_ascii_case(value))
    };
    if says("karpenter.sh/capacity-type", "spot") || says("eks.amazonaws.com/capacityType", "spot")
    {
        Slot::of(Spot::Aws)
    } else if says("cloud.google.com/gke-spot", "true") {
        Slot::of(Spot::Gke)
    } else {
        Slot::default()
    }
}

/// The strictest that the program runs under today: anything stricter might keep it from running.
fn security_context(
    source: &Source,
    workload: &Workload,
    container: &Container,
) -> Slot<SecurityContext> {
    let own = container.route.key("securityContext");
    let pod = workload.spec.key("securityContext");
    let says = |route: &Route, words: &[&str]| {
        let text = source.text(route);
        text.is_some_and(|text| words.contains(&text))
    };
    // What the container says goes before what the pod says.
    let either = |path: &[&str], words: &[&str]| {
        let below = |at: &Route| path.iter().fold(at.clone(), |at, key| at.key(key));
        match source.text(&below(&own)) {
            Some(text) => words.contains(&text),
            None => says(&below(&pod), words),
        }
    };
    let dropped = source.texts(&own.key("capabilities").key("drop"));
    let is_restricted = says(&own.key("allowPrivilegeEscalation"), &["false"])
        && dropped.iter().any(|it| it == "ALL")
        && either(&["runAsNonRoot"], &["true"])
        && either(
            &["seccompProfile", "type"],
            &["RuntimeDefault", "Localhost"],
        );
    if !is_restricted {
        return Slot::of(SecurityContext::Yours);
    }
    match says(&own.key("readOnlyRootFilesystem"), &["true"]) {
        true => Slot::default(),
        false => Slot::of(SecurityContext::WritableRoot),
    }
}

/// What an Ingress or a Service beside it asks of the load balancer controller; where there are
/// several, nobody knows which stands before this one.
fn load_balancer(sources: &[Source]) -> Slot<Duration> {
    let groups: Vec<_> = sources
        .iter()
        .flat_map(|source| &source.deployed().target_groups)
        .filter(|group| group.platform == "kubernetes")
        .collect();
    let delay = match groups.as_slice() {
        [only] => only.deregistration_delay.as_ref().and_then(seconds),
        _ => None,
    };
    delay.map_or_else(Slot::default, Slot::of)
}
