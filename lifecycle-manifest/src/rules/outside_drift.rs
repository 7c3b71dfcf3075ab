//! The deployment waits for another time before the signal than the manifest plans with.

#[cfg(feature = "deployed")]
use crate::{
    deployed::Pair,
    duration::{human, show},
    figure::Origin,
    finding::{Finding, Place, Severity},
};
#[cfg(feature = "deployed")]
use std::{cmp::Ordering, time::Duration};

rule! {
    /// What passes before the signal, outside of the grace period, is not what the manifest plans with.
    ///
    /// ## What it finds
    ///
    /// A `shutdown_delay` on Nomad, the `pre_stop` hooks of Compose, or an `ExecStop=` of systemd, that take another time than the manifest says, where that time is known.
    /// Less than planned is an error; more is the safe side, and a warning.
    /// On ECS the deregistration delay has a rule of its own, `deregistration-drift`.
    ///
    /// ## Why it matters
    ///
    /// That time pays the settle time: requests go on arriving while routing notices. Without it the program stops listening while they still come.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   nomad: { grace_period: 20s, shutdown_delay: 10s }
    /// ```
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     task "shop" {
    ///       driver       = "docker"
    ///       kill_signal  = "SIGTERM"
    ///       kill_timeout = "20s"
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The same time in both.
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     shutdown_delay = "10s"
    ///     task "shop" {
    ///       driver       = "docker"
    ///       kill_signal  = "SIGTERM"
    ///       kill_timeout = "20s"
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When something else waits before the platform is asked to stop the instance.
    ///
    /// ## Source
    ///
    /// Nomad: both `shutdown_delay`s pass after deregistration and before the signal (<https://developer.hashicorp.com/nomad/docs/job-specification/group>). Compose: `pre_stop` is not part of `stop_grace_period` (compose-spec, `05-services.md`). systemd: each `ExecStop=` command has a timeout of its own (systemd.service(5)).
    pub(super) RULE = "LC712", "outside-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let (workload, container) = (pair.workload(), pair.container());
    let [key, ..] = keys(pair) else {
        return;
    };
    // What another file adds is not known, whatever is here; and a hook without an end is no wait of 0s.
    let unknown = || is_unknown(pair) || !container.hooks.is_empty() || pair.is_said_elsewhere(key);
    if container.elsewhere.contains(key) || container.outside.is_none() && unknown() {
        return;
    }
    if pair.is_overlaid(|container| !container.hooks.is_empty()) {
        return;
    }
    let planned = pair.line.terms.outside.as_ref();
    let planned_time = planned.map_or(Duration::ZERO, |figure| figure.value);
    let here = container.outside.as_ref();
    let time = here.map_or(Duration::ZERO, |written| written.value);
    let more = match time.cmp(&planned_time) {
        Ordering::Equal => return,
        Ordering::Less => false,
        Ordering::Greater => true,
    };
    let difference = human(time.abs_diff(planned_time));
    let message = match more {
        false => format!(
            "{} waits {} before the signal, {difference} less than the manifest plans with",
            pair.title(),
            human(time),
        ),
        true => format!(
            "{} waits {} before the signal, {difference} more than the manifest plans with: the safe side",
            pair.title(),
            human(time),
        ),
    };
    let (place, label) = match here {
        Some(written) => (
            Place::Value(written.route.clone()),
            format!("the signal comes after {}", human(time)),
        ),
        None => (
            match workload.name {
                Some(_) => pair.container_place(),
                None => Place::Key(workload.spec.clone()),
            },
            format!("no `{key}` here: the signal comes at once"),
        ),
    };
    let beside = match planned.map(|figure| (figure, figure.origin.route())) {
        Some((figure, Some(route))) => (
            Place::Value(route.clone()),
            format!("{} in the manifest", human(figure.value)),
        ),
        Some((figure, None)) => match pair.line.terms.settle.origin.route() {
            Some(route) => (
                Place::Value(route.clone()),
                format!("{} of `{key}` pay this settle time", human(figure.value)),
            ),
            None => {
                let origin = match &pair.line.terms.settle.origin {
                    Origin::Derived(words) => (*words).to_owned(),
                    origin => origin.to_string(),
                };
                let text = format!(
                    "{} of `{key}`: the settle time, {origin}",
                    human(figure.value)
                );
                (pair.platform_place(), text)
            }
        },
        None => (
            pair.platform_place(),
            "nothing to wait for before the signal, by the manifest".to_owned(),
        ),
    };
    let mut finding = pair
        .finding(&RULE, message, place)
        .label(label)
        .beside(beside)
        .help(format!("run `{}` anew", pair.regenerate()));
    if more {
        finding.severity = Severity::Warning;
        if pair.platform.nomad().is_some() {
            let text = show(time);
            finding = finding.help(format!(
                "or write `shutdown_delay: {text}` in the manifest, under `nomad`"
            ));
        }
    }
    findings.push(finding);
}

/// What the platform's files call it.
#[cfg(feature = "deployed")]
fn keys(pair: &Pair<'_>) -> &'static [&'static str] {
    pair.reader().map_or(&[], |reader| reader.outside_keys)
}

/// Something stands there, and how long it takes is not known.
#[cfg(feature = "deployed")]
fn is_unknown(pair: &Pair<'_>) -> bool {
    let file = pair.file();
    let routes = [&pair.container().route, &pair.workload().spec];
    keys(pair).iter().any(|key| {
        routes.iter().any(|route| {
            let here = file.document.get(&route.key(key));
            here.is_some_and(|node| !node.is_null())
        })
    })
}
