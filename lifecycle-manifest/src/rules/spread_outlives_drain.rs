//! Clients are told to leave when it is too late.

use std::time::Duration;

use super::Context;
use super::timed::timed;
use crate::duration::{human, seconds_down, show};
use crate::finding::{Finding, Place};
use crate::kind::Kind;

rule! {
    /// The last clients are told to leave when their step is over.
    ///
    /// ## What it finds
    ///
    /// A websocket or a stream whose `spread` is not below its step's timeout.
    ///
    /// ## Why it matters
    ///
    /// At the timeout what is left is cut. A client that is told in that instant cannot say goodbye: its connection breaks, and what it was sending is lost.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: chat
    /// resources:
    ///   rooms: { kind: websocket, timeout: 10s, spread: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A timeout that leaves the last ones time to go, or a shorter spread.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: chat
    /// resources:
    ///   rooms: { kind: websocket, timeout: 10s, spread: 8s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ## Options
    ///
    /// - `spread`: over how long clients are told to leave.
    /// - `timeout`: of the step, on a platform too.
    ///
    /// ## When to allow it
    ///
    /// When clients lose nothing by a connection that breaks.
    ///
    /// ## Source
    ///
    /// The closing handshake of a `WebSocket` takes a round trip: RFC 6455, section 7.1.2.
    pub(super) RULE = "LC308", "spread-outlives-drain", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for sessions in timed(context, Kind::has_sessions) {
        let (Some(spread), Some(route)) =
            (&sessions.resource.spread, sessions.timeout.origin.route())
        else {
            continue;
        };
        let timeout = sessions.timeout.value;
        if spread.value < timeout || spread.value.is_zero() {
            continue;
        }
        let message = format!(
            "clients of `{}` are told to leave over {}, and its step has {}",
            sessions.resource.name,
            human(spread.value),
            human(timeout)
        );
        let place = Place::Value(spread.route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .label("the last are told when all are cut")
            .related(Place::Value(route.clone()), "all the time there is");
        finding.platform = sessions.platform;
        // Four fifths: the last ones have as long as a closing handshake over a bad line takes.
        let shorter = timeout * 4 / 5;
        let shorter = match seconds_down(shorter) {
            0 => shorter,
            seconds => Duration::from_secs(seconds),
        };
        if !shorter.is_zero() {
            let text = show(shorter);
            finding = finding.fix(
                format!("leave the last ones time to go: `spread: {text}`"),
                place,
                text,
            );
        }
        findings.push(finding);
    }
}
