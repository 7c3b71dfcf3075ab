//! Amazon ECS: task definition, service, and the target group's attributes, each in the shape that
//! `aws … --cli-input-json` takes.

use anyhow::{Result, bail};
use lifecycle_manifest::deployed::planned;
use lifecycle_manifest::duration::{seconds_down, seconds_up};
use lifecycle_manifest::platform::{self, Ecs, LaunchType};
use lifecycle_manifest::{Platform, Resolved, Timeline};
use serde::Serialize;

use super::files::MARK;
use super::{Common, File, Port, environment, image, ports};
use crate::talk::say;
use crate::template;

/// Every file that this target may write.
pub(super) const NAMES: &[&str] = &[
    "task-definition.json",
    "service.json",
    "target-group-attributes.json",
];

/// The smallest size of a Fargate task.
const CPU: u32 = 256;
const MEMORY: u32 = 512;
/// From the start to the first check that counts.
const START_PERIOD: u64 = 60;

#[derive(Serialize)]
struct TaskDefinition<'a> {
    #[serde(flatten)]
    common: Common<'a>,
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
    #[serde(flatten)]
    common: Common<'a>,
    compatibility: &'static str,
    capacity_provider: Option<&'static str>,
    cluster: Option<&'a str>,
    desired_count: u32,
    subnets: Vec<&'a str>,
    security_groups: Vec<&'a str>,
    target: Option<Target<'a>>,
}

#[derive(Serialize)]
struct Target<'a> {
    arn: &'a str,
    port: u16,
}

#[derive(Serialize)]
struct TargetGroup<'a> {
    target_group_arn: Option<&'a str>,
    deregistration_delay_seconds: String,
}

pub(super) fn files(resolved: &Resolved, asked_image: Option<&str>) -> Result<Vec<File>> {
    let (Platform::Ecs(ecs), line) = super::platform(resolved, "ecs")? else {
        bail!("`ecs` is not ECS");
    };
    let image = image(asked_image, resolved, "ecs")?;
    let common = || Common {
        header: format!("{MARK} ecs -o DIRECTORY"),
        service: &resolved.plan.service,
        digest: &resolved.digest,
        image,
        environment: environment(resolved, line, None),
    };
    let mut files = vec![
        File {
            name: "task-definition.json",
            text: template::render(
                "task-definition.json",
                include_str!("../../templates/ecs/task-definition.json.j2"),
                task_definition(resolved, ecs, line, common()),
            )?,
        },
        File {
            name: "service.json",
            text: template::render(
                "service.json",
                include_str!("../../templates/ecs/service.json.j2"),
                service(resolved, ecs, common()),
            )?,
        },
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
        files.push(File {
            name: "target-group-attributes.json",
            text: template::render(
                "target-group-attributes.json",
                include_str!("../../templates/ecs/target-group-attributes.json.j2"),
                TargetGroup {
                    target_group_arn: arn,
                    deregistration_delay_seconds: delay,
                },
            )?,
        });
    }
    Ok(files)
}

fn compatibility(ecs: &Ecs) -> &'static str {
    match ecs.launch_type() {
        LaunchType::Fargate => "FARGATE",
        LaunchType::Ec2 => "EC2",
    }
}

fn task_definition<'a>(
    resolved: &Resolved,
    ecs: &'a Ecs,
    line: &Timeline,
    common: Common<'a>,
) -> TaskDefinition<'a> {
    let health = resolved.plan.health.as_ref();
    TaskDefinition {
        common,
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
        ports: ports(resolved, true),
    }
}

fn service<'a>(resolved: &Resolved, ecs: &'a Ecs, common: Common<'a>) -> Service<'a> {
    let arn = ecs
        .load_balancer
        .as_ref()
        .and_then(|balancer| balancer.target_group_arn.as_ref());
    let port = resolved.plan.main_port(&resolved.manifest);
    let values = |list: &'a [lifecycle_manifest::Written<String>]| -> Vec<&'a str> {
        list.iter().map(|item| item.value.as_str()).collect()
    };
    Service {
        common,
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
        target: arn.zip(port).map(|(arn, port)| Target {
            arn: &arn.value,
            port,
        }),
    }
}
