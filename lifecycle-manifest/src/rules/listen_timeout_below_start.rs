//! A reload that does not wait until the new process is there.

use super::Context;
use crate::duration::{human, show};
use crate::figure::Figure;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{ExecMode, Platform, Pm2};
use crate::text::Route;
use crate::timeline::Timeline;

rule! {
    /// A reload stops the old process before the new one is ready.
    ///
    /// ## What it finds
    ///
    /// Under `pm2` a `listen_timeout` shorter than `start_time`, in cluster mode or with `wait_ready`.
    /// And `wait_ready: true` with neither of the two written, so that PM2's default of three seconds decides.
    ///
    /// ## Why it matters
    ///
    /// `pm2 reload` starts the new process and waits until it listens, or has sent `ready`.
    /// After `listen_timeout` the old process is stopped all the same: for the rest of the start nobody answers.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, wait_ready: true, start_time: 10s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A `listen_timeout` that holds the start.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   pm2: { grace_period: 8s, wait_ready: true, start_time: 10s, listen_timeout: 10s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `start_time` under `pm2`: how long a new process needs until it is ready.
    /// - `listen_timeout` under `pm2` (3s when not written).
    ///
    /// ## When to allow it
    ///
    /// Where nobody misses a service that is away for the rest of a start.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `lib/God/Reload.js`: the old process is stopped after `listen_timeout`, be the new one ready or not.
    pub(super) RULE = "LC430", "listen-timeout-below-start", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, pm2)) = context.on(Platform::pm2) else {
        return;
    };
    let waits_for_word = pm2.wait_ready.as_ref().filter(|it| it.value);
    if waits_for_word.is_none() && pm2.exec_mode() == ExecMode::Fork {
        return;
    }
    let waits = pm2.listen_timeout();
    let Some(start) = &pm2.start_time else {
        if let Some(wait_ready) = waits_for_word.filter(|_| pm2.listen_timeout.is_none()) {
            let message = format!(
                "a reload waits {} for `ready`, the PM2 default, whatever a start takes",
                human(waits.value)
            );
            findings.push(
                Finding::new(&RULE, message, Place::Value(wait_ready.route.clone()))
                    .on(line.platform())
                    .label("waits for `ready`")
                    .help("write `listen_timeout:` with what a start takes at most, or `start_time:` to have it compared"),
            );
        }
        return;
    };
    if waits.value >= start.value {
        return;
    }
    let message = format!(
        "a reload waits {} for the new process, which is ready after {}",
        human(waits.value),
        human(start.value)
    );
    let finding = Finding::new(&RULE, message, place(pm2, &waits, line))
        .on(line.platform())
        .label(match waits.origin.route() {
            Some(_) => "the old process is stopped then".to_owned(),
            None => format!(
                "no `listen_timeout` here: {}, the PM2 default",
                human(waits.value)
            ),
        })
        .related(Place::Value(start.route.clone()), "ready no sooner");
    let text = show(start.value);
    findings.push(finding.fix_with(
        format!("write `listen_timeout: {text}` or more"),
        Fix::new(Safety::Unsafe, [longer(&waits, line, &text)]),
    ));
}

fn place(pm2: &Pm2, waits: &Figure, line: &Timeline) -> Place {
    match (waits.origin.route(), &pm2.wait_ready) {
        (Some(route), _) => Place::Value(route.clone()),
        (None, Some(wait_ready)) => Place::Value(wait_ready.route.clone()),
        (None, None) => Place::Key(Route::keys(["platforms", line.platform()])),
    }
}

fn longer(waits: &Figure, line: &Timeline, text: &str) -> Edit {
    match waits.origin.route() {
        Some(route) => Edit::replace(Place::Value(route.clone()), text),
        None => Edit::insert(
            Route::keys(["platforms", line.platform()]),
            "listen_timeout",
            text,
        ),
    }
}
