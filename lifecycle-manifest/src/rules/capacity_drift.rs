//! The deployment runs on other capacity than the manifest says.

#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    duration::human,
    finding::{Finding, Place, Severity, Side},
    manifest::Written,
    platform::{Ecs, LaunchType, SPOT_NOTICE},
};
#[cfg(feature = "deployed")]
use std::cmp::Ordering;

rule! {
    /// The deployment runs on other capacity than the manifest says: Spot, launch type, replicas.
    ///
    /// ## What it finds
    ///
    /// An ECS service on Spot capacity that the manifest does not call so, or the other way round; a launch type that is not the manifest's; a number of replicas or tasks that both files write, and write differently.
    ///
    /// ## Why it matters
    ///
    /// On Spot the signal comes with two minutes of notice and may come before deregistration: it is another plan. The launch type decides which limits hold. The replicas decide how many others serve while one leaves.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   ecs: {}
    /// ```
    ///
    /// ```yaml deployed
    /// - family: shop
    ///   containerDefinitions: [{ name: shop, stopTimeout: 30 }]
    /// - serviceName: shop
    ///   taskDefinition: shop
    ///   capacityProviderStrategy: [{ capacityProvider: FARGATE_SPOT, weight: 1 }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `spot`, `launch_type`, `replicas` or `desired_count` in the manifest as they are deployed, or the deployment as the manifest says.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   ecs: { spot: true }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When an autoscaler owns the number of replicas; better, leave `replicas` out of one of the two files.
    ///
    /// ## Source
    ///
    /// re:Post, “fargate-spot-termination-notice”: the signal comes with the notice, and deregistration before it is not promised.
    pub(super) RULE = "LC709", "capacity-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    if let Some(kubernetes) = pair.platform.kubernetes() {
        count(
            pair,
            pair.found.file,
            kubernetes.replicas.as_ref(),
            pair.workload().replicas.as_ref(),
            "replicas",
            findings,
        );
        return;
    }
    if let Some(pm2) = pair.platform.pm2() {
        let (planned, deployed) = (&pm2.instances, &pair.workload().replicas);
        let file = pair.found.file;
        count(
            pair,
            file,
            planned.as_ref(),
            deployed.as_ref(),
            "instances",
            findings,
        );
        return;
    }
    let Some(ecs) = pair.platform.ecs() else {
        return;
    };
    if let Some((file, service)) = pair.ecs_service() {
        count(
            pair,
            file,
            ecs.desired_count.as_ref(),
            service.desired_count.as_ref(),
            "desiredCount",
            findings,
        );
    }
    spot(pair, ecs, findings);
    launch_type(pair, ecs, findings);
}

#[cfg(feature = "deployed")]
fn count(
    pair: &Pair<'_>,
    file: usize,
    planned: Option<&Written<u32>>,
    deployed: Option<&Written<i64>>,
    what: &str,
    findings: &mut Vec<Finding>,
) {
    let (Some(planned), Some(deployed)) = (planned, deployed) else {
        return;
    };
    let (side, label) = match deployed.value.cmp(&i64::from(planned.value)) {
        Ordering::Equal => return,
        Ordering::Less => ("", "fewer serve while one leaves"),
        Ordering::Greater => (": the safe side", "more than planned"),
    };
    let message = format!(
        "`{what}` of {} is {}, and the manifest says {}{side}",
        pair.title(),
        deployed.value,
        planned.value
    );
    findings.push(
        pair.finding(&RULE, message, Place::Value(deployed.route.clone()))
            .in_deployed(file)
            .label(label)
            .beside((
                Place::Value(planned.route.clone()),
                format!("{} in the manifest", planned.value),
            ))
            .help("write the same number in both; where an autoscaler owns it, in neither"),
    );
}

#[cfg(feature = "deployed")]
fn spot(pair: &Pair<'_>, ecs: &Ecs, findings: &mut Vec<Finding>) {
    let Some((file, service)) = pair.ecs_service() else {
        return;
    };
    if service.capacity.is_empty() {
        return;
    }
    let on_spot = service
        .capacity
        .iter()
        .find(|capacity| capacity.used && capacity.is_spot());
    match (on_spot, ecs.is_spot()) {
        (Some(capacity), false) => {
            let message = format!(
                "the service of {} runs on Spot capacity, and the manifest does not say so",
                pair.title()
            );
            let mut finding = pair
                .finding(
                    &RULE,
                    message,
                    Place::Value(capacity.provider.route.clone()),
                )
                .in_deployed(file)
                .label(format!(
                    "{} from the notice to the end, and the signal may come before deregistration",
                    human(SPOT_NOTICE)
                ))
                .beside(match &ecs.spot {
                    Some(spot) => (
                        Place::Value(spot.route.clone()),
                        "no Spot capacity in the manifest".to_owned(),
                    ),
                    None => (pair.platform_place(), "no `spot` here".to_owned()),
                })
                .help(
                    "write `spot: true` under `ecs`: the program then serves on after the signal",
                );
            finding.severity = Severity::Error;
            findings.push(finding);
        }
        (None, true)
            if service
                .capacity
                .iter()
                .any(|capacity| is_fargate(&capacity.provider.value)) =>
        {
            let message = format!(
                "the service of {} does not run on Spot capacity, and the manifest says it does: the safe side",
                pair.title()
            );
            let place = Place::Value(service.capacity[0].provider.route.clone());
            let mut finding = pair
                .finding(&RULE, message, place)
                .in_deployed(file)
                .label("no Spot capacity");
            if let Some(spot) = &ecs.spot {
                finding = finding.related_in(
                    Side::Manifest,
                    Place::Value(spot.route.clone()),
                    "Spot in the manifest",
                );
            }
            findings.push(finding.help("take `spot: true` out of the manifest: the program need not serve on after the signal"));
        }
        _ => {}
    }
}

#[cfg(feature = "deployed")]
fn is_fargate(provider: &str) -> bool {
    provider == "FARGATE"
}

#[cfg(feature = "deployed")]
fn launch_type(pair: &Pair<'_>, ecs: &Ecs, findings: &mut Vec<Finding>) {
    let (planned, wanted) = match ecs.launch_type() {
        LaunchType::Fargate => ("FARGATE", "fargate"),
        LaunchType::Ec2 => ("EC2", "ec2"),
    };
    let service = pair.ecs_service();
    let written: Vec<(usize, &Written<String>)> =
        match service.and_then(|(file, it)| Some((file, it.launch_type.as_ref()?))) {
            Some(launch_type) => vec![launch_type],
            // What a task definition is compatible with is what it may run on.
            None => pair
                .workload()
                .compatibilities
                .iter()
                .map(|it| (pair.found.file, it))
                .collect(),
        };
    // Hosts of one's own, however they are called; the manifest has one word for them.
    let holds = |it: &str| match ecs.launch_type() {
        LaunchType::Fargate => it == planned,
        LaunchType::Ec2 => ["EC2", "EXTERNAL", "MANAGED_INSTANCES"].contains(&it),
    };
    if written.is_empty() || written.iter().any(|(_, it)| holds(&it.value)) {
        return;
    }
    let (file, deployed) = written[0];
    let message = format!(
        "{} is for {}, and the manifest plans for {planned}",
        pair.title(),
        deployed.value
    );
    findings.push(
        pair.finding(&RULE, message, Place::Value(deployed.route.clone()))
            .in_deployed(file)
            .label("runs here")
            .beside(match &ecs.launch_type {
                Some(written) => (
                    Place::Value(written.route.clone()),
                    format!("`{wanted}` in the manifest"),
                ),
                None => (
                    pair.platform_place(),
                    "no `launch_type` here: Fargate, the default of the format".to_owned(),
                ),
            })
            .help(format!(
                "write `launch_type: {}` in the manifest",
                match is_fargate(&deployed.value) {
                    true => "fargate",
                    false => "ec2",
                }
            )),
    );
}
