//! Where nothing is written, the host's agent decides.

use super::Context;
use super::verdict::Verdict;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{LaunchType, Platform};

rule! {
    /// No grace period is written, and each host's ECS agent may have one of its own.
    ///
    /// ## What it finds
    ///
    /// The launch type EC2 without a `grace_period`, where the plan fits the usual default.
    ///
    /// ## Why it matters
    ///
    /// Where a container says nothing, the agent of the host it runs on decides, by `ECS_CONTAINER_STOP_TIMEOUT`.
    /// The same task then has 30 seconds on one host and two on another.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: ec2 }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The number, which then stands in every task definition.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 15s }
    /// platforms:
    ///   ecs: { launch_type: ec2, grace_period: 30s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When only generated task definitions are deployed: they carry the number in any case.
    ///
    /// ## Source
    ///
    /// ECS agent, `README.md` and `agent/config/parse.go`: `ECS_CONTAINER_STOP_TIMEOUT`, 30 seconds unless it is set.
    pub(super) RULE = "LC112", "agent-decides-grace", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, ecs)) = context.on(Platform::ecs) else {
        return;
    };
    let Some(launch_type) = ecs
        .launch_type
        .as_ref()
        .filter(|launch_type| launch_type.value == LaunchType::Ec2)
    else {
        return;
    };
    // Where the plan does not fit the default, the grace period it needs is the finding.
    if ecs.common.grace_period.is_some() || Verdict::of(line) != Verdict::Fits {
        return;
    }
    let default = line.facts.default_grace;
    let text = show(default);
    let message = format!(
        "no grace period is written, and on EC2 each host's agent decides: {} unless it is set",
        human(default)
    );
    let edit = Edit::insert(ecs.common.route.clone(), "grace_period", text.as_str());
    findings.push(
        Finding::new(&RULE, message, Place::Value(launch_type.route.clone()))
            .on(line.platform())
            .label("`ECS_CONTAINER_STOP_TIMEOUT` of the host holds here")
            .note(format!("sum: {}", line.sum()))
            .fix_with(
                format!("write `grace_period: {text}` under `ecs`"),
                Fix::new(Safety::Safe, [edit]),
            ),
    );
}
