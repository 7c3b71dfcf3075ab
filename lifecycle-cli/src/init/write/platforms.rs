//! The platforms' lines of a manifest.

use lifecycle_manifest::Platform;
use lifecycle_manifest::duration::show;
use lifecycle_manifest::platform::{DEFAULT_SETTLE, LaunchType, Selector, Share, Spot};
use minijinja::{Value, context};

use super::super::draft::{
    Common, Ecs, HealthCheck, Job, Kubernetes, LoadBalancer, PreStop, Proxy, Rolling, Sidecar, Slot,
};
use super::super::shown::{self, Other, Shown};
use super::{Block, list, mapping, safe, text, word};
use crate::template::quote;

const IMAGE: &str = "registry.example.com/my-service:1.0.0";

/// The lines that platforms have in common.
fn shared(key: &'static str, common: Option<&Common>) -> (Block, Value) {
    let block = Block {
        indent: 4,
        on: common.is_some(),
    };
    let nothing = Common::default();
    let on = common.is_some();
    let common = common.unwrap_or(&nothing);
    let default_grace =
        Platform::facts_of(key).map_or_else(String::new, |facts| show(facts.default_grace));
    let timeouts = match common.timeouts.is_empty() {
        true => Slot::default(),
        false => Slot::of(common.timeouts.as_slice()),
    };
    let shared = context! {
        head => safe(&format!("  {}{key}:", if on { "" } else { "#" })),
        default_grace => safe(&default_grace),
        grace_period => block.line("grace_period", &common.grace, |d| show(*d), &default_grace),
        image => block.line("image", &common.image, text, &quote(IMAGE)),
        timeouts => block.line(
            "timeouts",
            &timeouts,
            |timeouts| {
                let names: Vec<String> = timeouts.iter().map(|(name, _)| word(name.as_str())).collect();
                let entries: Vec<(&str, Option<String>)> = names
                    .iter()
                    .zip(timeouts.iter())
                    .map(|(name, (_, timeout))| (name.as_str(), Some(show(*timeout))))
                    .collect();
                mapping(&entries)
            },
            "{ http: 4s }",
        ),
    };
    (block, shared)
}

pub(super) fn kubernetes(entry: Option<&Kubernetes>) -> Value {
    let nothing = Kubernetes::default();
    let (block, common) = shared("kubernetes", entry.map(|entry| &entry.common));
    let entry = entry.unwrap_or(&nothing);
    context! {
        workload => block.line("workload", &entry.workload, |it| it.as_str().to_owned(), "deployment"),
        rollout => block.line(
            "rollout",
            &entry.rollout,
            rollout,
            "{ max_surge: 1, max_unavailable: 0, min_ready: 5s, progress_deadline: 10m, start_time: 20s }",
        ),
        job => (entry.job.value.is_some() || entry.job.note.is_some())
            .then(|| block.line("job", &entry.job, job, "{ deadline: 1h }")),
        replicas => block.line("replicas", &entry.replicas, u32::to_string, "2"),
        namespace => block.line("namespace", &entry.namespace, |n| word(n.as_str()), "default"),
        pre_stop => block.line("pre_stop", &entry.pre_stop, pre_stop, &show(DEFAULT_SETTLE)),
        sidecars => block.line(
            "sidecars",
            &entry.sidecars,
            |sidecars| list(sidecars, sidecar),
            "[{ name: proxy, timeout: 5s, native: true, image: \"proxy:1\", command: [/proxy], args: [run] }]",
        ),
        mesh => block.line(
            "mesh",
            &entry.mesh,
            mesh,
            "istio",
        ),
        spot => block.line(
            "spot",
            &entry.spot,
            |spot| match spot { Spot::Aws => "aws", Spot::Gke => "gke" }.to_owned(),
            "aws",
        ),
        load_balancer => block.line(
            "load_balancer",
            &entry.load_balancer,
            |delay| mapping(&[("deregistration_delay", Some(show(*delay)))]),
            "{ propagation: 10s, deregistration_delay: 30s, idle_timeout: 60s }",
        ),
        liveness_grace_period => block.line(
            "liveness_grace_period",
            &entry.liveness_grace,
            |d| show(*d),
            "30s",
        ),
        security_context => block.line(
            "security_context",
            &entry.security_context,
            |it| it.as_str().to_owned(),
            "restricted",
        ),
        selector => block.line("selector", &entry.selector, selector, "{ app: shop }"),
        ..common
    }
}

fn selector(selector: &Selector) -> String {
    let labels = selector.labels().iter();
    let written: Vec<String> = labels
        .map(|(name, value)| format!("{}: {}", word(name), word(value)))
        .collect();
    format!("{{ {} }}", written.join(", "))
}

fn rollout(rolling: &Rolling) -> String {
    let share = |share: Option<Share>| share.map(|share| share.to_string());
    mapping(&[
        (
            "strategy",
            rolling.strategy.map(|it| it.as_str().to_owned()),
        ),
        ("max_surge", share(rolling.max_surge)),
        ("max_unavailable", share(rolling.max_unavailable)),
        ("min_ready", rolling.min_ready.map(show)),
        ("progress_deadline", rolling.progress_deadline.map(show)),
    ])
}

fn job(job: &Job) -> String {
    mapping(&[
        ("schedule", job.schedule.as_deref().map(quote)),
        ("deadline", job.deadline.map(show)),
        (
            "replacement",
            job.replacement.map(|it| it.as_str().to_owned()),
        ),
        (
            "concurrency",
            job.concurrency.map(|it| it.as_str().to_owned()),
        ),
    ])
}

fn mesh(proxy: &Proxy) -> String {
    let name = proxy.mesh.as_str().to_owned();
    match (proxy.native, proxy.drain) {
        (None, None) => name,
        (native, drain) => mapping(&[
            ("name", Some(name)),
            ("native", native.map(|native| native.to_string())),
            ("drain", drain.map(show)),
        ]),
    }
}

fn pre_stop(hook: &PreStop) -> String {
    match hook {
        PreStop::Sleep(duration) => show(*duration),
        PreStop::Exec { command, timeout } => mapping(&[
            ("exec", Some(list(command, text))),
            ("timeout", Some(show(*timeout))),
        ]),
        PreStop::Http {
            path,
            port,
            timeout,
        } => mapping(&[
            ("http", Some(word(path.as_str()))),
            ("port", Some(port.to_string())),
            ("timeout", Some(show(*timeout))),
        ]),
    }
}

fn sidecar(sidecar: &Sidecar) -> String {
    let words = |words: &[String]| (!words.is_empty()).then(|| list(words, text));
    mapping(&[
        ("name", Some(word(sidecar.name.as_str()))),
        ("timeout", Some(show(sidecar.timeout))),
        ("native", (!sidecar.native).then(|| "false".to_owned())),
        ("image", sidecar.image.as_deref().map(quote)),
        ("command", words(&sidecar.command)),
        ("args", words(&sidecar.args)),
    ])
}

pub(super) fn ecs(entry: Option<&Ecs>) -> Value {
    let nothing = Ecs::default();
    let (block, common) = shared("ecs", entry.map(|entry| &entry.common));
    let entry = entry.unwrap_or(&nothing);
    let words = |key, slot: &Slot<Vec<String>>, example: &str| {
        block.line(key, slot, |items| list(items, text), example)
    };
    let role = quote("arn:aws:iam::123456789012:role/my-service");
    context! {
        launch_type => block.line(
            "launch_type",
            &entry.launch_type,
            |kind| match kind { LaunchType::Fargate => "fargate", LaunchType::Ec2 => "ec2" }.to_owned(),
            "fargate",
        ),
        spot => block.line("spot", &entry.spot, bool::to_string, "false"),
        desired_count => block.line("desired_count", &entry.desired_count, u32::to_string, "2"),
        cpu => block.line("cpu", &entry.cpu, u32::to_string, "256"),
        memory => block.line("memory", &entry.memory, u32::to_string, "512"),
        cluster => block.line("cluster", &entry.cluster, text, "main"),
        execution_role_arn =>
            block.line("execution_role_arn", &entry.execution_role_arn, text, &role),
        subnets => words("subnets", &entry.subnets, "[subnet-1, subnet-2]"),
        security_groups => words("security_groups", &entry.security_groups, "[sg-1]"),
        load_balancer => block.line(
            "load_balancer",
            &entry.load_balancer,
            load_balancer,
            "{ deregistration_delay: 20s, idle_timeout: 60s }",
        ),
        health_check => block.line("health_check", &entry.health_check, health_check, "runtime"),
        sidecars => block.line(
            "sidecars",
            &entry.sidecars,
            |sidecars| {
                list(sidecars, |(name, timeout)| {
                    mapping(&[("name", Some(text(name))), ("timeout", Some(show(*timeout)))])
                })
            },
            "[{ name: proxy, timeout: 5s }]",
        ),
        ..common
    }
}

fn load_balancer(balancer: &LoadBalancer) -> String {
    mapping(&[
        (
            "deregistration_delay",
            balancer.deregistration_delay.map(show),
        ),
        ("idle_timeout", balancer.idle_timeout.map(show)),
        (
            "target_group_arn",
            balancer.target_group_arn.as_ref().map(text),
        ),
    ])
}

fn health_check(check: &HealthCheck) -> String {
    match check {
        HealthCheck::Runtime => "runtime".to_owned(),
        HealthCheck::Command(command) => list(command, text),
    }
}

/// The blocks of the platforms whose keys are plain: those that were asked for, and those that are
/// shown always.
pub(super) fn others(entries: &[Other]) -> Vec<Value> {
    let entry = |shown: &Shown| entries.iter().find(|entry| entry.key == shown.key);
    shown::ALL
        .iter()
        .filter(|shown| shown.always || entry(shown).is_some())
        .map(|shown| other(shown, entry(shown)))
        .collect()
}

/// The keys of the platforms that are not shown; empty where all are.
pub(super) fn unshown(entries: &[Other]) -> String {
    let keys: Vec<&str> = shown::ALL
        .iter()
        .filter(|shown| !shown.always && entries.iter().all(|entry| entry.key != shown.key))
        .map(|shown| shown.key)
        .collect();
    keys.join(", ")
}

fn other(shown: &Shown, entry: Option<&Other>) -> Value {
    let (block, common) = shared(shown.key, entry.map(|entry| &entry.common));
    let nothing = Slot::default();
    let is_shown = |key: &str| shown.lines.iter().any(|line| line.key == key);
    // What only some of the platform's kinds have is shown where it is written.
    let further = entry.into_iter().flat_map(|entry| {
        let values = entry.values.iter();
        values.filter(|(key, slot)| slot.value.is_some() && !is_shown(key))
    });
    let further = further.map(|(key, slot)| {
        context! {
            about => safe(""),
            line => block.line(key, slot, String::clone, ""),
        }
    });
    let lines: Vec<Value> = shown
        .lines
        .iter()
        .map(|line| {
            let written = entry.and_then(|entry| {
                let mut values = entry.values.iter();
                values.find(|(key, _)| *key == line.key)
            });
            let slot = written.map_or(&nothing, |(_, slot)| slot);
            context! {
                about => safe(line.about),
                line => block.line(line.key, slot, String::clone, line.example),
            }
        })
        .chain(further)
        .collect();
    let runs_images = Platform::facts_of(shown.key).is_some_and(|facts| facts.runs_images);
    context! {
        grace_about => shown.grace.map(safe),
        runs_images => runs_images,
        lines => lines,
        ..common
    }
}
