//! What is recorded last is not sent.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::Phase;
use crate::plan::{On, Step};

rule! {
    /// Telemetry or an audit log is flushed while work that writes to it still runs.
    ///
    /// ## What it finds
    ///
    /// A `telemetry` or `audit-log` resource that, by an `after` or a `phase` of its own or by somebody who waits for it, does not wait for everything that drains.
    ///
    /// ## Why it matters
    ///
    /// The last requests and jobs of a shutdown are those that go wrong.
    /// What they record after the flush is lost, so the traces end just before the interesting part.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    ///   emails: { kind: queue-consumer, timeout: 10s }
    ///   telemetry: { kind: telemetry, timeout: 2s, after: [http] }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Neither `after` nor `phase`: by default it is flushed once everything has drained.
    /// Or an `after` with everything that records.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s }
    ///   emails: { kind: queue-consumer, timeout: 10s }
    ///   telemetry: { kind: telemetry, timeout: 2s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When what still runs records nothing there.
    ///
    /// ## Source
    ///
    /// The order of every shutdown: no new work, what is in flight, what was recorded, clients.
    pub(super) RULE = "LC203", "flushed-before-drained", Warning, Medium, check
}

/// So many are looked at, each against the whole plan; nobody has more.
const MOST: usize = 16;

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let plan = context.plan;
    let flushed = |step: &Step| step.kind.phase() == Phase::Flush && step.phase != Phase::Close;
    let mut early: Vec<(usize, &Step)> = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| flushed(step))
        .collect();
    // Those that wait for a whole phase by default are the last to be wrong.
    let by_default = |step: &Step| step.waits.iter().any(|wait| matches!(wait.on, On::Gate(_)));
    early.sort_by_key(|(_, step)| by_default(step));
    for (at, step) in early.into_iter().take(MOST) {
        let ended = plan.ended_before(at);
        let running: Vec<&Step> = plan
            .steps
            .iter()
            .zip(&ended)
            .filter(|(other, ended)| other.kind.phase() == Phase::Drain && !**ended)
            .map(|(other, _)| other)
            .collect();
        if let Some(first) = running.first() {
            findings.push(finding(context, step, first, &running));
        }
    }
}

fn finding(context: &Context<'_>, step: &Step, first: &Step, running: &[&Step]) -> Finding {
    let resources = &context.manifest.resources;
    let written = resources.iter().find(|resource| resource.name == step.name);
    let after = written.is_some_and(|resource| resource.after.is_some());
    let phase = step.phase != step.kind.phase();
    let place = match (after, phase) {
        (true, _) => Place::Value(step.route.key("after")),
        (false, true) => Place::Value(step.route.key("phase")),
        (false, false) => Place::Key(step.route.clone()),
    };
    let others = match running.len() {
        1 => String::new(),
        2 => " and one more".to_owned(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!(
        "`{}` is flushed while `{}`{others} may still be at work",
        step.name, first.name
    );
    let mut finding =
        Finding::new(&RULE, message, place).label("does not wait for all that drains");
    for other in running.iter().take(3) {
        let text = "what it records last is lost";
        finding = finding.related(Place::Key(other.route.clone()), text);
    }
    let away = |key: &str| Edit::Remove {
        entry: step.route.key(key),
    };
    let (words, edits) = match (after, phase) {
        (false, false) => {
            return finding.help(format!(
                "something of an earlier phase waits for `{}`: take it out of that one's `after`",
                step.name
            ));
        }
        (true, false) => ("take `after` away", vec![away("after")]),
        (false, true) => ("take `phase` away", vec![away("phase")]),
        (true, true) => {
            let own = step.kind.phase().as_str();
            let place = Place::Value(step.route.key("phase"));
            let edits = vec![away("after"), Edit::replace(place, own)];
            ("take `after` away, and write `phase: flush`", edits)
        }
    };
    finding.fix_with(
        format!("{words}: by default it waits for all that drains"),
        Fix::new(Safety::Unsafe, edits),
    )
}
