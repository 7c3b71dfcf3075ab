//! A resource is closed while something that uses it is still at work.

use super::dependency_cycle::{circle, place, with_ways_out};
use crate::finding::Finding;
use crate::manifest::Manifest;
use crate::plan::{Cycle, Why};

rule! {
    /// A resource is closed while something that uses it still runs.
    ///
    /// ## What it finds
    ///
    /// An order by `after` that puts a resource before one that `uses` it.
    ///
    /// ## Why it matters
    ///
    /// Requests that are still being served find the pool closed: errors at every deploy that no timeout explains.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: [orders-db], after: [orders-db] }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take the `after` away: `uses` alone makes the resource wait for its users.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 10s, uses: [orders-db] }
    ///   orders-db: { kind: database, timeout: 5s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `after` of a resource: it waits for exactly those named.
    /// - `uses` of a resource: what it calls while it drains, which therefore waits for it.
    ///
    /// ## When to allow it
    ///
    /// It cannot be allowed: there is no order to go by.
    /// If the resource is not used while the other drains, take the `uses` away.
    ///
    /// ## Source
    ///
    /// About five HTTP 500s a pod at every deploy, until the order was turned round (lobu-ai/lobu#3077).
    pub(super) RULE = "LC202", "step-closed-before-its-user", Error, High
}

/// The finding, where the circle is one `uses` against an order by `after`.
pub(super) fn finding(manifest: &Manifest, cycle: &Cycle) -> Option<Finding> {
    let mut uses = cycle
        .edges
        .iter()
        .filter(|edge| matches!(edge.why, Why::Uses(_)));
    let (edge, None) = (uses.next()?, uses.next()) else {
        return None;
    };
    // `waiter` is what is used: it waits for its user by `uses`, and its user for it by `after`.
    let (closed, by) = (&edge.waiter, &edge.on);
    let mut finding = Finding::new(
        &RULE,
        format!("`{closed}` is closed while `{by}` still uses it"),
        cycle
            .edges
            .iter()
            .find(|edge| matches!(edge.why, Why::After(_)))
            .and_then(place)?,
    )
    .label("this order closes it first");
    if let Some(place) = place(edge) {
        finding = finding.related(place, format!("`{by}` uses it until it has drained"));
    }
    let afters = cycle
        .edges
        .iter()
        .filter(|edge| matches!(edge.why, Why::After(_)));
    for (place, edge) in afters
        .clone()
        .skip(1)
        .filter_map(|it| Some((place(it)?, it)))
    {
        let text = format!("and `{}` waits for `{}`", edge.waiter, edge.on);
        finding = finding.related(place, text);
    }
    let finding = finding.note(circle(cycle));
    Some(with_ways_out(finding, manifest, afters))
}
