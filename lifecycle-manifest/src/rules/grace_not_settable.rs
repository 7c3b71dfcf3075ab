//! A grace period where there is nothing to set.

use super::Context;
use crate::duration::human;
use crate::finding::{Edit, Finding, Fix, Place, Safety};

rule! {
    /// A grace period is written for a platform that has no such setting.
    ///
    /// ## What it finds
    ///
    /// `grace_period` under a platform with a fixed window.
    ///
    /// ## Why it matters
    ///
    /// The number is fiction: the platform does what it always does.
    /// Somebody who raises it believes that the service has more time.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 6s }
    /// platforms:
    ///   cloud_run: { grace_period: 30s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Take it away, and make the steps fit the window with `timeouts`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 6s }
    /// platforms:
    ///   cloud_run: {}
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never.
    ///
    /// ## Source
    ///
    /// Cloud Run gives ten seconds from SIGTERM to SIGKILL, with nothing to set: <https://docs.cloud.google.com/run/docs/container-contract>.
    /// Heroku gives thirty: <https://devcenter.heroku.com/articles/dyno-shutdown-behavior>.
    pub(super) RULE = "LC108", "grace-not-settable", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let platform = context.manifest.platforms.get(line.platform());
        let written = platform.and_then(|platform| platform.common().grace_period.as_ref());
        let (Some(cap), Some(written)) = (&line.terms.cap, written) else {
            continue;
        };
        if !cap.fixed {
            continue;
        }
        let message = format!(
            "{} has no grace period to set: it is always {}",
            line.facts.name,
            human(cap.limit)
        );
        let finding = Finding::new(&RULE, message, Place::Value(written.route.clone()))
            .on(line.platform())
            .label(cap.because);
        findings.push(finding.fix_with(
            "take it away: it has no effect",
            Fix::new(
                Safety::Safe,
                [Edit::Remove {
                    entry: written.route.clone(),
                }],
            ),
        ));
    }
}
