//! A Kubernetes workload, as far as a manifest has keys for it.

use std::time::Duration;

use lifecycle_manifest::deployed::{Action, Container, Hook, Probe, ProbeAction, Workload};
use lifecycle_manifest::duration::show;
use lifecycle_manifest::platform::{DEFAULT_PROBE_FAILURES, DEFAULT_PROBE_PERIOD, Mesh, Spot};

use super::super::draft::{
    Common, Draft, Health, Kubernetes, Name, Path, PreStop, Proxy, Sidecar, Slot, bounded,
};
use super::guess::{self, Listening};
use super::{Chosen, Source, port, program, seconds, text};

/// What a container is given to stop that nothing is known of.
const SIDECAR: Duration = Duration::from_secs(2);

/// What a hook is given that does not say how long it takes.
const HOOK: Duration = Duration::from_secs(5);

pub(super) fn describe(draft: &mut Draft, chosen: Chosen<'_>, sources: &[Source]) {
    let Chosen { source, workload } = chosen;
    let mut entry = Kubernetes {
        common: Common {
            grace: grace(source, workload),
            ..Common::default()
        },
        replicas: match &workload.replicas {
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
        hook(draft, &mut entry, source, container);
        let liveness = container
            .liveness
            .as_ref()
            .and_then(|probe| probe.grace.as_ref());
        entry.liveness_grace = liveness
            .and_then(seconds)
            .filter(|grace| !grace.is_zero())
            .map_or_else(Slot::default, Slot::of);
    }
    guess::something(draft, source);
    entry.sidecars = sidecars(source, workload, main);
    draft.kubernetes = Some(entry);
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

/// The port of the HTTP readiness probe, else of the liveness probe.
fn probed_port(container: &Container) -> Option<u16> {
    let of = |probe: &Option<Probe>| asked(container, probe.as_ref()?).map(|(_, port)| port);
    of(&container.readiness).or_else(|| of(&container.liveness))
}

/// Path and port of an HTTP probe.
fn asked<'p>(container: &Container, probe: &'p Probe) -> Option<(&'p str, u16)> {
    let ProbeAction::Http { path, port: at } = &probe.action else {
        return None;
    };
    let number = container.port(&at.as_ref()?.value).and_then(port)?;
    let path = path.as_ref().map_or("/", |path| path.value.as_str());
    Some((if path.is_empty() { "/" } else { path }, number))
}

fn health(draft: &Draft, source: &Source, container: &Container) -> Slot<Health> {
    let Some(readiness) = &container.readiness else {
        return Slot::unsaid(format!(
            "not in {}: where does it answer readiness?",
            source.name
        ));
    };
    let Some((path, number)) = asked(container, readiness) else {
        return Slot::unsaid(format!(
            "in {} readiness is {}, and health here is HTTP",
            source.name,
            readiness.action.words()
        ));
    };
    let Some(ready) = Path::of(path) else {
        return Slot::unsaid(format!(
            "{} asks `{path}`, and a path here has no query",
            source.name
        ));
    };
    let live = container
        .liveness
        .as_ref()
        .map(|probe| asked(container, probe));
    let mut notes = Vec::new();
    let live = match live {
        Some(Some((path, port))) if port == number => Path::of(path),
        Some(Some((_, port))) => {
            notes.push(format!("liveness is asked on port {port}"));
            None
        }
        Some(None) => {
            let words = container
                .liveness
                .as_ref()
                .map_or("", |probe| probe.action.words());
            notes.push(format!("liveness is {words}"));
            None
        }
        None => None,
    };
    let period = readiness.period.as_ref().filter(|period| period.value > 0);
    let failures = readiness
        .failures
        .as_ref()
        .filter(|failures| failures.value > 0);
    let absent = match (period.is_none(), failures.is_none()) {
        (true, true) => Some("`period` and `failures`"),
        (true, false) => Some("`period`"),
        (false, true) => Some("`failures`"),
        (false, false) => None,
    };
    if let Some(absent) = absent {
        notes.push(format!(
            "{absent} as Kubernetes has it: not in {}",
            source.name
        ));
    }
    // Without a port of its own, health is answered on the port of the first HTTP server, or of
    // whatever listens first.
    let serving = || draft.resources.iter().filter(|resource| resource.active);
    let main = serving()
        .filter(|resource| resource.kind == lifecycle_manifest::Kind::HttpServer)
        .find_map(|resource| resource.port)
        .or_else(|| serving().find_map(|resource| resource.port));
    let health = Health {
        port: (main != Some(number)).then_some(number),
        ready: Some(ready),
        live,
        period: Some(period.and_then(seconds).unwrap_or(DEFAULT_PROBE_PERIOD)),
        failures: failures.map_or(Some(DEFAULT_PROBE_FAILURES), |failures| {
            u32::try_from(failures.value)
                .ok()
                .map(|failures| failures.min(1_000))
        }),
    };
    Slot {
        value: Some(health),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// The hook: a sleep is the settle time, which Kubernetes then pays; anything else stands as it is.
fn hook(draft: &mut Draft, entry: &mut Kubernetes, source: &Source, container: &Container) {
    let serves = draft
        .resources
        .iter()
        .any(|resource| resource.active && resource.kind.takes_traffic());
    let none = |why: String| match serves {
        // Unset would mean a sleep where something takes traffic.
        true => Slot::noted(PreStop::Sleep(Duration::ZERO), why),
        false => Slot::default(),
    };
    entry.pre_stop = match &container.pre_stop {
        None => {
            none(source.asks(
                "does the program serve on after the signal? Kubernetes does not wait for it",
            ))
        }
        Some(Hook {
            action: Action::Sleep(written),
            ..
        }) => match seconds(written) {
            Some(Duration::ZERO) => none(format!("{} says so", source.name)),
            Some(sleep) if serves && draft.settle.value.is_none() => {
                draft.settle = Slot::noted(sleep, format!("the preStop sleep of {}", source.name));
                Slot::default()
            }
            Some(sleep) => Slot::of(PreStop::Sleep(sleep)),
            None => none(format!("{} says {}s", source.name, written.value)),
        },
        Some(Hook {
            action: Action::Exec(command),
            ..
        }) if !command.is_empty() => {
            let command: Vec<String> = command.iter().map(|word| word.value.clone()).collect();
            let (timeout, only) = match guess::sleeps(&command) {
                Some((time, true)) => (time, true),
                Some((time, false)) => (time.max(HOOK), false),
                None => (HOOK, false),
            };
            // Milliseconds are what a manifest counts in, and nothing is no time for a command.
            let timeout = Duration::from_millis(lifecycle_manifest::duration::millis(timeout));
            let timeout = bounded(timeout)
                .unwrap_or(HOOK)
                .max(Duration::from_millis(1));
            let hook = PreStop::Exec { command, timeout };
            match only {
                true => Slot::of(hook),
                false => Slot::noted(
                    hook,
                    format!(
                        "{} {} is a guess",
                        source.asks("how long does this command take at most?"),
                        show(timeout)
                    ),
                ),
            }
        }
        Some(Hook {
            action: Action::Http { path, port: at, .. },
            ..
        }) => {
            let path = path.as_ref().map_or("/", |path| path.value.as_str());
            let number = at
                .as_ref()
                .and_then(|at| container.port(&at.value))
                .and_then(port);
            match (Path::of_request(path), number) {
                (Some(path), Some(port)) => Slot::noted(
                    PreStop::Http {
                        path,
                        port,
                        timeout: HOOK,
                    },
                    format!(
                        "{} {} is a guess",
                        source.asks("how long does this request take at most?"),
                        show(HOOK)
                    ),
                ),
                _ => none(format!(
                    "the hook of {} is a request that cannot be said here",
                    source.name
                )),
            }
        }
        Some(_) => none(format!(
            "the hook of {} is none that the kubelet runs",
            source.name
        )),
    };
}

/// Native sidecars, which stop after the program and share its grace period.
fn sidecars(source: &Source, workload: &Workload, main: Option<usize>) -> Slot<Vec<Sidecar>> {
    let native: Vec<Sidecar> = workload
        .native_sidecars()
        .filter_map(|container| {
            Some(Sidecar {
                name: Name::of(container.name())?,
                timeout: SIDECAR,
                native: true,
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
            let mut lines = config.lines();
            let value =
                lines.find_map(|line| line.trim().strip_prefix("terminationDrainDuration:"))?;
            time(value.trim().trim_matches(['"', '\'']))
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
