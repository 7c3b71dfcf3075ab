//! The deployment sends another signal than the manifest plans with.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, container_place},
    finding::{Finding, Place},
    platform::Signal,
};

rule! {
    /// The deployed stop signal is not the one that the manifest plans with.
    ///
    /// ## What it finds
    ///
    /// A stop signal in a deployed file that differs from the manifest's, be either of them written or the platform's default.
    /// A signal's number and its name without `SIG` count as the name.
    ///
    /// ## Why it matters
    ///
    /// The program is stopped by the deployed signal.
    /// Where it takes another one, no step of the plan runs, and SIGKILL comes at the end of the grace period.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: queue-consumer, timeout: 5s }
    /// platforms:
    ///   compose: {}
    /// ```
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     stop_signal: SIGQUIT
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The planned signal in the deployment.
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     stop_signal: SIGTERM
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When both signals stop the program alike.
    ///
    /// ## Source
    ///
    /// `signal(7)`; Compose: <https://docs.docker.com/reference/compose-file/services/#stop_signal>.
    pub(super) RULE = "LC711", "signal-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    // A pod's stop signal is not sent at all, which is a finding of its own.
    if pair.platform.kubernetes().is_some() {
        return;
    }
    if pair.is_overlaid(|container| container.stop_signal.is_some()) {
        return;
    }
    let planned = pair.line.terms.signal;
    let container = pair.container();
    let usual = pair.platform.usual_signal(&pair.resolved.manifest);
    let (place, label, sent) = match &container.stop_signal {
        Some(written) => {
            // What is no signal's name or number here is some other signal.
            let sent = signal(&written.value);
            if sent == Some(planned) {
                return;
            }
            let shown: String = written.value.chars().take(40).collect();
            (
                Place::Value(written.route.clone()),
                "what is sent".to_owned(),
                sent.map_or(shown, |signal| signal.name().to_owned()),
            )
        }
        None if usual == planned => return,
        None if pair.is_said_elsewhere("KillSignal") => return,
        None if pair.is_said_elsewhere("stop_signal") => return,
        None => (
            container_place(container),
            format!("no signal here: {}, the default", usual.name()),
            usual.name().to_owned(),
        ),
    };
    let message = format!(
        "{} is sent {sent}, and the manifest plans with {}",
        pair.title(),
        planned.name()
    );
    let beside = match pair.platform.written_signal() {
        Some(written) => (
            Place::Value(written.route.clone()),
            format!("{} in the manifest", planned.name()),
        ),
        None => (
            Place::Key(pair.platform.common().route.clone()),
            format!("no signal here: {}, the default", planned.name()),
        ),
    };
    findings.push(
        pair.finding(&RULE, message, place)
            .label(label)
            .beside(beside)
            .help(format!("let {} be sent", planned.name())),
    );
}

/// A signal by its name or, as container engines take it too, by its number.
#[cfg(feature = "deployed")]
fn signal(text: &str) -> Option<Signal> {
    Signal::named(text).or_else(|| Signal::numbered(text))
}

#[cfg(all(test, feature = "deployed"))]
mod tests {
    use super::*;

    #[test]
    fn a_signals_number_is_that_signal() {
        // `signal(7)`, on x86 and ARM.
        for (number, name) in [
            ("1", "SIGHUP"),
            ("2", "SIGINT"),
            ("3", "SIGQUIT"),
            ("9", "SIGKILL"),
            ("10", "SIGUSR1"),
            ("12", "SIGUSR2"),
            ("15", "SIGTERM"),
            ("19", "SIGSTOP"),
            ("28", "SIGWINCH"),
        ] {
            assert_eq!(signal(number).map(Signal::name), Some(name), "{number}");
        }
        assert_eq!(signal("64"), None);
    }
}
