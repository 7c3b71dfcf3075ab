//! A health check that asks the init in the program's stead.

use super::Context;
use crate::finding::{Finding, Place};
use crate::platform::{HealthCheck, Platform};

rule! {
    /// The health check asks the init, and not the program.
    ///
    /// ## What it finds
    ///
    /// `init: true` and `health_check: runtime` side by side under `docker` or `compose`.
    ///
    /// ## Why it matters
    ///
    /// With `runtime` the container's first process is asked, which is the program.
    /// With an init before it the first process is the init, which has no answer: the container is never healthy, and what waits for its health waits in vain.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 8081 } }
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { init: true, health_check: runtime }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// No init: a program with this runtime takes the signals itself.
    /// Where it starts processes that need to be reaped, a command that asks it by its path.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 8081 } }
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { init: false, health_check: runtime }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the check cannot succeed.
    ///
    /// ## Source
    ///
    /// <https://docs.docker.com/reference/cli/docker/container/run/#init>: the init is the process with the number 1.
    pub(super) RULE = "LC416", "probe-asks-init", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let (init, check, route) = match context.manifest.platforms.get(line.platform()) {
            Some(Platform::Docker(it)) => (&it.init, &it.health_check, &it.common.route),
            Some(Platform::Compose(it)) => (&it.init, &it.health_check, &it.common.route),
            _ => continue,
        };
        let Some(init) = init.as_ref().filter(|init| init.value) else {
            continue;
        };
        if !matches!(check, Some(HealthCheck::Runtime)) {
            continue;
        }
        let place = Place::Value(init.route.clone());
        let message = format!(
            "{} asks the container's first process for its health, and that is the init",
            line.facts.name
        );
        findings.push(
            Finding::new(&RULE, message, place.clone())
                .on(line.platform())
                .label("the init has no answer")
                .related(
                    Place::Value(route.key("health_check")),
                    "asks the first process",
                )
                .fix(
                    "write `init: false`: the program takes the signals itself",
                    place,
                    "false",
                ),
        );
    }
}
