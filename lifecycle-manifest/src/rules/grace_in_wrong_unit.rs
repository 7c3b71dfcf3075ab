//! A grace period of milliseconds where seconds were meant.

use std::time::Duration;

use super::Context;
use super::verdict::{Verdict, grace_label, grace_place, with, with_sum_and_grace};
use crate::duration::{human, show};
use crate::finding::Finding;
use crate::timeline::Timeline;

rule! {
    /// The grace period is milliseconds, and as many seconds would fit.
    ///
    /// ## What it finds
    ///
    /// A `grace_period` below one second on a platform that takes milliseconds, PM2 or systemd, for a plan that needs a second or more: as many seconds would hold the plan.
    ///
    /// ## Why it matters
    ///
    /// Most platforms count seconds and PM2's `kill_timeout` counts milliseconds.
    /// `kill_timeout: 30` is over before a program has done anything, and it reads like half a minute.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 20s }
    /// platforms:
    ///   pm2: { grace_period: 30ms }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The unit that was meant.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 20s }
    /// platforms:
    ///   pm2: { grace_period: 30s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: work is cut off as written.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `lib/API/schema.json`: `kill_timeout` is a number of milliseconds.
    pub(super) RULE = "LC122", "grace-in-wrong-unit", Error, High, check
}

/// The seconds that were meant, where the written milliseconds are a slip: as seconds they hold the
/// plan, and not by far.
pub(super) fn meant(line: &Timeline) -> Option<Duration> {
    const BY_FAR: u32 = 10;
    let second = Duration::from_secs(1);
    let grace = line.grace();
    if !grace.origin.is_written() || line.facts.unit >= second || grace.value >= second {
        return None;
    }
    let seconds = grace.value * 1_000;
    let needed = line.needed();
    (needed >= second && needed <= seconds && seconds <= needed * BY_FAR).then_some(seconds)
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in with(context, Verdict::WrongUnit) {
        let Some(seconds) = meant(line) else { continue };
        let message = format!(
            "shutdown needs {}, and {} is no time: {} may have been meant",
            human(line.needed()),
            human(line.grace().value),
            human(seconds)
        );
        let place = grace_place(context, line);
        let finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(grace_label(line));
        let finding = with_sum_and_grace(finding, line);
        findings.push(match line.smallest_grace() {
            Some(smallest) if smallest == seconds => finding,
            _ => {
                let text = show(seconds);
                finding.fix(format!("or write `{text}`, if that was meant"), place, text)
            }
        });
    }
}
