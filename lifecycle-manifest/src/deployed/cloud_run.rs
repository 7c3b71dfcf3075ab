//! Google Cloud Run: services, jobs and worker pools in the shape of the API's version 1, which
//! `gcloud run … describe --format export` writes and `gcloud run … replace` takes.
//!
//! A Knative Service of a cluster has the same shape and is taken for one of these.

use super::kubernetes::{container, name};
use super::pair::container_place;
use super::read::At;
use super::reader::Reader;
use super::setting::Setting;
use super::{Container, DependsOn, Deployed, Odd, Pairs, Settings, Workload};
use crate::manifest::Written;
use crate::platform::RunKind;
use crate::platform::cloud_run::{DEFAULT_REQUEST_TIMEOUT, FACTS, SERVICE_SECONDS, TASK_SECONDS};
use crate::text::{Limits, Route, Value, parse_stream};

/// Which containers wait for which others at their start, as JSON.
const DEPENDENCIES: &str = "run.googleapis.com/container-dependencies";

pub(super) static READER: Reader = Reader {
    platform: FACTS.key,
    generate: "lifecycle gen cloud-run",
    grace_key: "grace period",
    write_grace: |_| "nothing: there is no grace period to set".to_owned(),
    outside_keys: &[],
    write_port: Some(|port| format!("containerPort: {port}")),
    object,
    grace: |_, _, container| {
        Some(Setting {
            value: FACTS.default_grace,
            place: container_place(container),
            default: Some("Cloud Run's fixed window".to_owned()),
            is_written: false,
        })
    },
};

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let (Some(kind), Some(version)) = (at.text("kind"), at.text("apiVersion")) else {
        return false;
    };
    let (group, _) = version.value.split_once('/').unwrap_or_default();
    let (kind, keys): (RunKind, &[&str]) = match (group, kind.value.as_str()) {
        ("serving.knative.dev", "Service") => (RunKind::Service, &["spec", "template"]),
        ("run.googleapis.com", "Job") => (RunKind::Job, &["spec", "template", "spec", "template"]),
        ("run.googleapis.com", "WorkerPool") => (RunKind::WorkerPool, &["spec", "template"]),
        // Revisions, executions and tasks are what these have made: no reader takes them for more.
        _ => return false,
    };
    if let Some(template) = at.at(keys) {
        let workload = workload(at, kind, &template, &mut deployed.odd);
        deployed.workloads.push(workload);
    }
    true
}

fn workload(at: &At<'_>, kind: RunKind, template: &At<'_>, odd: &mut Vec<Odd>) -> Workload {
    let pairs = |at: &At<'_>, key: &str| {
        let meta = at.get("metadata");
        meta.map(|meta| meta.pairs(key)).unwrap_or_default()
    };
    let spec = template.get("spec");
    let items = spec.as_ref().map(|spec| spec.list("containers"));
    let mut containers: Vec<Container> = items
        .unwrap_or_default()
        .iter()
        .map(|item| Container {
            // Neither is known there.
            pre_stop: None,
            stop_signal: None,
            ..container(item, odd)
        })
        .collect();
    let (annotations, pod_annotations) = (pairs(at, "annotations"), pairs(template, "annotations"));
    if let Some(written) = pod_annotations.get(DEPENDENCIES) {
        depend(&mut containers, written);
    }
    let refused = spec
        .as_ref()
        .and_then(|spec| spec.get("terminationGracePeriodSeconds"));
    Workload {
        name: name(at),
        labels: pairs(at, "labels"),
        pod_labels: pairs(template, "labels"),
        spec: spec
            .as_ref()
            .map_or(template.route.clone(), |spec| spec.route.clone()),
        not_settable: refused.map(|at| at.route),
        containers,
        settings: settings(
            at,
            kind,
            spec.as_ref(),
            [&annotations, &pod_annotations],
            odd,
        ),
        annotations,
        pod_annotations,
        ..Workload::at(FACTS.key, kind.noun(), at.route.clone())
    }
}

/// What a manifest has keys for, under their names.
fn settings(
    at: &At<'_>,
    kind: RunKind,
    spec: Option<&At<'_>>,
    annotations: [&Pairs; 2],
    odd: &mut Vec<Odd>,
) -> Settings {
    let annotation = |name: &str| {
        annotations
            .iter()
            .find_map(|pairs| pairs.get(name))
            .cloned()
    };
    let mut settings = Settings::default();
    settings.word("kind", Some(at.written(kind.word().to_owned())));
    match kind {
        RunKind::Service => {
            let timeout = spec.and_then(|it| it.within("timeoutSeconds", &SERVICE_SECONDS, odd));
            // The default is in whatever is described, and nobody's word.
            let default = DEFAULT_REQUEST_TIMEOUT.as_secs();
            let said = |written: &Written<i64>| written.value.unsigned_abs() != default;
            settings.number("request_timeout", timeout.filter(said));
            settings.number(
                "concurrency",
                // Zero is Cloud Run's own choice.
                spec.and_then(|spec| spec.number("containerConcurrency", odd))
                    .filter(|count| count.value > 0),
            );
            // The service's own count holds before the revision's.
            for (key, names) in [
                (
                    "min_instances",
                    [
                        "run.googleapis.com/minScale",
                        "autoscaling.knative.dev/minScale",
                    ],
                ),
                (
                    "max_instances",
                    [
                        "run.googleapis.com/maxScale",
                        "autoscaling.knative.dev/maxScale",
                    ],
                ),
            ] {
                settings.word(key, names.iter().find_map(|name| annotation(name)));
            }
            settings.word(
                "cpu_throttling",
                annotation("run.googleapis.com/cpu-throttling"),
            );
        }
        RunKind::Job => {
            settings.number(
                "task_timeout",
                // A number of 64 bits is text in the API's JSON, and in what is exported from it.
                spec.and_then(|spec| spec.within("timeoutSeconds", &TASK_SECONDS, odd)),
            );
            settings.number(
                "max_retries",
                spec.and_then(|it| it.number("maxRetries", odd)),
            );
            let execution = at.at(&["spec", "template", "spec"]);
            settings.number(
                "tasks",
                execution.and_then(|it| it.number("taskCount", odd)),
            );
        }
        RunKind::WorkerPool => {
            settings.word(
                "instances",
                annotation("run.googleapis.com/manualInstanceCount"),
            );
        }
    }
    settings
}

/// Notes who waits for whom: `{"app":["proxy"]}`.
fn depend(containers: &mut [Container], written: &Written<String>) {
    let (document, errors) = parse_stream(&written.value, Limits::of_a_stream());
    if !errors.is_empty() {
        return;
    }
    for container in containers {
        let Some(name) = &container.name else {
            continue;
        };
        let on = document.get(&Route::root().index(0).key(&name.value));
        let Some(Value::Sequence(items)) = on.map(|node| &node.value) else {
            continue;
        };
        let depends = items.iter().filter_map(|item| match &item.value {
            Value::Scalar { text, .. } => Some(DependsOn {
                container: Written {
                    value: text.clone(),
                    route: written.route.clone(),
                },
                condition: None,
            }),
            _ => None,
        });
        container.depends_on = depends.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cloud_run_would_do_anyway_is_nobodys_word() {
        let said = |timeout: u16, concurrency: u8| {
            let text = format!(
                "\
apiVersion: serving.knative.dev/v1
kind: Service
spec:
  template:
    spec: {{ timeoutSeconds: {timeout}, containerConcurrency: {concurrency} }}
"
            );
            let deployed = Deployed::read(&text);
            ["request_timeout", "concurrency"].map(|key| {
                let written = deployed.workloads[0].settings.get(key);
                written.map(|it| it.value.clone())
            })
        };
        assert_eq!(said(300, 0), [None, None]);
        assert_eq!(said(301, 1), [Some("301".to_owned()), Some("1".to_owned())]);
    }
}
