//! Amazon ECS: `stopTimeout`, and the deregistration that comes before it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>,
//! and the ECS agent (`agent/config`, `agent/engine`).
//! Behind a target group, a service's task is deregistered and waited for before any signal is sent:
//! that time is outside of `stopTimeout`.

mod load_balancer;

use std::time::Duration;

pub(crate) use load_balancer::DEREGISTRATION_DELAY_CAP;
pub use load_balancer::LoadBalancer;

use super::health_check::{HealthCheck, health_check};
use super::{Cap, Common, Facts, Own, Signal, Terms, held, owed_settle};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table, Zero};
use crate::rules::shape;

pub(crate) static FACTS: Facts = Facts {
    key: "ecs",
    name: "ECS",
    nicknames: &["aws", "aws_ecs", "fargate"],
    // `defaultDockerStopTimeout` in the ECS agent; the same on Fargate.
    default_grace: Duration::from_secs(30),
    // integer seconds.
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[
        OtherName::seconds("stopTimeout", "grace_period"),
        OtherName::seconds("stop_timeout", "grace_period"),
        OtherName::new(
            "deregistration_delay",
            "load_balancer: { deregistration_delay: … }",
        ),
        OtherName::new("replicas", "desired_count"),
    ],
};

/// The most Fargate takes for `stopTimeout` (API reference of `ContainerDefinition`).
pub(crate) const FARGATE_CAP: Duration = Duration::from_secs(120);

/// From the Spot notice to the end, on Fargate Spot and EC2 Spot alike.
pub const SPOT_NOTICE: Duration = Duration::from_secs(120);

/// What ECS takes for the seconds between two health checks of a container (API reference of
/// `HealthCheck`).
pub const HEALTH_CHECK_INTERVAL: std::ops::RangeInclusive<u64> = 5..=300;

/// `platforms.ecs`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::LaunchType;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   ecs: { spot: true, desired_count: 3, cluster: shops }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let ecs = platforms.iter().find_map(Platform::ecs).unwrap();
/// assert!(ecs.is_spot());
/// assert_eq!(ecs.desired_count.as_ref().map(|it| it.value), Some(3));
/// assert_eq!(ecs.launch_type(), LaunchType::Fargate);
/// assert!(ecs.load_balancer.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Ecs {
    /// The knobs that every platform has.
    pub common: Common,
    /// `launch_type`; Fargate when not written.
    pub launch_type: Option<Written<LaunchType>>,
    /// `spot`: the tasks run on Spot capacity.
    pub spot: Option<Written<bool>>,
    /// `desired_count`; 2 when not written.
    pub desired_count: Option<Written<u32>>,
    /// `cpu`, in units of 1/1024 of a core; 256 when not written.
    pub cpu: Option<Written<u32>>,
    /// `memory`, in MiB; 512 when not written.
    pub memory: Option<Written<u32>>,
    /// `cluster`.
    pub cluster: Option<Written<String>>,
    /// `execution_role_arn`.
    pub execution_role_arn: Option<Written<String>>,
    /// `subnets`.
    pub subnets: Vec<Written<String>>,
    /// `security_groups`.
    pub security_groups: Vec<Written<String>>,
    /// `load_balancer`: the service is behind a target group.
    pub load_balancer: Option<LoadBalancer>,
    /// `sidecars`: containers that the program depends on, which stop after it.
    pub sidecars: Vec<Sidecar>,
    /// `health_check`: how ECS asks the container itself; none when not written.
    pub health_check: Option<HealthCheck>,
    /// `logical_ids`: what a template of one's own calls the objects.
    pub logical_ids: Option<LogicalIds>,
}

/// `logical_ids`: what a CloudFormation template or a Terraform configuration calls the objects, for
/// patches to be laid over them.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   ecs: { logical_ids: { service: ShopService } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let ecs = platforms.iter().find_map(Platform::ecs).unwrap();
/// let ids = ecs.logical_ids.as_ref().unwrap();
/// assert_eq!(ids.service.as_ref().map(|it| it.value.as_str()), Some("ShopService"));
/// assert!(ids.task_definition.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct LogicalIds {
    /// `task_definition`.
    pub task_definition: Option<Written<String>>,
    /// `service`.
    pub service: Option<Written<String>>,
    /// `target_group`.
    pub target_group: Option<Written<String>>,
}

/// One entry of `sidecars`: a container that the program's depends on (`dependsOn`), so that ECS
/// signals it once the program's is gone. Its own `stopTimeout` begins then (ECS agent,
/// `agent/engine/dependencygraph/graph.go`).
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// # use std::time::Duration;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 10s }
/// platforms:
///   ecs: { sidecars: [{ name: envoy, timeout: 5s }] }
/// ");
/// let platforms = &analysis.resolved.unwrap().manifest.platforms;
/// let ecs = platforms.get("ecs").and_then(Platform::ecs).unwrap();
/// let sidecar = &ecs.sidecars[0];
/// assert_eq!(sidecar.name.value, "envoy");
/// assert_eq!(sidecar.timeout.value, Duration::from_secs(5));
/// ```
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// Its name.
    pub name: Written<String>,
    /// How long it takes to stop.
    pub timeout: Written<Duration>,
}

/// `launch_type`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::LaunchType;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   ecs: { grace_period: 30s, launch_type: ec2 }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let ecs = resolved.manifest.platforms.iter().find_map(Platform::ecs).unwrap();
/// assert_eq!(ecs.launch_type(), LaunchType::Ec2);
/// // Only Fargate has an upper bound.
/// assert!(resolved.timelines[0].terms.cap.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum LaunchType {
    /// AWS runs the host; `stopTimeout` is at most 120 seconds.
    #[default]
    Fargate,
    /// The host is yours; its agent's settings hold where the task says nothing.
    Ec2,
}

impl Ecs {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        let launch_types = [("fargate", LaunchType::Fargate), ("ec2", LaunchType::Ec2)];
        Self {
            health_check: health_check(table),
            sidecars: sidecars(table),
            common,
            launch_type: table.word("launch_type", "a launch type", &launch_types),
            spot: table.boolean("spot"),
            desired_count: table.number("desired_count", 0..=10_000),
            cpu: table.number("cpu", 128..=196_608),
            memory: table.number("memory", 6..=3_145_728),
            cluster: table.text("cluster"),
            execution_role_arn: table.text("execution_role_arn"),
            subnets: table.names("subnets").unwrap_or_default(),
            security_groups: table.names("security_groups").unwrap_or_default(),
            logical_ids: table.table("logical_ids").map(|mut table| {
                let ids = LogicalIds {
                    task_definition: identifier("task_definition", &mut table),
                    service: identifier("service", &mut table),
                    target_group: identifier("target_group", &mut table),
                };
                table.finish();
                ids
            }),
            load_balancer: table.table("load_balancer").map(LoadBalancer::read),
        }
    }

    /// The launch type, Fargate when not written.
    pub fn launch_type(&self) -> LaunchType {
        self.launch_type
            .as_ref()
            .map_or_else(LaunchType::default, |written| written.value)
    }

    /// The tasks run on Spot capacity.
    pub fn is_spot(&self) -> bool {
        self.spot.as_ref().is_some_and(|spot| spot.value)
    }

    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        // On Spot the signal and the notice come together, and AWS does not promise deregistration
        // before them (re:Post, "fargate-spot-termination-notice"): the program must serve on.
        let deregistered_first = self.load_balancer.is_some() && !self.is_spot();
        let outside = self
            .load_balancer
            .as_ref()
            .filter(|_| deregistered_first)
            .map(LoadBalancer::deregistration_delay);
        Terms {
            signal: Signal::Term,
            grace: self.grace(),
            cap: (self.launch_type() == LaunchType::Fargate).then_some(Cap {
                limit: FARGATE_CAP,
                because: "Fargate ends a container after at most 120s",
                fixed: false,
            }),
            paid_before_signal: outside.as_ref().map_or(Duration::ZERO, |delay| delay.value),
            outside,
            hook: None,
            routing_lags: !deregistered_first,
            settle: owed_settle(manifest, !deregistered_first),
            sidecars: Vec::new(),
            after: self
                .sidecars
                .iter()
                .map(|sidecar| {
                    let label = format!("sidecar {}", sidecar.name.value);
                    held(&sidecar.timeout, &label, FACTS.unit)
                })
                .collect(),
        }
    }

    /// The grace period as ECS holds it. The agent takes a `stopTimeout` of 0 for none
    /// (`agent/engine/docker_task_engine.go`).
    fn grace(&self) -> Figure {
        let mut grace = self.common.grace(&FACTS);
        if let Some(written) = self
            .common
            .grace_period
            .as_ref()
            .filter(|g| g.value.is_zero())
        {
            grace.value = FACTS.default_grace;
            grace.origin = Origin::Unset {
                route: written.route.clone(),
                from: written.value,
                whose: FACTS.name,
            };
        }
        grace
    }
}

impl Own for Ecs {
    // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html>
    fn signal_is_the_images(&self) -> bool {
        true
    }
}

/// A name that both languages take, but for the marks that CloudFormation leaves out.
fn identifier(key: &'static str, table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let written = table.text(key)?;
    let begins = written.value.starts_with(|c: char| c.is_ascii_alphabetic());
    let holds = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if begins && written.value.chars().all(holds) {
        return Some(written);
    }
    let finding = Finding::new(
        &shape::BAD_NAME,
        format!("`{}` is not a name that templates take", written.value),
        Place::Value(written.route),
    );
    table.push(finding.help(
        "write a letter, then letters, digits, `_` and `-`; CloudFormation leaves out the last two",
    ));
    None
}

fn sidecars(table: &mut Table<'_, '_>) -> Vec<Sidecar> {
    super::beside::sidecars(table, "container", Zero::Refused)
        .map(|(name, timeout)| Sidecar { name, timeout })
        .collect()
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "ecs",
    rename = "Ecs",
    description = "How the service stops on Amazon ECS."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// Where the tasks run; `fargate` when not written.
    launch_type: Option<LaunchType>,
    /// The tasks run on Spot capacity: two minutes of notice, and the signal may come before deregistration; `false` when not written.
    spot: Option<bool>,
    /// How many tasks; 2 when not written.
    desired_count: Option<u32>,
    /// CPU units, 1024 a core; 256 when not written.
    cpu: Option<u32>,
    /// Memory in MiB; 512 when not written.
    memory: Option<u32>,
    /// The cluster the service runs in. Unset: the account's `default`.
    cluster: Option<String>,
    /// The role with which ECS pulls the image and writes logs. Unset: none is written.
    execution_role_arn: Option<String>,
    /// The subnets of the tasks' network interfaces. Unset: given to `aws` by hand.
    subnets: Option<Vec<String>>,
    /// The security groups of the tasks' network interfaces. Unset: the network's own.
    security_groups: Option<Vec<String>>,
    /// The service is behind a target group, which is deregistered before the signal. Unset: no load balancer.
    load_balancer: Option<load_balancer::LoadBalancerSchema>,
    /// Containers that the program's depends on. They stop after it, one after another, each with a `stopTimeout` of its own. Unset: none.
    #[schemars(extend("examples" = [[{ "name": "proxy", "timeout": "5s" }]]))]
    sidecars: Option<Vec<SidecarSchema>>,
    /// How ECS asks the container itself. `runtime`: the program asks itself, whatever else the image has; only a program built with the lifecycle runtime can. None when not written.
    health_check: Option<super::health_check::HealthCheckSchema>,
    /// What a CloudFormation template or a Terraform configuration of yours calls the objects that `gen ecs --patch` is laid over. Unset: names made of the service's.
    logical_ids: Option<LogicalIdsSchema>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "logical IDs")]
#[allow(dead_code, reason = "only its shape is read")]
struct LogicalIdsSchema {
    /// The task definition. Unset: `ShopTaskDefinition` in CloudFormation, `shop` in Terraform.
    task_definition: Option<String>,
    /// The service. Unset: `ShopService` in CloudFormation, `shop` in Terraform.
    service: Option<String>,
    /// The target group. Unset: `ShopTargetGroup` in CloudFormation, `shop` in Terraform.
    target_group: Option<String>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename = "EcsSidecar", title = "sidecar")]
#[allow(dead_code, reason = "only its shape is read")]
struct SidecarSchema {
    /// The container's name.
    name: String,
    /// How long it takes to stop, after the program has.
    timeout: crate::schema::DurationSchema,
}
