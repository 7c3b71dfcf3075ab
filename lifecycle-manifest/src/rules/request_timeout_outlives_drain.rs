//! Requests that are let run longer than a leaving instance can finish them.

use super::Context;
use crate::duration::{human, show};
use crate::finding::{Finding, Place};
use crate::kind::Kind;
use crate::platform::{Platform, round_up};

rule! {
    /// The platform lets a request run longer than the instance has to finish it.
    ///
    /// ## What it finds
    ///
    /// A `request_timeout` under `cloud_run` that is longer than the timeout of a server's step there, where no `traffic.longest_request` says how long requests really are.
    ///
    /// ## Why it matters
    ///
    /// Cloud Run takes an instance whenever it likes: for a new revision, for less traffic, for maintenance.
    /// It then has ten seconds, whatever the request timeout says, and a longer request is cut off.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 7s }
    /// platforms:
    ///   cloud_run: { request_timeout: 60s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A request timeout that a leaving instance can keep; or how long requests really are, where that is less.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 7s }
    /// platforms:
    ///   cloud_run: { request_timeout: 7s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `request_timeout` under `cloud_run`: not written, nothing is compared.
    /// - `traffic.longest_request`: written, it is compared instead.
    ///
    /// ## When to allow it
    ///
    /// When long requests are safe to send again, and clients do.
    ///
    /// ## Source
    ///
    /// The timeout ends the request with 504 and not the instance: <https://docs.cloud.google.com/run/docs/configuring/request-timeout>.
    /// The window after SIGTERM is another one: <https://docs.cloud.google.com/run/docs/container-contract>.
    pub(super) RULE = "LC410", "request-timeout-outlives-drain", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    if context.manifest.traffic.longest_request.is_some() {
        return;
    }
    for line in context.timelines {
        let Some(Platform::CloudRun(run)) = context.entry(line) else {
            continue;
        };
        let Some(written) = &run.request_timeout else {
            continue;
        };
        let servers = context.plan.steps.iter().zip(&line.windows);
        let servers =
            servers.filter(|(step, _)| matches!(step.kind, Kind::HttpServer | Kind::GrpcServer));
        // The one with the least time is the one that cuts off first.
        let Some((step, window)) = servers.min_by_key(|(_, window)| window.timeout.value) else {
            continue;
        };
        let given = window.timeout.value;
        if written.value <= given {
            continue;
        }
        let message = format!(
            "a request may run for {}, and `{}` has {} to finish it",
            human(written.value),
            step.name,
            human(given)
        );
        let place = Place::Value(written.route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label("an instance that leaves does not wait that long");
        if let Some(route) = window.timeout.origin.route() {
            finding = finding.related(Place::Value(route.clone()), "it is cut off here");
        }
        // What Cloud Run refuses is no advice, and neither is what a step does not keep.
        if given >= line.facts.unit && round_up(given, line.facts.unit) == given {
            let text = show(given);
            finding = finding.fix(format!("end requests sooner: `{text}`"), place, text);
        }
        findings.push(
            finding
                .or_help("say in `longest_request` how long requests really are, if that is less"),
        );
    }
}
