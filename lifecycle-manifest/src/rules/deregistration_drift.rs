//! The target group lets requests finish for another time than the manifest says.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, TargetGroup},
    duration::{human, seconds_up},
    figure::Figure,
    finding::{Finding, Place, Severity},
    platform::LoadBalancer,
};
#[cfg(feature = "deployed")]
use std::{cmp::Ordering, time::Duration};

rule! {
    /// The deployed deregistration delay, or the registration itself, is not the manifest's.
    ///
    /// ## What it finds
    ///
    /// A `deregistration_delay.timeout_seconds` of a target group, or of an Ingress that asks for one, that differs from the manifest's; an ECS service that is registered with a target group and has no `load_balancer` in the manifest, or the other way round.
    /// A longer delay is the safe side, and a warning.
    ///
    /// ## Why it matters
    ///
    /// On ECS the delay passes before any signal: requests have that long to finish. A shorter one cuts them off, and without any registration nothing waits at all.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   ecs: { grace_period: 45s, load_balancer: { deregistration_delay: 60s } }
    /// ```
    ///
    /// ```yaml deployed
    /// - family: shop
    ///   containerDefinitions: [{ name: shop, stopTimeout: 45 }]
    /// - Attributes: [{ Key: deregistration_delay.timeout_seconds, Value: "20" }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The same delay in both.
    ///
    /// ```yaml deployed
    /// - family: shop
    ///   containerDefinitions: [{ name: shop, stopTimeout: 45 }]
    /// - Attributes: [{ Key: deregistration_delay.timeout_seconds, Value: "60" }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the files show only one of several target groups.
    ///
    /// ## Source
    ///
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>; the delay is 300 s when nothing is set.
    pub(super) RULE = "LC708", "deregistration-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    if let Some(kubernetes) = pair.platform.kubernetes() {
        let balancer = kubernetes.load_balancer.as_ref();
        let delay = balancer.and_then(|balancer| balancer.deregistration_delay.as_ref());
        if let Some(delay) = delay {
            let planned = Figure::new(
                delay.value,
                "deregistration delay",
                crate::figure::Origin::Written(delay.route.clone()),
            );
            let groups: Vec<_> = groups(pair, |_| true);
            if let [(file, group)] = groups[..] {
                findings.extend(delay_of(
                    pair,
                    file,
                    group,
                    &planned,
                    Place::Value(delay.route.clone()),
                ));
            }
        }
        return;
    }
    let Some(ecs) = pair.platform.ecs() else {
        return;
    };
    registration(pair, ecs.load_balancer.as_ref(), findings);
    let Some(balancer) = &ecs.load_balancer else {
        return;
    };
    let arn = balancer
        .target_group_arn
        .as_ref()
        .map(|arn| arn.value.as_str());
    let is_meant = |group: &TargetGroup| match (arn, &group.arn) {
        (Some(arn), Some(here)) => here.value == arn,
        _ => true,
    };
    if let [(file, group)] = groups(pair, is_meant)[..] {
        let planned = balancer.deregistration_delay();
        let place = match planned.origin.route() {
            Some(route) => Place::Value(route.clone()),
            None => Place::Key(balancer.route.clone()),
        };
        findings.extend(delay_of(pair, file, group, &planned, place));
    }
}

/// The target groups of the pair's platform.
#[cfg(feature = "deployed")]
fn groups<'a>(
    pair: &Pair<'a>,
    is_meant: impl Fn(&TargetGroup) -> bool,
) -> Vec<(usize, &'a TargetGroup)> {
    let files = pair.files.iter().enumerate();
    files
        .flat_map(|(file, deployed)| deployed.target_groups.iter().map(move |it| (file, it)))
        .filter(|(_, group)| group.platform == pair.platform.key() && is_meant(group))
        .collect()
}

#[cfg(feature = "deployed")]
fn delay_of(
    pair: &Pair<'_>,
    file: usize,
    group: &TargetGroup,
    planned: &Figure,
    place: Place,
) -> Option<Finding> {
    // What is not among the attributes is not changed by them: nothing is known of it.
    let written = group.deregistration_delay.as_ref()?;
    let here = Duration::from_secs(u64::try_from(written.value).unwrap_or(0));
    let (difference, more, side, severity) = match here.cmp(&planned.value) {
        Ordering::Equal => return None,
        Ordering::Less => (
            planned.value.saturating_sub(here),
            "less",
            "",
            Severity::Error,
        ),
        Ordering::Greater => (
            here.saturating_sub(planned.value),
            "more",
            ": the safe side",
            Severity::Warning,
        ),
    };
    let says = match planned.origin.is_written() {
        true => "says",
        false => "plans with",
    };
    let message = format!(
        "the target group lets requests finish for {}, {} {more} than the manifest {says}{side}",
        human(here),
        human(difference)
    );
    let text = match planned.origin.is_written() {
        true => format!("{} in the manifest", human(planned.value)),
        false => format!(
            "no `deregistration_delay` here: {}, {}",
            human(planned.value),
            planned.origin
        ),
    };
    let mut finding = pair
        .finding(&RULE, message, Place::Value(written.route.clone()))
        .in_deployed(file)
        .label(format!("deregistered for at most {}", human(here)))
        .beside((place, text))
        .help(format!("set it to {}", seconds_up(planned.value)));
    finding.severity = severity;
    if severity == Severity::Warning {
        finding = finding
            .note("a replaced task or pod stays that much longer where a connection stays open");
    }
    Some(finding)
}

/// The ECS service is registered with a target group, and the manifest knows it; or neither.
#[cfg(feature = "deployed")]
fn registration(pair: &Pair<'_>, balancer: Option<&LoadBalancer>, findings: &mut Vec<Finding>) {
    let Some((file, service)) = pair.ecs_service() else {
        return;
    };
    match (balancer, service.load_balancers.first()) {
        (None, Some(binding)) => {
            let message = format!(
                "the service of {} is registered with a target group, and the manifest knows no load balancer",
                pair.title()
            );
            let mut finding = pair
                .finding(&RULE, message, Place::Value(binding.route.clone()))
                .in_deployed(file)
                .label("deregistered before any signal: the settle time is paid there")
                .beside((pair.platform_place(), "no `load_balancer` here".to_owned()))
                .help("write `load_balancer: {}` under `ecs`: the program then does not wait a second time");
            finding.severity = Severity::Warning;
            findings.push(finding);
        }
        (Some(balancer), None) => {
            // What is sent to be created may leave the target group to a flag, unless the manifest
            // names it.
            if !service.described && balancer.target_group_arn.is_none() {
                return;
            }
            let message = format!(
                "the service of {} is registered with no target group, and the manifest counts on one",
                pair.title()
            );
            let place = Place::Value(
                service
                    .name
                    .as_ref()
                    .map_or(service.route.clone(), |name| name.route.clone()),
            );
            findings.push(
                pair.finding(&RULE, message, place)
                    .in_deployed(file)
                    .label("no `loadBalancers` here: the signal comes at once")
                    .beside((
                        Place::Key(balancer.route.clone()),
                        "the settle time is paid by deregistration".to_owned(),
                    ))
                    .help("register it, or take `load_balancer` out of the manifest"),
            );
        }
        (Some(balancer), Some(_)) => {
            let Some(arn) = &balancer.target_group_arn else {
                return;
            };
            let mut bindings = service.load_balancers.iter();
            let known = bindings
                .clone()
                .all(|binding| binding.target_group.is_some());
            if !known
                || bindings.any(|binding| {
                    binding
                        .target_group
                        .as_ref()
                        .is_some_and(|it| it.value == arn.value)
                })
            {
                return;
            }
            let message = format!(
                "the service of {} is registered with another target group than the manifest's",
                pair.title()
            );
            let mut finding = pair
                .finding(
                    &RULE,
                    message,
                    Place::Value(service.load_balancers[0].route.clone()),
                )
                .in_deployed(file)
                .label("this one")
                .beside((
                    Place::Value(arn.route.clone()),
                    "that one in the manifest".to_owned(),
                ));
            finding.severity = Severity::Warning;
            findings.push(finding.help("name the same target group in both"));
        }
        (None, None) => {}
    }
}
