//! A stop signal that stops nothing.

use super::Context;
use super::verdict::platform_place;
use crate::duration::human;
use crate::finding::{Finding, Place};
use crate::platform::{Platform, Signal};
use crate::text::Route;

rule! {
    /// The platform sends a signal that the program does not take as a stop.
    ///
    /// ## What it finds
    ///
    /// A stop signal that is neither SIGTERM nor SIGINT.
    ///
    /// ## Why it matters
    ///
    /// The runtime stops on SIGTERM and on SIGINT.
    /// SIGQUIT and SIGUSR1 ask it where it stands, and it goes on; SIGHUP and SIGUSR2 end a program that does not expect them at once; SIGWINCH does nothing; SIGKILL and SIGSTOP reach no program.
    /// In each case no step of the plan runs.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { stop_signal: SIGQUIT }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// SIGTERM, or SIGINT.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { stop_signal: SIGTERM }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program is not built with this runtime, and takes that signal as a stop.
    ///
    /// ## Source
    ///
    /// `lifecycle-runtime/src/signals.rs`; `signal(7)` for what a signal does to a program that does not expect it.
    pub(super) RULE = "LC502", "signal-not-handled", Error, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let signal = line.terms.signal;
        let Some(what) = instead(signal) else {
            continue;
        };
        let Some(platform) = context.manifest.platforms.get(line.platform()) else {
            continue;
        };
        let place = match written(platform) {
            Some(route) => Place::Value(route.clone()),
            None => platform_place(context, line),
        };
        let (name, sent) = (line.facts.name, signal.name());
        let ends = matches!(signal, Signal::Hup | Signal::Usr2 | Signal::Kill);
        let message = match ends {
            true => format!("{name} sends {sent}, which ends the program before any step runs"),
            false => format!("{name} sends {sent}, and the program does not stop on it"),
        };
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label(what);
        if !ends {
            let later = human(line.grace().value);
            finding = finding.note(format!("SIGKILL comes {later} later"));
        }
        // What is read as a signal's name is written as one.
        finding = match written(platform) {
            Some(_) => finding.fix("write `SIGTERM`", place, "SIGTERM"),
            None => finding.help("let it send SIGTERM"),
        };
        findings.push(finding);
    }
}

/// What a signal does in a stop's stead; nothing where it is one.
fn instead(signal: Signal) -> Option<&'static str> {
    match signal {
        Signal::Term | Signal::Int => None,
        Signal::Quit | Signal::Usr1 => Some("the program says where it stands, and goes on"),
        Signal::Hup | Signal::Usr2 => Some("not expected, and so the end of it"),
        Signal::Winch => Some("means nothing to the program"),
        Signal::Stop => Some("halts the program where it is"),
        Signal::Kill => Some("no program can take it"),
    }
}

/// Where a platform's entry says the signal.
pub(super) fn written(platform: &Platform) -> Option<&Route> {
    let signal = match platform {
        Platform::Docker(docker) => docker.stop_signal.as_ref(),
        Platform::Compose(compose) => compose.stop_signal.as_ref(),
        _ => None,
    };
    signal.map(|signal| &signal.route)
}
