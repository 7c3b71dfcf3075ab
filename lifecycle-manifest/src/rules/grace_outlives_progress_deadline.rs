//! A grace period that Nomad refuses for the sake of its deployments.

use super::Context;
use super::verdict::{Verdict, grace_place};
use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::Platform;

rule! {
    /// The grace period is longer than a deployment waits for an instance.
    ///
    /// ## What it finds
    ///
    /// On Nomad, a `grace_period` above the `progress_deadline` of the job's updates, unless that is `0s`.
    ///
    /// ## Why it matters
    ///
    /// Nomad refuses such a service job when it is submitted: its `kill_timeout` must not be longer than its `progress_deadline`.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   nomad: { grace_period: 90s, max_kill_timeout: 2m, progress_deadline: 1m }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A `progress_deadline` that is at least as long.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   nomad: { grace_period: 90s, max_kill_timeout: 2m, progress_deadline: 90s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `progress_deadline` under `nomad` (10m when not written).
    ///
    /// ## When to allow it
    ///
    /// When the job is not a service job, or has no `update` block.
    ///
    /// ## Source
    ///
    /// `nomad/structs/structs.go` of Nomad 2.0.5; <https://developer.hashicorp.com/nomad/docs/job-specification/update>.
    pub(super) RULE = "LC119", "grace-outlives-progress-deadline", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, nomad)) = context.on(Platform::nomad) else {
        return;
    };
    let deadline = nomad.progress_deadline();
    let grace = line.grace().value;
    // Where the plan does not fit, the grace period is going to change.
    if deadline.value.is_zero() || grace <= deadline.value || Verdict::of(line) != Verdict::Fits {
        return;
    }
    let message = format!(
        "the grace period is {}, and a deployment waits {} for an instance: Nomad refuses the job",
        human(grace),
        human(deadline.value)
    );
    let text = show(grace);
    let (finding, edit) = match deadline.origin.route() {
        Some(route) => {
            let place = Place::Value(route.clone());
            let finding = Finding::new(&RULE, message, place.clone())
                .label("shorter than the grace period")
                .related(grace_place(context, line), "this becomes `kill_timeout`");
            (finding, Edit::replace(place, text.as_str()))
        }
        None => {
            let finding = Finding::new(&RULE, message, grace_place(context, line)).label(format!(
                "longer than the `progress_deadline`: {}, {}",
                human(deadline.value),
                deadline.origin
            ));
            let route = nomad.common.route.clone();
            (
                finding,
                Edit::insert(route, "progress_deadline", text.as_str()),
            )
        }
    };
    findings.push(finding.on(line.platform()).fix_with(
        format!("write `progress_deadline: {text}`"),
        Fix::new(Safety::Unsafe, [edit]),
    ));
}
