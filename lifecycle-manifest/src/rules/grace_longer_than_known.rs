//! A grace period beyond all that is known to be taken.

use super::Context;
use super::verdict::grace_place;
use crate::duration::{human, show};
use crate::figure::Origin;
use crate::finding::{Finding, Place};
use crate::platform::{LONGEST_KNOWN_GRACE, Platform};

rule! {
    /// The grace period is longer than any that the platform is known to keep.
    ///
    /// ## What it finds
    ///
    /// On Azure Container Apps, a `grace_period` above ten minutes.
    ///
    /// ## Why it matters
    ///
    /// No limit is documented there, and none above ten minutes is known to be in use.
    /// A deployment may be refused, or the kill may come earlier than anybody planned.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 590s }
    /// platforms:
    ///   azure_container_apps: { grace_period: 601s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Ten minutes or less, and steps that fit into it.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 585s }
    /// platforms:
    ///   azure_container_apps: { grace_period: 600s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `grace_period` under `azure_container_apps`.
    ///
    /// ## When to allow it
    ///
    /// When you have seen it kept: `lifecycle drill` plays only what the platform says of itself.
    ///
    /// ## Source
    ///
    /// `ContainerAppTemplate`, `terminationGracePeriodSeconds`: any whole number that is not negative, <https://learn.microsoft.com/azure/container-apps/application-lifecycle-management>.
    pub(super) RULE = "LC124", "grace-longer-than-known", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(Platform::AzureContainerApps(_)) = context.entry(line) else {
            continue;
        };
        let grace = line.grace();
        let (Origin::Written(route) | Origin::Rounded { route, .. }) = &grace.origin else {
            continue;
        };
        if grace.value <= LONGEST_KNOWN_GRACE {
            continue;
        }
        let message = format!(
            "a grace period of {} is longer than any that {} is known to keep",
            human(grace.value),
            line.facts.name
        );
        let most = show(LONGEST_KNOWN_GRACE);
        let finding = Finding::new(&RULE, message, grace_place(context, line))
            .on(line.platform())
            .label(format!("nobody is known to have more than {most}"));
        findings.push(match line.needed() <= LONGEST_KNOWN_GRACE {
            true => finding.fix(
                format!("write `{most}` or less"),
                Place::Value(route.clone()),
                most,
            ),
            false => finding.help(format!(
                "let the steps fit into {most}: the plan needs {}",
                human(line.needed())
            )),
        });
    }
}
