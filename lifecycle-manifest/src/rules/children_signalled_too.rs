//! Children that are asked to stop at the same time as who would stop them.

use super::Context;
use super::verdict::platform_place;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::kind::Kind;
use crate::platform::{KillMode, Platform};
use crate::text::Route;

rule! {
    /// The platform asks a child process to stop while the program still needs it.
    ///
    /// ## What it finds
    ///
    /// A `child-process` among the resources on a platform that signals every process at once: `kill_mode: control-group` under `systemd`, `treekill` under `pm2` unless it is `false`, and Heroku always.
    ///
    /// ## Why it matters
    ///
    /// The plan stops a child in its turn, when those who use it have ended.
    /// Here it gets SIGTERM together with the program, and what still drains finds it gone.
    /// PM2 signals the deepest process first, so that a child goes before the program knows of a shutdown.
    /// Heroku may send the signal more than once.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    ///   renderer: { kind: child-process, timeout: 5s }
    /// platforms:
    ///   systemd: { kill_mode: control-group }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// On systemd `mixed`, which is what `lifecycle gen systemd` writes where nothing is said.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    ///   renderer: { kind: child-process, timeout: 5s }
    /// platforms:
    ///   systemd: { kill_mode: mixed }
    /// ```
    ///
    /// ## Options
    ///
    /// - `kill_mode` under `systemd`: `mixed` or `control-group`.
    ///
    /// ## When to allow it
    ///
    /// When the child ignores SIGTERM, or finishes by itself what it has begun.
    ///
    /// ## Source
    ///
    /// `systemd.kill(5)`: `control-group` is the default of `KillMode=`, and signals all processes of the unit.
    /// Heroku: <https://devcenter.heroku.com/articles/dyno-shutdown-behavior>, all processes of the dyno get SIGTERM.
    pub(super) RULE = "LC420", "children-signalled-too", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let resources = context.manifest.resources.iter();
    let children: Vec<_> = resources
        .filter(|resource| resource.kind.value == Kind::ChildProcess)
        .collect();
    let Some((first, others)) = children.split_first() else {
        return;
    };
    for line in context.timelines {
        let (place, label) = match context.entry(line) {
            Some(Platform::Systemd(systemd)) => match &systemd.kill_mode {
                Some(mode) if mode.value == KillMode::ControlGroup => (
                    Place::Value(mode.route.clone()),
                    "every process of the service gets the signal",
                ),
                _ => continue,
            },
            Some(Platform::Heroku(_)) => (
                platform_place(context, line),
                "every process of the dyno gets the signal, perhaps twice",
            ),
            Some(Platform::Pm2(pm2)) if pm2.treekill() => match &pm2.treekill {
                Some(written) => (
                    Place::Value(written.route.clone()),
                    "to every process below the program, deepest first",
                ),
                None => (
                    platform_place(context, line),
                    "no `treekill` here: true, the PM2 default",
                ),
            },
            _ => continue,
        };
        let message = format!(
            "on {} `{}` is told to stop together with the program, and not in its turn",
            line.facts.name, first.name
        );
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(label)
            .related(Place::Key(first.route.clone()), "a process of its own");
        for other in others {
            finding = finding.related(Place::Key(other.route.clone()), "and this one");
        }
        findings.push(match place {
            _ if line.platform() == "pm2" => {
                let platform = Route::keys(["platforms", line.platform()]);
                let edit = Edit::insert(platform, "treekill", "false");
                let fix = Fix::new(Safety::Unsafe, [edit]);
                let words = "write `treekill: false`: the signal then goes to the program alone";
                finding.fix_with(words, fix)
            }
            Place::Value(_) => {
                let edit = Edit::replace(place, KillMode::Mixed.as_str());
                let fix = Fix::new(Safety::Unsafe, [edit]);
                finding.fix_with("write `mixed`: the program stops its children itself", fix)
            }
            _ => finding.help(
                "let the child ignore SIGTERM until the program ends it, or give it a process type of its own",
            ),
        });
    }
}
