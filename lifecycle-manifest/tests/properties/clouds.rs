//! The keys that only Cloud Run and Azure Container Apps have, as plain data. None of them changes the
//! sum.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use crate::model::time;
use crate::yaml::{Yaml, map, text};

/// For whichever of the two a manifest names.
#[derive(Debug, Clone)]
pub(crate) struct Clouds {
    /// Cloud Run: a service, a job or a worker pool, each with keys of its own.
    kind: Option<usize>,
    /// The longest request, or the longest task.
    timeout: Option<u64>,
    count: Option<u32>,
    throttled: Option<bool>,
    /// Azure: the ingress' own grace period, and its idle timeout.
    ingress: Option<(Option<u64>, Option<u64>)>,
    liveness_grace: Option<u64>,
    sidecars: Vec<u64>,
}

pub(crate) fn clouds() -> impl Strategy<Value = Clouds> {
    let ingress = (of(0..3_600_001_u64), of(240_000..1_800_001_u64));
    (
        of(0..3_usize),
        of(1_000..3_600_001_u64),
        of(1..10_u32),
        of(any::<bool>()),
        weighted(0.3, ingress),
        weighted(0.3, 1..3_600_001_u64),
        vec(time(60_000), 0..3),
    )
        .prop_map(
            |(kind, timeout, count, throttled, ingress, liveness_grace, sidecars)| Clouds {
                kind,
                timeout,
                count,
                throttled,
                ingress,
                liveness_grace,
                sidecars,
            },
        )
}

impl Clouds {
    /// The entries of a platform, behind those that every platform has.
    pub(crate) fn entries(&self, platform: &str) -> Vec<(String, Yaml)> {
        let own = match platform {
            "cloud_run" => self.cloud_run(),
            "azure_container_apps" => self.azure(),
            _ => Vec::new(),
        };
        let written = own.into_iter();
        written
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }

    fn cloud_run(&self) -> Vec<(&'static str, Option<Yaml>)> {
        let kinds = ["service", "job", "worker-pool"];
        let timeout = self.timeout.map(Yaml::Millis);
        let count = self.count.map(text);
        let own = match self.kind.unwrap_or(0) {
            0 => vec![
                ("request_timeout", timeout),
                ("min_instances", count),
                ("cpu_throttling", self.throttled.map(text)),
            ],
            1 => vec![("task_timeout", timeout), ("max_retries", count)],
            _ => vec![("instances", count)],
        };
        let mut entries = vec![("kind", self.kind.map(|kind| text(kinds[kind])))];
        entries.extend(own);
        entries.push(("sidecars", self.sidecars()));
        entries
    }

    fn azure(&self) -> Vec<(&'static str, Option<Yaml>)> {
        let ingress = self.ingress.map(|(grace, idle)| {
            map([
                ("grace_period", grace.map(Yaml::Millis)),
                ("idle_timeout", idle.map(Yaml::Millis)),
            ])
        });
        vec![
            ("min_replicas", self.count.map(text)),
            ("premium_ingress", ingress),
            (
                "liveness_grace_period",
                self.liveness_grace.map(Yaml::Millis),
            ),
            ("sidecars", self.sidecars()),
        ]
    }

    fn sidecars(&self) -> Option<Yaml> {
        let times = self.sidecars.iter().enumerate();
        let items = times.map(|(at, time)| {
            map([
                ("name", Some(text(format!("beside{at}")))),
                ("timeout", Some(Yaml::Millis(*time))),
            ])
        });
        (!self.sidecars.is_empty()).then(|| Yaml::List(items.collect()))
    }
}
