//! Kubernetes objects: workloads of every kind, Services, and what is asked of the AWS load balancer
//! controller.

use std::time::Duration;

use super::read::At;
use super::reader::Reader;
use super::setting::Setting;
use super::{
    Action, Container, Deployed, Hook, Odd, Owner, Probe, ProbeAction, Service, ServicePort,
    Strategy, TargetGroup, Variable, Workload,
};
use crate::duration::seconds_up;
use crate::finding::Place;
use crate::manifest::Written;
use crate::platform::kubernetes::FACTS;

/// Where each kind keeps its pod: `metadata` and `spec` stand there.
const PODS: &[(&str, &[&str])] = &[
    ("Pod", &[]),
    ("Deployment", &["spec", "template"]),
    ("StatefulSet", &["spec", "template"]),
    ("DaemonSet", &["spec", "template"]),
    ("ReplicaSet", &["spec", "template"]),
    ("ReplicationController", &["spec", "template"]),
    ("Job", &["spec", "template"]),
    ("CronJob", &["spec", "jobTemplate", "spec", "template"]),
    // Of Argo and of OpenShift, and of a Deployment's shape.
    ("Rollout", &["spec", "template"]),
    ("DeploymentConfig", &["spec", "template"]),
];

/// Annotations that ask the AWS load balancer controller for a target group's attributes.
const TARGET_GROUP: [&str; 2] = [
    "alb.ingress.kubernetes.io/target-group-attributes",
    "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
];

pub(super) static READER: Reader = Reader {
    platform: "kubernetes",
    generate: "lifecycle gen k8s",
    grace_key: "terminationGracePeriodSeconds",
    write_grace: |grace| format!("terminationGracePeriodSeconds: {}", seconds_up(grace)),
    outside_keys: &[],
    write_port: Some(|port| format!("containerPort: {port}")),
    object,
    grace: |file, workload, _| pod_grace(file, workload),
};

/// The grace period of a pod; `None` where what stands there is no number.
pub(super) fn pod_grace(file: &Deployed, workload: &Workload) -> Option<Setting> {
    let spec = &workload.spec;
    if file.is_odd(&spec.key("terminationGracePeriodSeconds")) {
        return None;
    }
    Some(match &workload.grace {
        Some(written) => Setting {
            // The API server turns a negative one into a second.
            value: match written.value {
                ..0 => Duration::from_secs(1),
                value => Duration::from_secs(value.unsigned_abs()),
            },
            place: Place::Value(written.route.clone()),
            default: None,
            is_written: true,
        },
        None => Setting {
            value: FACTS.default_grace,
            place: Place::Key(spec.clone()),
            default: Some("the Kubernetes default".to_owned()),
            is_written: false,
        },
    })
}

/// Everything with a kind is taken for an object of Kubernetes, known or not.
fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let Some(kind) = at.text("kind") else {
        return false;
    };
    let group = at.text("apiVersion").map_or(String::new(), |version| {
        version
            .value
            .split_once('/')
            .map_or(String::new(), |(group, _)| group.to_owned())
    });
    match kind.value.as_str() {
        // Knative's are other things of the same name.
        "Service" if group.is_empty() => {
            target_group(at, deployed);
            deployed.services.extend(service(at));
        }
        "Ingress" => target_group(at, deployed),
        kind => {
            let known = PODS.iter().find(|(name, _)| *name == kind);
            let of_knative = group.ends_with("knative.dev");
            if let Some((_, pod)) = known.filter(|_| !of_knative)
                && let Some(pod) = at.at(pod)
            {
                let workload = workload(at, kind, &pod, &mut deployed.odd);
                deployed.workloads.push(workload);
            }
        }
    }
    true
}

fn workload(at: &At<'_>, kind: &str, pod: &At<'_>, odd: &mut Vec<Odd>) -> Workload {
    let spec = pod.get("spec");
    let meta = |at: &At<'_>, key: &str| at.get("metadata").map(|at| at.pairs(key));
    let outer = at.get("spec").filter(|_| kind != "Pod");
    let job = match kind {
        "CronJob" => at.at(&["spec", "jobTemplate", "spec"]),
        "Job" => outer.clone(),
        _ => None,
    };
    let containers = |key: &str, odd: &mut Vec<Odd>| -> Vec<Container> {
        let items = spec.as_ref().map(|spec| spec.list(key)).unwrap_or_default();
        items.iter().map(|item| container(item, odd)).collect()
    };
    Workload {
        name: name(at),
        namespace: at.get("metadata").and_then(|meta| meta.text("namespace")),
        labels: meta(at, "labels").unwrap_or_default(),
        annotations: meta(at, "annotations").unwrap_or_default(),
        owner: owner(at),
        pod_labels: meta(pod, "labels").unwrap_or_default(),
        selector: outer
            .as_ref()
            .and_then(|outer| Some(outer.get("selector")?.pairs("matchLabels")))
            .unwrap_or_default(),
        pod_annotations: meta(pod, "annotations").unwrap_or_default(),
        spec: spec
            .as_ref()
            .map_or(pod.route.clone(), |spec| spec.route.clone()),
        grace: spec
            .as_ref()
            .and_then(|spec| spec.number("terminationGracePeriodSeconds", odd)),
        containers: containers("containers", odd),
        init_containers: containers("initContainers", odd),
        replicas: outer
            .as_ref()
            .and_then(|outer| outer.number("replicas", odd)),
        strategy: outer.as_ref().and_then(strategy),
        os: spec.as_ref().and_then(|spec| spec.get("os")?.text("name")),
        min_ready: outer
            .as_ref()
            .and_then(|outer| outer.number("minReadySeconds", odd)),
        progress_deadline: outer
            .as_ref()
            .and_then(|outer| outer.number("progressDeadlineSeconds", odd)),
        replacement_policy: job.as_ref().and_then(|job| {
            let failures = || job.get("podFailurePolicy");
            job.text("podReplacementPolicy")
                // With a policy for failures there is no other.
                .or_else(|| failures().map(|at| at.written("Failed".to_owned())))
        }),
        active_deadline: job
            .as_ref()
            .and_then(|job| job.number("activeDeadlineSeconds", odd)),
        schedule: outer.as_ref().and_then(|outer| outer.text("schedule")),
        concurrency: outer
            .as_ref()
            .and_then(|outer| outer.text("concurrencyPolicy")),
        ..Workload::at("kubernetes", kind, at.route.clone())
    }
}

pub(super) fn name(at: &At<'_>) -> Option<Written<String>> {
    let meta = at.get("metadata")?;
    meta.text("name").or_else(|| meta.text("generateName"))
}

fn owner(at: &At<'_>) -> Option<Owner> {
    let owner = at
        .get("metadata")?
        .list("ownerReferences")
        .into_iter()
        .next()?;
    Some(Owner {
        kind: owner.text("kind")?.value,
        name: owner.text("name")?.value,
    })
}

fn strategy(outer: &At<'_>) -> Option<Strategy> {
    // A StatefulSet and a DaemonSet say `updateStrategy`.
    let at = outer
        .get("strategy")
        .or_else(|| outer.get("updateStrategy"))?;
    let rolling = at.get("rollingUpdate");
    let share = |key: &str| rolling.as_ref().and_then(|rolling| rolling.text(key));
    Some(Strategy {
        kind: at.text("type"),
        max_unavailable: share("maxUnavailable"),
        max_surge: share("maxSurge"),
        route: at.route,
    })
}

pub(super) fn container(at: &At<'_>, odd: &mut Vec<Odd>) -> Container {
    let lifecycle = at.get("lifecycle");
    let mut probe = |key: &str| at.get(key).map(|probe| self::probe(&probe, odd));
    let (readiness, liveness, startup) = (
        probe("readinessProbe"),
        probe("livenessProbe"),
        probe("startupProbe"),
    );
    Container {
        name: at.text("name"),
        image: at.text("image"),
        entry: at.texts("command"),
        args: at.texts("args"),
        pre_stop: lifecycle
            .as_ref()
            .and_then(|at| at.get("preStop"))
            .map(|at| hook(&at, odd)),
        stop_signal: lifecycle.as_ref().and_then(|at| at.text("stopSignal")),
        readiness,
        liveness,
        startup,
        ports: at.ports("ports", odd),
        environment: at
            .list("env")
            .iter()
            .filter_map(|variable| {
                Some(Variable {
                    name: variable.text("name")?,
                    // A variable with neither value nor source is the empty text.
                    value: match variable.get("valueFrom") {
                        Some(_) => None,
                        None => variable
                            .text("value")
                            .or_else(|| Some(variable.written(String::new()))),
                    },
                })
            })
            .collect(),
        has_more_variables: at.get("envFrom").is_some(),
        restarts_always: at
            .text("restartPolicy")
            .is_some_and(|policy| policy.value == "Always"),
        ..Container::at(at.route.clone())
    }
}

fn hook(at: &At<'_>, odd: &mut Vec<Odd>) -> Hook {
    let action = if let Some(sleep) = at.get("sleep") {
        match sleep.get("seconds") {
            Some(_) => sleep
                .number("seconds", odd)
                .map_or(Action::Unknown, Action::Sleep),
            None => Action::Sleep(sleep.written(0)),
        }
    } else if let Some(exec) = at.get("exec") {
        Action::Exec(exec.texts("command"))
    } else if let Some(http) = at.get("httpGet") {
        Action::Http {
            path: http.text("path"),
            port: http.text("port"),
            route: http.route,
        }
    } else if let Some(tcp) = at.get("tcpSocket") {
        Action::Tcp(tcp.route)
    } else {
        Action::Unknown
    };
    Hook {
        route: at.route.clone(),
        action,
    }
}

pub(super) fn probe(at: &At<'_>, odd: &mut Vec<Odd>) -> Probe {
    let action = if let Some(http) = at.get("httpGet") {
        ProbeAction::Http {
            path: http.text("path"),
            port: http.text("port"),
        }
    } else if let Some(tcp) = at.get("tcpSocket") {
        ProbeAction::Tcp(tcp.text("port"))
    } else if let Some(exec) = at.get("exec") {
        ProbeAction::Exec(exec.texts("command"))
    } else if let Some(grpc) = at.get("grpc") {
        ProbeAction::Grpc(grpc.text("port"))
    } else {
        ProbeAction::Unknown
    };
    Probe {
        route: at.route.clone(),
        action,
        period: at.number("periodSeconds", odd),
        timeout: at.number("timeoutSeconds", odd),
        failures: at.number("failureThreshold", odd),
        grace: at.number("terminationGracePeriodSeconds", odd),
    }
}

fn service(at: &At<'_>) -> Option<Service> {
    let spec = at.get("spec")?;
    let ports = spec.list("ports").into_iter().map(|port| ServicePort {
        target: port.text("targetPort").or_else(|| port.text("port")),
        route: port.route,
    });
    Some(Service {
        route: at.route.clone(),
        name: name(at),
        namespace: at.get("metadata").and_then(|meta| meta.text("namespace")),
        selector: spec.pairs("selector"),
        publishes_not_ready: spec.truth("publishNotReadyAddresses"),
        headless: spec.text("clusterIP").is_some_and(|ip| ip.value == "None"),
        ports: ports.collect(),
    })
}

/// `deregistration_delay.timeout_seconds=30,stickiness.enabled=true`.
fn target_group(at: &At<'_>, deployed: &mut Deployed) {
    let Some(annotations) = at.get("metadata").map(|meta| meta.pairs("annotations")) else {
        return;
    };
    for attributes in TARGET_GROUP.iter().filter_map(|name| annotations.get(name)) {
        let delay = attributes.value.split(',').find_map(|attribute| {
            let (key, value) = attribute.split_once('=')?;
            let is_delay = key.trim() == super::ecs::DEREGISTRATION_DELAY;
            is_delay.then(|| value.trim().parse::<i64>().ok())?
        });
        deployed.target_groups.push(TargetGroup {
            platform: "kubernetes",
            route: attributes.route.clone(),
            arn: None,
            owner: name(at).map(|name| name.value),
            deregistration_delay: delay.map(|value| Written {
                value,
                route: attributes.route.clone(),
            }),
        });
    }
}
