//! The platform signals processes that the program stops itself.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::Kind;
use crate::platform::Platform;
use crate::text::Route;

rule! {
    /// PM2 signals the program's own child processes, before the program.
    ///
    /// ## What it finds
    ///
    /// A resource of kind `child-process`, and a `treekill` under `pm2` that is `true` or not written.
    ///
    /// ## Why it matters
    ///
    /// PM2 signals every process below the program too, and the deepest first.
    /// A child that the program would have stopped in its turn is asked to go before the program knows of a shutdown: what is still in flight loses it.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s, uses: [resizer] }
    ///   resizer: { kind: child-process, timeout: 2s }
    /// platforms:
    ///   pm2: { grace_period: 12s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `treekill: false`: PM2 then signals the program alone, and the program its children.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s, uses: [resizer] }
    ///   resizer: { kind: child-process, timeout: 2s }
    /// platforms:
    ///   pm2: { grace_period: 12s, treekill: false }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the children take no notice of the signal, as where each is in a session of its own and waits for its parent's word.
    ///
    /// ## Source
    ///
    /// PM2 7.0.3, `lib/TreeKill.js`: all descendants by `ps`, whatever their process group, deepest first.
    pub(super) RULE = "LC431", "children-signalled-too", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, pm2)) = context.on(Platform::pm2) else {
        return;
    };
    if !pm2.treekill() {
        return;
    }
    let mut children = context
        .manifest
        .resources
        .iter()
        .filter(|resource| resource.kind.value == Kind::ChildProcess);
    let Some(first) = children.next() else { return };
    let message = format!(
        "PM2 signals the processes of `{}` before the program that is to stop them",
        first.name
    );
    let (place, label, edit) = match &pm2.treekill {
        Some(written) => (
            Place::Value(written.route.clone()),
            "to every process below the program, deepest first",
            Edit::replace(Place::Value(written.route.clone()), "false"),
        ),
        None => (
            Place::Key(pm2.common.route.clone()),
            "no `treekill` here: true, the PM2 default",
            Edit::insert(
                Route::keys(["platforms", line.platform()]),
                "treekill",
                "false",
            ),
        ),
    };
    let mut finding = Finding::new(&RULE, message, place)
        .on(line.platform())
        .label(label)
        .related(
            Place::Value(first.kind.route.clone()),
            "the program stops these itself",
        );
    for other in children {
        finding = finding.related(Place::Value(other.kind.route.clone()), "and these");
    }
    findings.push(finding.fix_with(
        "write `treekill: false`: the signal then goes to the program alone",
        Fix::new(Safety::Unsafe, [edit]),
    ));
}
