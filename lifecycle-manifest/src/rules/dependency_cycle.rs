//! Steps that wait for one another in a circle.

use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Manifest;
use crate::plan::{Cycle, CycleEdge, Why};
use crate::read::list;
use crate::text::Route;

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

pub(super) fn finding(manifest: &Manifest, cycle: &Cycle) -> Finding {
    let mut places = cycle
        .edges
        .iter()
        .filter_map(|edge| Some((place(edge)?, label(edge))));
    let (place, text) = places
        .next()
        .unwrap_or_else(|| (Place::Value(Route::root()), String::new()));
    let finding = Finding::new(&RULE, message(cycle), place).label(text);
    let finding = places
        .fold(finding, |finding, (place, text)| {
            finding.related(place, text)
        })
        .note(circle(cycle));
    with_ways_out(finding, manifest, cycle.edges.iter())
}

/// So many steps are named; the note has all of them.
const MOST_NAMED: usize = 5;

fn message(cycle: &Cycle) -> String {
    let names = || cycle.edges.iter().map(|edge| edge.waiter.as_str());
    match cycle.edges.len() {
        2 => format!("{} wait for each other", list(names(), "and")),
        3..=MOST_NAMED => format!("{} wait for one another in a circle", list(names(), "and")),
        count => format!(
            "`{}` and {} others wait for one another in a circle",
            names().next().unwrap_or_default(),
            count.saturating_sub(1)
        ),
    }
}

/// So many waits are offered to be taken away.
const MOST_OFFERED: usize = 3;

/// Adds, for each of these waits, how it is taken away.
pub(super) fn with_ways_out<'a>(
    finding: Finding,
    manifest: &Manifest,
    edges: impl Iterator<Item = &'a CycleEdge>,
) -> Finding {
    let ways = edges.filter_map(|edge| without(manifest, edge));
    ways.take(MOST_OFFERED)
        .enumerate()
        .fold(finding, |finding, (at, (text, entry))| {
            let text = match at {
                0 => text,
                _ => format!("or {text}"),
            };
            finding.fix_with(text, Fix::new(Safety::Unsafe, [Edit::Remove { entry }]))
        })
}

/// How a wait is taken away: in words, and what is removed.
fn without(manifest: &Manifest, edge: &CycleEdge) -> Option<(String, Route)> {
    let (waiter, on) = (&edge.waiter, &edge.on);
    let (route, owner, key, text) = match &edge.why {
        Why::After(route) => (
            route,
            waiter,
            "after",
            format!("take the `after` of `{waiter}` away, if it need not wait for `{on}`"),
        ),
        Why::Uses(route) => (
            route,
            on,
            "uses",
            format!("take the `uses` of `{on}` away, if it does not call `{waiter}` at the end"),
        ),
        Why::Default => return None,
    };
    let resource = manifest.resources.iter().find(|r| r.name == *owner)?;
    let count = match key {
        "after" => resource.after.as_ref().map_or(0, Vec::len),
        _ => resource.uses.len(),
    };
    // A list of one goes as a whole: empty, it would say that there is nothing to wait for.
    Some(match count {
        1 => (text, route.parent()?),
        _ => {
            let name = if key == "after" { on } else { waiter };
            let text = text.replacen(
                &format!("take the `{key}` of"),
                &format!("take `{name}` out of the `{key}` of"),
                1,
            );
            (text.replacen(" away,", ",", 1), route.clone())
        }
    })
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
