//! Amazon ECS: task definitions and services in the shapes that are sent (`register-task-definition`,
//! `create-service`) and described (`describe-task-definition`, `describe-services`), and the
//! attributes of target groups.

use std::time::Duration;

use super::pair::container_place;
use super::read::At;
use super::reader::Reader;
use super::setting::Setting;
use super::{
    Binding, Capacity, Container, DependsOn, Deployed, EcsService, HealthCheck, Odd, Pairs,
    TargetGroup, Variable, Workload,
};
use crate::duration::seconds_up;
use crate::finding::Place;
use crate::platform::ecs::FACTS;
use crate::text::Value;

/// The attribute of a target group that says how long it lets requests finish.
pub(super) const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

pub(super) static READER: Reader = Reader {
    platform: "ecs",
    generate: "lifecycle gen ecs",
    grace_key: "stopTimeout",
    write_grace: |grace| format!("stopTimeout: {}", seconds_up(grace)),
    outside_keys: &[],
    write_port: Some(|port| format!("containerPort: {port}")),
    object,
    grace: |file, _, container| stop_timeout(file, container),
};

/// The grace period of a container on ECS; `None` where what stands there is no number.
pub(super) fn stop_timeout(file: &Deployed, container: &Container) -> Option<Setting> {
    if file.is_odd(&container.route.key("stopTimeout")) {
        return None;
    }
    let place = match &container.stop_timeout {
        Some(written) => Place::Value(written.route.clone()),
        None => container_place(container),
    };
    Some(match container.stop_timeout.as_ref().map(|it| it.value) {
        Some(value @ 1..) => Setting {
            value: Duration::from_secs(value.unsigned_abs()),
            place,
            default: None,
            is_written: true,
        },
        // The agent takes zero for nothing.
        _ => Setting {
            value: FACTS.default_grace,
            place,
            default: Some("the ECS default".to_owned()),
            is_written: container.stop_timeout.is_some(),
        },
    })
}

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    if at.get("containerDefinitions").is_some() {
        deployed
            .workloads
            .push(task_definition(at, &mut deployed.odd));
        return true;
    }
    if let Some(attributes) = at.get("Attributes") {
        deployed.target_groups.extend(target_group(at, &attributes));
        return true;
    }
    if is_service(at) {
        deployed.ecs_services.push(service(at, &mut deployed.odd));
        return true;
    }
    let mut taken = false;
    // What `describe` answers with, one or several within one key.
    if let Some(definition) = at.get("taskDefinition")
        && let Value::Mapping(_) = &definition.node.value
    {
        let mut workload = task_definition(&definition, &mut deployed.odd);
        // The tags stand beside what they belong to.
        workload.labels.0.extend(tags(at).0);
        deployed.workloads.push(workload);
        taken = true;
    }
    if let Some(one) = at.get("service").filter(is_service) {
        deployed.ecs_services.push(service(&one, &mut deployed.odd));
        taken = true;
    }
    for key in ["services", "taskDefinitions"] {
        for item in at.list(key) {
            taken |= object(&item, deployed);
        }
    }
    taken
}

fn is_service(at: &At<'_>) -> bool {
    let has = |key: &str| at.get(key).is_some();
    has("serviceName") || (has("service") && at.text("taskDefinition").is_some())
}

fn task_definition(at: &At<'_>, odd: &mut Vec<Odd>) -> Workload {
    let revision = at.text("revision").and_then(|text| text.value.parse().ok());
    Workload {
        name: at.text("family"),
        labels: tags(at),
        containers: at
            .list("containerDefinitions")
            .iter()
            .map(|item| container(item, odd))
            .collect(),
        compatibilities: at.texts("requiresCompatibilities"),
        revision,
        ..Workload::at("ecs", "task definition", at.route.clone())
    }
}

fn container(at: &At<'_>, odd: &mut Vec<Odd>) -> Container {
    Container {
        name: at.text("name"),
        image: at.text("image"),
        entry: at.texts("entryPoint"),
        args: at.texts("command"),
        ports: at.ports("portMappings", odd),
        environment: environment(at),
        has_more_variables: at.get("environmentFiles").is_some(),
        stop_timeout: at.number("stopTimeout", odd),
        depends_on: at
            .list("dependsOn")
            .iter()
            .filter_map(|depends| {
                Some(DependsOn {
                    container: depends.text("containerName")?,
                    condition: depends.text("condition"),
                })
            })
            .collect(),
        health_check: at.get("healthCheck").map(|check| HealthCheck {
            command: check.texts("command"),
            interval: check.number("interval", odd),
            route: check.route,
        }),
        ..Container::at(at.route.clone())
    }
}

/// `environment`, and the names of `secrets`, whose values are elsewhere.
fn environment(at: &At<'_>) -> Vec<Variable> {
    let variable = |item: &At<'_>, secret: bool| {
        let name = item.text("name")?;
        let value = (!secret).then(|| {
            item.text("value")
                .unwrap_or_else(|| item.written(String::new()))
        });
        Some(Variable { name, value })
    };
    let of = |key: &str, secret| -> Vec<Variable> {
        let items = at.list(key);
        items
            .iter()
            .filter_map(|item| variable(item, secret))
            .collect()
    };
    let mut environment = of("environment", false);
    environment.extend(of("secrets", true));
    environment
}

fn service(at: &At<'_>, odd: &mut Vec<Odd>) -> EcsService {
    EcsService {
        route: at.route.clone(),
        name: at.text("serviceName").or_else(|| at.text("service")),
        task_definition: at.text("taskDefinition"),
        launch_type: at.text("launchType"),
        capacity: at
            .list("capacityProviderStrategy")
            .iter()
            .filter_map(|item| {
                let mut positive = |key: &str| item.number(key, odd).map(|number| number.value > 0);
                let (weight, base) = (positive("weight"), positive("base"));
                Some(Capacity {
                    provider: item.text("capacityProvider")?,
                    // A weight that is not written is zero, but a sole provider is used all the same.
                    used: weight.or(base).is_none() || weight == Some(true) || base == Some(true),
                })
            })
            .collect(),
        desired_count: at.number("desiredCount", odd),
        load_balancers: at
            .list("loadBalancers")
            .into_iter()
            .map(|item| Binding {
                target_group: item.text("targetGroupArn"),
                container: item.text("containerName"),
                port: item.number("containerPort", odd),
                route: item.route,
            })
            .collect(),
        described: at.get("serviceArn").is_some(),
    }
}

fn target_group(at: &At<'_>, attributes: &At<'_>) -> Option<TargetGroup> {
    let mut delay = None;
    let mut known = false;
    for item in attributes.items() {
        let Some(key) = item.text("Key") else {
            continue;
        };
        // A load balancer's attributes have the same shape.
        known |= key.value.starts_with("deregistration_delay.")
            || key.value.starts_with("stickiness.")
            || key.value.starts_with("slow_start.");
        if key.value == DEREGISTRATION_DELAY {
            delay = item.text("Value").and_then(|value| {
                let seconds = value.value.parse().ok()?;
                Some(value.map(|_| seconds))
            });
        }
    }
    known.then(|| TargetGroup {
        platform: "ecs",
        route: attributes.route.clone(),
        arn: at.text("TargetGroupArn"),
        owner: None,
        deregistration_delay: delay,
    })
}

/// `tags: [{ key, value }]`.
fn tags(at: &At<'_>) -> Pairs {
    let pair = |item: &At<'_>| Some((item.text("key")?.value, item.text("value")?));
    Pairs(at.list("tags").iter().filter_map(pair).collect())
}

impl Workload {
    /// A container depends on the one with this name, itself or by way of others: it stops before it.
    pub fn depends_on(&self, container: &Container, name: &str) -> bool {
        container.leads_to(name, |on| {
            let mut others = self.containers.iter();
            others.find(|other| other.name() == on)
        })
    }

    /// The containers that stop one after another and take longest, with their times: who depends on
    /// another stops before it, and each one's time begins when its turn comes. One that had to end before
    /// others started is gone by then.
    pub(crate) fn stop_chain(&self) -> Vec<(&Container, Duration)> {
        let mut best: Vec<(&Container, Duration)> = Vec::new();
        let depends = || self.containers.iter().flat_map(|it| &it.depends_on);
        let gone = |name: &str| {
            let mut ended = depends().filter(|it| it.has_ended());
            ended.any(|it| it.container.value == name)
        };
        for container in self.containers.iter().filter(|it| !gone(it.name())) {
            let chain = self.chain_from(container, &mut Vec::new());
            let total = |chain: &[(&Container, Duration)]| -> Duration {
                chain.iter().map(|(_, time)| *time).sum()
            };
            if total(&chain) > total(&best) {
                best = chain;
            }
        }
        best
    }

    fn chain_from<'a>(
        &'a self,
        container: &'a Container,
        above: &mut Vec<&'a str>,
    ) -> Vec<(&'a Container, Duration)> {
        let time = match container.stop_timeout.as_ref().map(|it| it.value) {
            Some(value @ 1..) => Duration::from_secs(value.unsigned_abs()),
            _ => FACTS.default_grace,
        };
        let mut chain = vec![(container, time)];
        // A task has ten containers at most; what waits in a circle is refused by ECS.
        if above.len() < 10 {
            above.push(container.name());
            let waits = container.depends_on.iter().filter(|it| !it.has_ended());
            let depends = waits.filter_map(|depends| {
                let name = depends.container.value.as_str();
                let mut others = self.containers.iter();
                others.find(|other| other.name() == name && !above.contains(&name))
            });
            let depends: Vec<&Container> = depends.collect();
            let chains: Vec<_> = depends
                .into_iter()
                .map(|next| self.chain_from(next, above))
                .collect();
            above.pop();
            let longest = chains
                .into_iter()
                .max_by_key(|chain| chain.iter().map(|(_, time)| *time).sum::<Duration>());
            chain.extend(longest.unwrap_or_default());
        }
        chain
    }
}
