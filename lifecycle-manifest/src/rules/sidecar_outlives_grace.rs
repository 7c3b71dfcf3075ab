//! A sidecar that needs longer to stop than it has.

use super::Context;
use super::verdict::{grace_label, grace_place};
use crate::duration::human;
use crate::finding::{Finding, Place};

rule! {
    /// A sidecar takes longer to stop than the platform gives it.
    ///
    /// ## What it finds
    ///
    /// On a platform that signals all containers at once, a sidecar whose `timeout` is longer than the time from the signal to SIGKILL.
    ///
    /// ## Why it matters
    ///
    /// The sidecar is killed with work in hand: a collector loses the last traces, a proxy cuts the last calls.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   cloud_run: { sidecars: [{ name: collector, timeout: 12s }] }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A sidecar that is set to stop sooner, and its time as it is then.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   cloud_run: { sidecars: [{ name: collector, timeout: 10s }] }
    /// ```
    ///
    /// ## Options
    ///
    /// - `sidecars[].timeout`: how long after the signal it is still there.
    ///
    /// ## When to allow it
    ///
    /// When nothing is lost with it.
    ///
    /// ## Source
    ///
    /// Cloud Run sends SIGTERM to every container of the instance and SIGKILL ten seconds later: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC125", "sidecar-outlives-grace", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let beside = context.entry(line).map_or(&[][..], |it| it.beside());
        let given = line.grace().value;
        for sidecar in beside.iter().filter(|it| it.timeout.value > given) {
            let message = format!(
                "the sidecar `{}` takes {} to stop, and is killed after {}",
                sidecar.name.value,
                human(sidecar.timeout.value),
                human(given)
            );
            let place = Place::Value(sidecar.timeout.route.clone());
            let mut finding = Finding::new(&RULE, message, place)
                .on(line.platform())
                .label("SIGKILL comes before this");
            let fixed = line.terms.cap.as_ref().filter(|cap| cap.fixed);
            finding = match fixed {
                Some(cap) => finding
                    .note(cap.because)
                    .help(format!("set it to stop within {}", human(given))),
                None => finding
                    .related(grace_place(context, line), grace_label(line))
                    .help("set it to stop sooner, or give both a longer `grace_period`"),
            };
            findings.push(finding);
        }
    }
}
