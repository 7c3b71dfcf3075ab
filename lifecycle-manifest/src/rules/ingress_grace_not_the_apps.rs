//! The ingress has a grace period of its own, which no replica gets.

use super::Context;
use super::verdict::platform_place;
use crate::duration::{human, show};
use crate::figure::Origin;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Platform, round_up};

rule! {
    /// The ingress has a grace period and the app has none.
    ///
    /// ## What it finds
    ///
    /// On Azure Container Apps, a `premium_ingress.grace_period` where no `grace_period` is written.
    ///
    /// ## Why it matters
    ///
    /// Both are called `terminationGracePeriodSeconds`.
    /// The ingress' one, 480 seconds by default, is how long the ingress itself lets go of connections.
    /// A replica is killed after the template's one, 30 seconds by default, whatever the ingress waits for.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   azure_container_apps: { premium_ingress: { grace_period: 480s } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The app's own grace period beside it.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   azure_container_apps: { grace_period: 30s, premium_ingress: { grace_period: 480s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under `azure_container_apps` (30s when not written).
    ///
    /// ## When to allow it
    ///
    /// Never: the line that is missing costs nothing.
    ///
    /// ## Source
    ///
    /// <https://learn.microsoft.com/azure/container-apps/premium-ingress> and <https://learn.microsoft.com/azure/container-apps/application-lifecycle-management>.
    pub(super) RULE = "LC413", "ingress-grace-not-the-apps", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(Platform::AzureContainerApps(azure)) = context.entry(line) else {
            continue;
        };
        let ingress = azure.premium_ingress.as_ref();
        let Some(written) = ingress.and_then(|ingress| ingress.grace_period.as_ref()) else {
            continue;
        };
        let grace = line.grace();
        if !matches!(grace.origin, Origin::PlatformDefault(_)) {
            continue;
        }
        let message = format!(
            "the ingress waits {}, and the app is killed {} after the stop",
            human(written.value),
            human(grace.value)
        );
        let finding = Finding::new(&RULE, message, Place::Value(written.route.clone()))
            .on(line.platform())
            .label("the ingress' own, which no replica gets")
            .related(
                platform_place(context, line),
                format!(
                    "no `grace_period` here: {}, {}",
                    human(grace.value),
                    grace.origin
                ),
            );
        let enough = grace.value.max(round_up(line.needed(), line.facts.unit));
        let text = show(enough);
        let edit = Edit::insert(azure.common.route.clone(), "grace_period", text.as_str());
        findings.push(finding.fix_with(
            format!("write the app's own too: `grace_period: {text}`"),
            Fix::new(Safety::Safe, [edit]),
        ));
    }
}
