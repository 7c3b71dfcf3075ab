//! The deployment runs another preStop hook than the manifest plans.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Action, Hook, Lasts, Pair, planned, planned::PlannedHook},
    duration::{LONGEST, human},
    finding::{Finding, Place, Severity},
};
#[cfg(feature = "deployed")]
use std::time::Duration;

rule! {
    /// The deployed preStop hook is not the one that the manifest plans.
    ///
    /// ## What it finds
    ///
    /// A hook that is missing, shorter, longer, of another kind, or another command than the manifest's.
    /// A longer sleep that still fits into the deployed grace period is the safe side, and a warning.
    ///
    /// ## Why it matters
    ///
    /// The hook pays the time until routing has noticed that the pod leaves: without it the port closes while requests arrive.
    /// A hook that is longer takes its time from the program, because both share the grace period.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { settle: 5s }
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop                           # no preStop hook
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The hook that `lifecycle gen k8s` writes, or the deployed one in the manifest as `pre_stop`.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the deployed hook is known to wait as long as the planned one.
    ///
    /// ## Source
    ///
    /// Kubernetes: the hook runs before the signal and counts against the grace period (kubernetes/kubernetes#74160).
    pub(super) RULE = "LC702", "hook-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(kubernetes) = pair.platform.kubernetes() else {
        return;
    };
    let planned = planned::hook(kubernetes, pair.line);
    let deployed = pair.container().pre_stop.as_ref();
    // The kubelet runs no such hook: there is none.
    let deployed = deployed.filter(|hook| match &hook.action {
        Action::Tcp(_) => false,
        Action::Exec(command) => !command.is_empty(),
        _ => true,
    });
    let finding = match (planned, deployed) {
        (None, None) => return,
        (Some(planned), None) => absent(pair, &planned),
        (None, Some(hook)) => unplanned(pair, hook),
        (Some(_), Some(hook)) if matches!(hook.action, Action::Unknown) => return,
        (Some(PlannedHook::Sleep(seconds)), Some(hook)) => {
            match slept(pair, hook, Duration::from_secs(seconds)) {
                Some(finding) => finding,
                None => return,
            }
        }
        (Some(PlannedHook::Exec(command)), Some(hook)) => {
            if matches!(&hook.action, Action::Exec(words)
                if words.iter().map(|word| word.value.as_str()).eq(command.iter().copied()))
            {
                return;
            }
            other(pair, hook, &format!("`{}`", command.join(" ")))
        }
        (Some(PlannedHook::Http { path, port }), Some(hook)) => {
            let same_path = |here: Option<&str>| {
                let here = here.unwrap_or("/");
                here == path || path.strip_prefix('/') == Some(here)
            };
            let container = pair.container();
            if let Action::Http { path, port: at, .. } = &hook.action
                && same_path(path.as_ref().map(|path| path.value.as_str()))
                && at.as_ref().and_then(|at| container.port(&at.value)) == Some(i64::from(port))
            {
                return;
            }
            other(pair, hook, &format!("a request to `{path}` of port {port}"))
        }
    };
    findings.push(finding);
}

#[cfg(feature = "deployed")]
fn absent(pair: &Pair<'_>, planned: &PlannedHook<'_>) -> Finding {
    let what = match planned {
        PlannedHook::Sleep(seconds) => {
            format!(
                "a preStop sleep of {}",
                human(Duration::from_secs(*seconds))
            )
        }
        PlannedHook::Exec(command) => format!("the preStop command `{}`", command.join(" ")),
        PlannedHook::Http { path, port } => {
            format!("a preStop request to `{path}` of port {port}")
        }
    };
    let message = format!(
        "{} has no preStop hook, and the manifest plans {what}",
        pair.title()
    );
    let finding = pair
        .finding(&RULE, message, pair.container_place())
        .label("no hook here: the signal comes at once")
        .beside(pair.planned_hook());
    match planned {
        PlannedHook::Sleep(seconds) => finding
            .note("requests still arrive while routing has not noticed, and the port is closing")
            .help(format!(
                "write `lifecycle: {{ preStop: {{ sleep: {{ seconds: {seconds} }} }} }}`"
            )),
        PlannedHook::Exec(_) | PlannedHook::Http { .. } => {
            finding.help("write the hook that `lifecycle gen k8s` writes")
        }
    }
}

#[cfg(feature = "deployed")]
fn unplanned(pair: &Pair<'_>, hook: &Hook) -> Finding {
    let lasts = hook.lasts();
    let (message, severity) = match (lasts, pair.fits()) {
        (Lasts::Unknown, _) => (
            format!(
                "{} runs a preStop hook that the manifest does not plan",
                pair.title()
            ),
            Severity::Warning,
        ),
        (lasts, fits) => {
            let time = human(lasts.at_least());
            let side = if fits { "; it still fits" } else { "" };
            (
                format!(
                    "{} runs a preStop hook of {time}, and the manifest plans none{side}",
                    pair.title()
                ),
                if fits {
                    Severity::Warning
                } else {
                    Severity::Error
                },
            )
        }
    };
    let mut finding = pair
        .finding(&RULE, message, Place::Key(hook.route.clone()))
        .label("takes its time from the grace period, before the signal")
        .beside(pair.planned_hook());
    finding = match lasts {
        Lasts::Unknown => finding
            .note("its text does not tell how long it takes; the kubelet bounds it by the grace period alone"),
        _ => pair.with_sum(finding),
    };
    finding.severity = severity;
    finding.help(say_it(hook))
}

/// What the manifest would say of a deployed hook.
#[cfg(feature = "deployed")]
fn say_it(hook: &Hook) -> String {
    match (&hook.action, hook.lasts()) {
        (Action::Sleep(seconds), lasts) if seconds.value >= 0 && lasts.at_least() <= LONGEST => {
            format!(
                "write `pre_stop: {}s` in the manifest, under `kubernetes`",
                seconds.value
            )
        }
        (Action::Exec(command), lasts) => {
            let words: Vec<String> = command
                .iter()
                .map(|word| format!("{:?}", word.value))
                .collect();
            let timeout = match lasts {
                Lasts::Exactly(time) => crate::duration::show(time),
                // What it does besides takes its time too.
                Lasts::AtLeast(_) | Lasts::Unknown => "…".to_owned(),
            };
            format!(
                "say it in the manifest: `pre_stop: {{ exec: [{}], timeout: {timeout} }}`",
                words.join(", ")
            )
        }
        (Action::Http { path, port, .. }, _) => format!(
            "say it in the manifest: `pre_stop: {{ http: {}, port: {}, timeout: … }}`",
            path.as_ref().map_or("/", |path| path.value.as_str()),
            port.as_ref().map_or("…", |port| port.value.as_str())
        ),
        _ => "take it away, or say it in the manifest as `pre_stop`".to_owned(),
    }
}

/// A sleep is planned; what is deployed sleeps as well, or does something else.
#[cfg(feature = "deployed")]
fn slept(pair: &Pair<'_>, hook: &Hook, planned: Duration) -> Option<Finding> {
    let time = match hook.lasts() {
        Lasts::Exactly(time) => time,
        Lasts::AtLeast(time) if time >= planned => {
            return Some(at_least(pair, hook, time, planned));
        }
        _ => return Some(other(pair, hook, &format!("a sleep of {}", human(planned)))),
    };
    let native = matches!(hook.action, Action::Sleep(_));
    let title = pair.title();
    let (message, severity) = if time < planned {
        (
            format!(
                "the preStop hook of {title} waits {}, {} less than the manifest plans",
                human(time),
                human(planned.saturating_sub(time))
            ),
            Severity::Error,
        )
    } else if time > planned && !pair.fits() {
        (
            format!(
                "the preStop hook of {title} takes {}, {} more than the manifest plans, and the rest no longer fits",
                human(time),
                human(time.saturating_sub(planned))
            ),
            Severity::Error,
        )
    } else if time > planned {
        (
            format!(
                "the preStop hook of {title} waits {}, {} more than the manifest plans: the safe side",
                human(time),
                human(time.saturating_sub(planned))
            ),
            Severity::Warning,
        )
    } else if native {
        return None;
    } else {
        (
            format!(
                "the preStop hook of {title} waits {} as planned, by a command and not by the kubelet",
                human(time)
            ),
            Severity::Warning,
        )
    };
    let place = match &hook.action {
        Action::Sleep(seconds) => Place::Value(seconds.route.clone()),
        _ => Place::Value(hook.route.key("exec").key("command")),
    };
    let mut finding = pair
        .finding(&RULE, message, place)
        .label(format!("the signal comes {} after the stop", human(time)))
        .beside(pair.planned_hook());
    finding.severity = severity;
    if time == planned {
        return Some(
            finding
                .note("where the image does not hold the command, the signal comes at once")
                .help(format!(
                    "write `sleep: {{ seconds: {} }}`",
                    planned.as_secs()
                )),
        );
    }
    let finding = pair.with_sum(finding);
    Some(match native {
        true => finding.help(format!("write `seconds: {}`", planned.as_secs())),
        false => finding.help(format!(
            "write `sleep: {{ seconds: {} }}`",
            planned.as_secs()
        )),
    })
}

/// A command waits as long as the planned sleep at least, and does something else besides.
#[cfg(feature = "deployed")]
fn at_least(pair: &Pair<'_>, hook: &Hook, time: Duration, planned: Duration) -> Finding {
    let message = format!(
        "the preStop hook of {} is a command that waits at least {}, and the manifest plans a sleep of {}",
        pair.title(),
        human(time),
        human(planned)
    );
    let mut finding = pair
        .finding(
            &RULE,
            message,
            Place::Value(hook.route.key("exec").key("command")),
        )
        .label(format!(
            "the signal comes {} after the stop, or later",
            human(time)
        ))
        .beside(pair.planned_hook());
    if pair.fits() {
        finding.severity = Severity::Warning;
    }
    pair.with_sum(finding).help(say_it(hook))
}

/// Something else is deployed, and nobody can tell how long it takes.
#[cfg(feature = "deployed")]
fn other(pair: &Pair<'_>, hook: &Hook, planned: &str) -> Finding {
    let message = format!(
        "the preStop hook of {} is {}, and the manifest plans {planned}",
        pair.title(),
        match &hook.action {
            Action::Http { path, port, .. } => format!(
                "a request to `{}` of port {}",
                path.as_ref().map_or("/", |path| path.value.as_str()),
                port.as_ref().map_or("?", |port| port.value.as_str())
            ),
            _ => format!("`{}`", hook.words()),
        }
    );
    pair.finding(&RULE, message, Place::Key(hook.route.clone()))
        .label("another hook than the planned one")
        .beside(pair.planned_hook())
        .help(say_it(hook))
}
