//! A deployment that waits for health, and nothing that could say it.

use super::Context;
use crate::finding::{Finding, Place};
use crate::platform::{FlyStrategy, Platform};

rule! {
    /// A blue-green deployment has no health check to wait for.
    ///
    /// ## What it finds
    ///
    /// On Fly.io, `strategy: bluegreen` in a manifest without `traffic.health`.
    ///
    /// ## Why it matters
    ///
    /// The old Machines are stopped once the new ones are healthy. Without a check Fly.io refuses such a deployment.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   fly: { grace_period: 30s, strategy: bluegreen }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Where health is answered; or another strategy.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic:
    ///   health: { port: 9090 }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   fly: { grace_period: 30s, strategy: bluegreen }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the check is written into `fly.toml` by hand.
    ///
    /// ## Source
    ///
    /// <https://fly.io/docs/reference/configuration/>, `strategy`.
    pub(super) RULE = "LC424", "bluegreen-without-health-check", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, fly)) = context.on(Platform::fly) else {
        return;
    };
    let bluegreen = |it: &&crate::manifest::Written<_>| it.value == FlyStrategy::Bluegreen;
    let Some(strategy) = fly.strategy.as_ref().filter(bluegreen) else {
        return;
    };
    if context.plan.health.is_some() {
        return;
    }
    let message = "a blue-green deployment waits for a health check, and there is none";
    let place = Place::Value(strategy.route.clone());
    findings.push(
        Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label("Fly.io refuses this without a check")
            .help("say where health is answered: `health: { port: 9090 }` under `traffic`")
            .fix(
                "or replace one Machine after another: `rolling`",
                place,
                "rolling",
            ),
    );
}
