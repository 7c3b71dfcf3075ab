//! The deployment asks for health elsewhere, or more slowly, than the manifest says.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, Probe, ProbeAction, planned, planned::Probes},
    duration::human,
    figure::Figure,
    finding::{Finding, Place, Severity},
    manifest::Written,
    platform::{DEFAULT_PROBE_FAILURES, DEFAULT_PROBE_PERIOD, HealthCheck},
    text::Route,
};
#[cfg(feature = "deployed")]
use std::{cmp::Ordering, time::Duration};

rule! {
    /// The deployed probes do not ask where, or as often as, the manifest says.
    ///
    /// ## What it finds
    ///
    /// A readiness probe that is missing, asks another path or port, or takes longer to notice than `traffic.health` says; a liveness probe that asks elsewhere than the `live` that is written, or gives a program that hangs another time than `liveness_grace_period`; a container health check on ECS that is not the manifest's.
    /// Health that the manifest does not mention is not compared.
    ///
    /// ## Why it matters
    ///
    /// The program announces that it leaves where the manifest says. Who asks elsewhere never hears it; a liveness probe that asks elsewhere restarts a healthy program.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic:
    ///   settle: 5s
    ///   health: { port: 9090, ready: /ready, live: /live, period: 2s, failures: 1 }
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
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    ///       readinessProbe:
    ///         httpGet: { path: /ready, port: 8080 }    # the manifest answers on 9090
    ///         periodSeconds: 2
    ///         failureThreshold: 1
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The manifest's path, port and times in the probe, or the probe's in `traffic.health`.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 5 } } }
    ///       readinessProbe:
    ///         httpGet: { path: /ready, port: 9090 }
    ///         periodSeconds: 2
    ///         failureThreshold: 1
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When another port answers the same question, as behind a mesh that rewrites probes.
    ///
    /// ## Source
    ///
    /// Kubernetes probes every 10 s and believes the third failure when nothing is written (core/v1/types.go, `Probe`).
    pub(super) RULE = "LC703", "probe-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    if pair.platform.ecs().is_some() {
        container_check(pair, findings);
        return;
    }
    let platform = pair.platform;
    let grace = if let Some(kubernetes) = platform.kubernetes() {
        kubernetes.liveness_grace()
    } else if let Some(azure) = platform.azure_container_apps() {
        azure.liveness_grace()
    } else if platform.cloud_run().is_some() {
        // Its probes are compared by where they ask.
        None
    } else {
        return;
    };
    let is_kubernetes = pair.platform.kubernetes().is_some();
    let Some(health) = &pair.resolved.manifest.traffic.health else {
        return;
    };
    let Some(planned) = planned::probes(pair.resolved) else {
        return;
    };
    match &pair.container().readiness {
        None if !is_kubernetes => {}
        None => {
            let message = format!("{} has no readiness probe", pair.title());
            findings.push(
                pair.finding(&RULE, message, pair.container_place())
                    .label("no `readinessProbe` here: ready as soon as it runs, by the Kubernetes default")
                    .beside((
                        Place::Key(health.route.clone()),
                        format!("readiness is answered at {} of port {}", planned.ready, planned.port),
                    ))
                    .help(format!(
                        "write `readinessProbe: {{ httpGet: {{ path: {}, port: {} }}, periodSeconds: {}, failureThreshold: {} }}`",
                        planned.ready, planned.port, planned.period_seconds, planned.failures
                    )),
            );
        }
        Some(probe) => {
            let here = health.ready.as_ref().map_or(&health.route, |it| &it.route);
            let asked = Asked {
                what: "readiness",
                path: planned.ready,
                port: planned.port,
                here,
            };
            asked.compare(pair, probe, findings);
            if is_kubernetes {
                slow(pair, probe, &planned, &health.route, findings);
            }
        }
    }
    // What the manifest does not write of liveness is about what is generated, not about what runs.
    if let (Some(live), Some(probe)) = (&health.live, &pair.container().liveness) {
        let asked = Asked {
            what: "liveness",
            path: planned.live,
            port: planned.port,
            here: &live.route,
        };
        asked.compare(pair, probe, findings);
    }
    if let (Some(grace), Some(probe)) = (grace, &pair.container().liveness) {
        findings.extend(hung(pair, probe, &grace));
    }
}

/// How long a program that hangs is given.
#[cfg(feature = "deployed")]
fn hung(pair: &Pair<'_>, probe: &Probe, planned: &Figure) -> Option<Finding> {
    let key = probe.route.key("terminationGracePeriodSeconds");
    if pair.file().is_odd(&key) {
        return None;
    }
    let (given, place, label) = match &probe.grace {
        Some(written) => (
            Duration::from_secs(u64::try_from(written.value).unwrap_or(0)),
            Place::Value(written.route.clone()),
            "when liveness fails".to_owned(),
        ),
        None => {
            let pod = pair.grace()?.value;
            (
                pod,
                Place::Key(probe.route.clone()),
                format!(
                    "no `terminationGracePeriodSeconds` here: {}, the {}'s",
                    human(pod),
                    if pair.platform.kubernetes().is_some() {
                        "pod"
                    } else {
                        "app"
                    }
                ),
            )
        }
    };
    if given == planned.value {
        return None;
    }
    let message = format!(
        "when {} hangs, it is given {} to stop, and the manifest says {}",
        pair.title(),
        human(given),
        human(planned.value)
    );
    let mut finding = pair
        .finding(&RULE, message, place)
        .label(label)
        .beside((
            planned.origin.route().map_or_else(
                || pair.platform_place(),
                |route| Place::Value(route.clone()),
            ),
            format!("{} in the manifest", human(planned.value)),
        ))
        .help(format!(
            "write `terminationGracePeriodSeconds: {}` at the liveness probe",
            planned.value.as_secs()
        ));
    finding.severity = Severity::Warning;
    Some(finding)
}

/// Where health is asked for by the manifest.
#[cfg(feature = "deployed")]
struct Asked<'a> {
    what: &'static str,
    path: &'a str,
    port: u16,
    here: &'a Route,
}

#[cfg(feature = "deployed")]
impl Asked<'_> {
    fn compare(&self, pair: &Pair<'_>, probe: &Probe, findings: &mut Vec<Finding>) {
        let beside = || {
            let text = format!("answered at {} of port {}", self.path, self.port);
            (Place::Value(self.here.clone()), text)
        };
        let ProbeAction::Http { path, port } = &probe.action else {
            let message = format!(
                "{} is asked for its {} by {}, and the manifest answers HTTP",
                pair.title(),
                self.what,
                probe.action.words()
            );
            let mut finding = pair
                .finding(&RULE, message, Place::Key(probe.route.clone()))
                .label("the program's own answer is not asked for")
                .beside(beside())
                .help(format!(
                    "write `httpGet: {{ path: {}, port: {} }}`",
                    self.path, self.port
                ));
            finding.severity = Severity::Warning;
            findings.push(finding);
            return;
        };
        let asked_path = path.as_ref().map_or("/", |path| path.value.as_str());
        if asked_path != self.path {
            let message = format!(
                "{} is asked for its {} at `{asked_path}`, and the manifest answers at `{}`",
                pair.title(),
                self.what,
                self.path
            );
            let (place, label) = match path {
                Some(path) => (Place::Value(path.route.clone()), "asks here"),
                None => (
                    Place::Key(probe.route.key("httpGet")),
                    "no `path` here: `/`, the default",
                ),
            };
            findings.push(
                pair.finding(&RULE, message, place)
                    .label(label)
                    .beside(beside())
                    .help(format!("write `path: {}`", self.path)),
            );
        }
        let Some(port) = port else {
            return;
        };
        let number = pair.container().port(&port.value);
        if number != Some(i64::from(self.port)) {
            let message = match number {
                Some(number) => format!(
                    "{} is asked for its {} on port {number}, and the manifest answers on {}",
                    pair.title(),
                    self.what,
                    self.port
                ),
                None => format!(
                    "{} is asked for its {} on the port `{}`, which its container does not name",
                    pair.title(),
                    self.what,
                    port.value
                ),
            };
            findings.push(
                pair.finding(&RULE, message, Place::Value(port.route.clone()))
                    .label("asks here")
                    .beside(beside())
                    .help(format!("write `port: {}`", self.port)),
            );
        }
    }
}

/// How long it takes until a program that is not ready is known to be so.
#[cfg(feature = "deployed")]
fn slow(
    pair: &Pair<'_>,
    probe: &Probe,
    planned: &Probes<'_>,
    here: &Route,
    findings: &mut Vec<Finding>,
) {
    let odd = |key: &str| pair.file().is_odd(&probe.route.key(key));
    if odd("periodSeconds") || odd("failureThreshold") {
        return;
    }
    let number = |written: &Option<Written<i64>>, default: u64| {
        // Kubernetes takes nothing below one.
        written.as_ref().map_or(default, |written| {
            u64::try_from(written.value).unwrap_or(1).max(1)
        })
    };
    let period = number(&probe.period, DEFAULT_PROBE_PERIOD.as_secs());
    let failures = number(&probe.failures, u64::from(DEFAULT_PROBE_FAILURES));
    let (noticed, wanted) = (
        Duration::from_secs(period.saturating_mul(failures)),
        planned.noticed_after(),
    );
    let side = match noticed.cmp(&wanted) {
        Ordering::Equal => return,
        Ordering::Less => ": the safe side",
        Ordering::Greater => "",
    };
    let health = pair.resolved.manifest.traffic.health.as_ref();
    let written = health.map(|health| (health.period.is_some(), health.failures.is_some()));
    let (says, defaults) = match written.unwrap_or_default() {
        (true, true) => ("says", ""),
        (true, false) => ("plans with", ", the format's default"),
        (false, true) => ("plans with", "; how often is the format's default"),
        (false, false) => ("plans with", ", the format's defaults"),
    };
    let message = format!(
        "{} is known not to be ready after {}, and the manifest {says} {}{side}",
        pair.title(),
        human(noticed),
        human(wanted)
    );
    let place = match (&probe.period, &probe.failures) {
        (Some(period), _) => Place::Value(period.route.clone()),
        (None, Some(failures)) => Place::Value(failures.route.clone()),
        (None, None) => Place::Key(probe.route.clone()),
    };
    let mut finding = pair
        .finding(&RULE, message, place)
        .label(match (&probe.period, &probe.failures) {
            (Some(_), Some(_)) => format!("every {period}s, {failures} in a row"),
            (Some(_), None) => {
                format!("every {period}s, and {failures} in a row, the Kubernetes default")
            }
            (None, Some(_)) => {
                format!("{failures} in a row, and every {period}s, the Kubernetes default")
            }
            (None, None) => format!(
                "no times here: every {period}s and {failures} in a row, the Kubernetes defaults"
            ),
        })
        .beside((
            Place::Key(here.clone()),
            format!(
                "every {}s, {} in a row{defaults}",
                planned.period_seconds, planned.failures
            ),
        ))
        .help(format!(
            "write `periodSeconds: {}` and `failureThreshold: {}`",
            planned.period_seconds, planned.failures
        ));
    finding.severity = Severity::Warning;
    findings.push(finding);
}

/// The health check of a container on ECS.
#[cfg(feature = "deployed")]
fn container_check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(check) = pair
        .platform
        .ecs()
        .and_then(|ecs| ecs.health_check.as_ref())
    else {
        return;
    };
    let route = pair.platform.common().route.key("health_check");
    let planned = planned::health_command(check);
    let beside = (
        Place::Value(route),
        match check {
            HealthCheck::Runtime => "the program asks itself".to_owned(),
            HealthCheck::Command(_) => format!("asked by `{}`", planned.join(" ")),
        },
    );
    let (message, place, label) = match &pair.container().health_check {
        None => (
            format!("{} has no health check", pair.title()),
            pair.container_place(),
            "no `healthCheck` here: ECS asks nobody",
        ),
        Some(deployed) => {
            let words = deployed.command.iter().map(|word| word.value.as_str());
            if words.eq(planned.iter().map(String::as_str)) {
                return;
            }
            (
                format!(
                    "{} is asked for its health by another command",
                    pair.title()
                ),
                Place::Value(deployed.route.key("command")),
                "another command than the manifest's",
            )
        }
    };
    let mut finding = pair
        .finding(&RULE, message, place)
        .label(label)
        .beside(beside);
    finding.severity = Severity::Warning;
    findings.push(finding.help("write the check that `lifecycle gen ecs` writes"));
}
