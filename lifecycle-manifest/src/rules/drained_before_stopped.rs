//! A drained node does not wait as long as an instance may take to stop.

use super::Context;
use super::verdict::{Verdict, platform_place};
use crate::duration::{human, show};
use crate::finding::{Finding, Place};
use crate::platform::{Platform, round_up};

rule! {
    /// A node that is drained ends what runs on it before the shutdown is over.
    ///
    /// ## What it finds
    ///
    /// On Nomad, a `shutdown_delay` and a grace period, with those of sidecar tasks after it, that are together longer than a drained node waits.
    ///
    /// ## Why it matters
    ///
    /// At the drain's deadline whatever still runs is stopped at once, whatever it was promised.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   nomad: { grace_period: 25s, shutdown_delay: 10s, drain_deadline: 30s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A deadline that holds both.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 15s }
    /// platforms:
    ///   nomad: { grace_period: 25s, shutdown_delay: 10s, drain_deadline: 35s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `drain_deadline` under `nomad` (1h when not written): what `node drain -deadline`, or the client's `drain_on_shutdown`, is given.
    ///
    /// ## When to allow it
    ///
    /// When nodes are drained by hand, and whoever does it waits.
    ///
    /// ## Source
    ///
    /// <https://developer.hashicorp.com/nomad/commands/node/drain>; the delays and the grace period follow one another (`client/allocrunner` of Nomad 2.0.5).
    pub(super) RULE = "LC120", "drained-before-stopped", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, nomad)) = context.on(Platform::nomad) else {
        return;
    };
    if Verdict::of(line) != Verdict::Fits {
        return;
    }
    let deadline = nomad.drain_deadline();
    let mut figures: Vec<_> = line.terms.outside.iter().collect();
    figures.push(line.grace());
    figures.extend(&line.terms.after);
    let total = figures.iter().map(|figure| figure.value).sum();
    if total <= deadline.value {
        return;
    }
    let message = format!(
        "stopping may take {}, and a drained node waits {}",
        human(total),
        human(deadline.value)
    );
    let sum: Vec<String> = figures.iter().map(|figure| figure.term()).collect();
    let text = show(round_up(total, line.facts.unit));
    let finding = match deadline.origin.route() {
        Some(route) => {
            let place = Place::Value(route.clone());
            Finding::new(&RULE, message, place.clone())
                .label("then what still runs is ended")
                .fix(format!("write `{text}`, and drain with that"), place, text)
        }
        None => Finding::new(&RULE, message, platform_place(context, line))
            .label(format!(
                "no `drain_deadline` here: {}, {}",
                human(deadline.value),
                deadline.origin
            ))
            .help(format!(
                "drain with `-deadline {text}`, and write `drain_deadline: {text}`"
            )),
    };
    findings.push(finding.on(line.platform()).note(format!(
        "sum: {} = {}",
        sum.join(" + "),
        human(total)
    )));
}
