//! Platform and program both wait for the same thing.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::Platform;

rule! {
    /// Platform and program both wait for routing to notice.
    ///
    /// ## What it finds
    ///
    /// An `app_settle` on a platform that has already let that time pass before the signal.
    ///
    /// ## Why it matters
    ///
    /// Every stop takes longer than it must, and the grace period has to hold both.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { settle: 5s }
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    /// platforms:
    ///   kubernetes: { pre_stop: 5s, app_settle: 5s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take `app_settle` away: the program then waits for what the platform has not waited for, which may be nothing.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { settle: 5s }
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    /// platforms:
    ///   kubernetes: { pre_stop: 5s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `traffic.settle` (5s when not written, where routing lags).
    /// - `app_settle` under a platform. Not written, it is what is left of the settle time when the signal comes.
    ///
    /// ## When to allow it
    ///
    /// When the program is also stopped by something that runs no hook.
    ///
    /// ## Source
    ///
    /// ECS has drained the target before it sends the signal; a sleep in the program only slows deploys: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>.
    pub(super) RULE = "LC302", "settle-paid-twice", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let (before, after) = (line.terms.paid_before_signal, line.app_settle.value);
        // A balancer that follows more slowly than routing is waited for as long as it needs.
        let platform = context.manifest.platforms.get(line.platform());
        let propagation = match platform {
            Some(Platform::Kubernetes(kubernetes)) => kubernetes
                .load_balancer
                .as_ref()
                .and_then(|balancer| balancer.propagation.as_ref()),
            _ => None,
        };
        let propagation = propagation.filter(|it| it.value > line.terms.settle.value);
        let (owed, why) = match propagation {
            Some(propagation) => (
                propagation.value,
                "its load balancer's `propagation`".to_owned(),
            ),
            None => (
                line.terms.settle.value,
                line.terms.settle.origin.to_string(),
            ),
        };
        let Some(route) = line.app_settle.origin.route() else {
            continue;
        };
        // A hook that was derived is rounded up to the platform's unit; that is not twice.
        let derived = line
            .terms
            .hook
            .as_ref()
            .is_some_and(|hook| !hook.origin.is_written());
        let slack = if derived {
            line.facts.unit
        } else {
            std::time::Duration::ZERO
        };
        if before.is_zero() || after.is_zero() || before + after <= owed + slack {
            continue;
        }
        let twice = (before + after).saturating_sub(owed).min(after);
        let message = format!(
            "on {} the program waits {} for routing, which the platform has waited for already",
            line.facts.name,
            human(twice)
        );
        let mut finding = Finding::new(&RULE, message, Place::Value(route.clone()))
            .on(line.platform())
            .label("the program waits again")
            .note(format!(
                "routing needs {} ({}): {} pass before the signal, {} after it",
                human(owed),
                why,
                human(before),
                human(after)
            ));
        let payer = line.terms.hook.as_ref().or(line.terms.outside.as_ref());
        finding = match payer.map(|payer| (payer, payer.origin.route())) {
            Some((_, Some(route))) => {
                finding.related(Place::Value(route.clone()), "the platform has waited here")
            }
            Some((payer, None)) => finding.note(format!("{} ({})", payer.term(), payer.origin)),
            None => finding,
        };
        let (words, edit) = match propagation {
            // The rest of that is waited for only where it is written.
            Some(_) => {
                let rest = show(owed.saturating_sub(before));
                let edit = Edit::replace(Place::Value(route.clone()), rest.as_str());
                (format!("write `app_settle: {rest}`, the rest of it"), edit)
            }
            None => {
                let words = "take `app_settle` away: the program then waits for the rest alone";
                let entry = route.clone();
                (words.to_owned(), Edit::Remove { entry })
            }
        };
        findings.push(finding.fix_with(words, Fix::new(Safety::Unsafe, [edit])));
    }
}
