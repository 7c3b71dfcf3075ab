//! A program that is to ask itself for health, and answers for it nowhere.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{HealthCheck, Platform};

rule! {
    /// The program is to ask itself for health, at a port that it does not have.
    ///
    /// ## What it finds
    ///
    /// `health_check: runtime` under `ecs`, `docker` or `compose`, in a manifest without `traffic.health.port`.
    ///
    /// ## Why it matters
    ///
    /// The runtime asks the port on which the program answers for its health.
    /// Without one every check fails: ECS replaces the task again and again, and a deployment never completes; a container that waits for this one to be healthy is never started.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { health_check: runtime }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic:
    ///   health: { port: 8081 }
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { health_check: runtime }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never with this project's runtime: it does not start the question.
    ///
    /// ## Source
    ///
    /// Amazon ECS, "Determine Amazon ECS task health using container health checks": a task whose essential container is unhealthy is stopped, and its service starts another.
    pub(super) RULE = "LC418", "health-check-without-port", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let health = context.manifest.traffic.health.as_ref();
    if health.is_some_and(|health| health.port.is_some()) {
        return;
    }
    for line in context.timelines {
        let (check, common) = match context.entry(line) {
            Some(Platform::Ecs(it)) => (&it.health_check, &it.common),
            Some(Platform::Docker(it)) => (&it.health_check, &it.common),
            Some(Platform::Compose(it)) => (&it.health_check, &it.common),
            _ => continue,
        };
        if !matches!(check, Some(HealthCheck::Runtime)) {
            continue;
        }
        let route = common.route.key("health_check");
        let remove = Edit::Remove {
            entry: route.clone(),
        };
        findings.push(
            Finding::new(
                &RULE,
                "the program is to ask itself for health, and the manifest has no \
                 `traffic.health.port`",
                Place::Value(route),
            )
            .on(line.platform())
            .label("asks which port?")
            .help("write the port where the program answers for its health: `traffic: { health: { port: 8081 } }`")
            .fix_with("or take `health_check` away", Fix::new(Safety::Unsafe, [remove])),
        );
    }
}
