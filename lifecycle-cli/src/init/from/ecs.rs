//! An ECS task definition with its service and its target group, as far as a manifest has keys for
//! them.

use std::time::Duration;

use lifecycle_manifest::Platform;
use lifecycle_manifest::deployed::{Container, EcsService, Workload};
use lifecycle_manifest::platform::LaunchType;
use lifecycle_manifest::text::{Node, Value};

use super::super::draft::{Common, Draft, Ecs, HealthCheck, LoadBalancer, Slot};
use super::guess::{self, Listening};
use super::{Chosen, Source, main, port, seconds, text};

pub(super) fn describe(draft: &mut Draft, chosen: Chosen<'_>, sources: &[Source]) {
    let Chosen { source, workload } = chosen;
    let service = service(workload, sources);
    let at = |key: &str| source.text(&workload.spec.key(key));
    let mut entry = Ecs {
        launch_type: launch_type(source, workload, service),
        cpu: number(source, at("cpu"), "vCPU", 128..=196_608),
        memory: number(source, at("memory"), "GB", 6..=3_145_728),
        execution_role_arn: words(at("executionRoleArn")),
        load_balancer: load_balancer(source, service, sources),
        ..Ecs::default()
    };
    if let Some((file, service)) = service {
        of_service(&mut entry, file, service);
    }
    if let Some(container) = main(draft, workload) {
        entry.sidecars = sidecars(source, workload, container);
        entry.common = Common {
            grace: grace(source, container),
            image: Slot {
                note: beside(source, workload, container, &entry),
                ..text(container.image.as_ref())
            },
            ..Common::default()
        };
        entry.health_check = health_check(source, container);
        guess::servers(draft, source, &ports(source, container), None);
        guess::others(draft, source, container);
    }
    guess::something(draft, source);
    draft.ecs = Some(entry);
}

/// The containers that the program depends on, and those that these depend on: ECS stops them in the
/// opposite order, each once the other is gone.
fn sidecars(
    source: &Source,
    workload: &Workload,
    main: &Container,
) -> Slot<Vec<(String, Duration)>> {
    let mut found: Vec<&Container> = Vec::new();
    let mut at = vec![main];
    while let Some(container) = at.pop() {
        for depends in &container.depends_on {
            let named = |one: &&Container| one.name() == depends.container.value;
            if let Some(other) = workload.containers.iter().find(named)
                && !depends.has_ended()
                && other.route != main.route
                && found.iter().all(|known| known.route != other.route)
            {
                found.push(other);
                at.push(other);
            }
        }
    }
    let usual = Platform::facts_of("ecs").map_or(Duration::ZERO, |facts| facts.default_grace);
    let mut unsaid = false;
    let sidecars: Vec<(String, Duration)> = found
        .iter()
        .map(|container| {
            let written = container.stop_timeout.as_ref().and_then(seconds);
            let written = written.filter(|timeout| !timeout.is_zero());
            unsaid |= written.is_none();
            (container.name().to_owned(), written.unwrap_or(usual))
        })
        .collect();
    let note =
        unsaid.then(|| source.asks("how long does each take to stop? ECS gives it its default"));
    Slot {
        note,
        value: (!sidecars.is_empty()).then_some(sidecars),
    }
}

/// The containers beside the program that a manifest has no keys for: who reads it should know.
fn beside(source: &Source, workload: &Workload, main: &Container, entry: &Ecs) -> Option<String> {
    let is_sidecar = |name: &str| {
        let sidecars = entry.sidecars.value.iter().flatten();
        sidecars.into_iter().any(|(sidecar, _)| sidecar == name)
    };
    let others: Vec<&str> = workload
        .containers
        .iter()
        .filter(|container| container.route != main.route)
        .map(Container::name)
        .filter(|name| !name.is_empty() && !is_sidecar(name))
        .collect();
    let others = others.join(", ");
    (!others.is_empty()).then(|| format!("beside it in {}: {others}", source.name))
}

/// The service that runs this task definition, with its file.
fn service<'s>(workload: &Workload, sources: &'s [Source]) -> Option<(&'s Source, &'s EcsService)> {
    let all = || {
        sources.iter().flat_map(|source| {
            source
                .deployed()
                .ecs_services
                .iter()
                .map(move |one| (source, one))
        })
    };
    let family = workload.name.as_ref().map(|name| name.value.as_str());
    let by_family =
        all().find(|(_, service)| service.family().is_some() && service.family() == family);
    by_family.or_else(|| {
        // The only one is this one's, unless it names another family.
        let mut all = all();
        let only = all.next()?;
        (all.next().is_none() && (family.is_none() || only.1.family().is_none())).then_some(only)
    })
}

fn of_service(entry: &mut Ecs, file: &Source, service: &EcsService) {
    entry.desired_count = match &service.desired_count {
        Some(written) => match u32::try_from(written.value).ok().filter(|n| *n <= 10_000) {
            Some(count) => Slot::of(count),
            None => Slot::unsaid(format!("{} says {}", file.name, written.value)),
        },
        None => Slot::default(),
    };
    let cluster = ["cluster", "clusterArn"]
        .iter()
        .find_map(|key| file.text(&service.route.key(key)));
    entry.cluster = words(cluster);
    let network = service
        .route
        .key("networkConfiguration")
        .key("awsvpcConfiguration");
    let list = |key: &str| match file.texts(&network.key(key)) {
        items if items.is_empty() => Slot::default(),
        items => Slot::of(items),
    };
    entry.subnets = list("subnets");
    entry.security_groups = list("securityGroups");
    let used: Vec<&str> = service
        .capacity
        .iter()
        .filter(|capacity| capacity.used)
        .map(|capacity| capacity.provider.value.as_str())
        .collect();
    if used.contains(&"FARGATE_SPOT") {
        entry.spot = match used.iter().all(|provider| *provider == "FARGATE_SPOT") {
            true => Slot::of(true),
            false => Slot::noted(true, format!("some of the tasks, by {}", file.name)),
        };
    }
}

/// Where the tasks run: the service says, or the only launch type that the task definition allows.
fn launch_type(
    source: &Source,
    workload: &Workload,
    service: Option<(&Source, &EcsService)>,
) -> Slot<LaunchType> {
    if let Some((file, service)) = service {
        if let Some(written) = &service.launch_type {
            return match written.value.as_str() {
                "FARGATE" => Slot::of(LaunchType::Fargate),
                "EC2" => Slot::of(LaunchType::Ec2),
                other => {
                    let note = format!("{} says {other}, where the hosts are yours too", file.name);
                    Slot::noted(LaunchType::Ec2, note)
                }
            };
        }
        let mut used = service.capacity.iter().filter(|capacity| capacity.used);
        if let Some(first) = used.next() {
            return match first.provider.value.starts_with("FARGATE") {
                true => Slot::of(LaunchType::Fargate),
                false => Slot::noted(
                    LaunchType::Ec2,
                    format!(
                        "the capacity provider `{}` of {}",
                        first.provider.value, file.name
                    ),
                ),
            };
        }
    }
    let allows = |name: &str| workload.compatibilities.iter().any(|one| one.value == name);
    match (
        allows("FARGATE"),
        allows("EC2") || allows("EXTERNAL") || allows("MANAGED_INSTANCES"),
    ) {
        (true, false) => Slot::of(LaunchType::Fargate),
        (false, true) => Slot::of(LaunchType::Ec2),
        (true, true) => {
            Slot::unsaid(source.asks("on which of the launch types that it allows does it run?"))
        }
        (false, false) => Slot::unsaid(source.asks("where does it run?")),
    }
}

fn grace(source: &Source, container: &Container) -> Slot<Duration> {
    let Some(written) = &container.stop_timeout else {
        let route = container.route.key("stopTimeout");
        return Slot::unsaid(match source.deployed().is_odd(&route) {
            true => format!("{} has no whole number there", source.name),
            false => format!("not in {}: ECS gives its default", source.name),
        });
    };
    match seconds(written) {
        // The agent takes zero for nothing said.
        Some(Duration::ZERO) => {
            Slot::unsaid(format!("{} says 0, which acts as the default", source.name))
        }
        Some(grace) => Slot::of(grace),
        None => Slot::unsaid(format!("{} says {}s", source.name, written.value)),
    }
}

fn ports(source: &Source, container: &Container) -> Vec<Listening> {
    container
        .ports
        .iter()
        .filter_map(|written| {
            let block = written.number.route.parent()?;
            let at = |key| source.text(&block.key(key)).unwrap_or_default();
            let is_tcp = ["", "tcp"].contains(&at("protocol").to_ascii_lowercase().as_str());
            Some(Listening {
                number: port(written.number.value).filter(|_| is_tcp)?,
                name: plain_port_name(at("name"), written.number.value),
                protocol: at("appProtocol").to_owned(),
            })
        })
        .collect()
}

/// The console of AWS makes names such as `web-8080-tcp`: `web`.
fn plain_port_name(name: &str, number: i64) -> String {
    let plain = name.strip_suffix("-tcp").unwrap_or(name);
    let plain = plain.strip_suffix(&format!("-{number}")).unwrap_or(plain);
    plain.to_owned()
}

fn health_check(source: &Source, container: &Container) -> Slot<HealthCheck> {
    let Some(check) = &container.health_check else {
        return Slot::default();
    };
    let command: Vec<String> = check
        .command
        .iter()
        .map(|word| word.value.clone())
        .collect();
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["CMD", "/proc/1/exe", "--lifecycle-probe", "live"] => Slot::of(HealthCheck::Runtime),
        ["CMD" | "CMD-SHELL", _, ..] => Slot::of(HealthCheck::Command(command)),
        [] | ["NONE", ..] => Slot::default(),
        _ => Slot::unsaid(format!(
            "the command of {} begins with neither CMD nor CMD-SHELL",
            source.name
        )),
    }
}

/// The target group: the service's first, with its attributes where they were given.
fn load_balancer(
    source: &Source,
    service: Option<(&Source, &EcsService)>,
    sources: &[Source],
) -> Slot<LoadBalancer> {
    let arn = service
        .and_then(|(_, service)| service.load_balancers.first())
        .map(|binding| binding.target_group.as_ref().map(|arn| arn.value.clone()));
    let groups: Vec<_> = sources
        .iter()
        .flat_map(|source| &source.deployed().target_groups)
        .filter(|group| group.platform == "ecs")
        .collect();
    let wanted = arn.as_ref().and_then(Option::as_deref);
    let group = groups
        .iter()
        .find(|group| {
            wanted.is_some() && group.arn.as_ref().map(|arn| arn.value.as_str()) == wanted
        })
        .or(match groups.as_slice() {
            [only] if only.arn.is_none() || wanted.is_none() => Some(only),
            _ => None,
        });
    if arn.is_none() && group.is_none() {
        return match service {
            // It was described in full, or sent: behind nothing.
            Some(_) => Slot::default(),
            None => Slot::unsaid(source.asks("is the service behind a target group?")),
        };
    }
    let delay = group
        .and_then(|group| group.deregistration_delay.as_ref())
        .and_then(seconds)
        .filter(|delay| *delay <= Duration::from_secs(3_600));
    let balancer = LoadBalancer {
        deregistration_delay: delay,
        idle_timeout: idle_timeout(sources),
        target_group_arn: arn
            .flatten()
            .or_else(|| Some(group?.arn.as_ref()?.value.clone())),
    };
    let file = service.map_or(source, |(file, _)| file);
    match delay {
        Some(_) => Slot::of(balancer),
        None => Slot::noted(
            balancer,
            file.asks("what is the deregistration delay? AWS' default is 300s"),
        ),
    }
}

/// A load balancer's own attributes, where they were given too.
fn idle_timeout(sources: &[Source]) -> Option<Duration> {
    let documents =
        sources
            .iter()
            .flat_map(|source| match &source.deployed().document.root.value {
                Value::Sequence(documents) => documents.as_slice(),
                _ => &[],
            });
    let text = |node: &Node, key: &str| match &node.entry(key)?.value.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    };
    let seconds = documents
        .filter_map(
            |document| match &document.entry("Attributes")?.value.value {
                Value::Sequence(attributes) => Some(attributes),
                _ => None,
            },
        )
        .flatten()
        .find(|item| text(item, "Key").as_deref() == Some("idle_timeout.timeout_seconds"))
        .and_then(|item| text(item, "Value")?.parse::<u64>().ok())?;
    (1..=4_000)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// `1024`, `"1 vCPU"` or `"2 GB"`: the platform takes all three.
fn number(
    source: &Source,
    text: Option<&str>,
    unit: &str,
    bounds: std::ops::RangeInclusive<u32>,
) -> Slot<u32> {
    let Some(text) = text.map(str::trim) else {
        return Slot::default();
    };
    let lower = text.to_ascii_lowercase();
    let whole = match lower.strip_suffix(&unit.to_ascii_lowercase()) {
        None => lower.parse::<u32>().ok(),
        Some(number) => thousandths(number.trim()).and_then(|number| {
            let number = number.checked_mul(1_024)?;
            u32::try_from(number / 1_000).ok()
        }),
    };
    match whole.filter(|number| bounds.contains(number)) {
        Some(number) => Slot::of(number),
        None => Slot::unsaid(format!("{} says `{text}`", source.name)),
    }
}

/// `0.25` as 250.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 3 || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(part)
}

fn words(text: Option<&str>) -> Slot<String> {
    match text {
        Some(text) if !text.is_empty() => Slot::of(text.to_owned()),
        _ => Slot::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_core_are_counted_as_ecs_counts_them() {
        for (text, shares) in [
            ("1", Some(1_000)),
            (".25", Some(250)),
            ("0.5", Some(500)),
            ("", None),
            (".", None),
            ("x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(thousandths(text), shares, "{text:?}");
        }
    }

    #[test]
    fn the_console_s_names_of_ports_are_taken_back() {
        assert_eq!(plain_port_name("web-8080-tcp", 8_080), "web");
        assert_eq!(plain_port_name("web", 8_080), "web");
        assert_eq!(plain_port_name("", 8_080), "");
    }
}
