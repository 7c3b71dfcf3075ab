//! The deployment gives another grace period than the manifest plans with.

#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    duration::{LONGEST, human, show},
    finding::{Finding, Severity},
    platform::LaunchType,
};
#[cfg(feature = "deployed")]
use std::cmp::Ordering;

rule! {
    /// The deployed grace period is not the one that the manifest plans with.
    ///
    /// ## What it finds
    ///
    /// A `terminationGracePeriodSeconds`, a `stopTimeout` on ECS, a `TimeoutStopSec=` of systemd, that differs from the manifest's grace period, be either of them written or the platform's default.
    /// Less than planned is an error; more is the safe side, and a warning.
    ///
    /// ## Why it matters
    ///
    /// The plan was proven to fit the manifest's grace period. SIGKILL comes by the deployed one.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   kubernetes: { grace_period: 45s, pre_stop: 5s }
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:                                  # 30s, the Kubernetes default
    ///       containers:
    ///         - name: shop
    ///           lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The planned number in the deployment, or the deployed number in the manifest: `check` then says whether the plan fits it.
    ///
    /// ```yaml deployed
    /// apiVersion: apps/v1
    /// kind: Deployment
    /// metadata: { name: shop }
    /// spec:
    ///   template:
    ///     spec:
    ///       terminationGracePeriodSeconds: 45
    ///       containers:
    ///         - name: shop
    ///           lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a longer grace period is a cluster's rule and not the service's.
    ///
    /// ## Source
    ///
    /// Kubernetes: `terminationGracePeriodSeconds` is 30 when nothing is written (core/v1/types.go). ECS: `stopTimeout` is 30 when nothing is written (API reference of `ContainerDefinition`). systemd: `DefaultTimeoutStopSec=` is 90 s (`systemd-system.conf(5)`).
    pub(super) RULE = "LC701", "grace-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(deployed) = pair.grace() else {
        return;
    };
    let planned = pair.line.grace().value;
    let (value, title) = (human(deployed.value), pair.title());
    let Some(reader) = pair.reader() else {
        return;
    };
    let cap = pair.line.terms.cap.as_ref();
    let takes = |value| cap.is_none_or(|cap| value <= cap.limit);
    let order = deployed.value.cmp(&planned);
    let message = match order {
        Ordering::Equal => return,
        Ordering::Less => format!(
            "{title} allows {value} before SIGKILL, {} less than the manifest plans with",
            human(planned.saturating_sub(deployed.value))
        ),
        // What the platform does not hold is no safety.
        Ordering::Greater if !takes(deployed.value) => format!(
            "{title} asks for {value} before SIGKILL, {} more than the manifest plans with, and does \
             not get it",
            human(deployed.value.saturating_sub(planned))
        ),
        Ordering::Greater => format!(
            "{title} allows {value} before SIGKILL, {} more than the manifest plans with: the safe side",
            human(deployed.value.saturating_sub(planned))
        ),
    };
    let over = cap.filter(|cap| deployed.value > cap.limit);
    let label = match over {
        Some(cap) => format!("more than the {} that there are at most", human(cap.limit)),
        None => deployed.label(reader.grace_key, |value| {
            format!("SIGKILL comes {value} after the stop")
        }),
    };
    let mut finding = pair
        .finding(&RULE, message, deployed.place.clone())
        .label(label)
        .beside(pair.planned_grace());
    finding = match over {
        Some(cap) => finding.note(cap.because),
        None => pair.with_sum(finding),
    };
    if deployed.default.is_some()
        && pair
            .platform
            .ecs()
            .is_some_and(|ecs| ecs.launch_type() == LaunchType::Ec2)
    {
        finding = finding.note(
            "on EC2 the agent's ECS_CONTAINER_STOP_TIMEOUT holds where no `stopTimeout` is written",
        );
    }
    // More than the platform takes is the manifest's fault, and no way out.
    if takes(planned) {
        finding = finding.help(format!("write `{}`", (reader.write_grace)(planned)));
    }
    if order == Ordering::Greater {
        finding.severity = Severity::Warning;
        if takes(deployed.value) && deployed.value <= LONGEST {
            finding = finding.help(format!(
                "or write `grace_period: {}` in the manifest, under `{}`",
                show(deployed.value),
                pair.platform.key()
            ));
        }
    }
    findings.push(finding);
}
