//! A platform that looks for the first time after it has given up.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};
use crate::platform::Platform;

rule! {
    /// PM2 does not look whether the program has gone until its time is over.
    ///
    /// ## What it finds
    ///
    /// A `kill_retry_time` under `pm2` that is longer than the grace period.
    ///
    /// ## Why it matters
    ///
    /// PM2 learns only by looking that a program has gone, and looks every `kill_retry_time`.
    /// Where the first look would come after the grace period there is none: every stop takes the grace period twice, however fast the program was, and the program is then listed as `errored`.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, kill_retry_time: 10s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A fraction of the grace period, or nothing for PM2's own 100 milliseconds.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, kill_retry_time: 200ms }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: it only delays.
    ///
    /// ## Source
    ///
    /// PM2 7.0.4, `processIsDead` of `lib/God/Methods.js`, and seen: a program that was gone after 0.7 s, with `kill_timeout` 1500 and `kill_retry_time` 1501, took 3 s and was `errored`; with 1500 it was `stopped`.
    pub(super) RULE = "LC433", "polled-too-late", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, pm2)) = context.on(Platform::pm2) else {
        return;
    };
    let step = pm2.kill_retry_time();
    let (Some(route), true) = (step.origin.route(), step.value > line.grace().value) else {
        return;
    };
    let message = format!(
        "PM2 looks for the first time after {}, and gives up after {}",
        human(step.value),
        human(line.grace().value)
    );
    let place = Place::Value(route.clone());
    let mut finding = Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label("every stop takes the grace period twice, and ends as `errored`");
    if let Some(grace) = line.grace().origin.route() {
        finding = finding.related(Place::Value(grace.clone()), "the grace period");
    }
    let usual = show(crate::platform::Pm2::USUAL_KILL_RETRY_TIME);
    findings.push(finding.fix(format!("write `{usual}`, the PM2 default"), place, usual));
}
