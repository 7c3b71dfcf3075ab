//! Amazon ECS: task definition, service, and the target group's attributes, each in the shape that
//! `aws … --cli-input-json` takes.

mod patch;

use anyhow::Result;
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::{seconds_down, seconds_up};
use lifecycle_manifest::platform::{self, Ecs, LaunchType};
use lifecycle_manifest::{Platform, Timeline};
use serde::Serialize;

use super::docker::note_probe;
use super::files::MARK;
use super::{Ask, Common, Port, Sheet, Target, template};
use crate::talk::say;

pub(super) static TARGET: Target = Target {
    name: "ecs",
    aliases: &[],
    key: "ecs",
    about: "Amazon ECS: task definition, service, target group attributes",
    files,
    patch: Some(patch::sheets),
    names: |_| {
        [
            "task-definition.json",
            "service.json",
            "target-group-attributes.json",
        ]
        .map(str::to_owned)
        .to_vec()
    },
};

/// The smallest size of a Fargate task.
const CPU: u32 = 256;
const MEMORY: u32 = 512;
/// From the start to the first check that counts.
const START_PERIOD: u64 = 60;

#[derive(Serialize)]
struct TaskDefinition<'a> {
    header: String,
    #[serde(flatten)]
    common: Common<'a>,
    image: &'a str,
    compatibility: &'static str,
    cpu: String,
    memory: String,
    execution_role_arn: Option<&'a str>,
    grace_seconds: u64,
    ports: Vec<Port>,
    health_check: Option<HealthCheck>,
}

#[derive(Serialize)]
struct HealthCheck {
    command: Vec<String>,
    interval: u64,
    timeout: u64,
    retries: u32,
    start_period: u64,
}

#[derive(Serialize)]
struct Service<'a> {
    header: String,
    #[serde(flatten)]
    common: Common<'a>,
    compatibility: &'static str,
    capacity_provider: Option<&'static str>,
    cluster: Option<&'a str>,
    desired_count: u32,
    subnets: Vec<&'a str>,
    security_groups: Vec<&'a str>,
    target: Option<Binding<'a>>,
}

#[derive(Serialize)]
struct Binding<'a> {
    arn: &'a str,
    port: u16,
}

#[derive(Serialize)]
struct TargetGroup<'a> {
    target_group_arn: Option<&'a str>,
    deregistration_delay_seconds: String,
}

fn files(ask: &Ask<'_>) -> Result<Vec<Sheet>> {
    let (ecs, line) = ask.platform("ecs", Platform::ecs)?;
    let mut sheets = vec![
        Sheet::new(
            "task-definition.json",
            template!("ecs/task-definition.json"),
            task_definition(ask, ecs, line)?,
        ),
        Sheet::new(
            "service.json",
            template!("ecs/service.json"),
            service(ask, ecs, line),
        ),
    ];
    if ecs.subnets.is_empty() {
        say!(
            "note: no `subnets` under `platforms.ecs`: give them to aws with `--network-configuration`"
        );
    }
    if ecs.health_check.is_none() {
        say!(
            "note: no `health_check` under `platforms.ecs`, so the container has none; `health_check: \
             runtime` lets a program with this runtime ask itself"
        );
    }
    note_probe("ecs", ecs.health_check.as_ref());
    if !ecs.sidecars.is_empty() {
        say!(
            "note: sidecars stop after the program and are not in the task definition: they are yours to add, \
             each with its `stopTimeout`, and with `dependsOn` at the program's container"
        );
    }
    if let Some(balancer) = &ecs.load_balancer {
        let arn = balancer
            .target_group_arn
            .as_ref()
            .map(|arn| arn.value.as_str());
        if arn.is_none() {
            say!(
                "note: no `target_group_arn` under `platforms.ecs.load_balancer`: give it to aws with \
                 `--target-group-arn` and `--load-balancers`"
            );
        }
        let delay = seconds_up(balancer.deregistration_delay().value).to_string();
        sheets.push(Sheet::new(
            "target-group-attributes.json",
            template!("ecs/target-group-attributes.json"),
            TargetGroup {
                target_group_arn: arn,
                deregistration_delay_seconds: delay,
            },
        ));
    }
    Ok(sheets)
}

/// Attributes of a target group have no room for a mark. These are ours when they say what ours say:
/// the delay, and nothing besides.
pub(super) fn is_ours_without_a_mark(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let keys = value.as_object().map(|it| it.keys());
    let is_known = |key: &String| key == "TargetGroupArn" || key == "Attributes";
    keys.is_some_and(|mut keys| keys.all(is_known))
        && value["Attributes"].as_array().is_some_and(|attributes| {
            let [only] = &attributes[..] else {
                return false;
            };
            only["Key"] == "deregistration_delay.timeout_seconds"
        })
}

fn compatibility(ecs: &Ecs) -> &'static str {
    match ecs.launch_type() {
        LaunchType::Fargate => "FARGATE",
        LaunchType::Ec2 => "EC2",
    }
}

fn task_definition<'a>(ask: &Ask<'a>, ecs: &'a Ecs, line: &Timeline) -> Result<TaskDefinition<'a>> {
    let health = ask.resolved.plan.health.as_ref();
    Ok(TaskDefinition {
        header: header(),
        common: ask.common(line, None),
        image: ask.image("ecs")?,
        compatibility: compatibility(ecs),
        cpu: ecs.cpu.as_ref().map_or(CPU, |cpu| cpu.value).to_string(),
        memory: ecs
            .memory
            .as_ref()
            .map_or(MEMORY, |memory| memory.value)
            .to_string(),
        execution_role_arn: ecs
            .execution_role_arn
            .as_ref()
            .map(|role| role.value.as_str()),
        grace_seconds: planned::grace_seconds(line),
        health_check: ecs.health_check.as_ref().map(|check| HealthCheck {
            command: planned::health_command(check),
            interval: health
                .map_or(*platform::HEALTH_CHECK_INTERVAL.start(), |health| {
                    seconds_down(health.period)
                })
                .clamp(
                    *platform::HEALTH_CHECK_INTERVAL.start(),
                    *platform::HEALTH_CHECK_INTERVAL.end(),
                ),
            timeout: 2,
            retries: 3,
            start_period: START_PERIOD,
        }),
        ports: ask.ports(true),
    })
}

fn header() -> String {
    format!("{MARK} ecs -o DIRECTORY")
}

fn service<'a>(ask: &Ask<'a>, ecs: &'a Ecs, line: &Timeline) -> Service<'a> {
    let resolved = ask.resolved;
    let arn = ecs
        .load_balancer
        .as_ref()
        .and_then(|balancer| balancer.target_group_arn.as_ref());
    let port = resolved.plan.main_port(&resolved.manifest);
    let values = |list: &'a [lifecycle_manifest::Written<String>]| -> Vec<&'a str> {
        list.iter().map(|item| item.value.as_str()).collect()
    };
    Service {
        header: header(),
        common: ask.common(line, None),
        compatibility: compatibility(ecs),
        capacity_provider: (ecs.is_spot() && ecs.launch_type() == LaunchType::Fargate)
            .then_some("FARGATE_SPOT"),
        cluster: ecs.cluster.as_ref().map(|cluster| cluster.value.as_str()),
        desired_count: ecs
            .desired_count
            .as_ref()
            .map_or(planned::REPLICAS, |count| count.value),
        subnets: values(&ecs.subnets),
        security_groups: values(&ecs.security_groups),
        target: arn.zip(port).map(|(arn, port)| Binding {
            arn: &arn.value,
            port,
        }),
    }
}
