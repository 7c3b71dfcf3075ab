//! A deployed polling step that is longer than what it is a step of.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Held, View, held},
    duration::human,
    finding::{Finding, Place, Side},
    platform::Pm2,
};

rule! {
    /// PM2 is told to look whether the program has gone only after its time is over.
    ///
    /// ## What it finds
    ///
    /// A deployed `kill_retry_time` that is longer than `kill_timeout`, or than its default of 1600.
    ///
    /// ## Why it matters
    ///
    /// Every stop takes the grace period twice, however fast the program was, and the program is then listed as `errored`.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 8000, kill_retry_time: 10000 }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Nothing, for PM2's own 100 milliseconds.
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 8000 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: it only delays.
    ///
    /// ## Source
    ///
    /// PM2 7.0.4, `processIsDead` of `lib/God/Methods.js`, and seen.
    pub(super) RULE = "LC831", "deployed-polled-too-late", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (seen, app) in view.apps() {
        let Some(step) = &app.kill_retry_time else {
            continue;
        };
        let timeout = match app.kill_timeout.as_ref().map(|it| held(it.value)) {
            Some(Held::For(time)) => time,
            Some(Held::AtOnce) => continue,
            _ => crate::platform::pm2::FACTS.default_grace,
        };
        let Held::For(first) = held(step.value) else {
            continue;
        };
        if first <= timeout {
            continue;
        }
        let message = format!(
            "PM2 looks for the first time after {} whether {} has gone, and gives up after {}",
            human(first),
            seen.workload.title(),
            human(timeout)
        );
        let mut finding = seen
            .finding(&RULE, message, Place::Value(step.route.clone()))
            .label("every stop takes the grace period twice, and ends as `errored`");
        if let Some(written) = &app.kill_timeout {
            let place = Place::Value(written.route.clone());
            finding = finding.related_in(Side::Deployed(seen.file), place, "gives up after this");
        }
        findings.push(finding.help(format!(
            "take it away: PM2 then looks every {}",
            human(Pm2::USUAL_KILL_RETRY_TIME)
        )));
    }
}
