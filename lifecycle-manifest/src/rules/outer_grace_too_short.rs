//! What is around the platform ends before the platform has.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};
use crate::platform::{Platform, round_up};

rule! {
    /// The container around PM2 is killed before PM2 has stopped the program.
    ///
    /// ## What it finds
    ///
    /// An `outer` under `pm2`, the grace period of the container that `pm2-runtime` runs in, below the program's own grace period and one second more.
    /// More than ten processes are stopped ten at a time, and each ten take a grace period.
    ///
    /// ## Why it matters
    ///
    /// Two clocks run: the container's begins first, and kills PM2 and the program together.
    /// The grace period that PM2 would have given is then worth nothing.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 20s }
    /// platforms:
    ///   pm2: { grace_period: 30s, outer: 30s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A container's grace period that holds PM2's, and a second for PM2 itself.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 20s }
    /// platforms:
    ///   pm2: { grace_period: 30s, outer: 31s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `outer` under `pm2`. Not written, nothing is compared: PM2 then runs in no container.
    /// - `instances` under `pm2`: how many processes there are to stop.
    ///
    /// ## When to allow it
    ///
    /// Never: the program has less time than its manifest says.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `lib/binaries/Runtime4Docker.js`: SIGTERM and SIGINT end every program as `pm2 kill` does; `lib/API.js`, `processIds`: ten at a time.
    pub(super) RULE = "LC123", "outer-grace-too-short", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, pm2)) = context.on(Platform::pm2) else {
        return;
    };
    let Some(outer) = &pm2.outer else { return };
    let grace = line.grace();
    let needed = pm2.outer_needed(grace.value);
    if outer.value >= needed {
        return;
    }
    let message = format!(
        "the container around PM2 is killed after {}, and PM2 may need {}",
        human(outer.value),
        human(needed)
    );
    let place = Place::Value(outer.route.clone());
    let mut finding = Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label("PM2 is killed here, and the program with it");
    if let Some(route) = grace.origin.route() {
        finding = finding.related(Place::Value(route.clone()), "PM2 waits this long");
    }
    let times = match pm2.rounds() {
        1 => String::new(),
        rounds => format!("{rounds} × "),
    };
    finding = finding.note(format!(
        "sum: {times}{} grace period ({}) + 1s for PM2 itself = {}",
        human(grace.value),
        grace.origin,
        human(needed)
    ));
    if let (Some(count), 2..) = (&pm2.instances, pm2.rounds()) {
        finding = finding.related(
            Place::Value(count.route.clone()),
            "so many processes, of which ten stop at a time",
        );
    }
    // Containers count whole seconds; and a grace period that is too short itself will have to grow.
    let enough = pm2.outer_needed(grace.value.max(line.smallest_grace().unwrap_or_default()));
    let text = show(round_up(enough, std::time::Duration::from_secs(1)));
    findings.push(finding.fix(
        format!("give the container {text}, and write `outer: {text}`"),
        place,
        text,
    ));
}
