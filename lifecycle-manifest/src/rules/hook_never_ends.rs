//! A hook that Compose waits for without end.

use super::Context;
use crate::finding::{Finding, Place};
use crate::platform::Platform;

rule! {
    /// A hook has no end, and the stop waits for it.
    ///
    /// ## What it finds
    ///
    /// An entry of `pre_stop` under `compose` without a `timeout`.
    ///
    /// ## Why it matters
    ///
    /// Compose waits for a hook as long as it runs, and sends no signal until it has ended: the grace period is no limit to it.
    /// A hook that hangs holds `compose down`, and the deployment behind it, until somebody kills it by hand.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { pre_stop: { exec: [./leave-the-cluster] } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// How long it may take; what `lifecycle gen compose` writes ends it then.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { pre_stop: { exec: [./leave-the-cluster], timeout: 5s } }
    /// ```
    ///
    /// ## Options
    ///
    /// - `timeout` of the hook: bounded by `timeout`, which the image must have beside a shell.
    ///
    /// ## When to allow it
    ///
    /// When the command bounds itself.
    ///
    /// ## Source
    ///
    /// docker/compose, `pkg/compose/{stop,hook}.go`.
    /// Compose 2.40: a hook that hung held `stop` until it was killed.
    pub(super) RULE = "LC114", "hook-never-ends", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, compose)) = context.on(Platform::compose) else {
        return;
    };
    for hook in compose
        .pre_stop
        .iter()
        .filter(|hook| hook.timeout.is_none())
    {
        let program = hook.command.first().map_or("", |word| word.value.as_str());
        let shown: String = program.chars().take(60).collect();
        let message = format!("Compose waits for `{shown}` without end before it sends a signal");
        findings.push(
            Finding::new(&RULE, message, Place::Value(hook.route.key("exec")))
                .on(line.platform())
                .label("no `timeout`: the grace period does not bound it")
                .help("add `timeout:` beside `exec`: what is generated ends the hook then"),
        );
    }
}
