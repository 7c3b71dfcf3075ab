//! Cloud Run and Azure Container Apps, as plain data.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use crate::model::{Common, common, common_tree, time};
use crate::yaml::{Yaml, map, text};

/// `cloud_run`: a service, a job or a worker pool, each with keys of its own.
#[derive(Debug, Clone)]
pub(crate) struct CloudRun {
    pub(crate) common: Common,
    kind: Option<usize>,
    /// The longest request, or the longest task.
    timeout: Option<u64>,
    count: Option<u32>,
    throttled: Option<bool>,
    sidecars: Vec<u64>,
}

/// `azure_container_apps`.
#[derive(Debug, Clone)]
pub(crate) struct Azure {
    pub(crate) common: Common,
    replicas: Option<u32>,
    /// The ingress' own grace period, and its idle timeout.
    ingress: Option<(Option<u64>, Option<u64>)>,
    liveness_grace: Option<u64>,
    sidecars: Vec<u64>,
}

pub(crate) fn cloud_run(count: usize) -> impl Strategy<Value = CloudRun> {
    (
        common(count),
        of(0..3_usize),
        of(1_000..3_600_001_u64),
        of(1..10_u32),
        of(any::<bool>()),
        vec(time(20_000), 0..3),
    )
        .prop_map(
            |(common, kind, timeout, count, throttled, sidecars)| CloudRun {
                common: Common {
                    grace: None,
                    ..common
                },
                kind,
                timeout,
                count,
                throttled,
                sidecars,
            },
        )
}

pub(crate) fn azure(count: usize) -> impl Strategy<Value = Azure> {
    let ingress = (of(0..3_600_001_u64), of(240_000..1_800_001_u64));
    (
        common(count),
        of(1..1_000_u32),
        weighted(0.3, ingress),
        weighted(0.3, 1..3_600_001_u64),
        vec(time(90_000), 0..3),
    )
        .prop_map(
            |(common, replicas, ingress, liveness_grace, sidecars)| Azure {
                common,
                replicas,
                ingress,
                liveness_grace,
                sidecars,
            },
        )
}

fn sidecars(times: &[u64]) -> Option<Yaml> {
    let items = times.iter().enumerate().map(|(at, time)| {
        map([
            ("name", Some(text(format!("beside{at}")))),
            ("timeout", Some(Yaml::Millis(*time))),
        ])
    });
    (!times.is_empty()).then(|| Yaml::List(items.collect()))
}

/// The written ones of some entries, behind those that every platform has.
fn with(common: &Common, entries: Vec<(&str, Option<Yaml>)>) -> Yaml {
    let mut all = common_tree(common);
    let written = entries.into_iter();
    all.extend(written.filter_map(|(key, value)| Some((key.to_owned(), value?))));
    Yaml::Map(all)
}

pub(crate) fn cloud_run_tree(run: &CloudRun) -> Yaml {
    let kinds = ["service", "job", "worker-pool"];
    let timeout = run.timeout.map(Yaml::Millis);
    let count = run.count.map(text);
    let own = match run.kind.unwrap_or(0) {
        0 => vec![
            ("request_timeout", timeout),
            ("min_instances", count),
            ("cpu_throttling", run.throttled.map(text)),
        ],
        1 => vec![("task_timeout", timeout), ("max_retries", count)],
        _ => vec![("instances", count)],
    };
    let mut entries = vec![("kind", run.kind.map(|kind| text(kinds[kind])))];
    entries.extend(own);
    entries.push(("sidecars", sidecars(&run.sidecars)));
    with(&run.common, entries)
}

pub(crate) fn azure_tree(azure: &Azure) -> Yaml {
    let ingress = azure.ingress.map(|(grace, idle)| {
        map([
            ("grace_period", grace.map(Yaml::Millis)),
            ("idle_timeout", idle.map(Yaml::Millis)),
        ])
    });
    let entries = vec![
        ("min_replicas", azure.replicas.map(text)),
        ("premium_ingress", ingress),
        (
            "liveness_grace_period",
            azure.liveness_grace.map(Yaml::Millis),
        ),
        ("sidecars", sidecars(&azure.sidecars)),
    ];
    with(&azure.common, entries)
}
