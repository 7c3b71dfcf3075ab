//! Steps that wait for one another in a circle.

use crate::finding::{Finding, Place};
use crate::plan::{Cycle, CycleEdge, Why};

rule! {
    /// Steps wait for one another in a circle.
    ///
    /// ## What it finds
    ///
    /// A circle among `after` and `uses`.
    /// Waits by default, from phase to phase, never make one: they give way to what is written.
    ///
    /// ## Why it matters
    ///
    /// None of the steps could ever begin.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   imports: { kind: task, timeout: 5s, after: [reports] }
    ///   reports: { kind: task, timeout: 5s, after: [imports] }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take away the wait that does not matter; the whole circle is shown, with a way out at each wait.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   imports: { kind: task, timeout: 5s }
    ///   reports: { kind: task, timeout: 5s, after: [imports] }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `after` of a resource: it waits for exactly those named, instead of all of earlier phases.
    /// - `uses` of a resource: what it calls while it drains, which therefore waits for it.
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: there is no order to go by.
    ///
    /// ## Source
    ///
    /// The format itself: `lifecycle schema`.
    pub(super) RULE = "LC201", "dependency-cycle", Error, High
}

pub(super) fn finding(cycle: &Cycle) -> Finding {
    let first = cycle
        .edges
        .first()
        .map_or_else(String::new, |edge| edge.waiter.clone());
    let message = format!(
        "`{first}` waits for itself, through {} waits",
        cycle.edges.len()
    );
    let mut places = cycle
        .edges
        .iter()
        .filter_map(|edge| Some((place(edge)?, label(edge))));
    let (place, text) = places
        .next()
        .unwrap_or_else(|| (Place::Value(crate::text::Route::root()), String::new()));
    let finding = Finding::new(&RULE, message, place).label(text);
    places
        .fold(finding, |finding, (place, text)| {
            finding.related(place, text)
        })
        .note(circle(cycle))
        .help("take away the wait that does not matter")
}

/// `a (after) → b (uses) → a`.
pub(super) fn circle(cycle: &Cycle) -> String {
    let waits: Vec<String> = cycle
        .edges
        .iter()
        .map(|edge| {
            format!(
                "{} waits for {} ({})",
                edge.waiter,
                edge.on,
                edge.why.as_str()
            )
        })
        .collect();
    format!("circle: {}", waits.join(", "))
}

pub(super) fn place(edge: &CycleEdge) -> Option<Place> {
    match &edge.why {
        Why::After(route) | Why::Uses(route) => Some(Place::Value(route.clone())),
        Why::Default => None,
    }
}

fn label(edge: &CycleEdge) -> String {
    match &edge.why {
        Why::Uses(_) => format!(
            "`{}` uses `{}`, which therefore waits for it",
            edge.on, edge.waiter
        ),
        _ => format!("`{}` waits for `{}`", edge.waiter, edge.on),
    }
}
