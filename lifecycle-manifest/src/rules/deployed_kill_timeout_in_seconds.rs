//! A deployed number of milliseconds that reads like seconds.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Held, View, held},
    finding::{Finding, Place},
};

rule! {
    /// A deployed `kill_timeout` is less than a second: PM2 counts milliseconds.
    ///
    /// ## What it finds
    ///
    /// A `kill_timeout` from 1 to 999 in an ecosystem file, or in what PM2 has made of one.
    ///
    /// ## Why it matters
    ///
    /// Most platforms count seconds.
    /// `kill_timeout: 30` is 30 milliseconds, and PM2 without the key would wait 1600.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 30 }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Milliseconds.
    ///
    /// ```yaml deployed
    /// apps: [{ name: shop, script: ./shop, kill_timeout: 30000 }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// For a program that is to be killed at once.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `lib/API/schema.json`: `kill_timeout` is a number of milliseconds.
    pub(super) RULE = "LC830", "deployed-kill-timeout-in-seconds", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (seen, app) in view.apps() {
        let Some(timeout) = &app.kill_timeout else {
            continue;
        };
        let Held::For(time) = held(timeout.value) else {
            continue;
        };
        let milliseconds = time.as_millis();
        if milliseconds >= 1_000 {
            continue;
        }
        let message = format!(
            "`kill_timeout: {milliseconds}` gives {} {milliseconds} milliseconds to stop",
            seen.workload.title()
        );
        findings.push(
            seen.finding(&RULE, message, Place::Value(timeout.route.clone()))
                .label("milliseconds")
                .help(format!(
                    "write `kill_timeout: {}`, if seconds were meant",
                    milliseconds * 1_000
                )),
        );
    }
}
