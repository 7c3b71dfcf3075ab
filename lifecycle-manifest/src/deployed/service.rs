//! What sends requests to a workload, as far as it matters when that stops: services, and the target
//! groups that they are registered with.

use super::Pairs;
use crate::manifest::Written;
use crate::text::Route;

/// A Kubernetes Service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Where it stands.
    pub route: Route,
    /// Its name.
    pub name: Option<Written<String>>,
    /// Its namespace.
    pub namespace: Option<Written<String>>,
    /// The labels of the pods it sends to.
    pub selector: Pairs,
    /// `publishNotReadyAddresses`.
    pub publishes_not_ready: Option<Written<bool>>,
    /// `clusterIP: None`: for peers to find one another, not for a client's traffic.
    pub headless: bool,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Clone)]
pub struct ServicePort {
    /// Where the block stands.
    pub route: Route,
    /// `targetPort`, `port` where it is not written: a number or a name.
    pub target: Option<Written<String>>,
}

/// An ECS service.
#[derive(Debug, Clone)]
pub struct EcsService {
    /// Where it stands.
    pub route: Route,
    /// `serviceName`.
    pub name: Option<Written<String>>,
    /// `taskDefinition`: a family, `family:revision`, or an ARN.
    pub task_definition: Option<Written<String>>,
    /// `launchType`.
    pub launch_type: Option<Written<String>>,
    /// `capacityProviderStrategy`.
    pub capacity: Vec<Capacity>,
    /// `desiredCount`.
    pub desired_count: Option<Written<i64>>,
    /// `loadBalancers`.
    pub load_balancers: Vec<Binding>,
    /// It was described, and says all there is; what is sent to be created may leave things to flags.
    pub described: bool,
}

/// A capacity provider of an ECS service.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// `capacityProvider`.
    pub provider: Written<String>,
    /// `weight` or `base` is above zero.
    pub used: bool,
}

impl Capacity {
    /// It may be taken away at short notice, by its name.
    pub fn is_spot(&self) -> bool {
        let name = self.provider.value.to_ascii_lowercase();
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| word == "spot")
    }
}

impl EcsService {
    /// The family of its task definition.
    pub fn family(&self) -> Option<&str> {
        let text = self.task_definition.as_ref()?.value.as_str();
        let last = text.rsplit('/').next().unwrap_or(text);
        last.split(':').next()
    }
}

/// A target group that an ECS service is registered with.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Where it stands.
    pub route: Route,
    /// `targetGroupArn`.
    pub target_group: Option<Written<String>>,
    /// `containerName`.
    pub container: Option<Written<String>>,
    /// `containerPort`.
    pub port: Option<Written<i64>>,
}

/// A target group's attributes.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// The platform's key in a manifest: `kubernetes` where the load balancer controller makes it.
    pub platform: &'static str,
    /// Where the attributes stand.
    pub route: Route,
    /// `TargetGroupArn`.
    pub arn: Option<Written<String>>,
    /// Kubernetes: the Ingress or Service that asks for it.
    pub owner: Option<String>,
    /// `deregistration_delay.timeout_seconds`.
    pub deregistration_delay: Option<Written<i64>>,
}
