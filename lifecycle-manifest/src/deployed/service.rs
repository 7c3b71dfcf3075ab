//! What stands in front of workloads: services and target groups.

use super::Pairs;
use crate::manifest::Written;
use crate::text::Route;

/// A Kubernetes Service.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Service
/// metadata: { name: shop }
/// spec:
///   selector: { app: shop }
///   clusterIP: None
///   ports: [{ port: 80, targetPort: web }]
/// ");
/// let service = &deployed.services[0];
/// assert_eq!(service.name.as_ref().map(|it| it.value.as_str()), Some("shop"));
/// assert_eq!(service.selector.get("app").map(|it| it.value.as_str()), Some("shop"));
/// assert!(service.headless);
/// assert_eq!(service.publishes_not_ready, None);
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Service
/// metadata: { name: shop }
/// spec: { ports: [{ port: 80, targetPort: web }, { port: 9090 }] }
/// ");
/// let ports = &deployed.services[0].ports;
/// assert_eq!(ports[0].target.as_ref().map(|it| it.value.as_str()), Some("web"));
/// assert_eq!(ports[1].target.as_ref().map(|it| it.value.as_str()), Some("9090"));
/// ```
#[derive(Debug, Clone)]
pub struct ServicePort {
    /// Where the block stands.
    pub route: Route,
    /// `targetPort`, `port` where it is not written: a number or a name.
    pub target: Option<Written<String>>,
}

/// An ECS service.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("service.json", r#"{
///   "serviceName": "shop",
///   "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop:7",
///   "desiredCount": 3
/// }"#);
/// let service = &deployed.ecs_services[0];
/// assert_eq!(service.family(), Some("shop"));
/// assert_eq!(service.desired_count.as_ref().map(|it| it.value), Some(3));
/// assert!(!service.described);
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("service.json", r#"{
///   "serviceName": "shop",
///   "capacityProviderStrategy": [
///     { "capacityProvider": "FARGATE", "base": 1 },
///     { "capacityProvider": "FARGATE_SPOT", "weight": 0 }
///   ]
/// }"#);
/// let capacity = &deployed.ecs_services[0].capacity;
/// assert_eq!((capacity[0].is_spot(), capacity[0].used), (false, true));
/// assert_eq!((capacity[1].is_spot(), capacity[1].used), (true, false));
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("service.json", r#"{
///   "serviceName": "shop",
///   "loadBalancers": [{ "containerName": "shop", "containerPort": 8080 }]
/// }"#);
/// let binding = &deployed.ecs_services[0].load_balancers[0];
/// assert_eq!(binding.container.as_ref().map(|it| it.value.as_str()), Some("shop"));
/// assert_eq!(binding.port.as_ref().map(|it| it.value), Some(8080));
/// assert_eq!(binding.target_group, None);
/// ```
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
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.yaml", "\
/// kind: Ingress
/// metadata:
///   name: shop
///   annotations:
///     alb.ingress.kubernetes.io/target-group-attributes: deregistration_delay.timeout_seconds=30
/// ");
/// let group = &deployed.target_groups[0];
/// assert_eq!((group.platform, group.owner.as_deref()), ("kubernetes", Some("shop")));
/// assert_eq!(group.deregistration_delay.as_ref().map(|it| it.value), Some(30));
/// ```
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
