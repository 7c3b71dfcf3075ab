//! What a drill is told: the platform's script and the process; the load is in `load`.
//!
//! Plain values without a manifest behind them.
//! Whoever has a timeline fills them in; the engine decides nothing that these do not say.

mod endpoint;
mod load;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use lifecycle_manifest::platform::Signal;

use crate::target::Subject;
use crate::verdict::Expectations;

pub use endpoint::Endpoint;
pub use load::{Idle, Load, Pace, Protocol, RequestSpec, SessionKind, SessionSpec};

/// What the platform does, from the moment a stop is asked until nothing is left.
///
/// ```text
/// stop asked ── deregistration ──▶ grace starts ── hook ──▶ signal ──▶ … ──▶ SIGKILL
///     └── routing_lag: requests keep arriving ──▶│
/// ```
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::Script;
///
/// let script = Script {
///     hook: Some(Duration::from_secs(5)),
///     routing_lag: Duration::from_secs(5),
///     kill_floor: Duration::from_secs(2),
///     liveness_probed: false,
///     settle_payer: "preStop sleep 5s".to_owned(),
///     ..Script::new("shop", "Kubernetes", Duration::from_secs(30))
/// };
/// assert_eq!(script.asked_to_signal() + script.signal_to_kill(), script.grace);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    /// The service's name, for the heading.
    pub service: String,
    /// The platform's key in the manifest: `kubernetes`, `ecs`.
    pub platform: String,
    /// The platform's name for people: `Kubernetes`, `Amazon ECS`.
    pub platform_label: String,
    /// What the platform waits for before the grace period begins: a target group's deregistration,
    /// a delay, hooks. `None` where nothing precedes the grace period.
    pub deregistration: Option<Duration>,
    /// That is the most it takes: it is over as soon as routing has ended and nothing is in flight, as
    /// on ECS behind a target group. Elsewhere it takes its whole time.
    pub deregistration_ends_early: bool,
    /// What the platform runs inside the grace period, before the signal: Kubernetes' `preStop`.
    ///
    /// A hook that outlives the grace period is cut at its end, as kubelet cuts it.
    pub hook: Option<Duration>,
    /// The signal that asks the process to stop.
    pub signal: Signal,
    /// The signal goes to every process of the service, as it does under systemd's `control-group`,
    /// PM2's tree kill and Heroku; elsewhere to the first alone.
    pub signals_everyone: bool,
    /// From the start of the grace period to SIGKILL.
    pub grace: Duration,
    /// The least time between the signal and SIGKILL, however long the hook took.
    ///
    /// Kubernetes: 2s. Zero where the platform has no such floor.
    pub kill_floor: Duration,
    /// How long clients keep sending new requests after the stop was asked.
    ///
    /// After it, no router would send this instance anything, and the drill sends nothing more.
    /// The requests that are under way then are still followed to their end.
    pub routing_lag: Duration,
    /// How long after the signal readiness may still say yes without being called late.
    pub readiness_budget: Duration,
    /// Whether the platform goes on probing liveness once the stop was asked.
    ///
    /// Where it does not (Kubernetes, for the main containers), a failure after that is a warning.
    pub liveness_probed: bool,
    /// From the signal to the planned end of the process; `None` when no plan says so.
    pub deadline: Option<Duration>,
    /// Set for the process, beside what it inherits: `LIFECYCLE_PLATFORM` and its relatives.
    ///
    /// `LIFECYCLE_REPORT` is the engine's own and always points into a directory of this drill.
    pub env: Vec<(String, String)>,
    /// Who pays the settle time, in words: `preStop sleep 5s`.
    pub settle_payer: String,
    /// The plan beside which the measured steps are shown, in the order in which to show them.
    pub steps: Vec<PlannedStep>,
    /// What the drill is held to.
    pub expect: Expectations,
}

impl Script {
    /// A script of nothing but a signal and a grace period: no hook, no steps, no routing lag.
    ///
    /// `label` is the platform's name for people; its key is the same in small letters.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_drill::Script;
    ///
    /// let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
    /// assert_eq!(script.platform, "kubernetes");
    /// assert_eq!(script.platform_label, "Kubernetes");
    /// assert_eq!((script.hook, script.routing_lag), (None, Duration::ZERO));
    /// assert_eq!(script.signal_to_kill(), Duration::from_secs(30));
    /// ```
    pub fn new(service: impl Into<String>, label: &str, grace: Duration) -> Self {
        Self {
            service: service.into(),
            platform: label.to_lowercase(),
            platform_label: label.to_owned(),
            deregistration: None,
            deregistration_ends_early: true,
            hook: None,
            signal: Signal::Term,
            signals_everyone: false,
            grace,
            kill_floor: Duration::ZERO,
            routing_lag: Duration::ZERO,
            readiness_budget: Duration::from_secs(1),
            liveness_probed: true,
            deadline: None,
            env: Vec::new(),
            settle_payer: "the program itself".to_owned(),
            steps: Vec::new(),
            expect: Expectations::default(),
        }
    }

    /// From the signal to SIGKILL, as planned: what the hook leaves of the grace period.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_drill::Script;
    ///
    /// let mut script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
    /// script.kill_floor = Duration::from_secs(2);
    /// script.hook = Some(Duration::from_secs(5));
    /// assert_eq!(script.signal_to_kill(), Duration::from_secs(25));
    /// script.hook = Some(Duration::from_secs(40));
    /// assert_eq!(script.signal_to_kill(), Duration::from_secs(2));
    /// ```
    pub fn signal_to_kill(&self) -> Duration {
        self.grace
            .saturating_sub(self.hook_in_grace())
            .max(self.kill_floor)
    }

    /// The part of the hook that the grace period allows.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_drill::Script;
    ///
    /// let mut script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
    /// script.hook = Some(Duration::from_secs(40));
    /// assert_eq!(script.hook_in_grace(), Duration::from_secs(30));
    /// ```
    pub fn hook_in_grace(&self) -> Duration {
        self.hook.unwrap_or_default().min(self.grace)
    }

    /// From the stop asked to the signal, as planned, when the deregistration takes its whole time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_drill::Script;
    ///
    /// let mut script = Script::new("shop", "Amazon ECS", Duration::from_secs(30));
    /// script.deregistration = Some(Duration::from_secs(20));
    /// script.hook = Some(Duration::from_secs(5));
    /// assert_eq!(script.asked_to_signal(), Duration::from_secs(25));
    /// ```
    pub fn asked_to_signal(&self) -> Duration {
        self.deregistration.unwrap_or_default() + self.hook_in_grace()
    }
}

/// One step as the plan has it. Times count from the signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::measured::steps;
/// use lifecycle_drill::PlannedStep;
///
/// let database = PlannedStep {
///     name: "orders-db".to_owned(),
///     kind: "database".to_owned(),
///     start: Duration::from_millis(1_100),
///     timeout: Duration::from_millis(1_000),
///     end: Duration::from_millis(2_200), // it has 100ms to unwind
/// };
/// let shown = steps(&[database], None);
/// assert_eq!(shown[0].planned.unwrap().end_ms, 2_200.0);
/// assert_eq!(shown[0].measured, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The resource's name.
    pub name: String,
    /// The resource's kind: `http-server`.
    pub kind: String,
    /// The latest moment at which it begins.
    pub start: Duration,
    /// How long it may take by itself.
    pub timeout: Duration,
    /// The latest moment at which it has ended, its unwinding included.
    pub end: Duration,
}

/// The process to be drilled.
///
/// Something has to tell when the process is up:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lifecycle_drill::{Endpoint, Load, Progress, Script, Subject, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let shop = Target {
///     subject: Subject::Command(vec!["./shop".to_owned()]),
///     directory: None,
///     env: vec![("PORT".to_owned(), "8080".to_owned())],
///     base: Some(Endpoint::on_port(8080, "/")),
///     finds_port: false,
///     ready: Some(Endpoint::on_port(8080, "/ready")),
///     live: None,
///     start_timeout: Duration::from_secs(10),
/// };
/// let silent = Target { base: None, ready: None, ..shop };
///
/// # let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// # let (load, progress): (_, Progress) = (Load::default(), Arc::new(|_| {}));
/// let error = lifecycle_drill::run(&silent, &script, &load, &progress).await.unwrap_err();
/// assert!(error.to_string().starts_with("neither an address nor a readiness URL is known"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    /// What is drilled, and how it comes to run.
    pub subject: Subject,
    /// Where it runs; the drill's own working directory when `None`.
    pub directory: Option<PathBuf>,
    /// Set for the process after the script's own, so that these win.
    pub env: Vec<(String, String)>,
    /// Where requests go; without it there is no load, and nothing is said about requests.
    ///
    /// Its path is not used: each request brings its own.
    pub base: Option<Endpoint>,
    /// Without `base`: requests go to the port that the program opens by itself, found among its
    /// sockets. Of several the lowest, those that only this machine can reach last.
    pub finds_port: bool,
    /// The readiness probe. Without it the process is ready once `base` accepts a connection.
    pub ready: Option<Endpoint>,
    /// The liveness probe.
    pub live: Option<Endpoint>,
    /// How long the process has until it is ready.
    pub start_timeout: Duration,
}

/// No drill waits longer than this for anything: what is beyond is a slip of the unit.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Refuses what cannot be played.
pub(super) fn validate(target: &Target, script: &Script, load: &Load) -> anyhow::Result<()> {
    target.subject.validate()?;
    let spans = [
        ("the grace period", script.grace),
        ("the routing lag", script.routing_lag),
        (
            "the deregistration",
            script.deregistration.unwrap_or_default(),
        ),
        ("the hook", script.hook.unwrap_or_default()),
        ("the floor before SIGKILL", script.kill_floor),
        ("the start timeout", target.start_timeout),
        ("the warm-up", load.warm_up),
        ("the request timeout", load.timeout),
    ];
    for (what, span) in spans {
        ensure!(
            span <= LONGEST,
            "{what} is longer than a day; no drill lasts that long"
        );
    }
    ensure!(
        target.base.is_some() || target.ready.is_some() || target.finds_port,
        "neither an address nor a readiness URL is known, so nothing can tell when the process is up"
    );
    let fresh_share = match load.pace {
        Pace::Open { fresh_share, .. } => fresh_share,
        Pace::Closed { .. } => 0.0,
    };
    for share in [fresh_share, load.slow_share] {
        ensure!(
            (0.0..=1.0).contains(&share),
            "a share is between 0 and 1, not {share}"
        );
    }
    let mut requests = load.requests.iter().chain(&load.slow).peekable();
    ensure!(
        requests.peek().is_none() || requests.any(|spec| spec.weight > 0),
        "every request has weight 0, so none would be sent"
    );
    let sessions = load.sessions.iter().map(|session| &session.request);
    for spec in load.requests.iter().chain(&load.slow).chain(sessions) {
        ensure!(
            spec.send_over <= LONGEST && spec.read_over <= LONGEST,
            "`{}` takes longer than a day; no drill lasts that long",
            spec.label()
        );
        ensure!(
            spec.path.starts_with('/'),
            "the path `{}` does not begin with a slash",
            spec.path
        );
    }
    ensure!(
        load.sessions
            .iter()
            .all(|it| it.every != Some(Duration::ZERO)),
        "a client of a WebSocket says its message without a pause"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_of_no_weight_is_refused() {
        let script = Script::new("victim", "Kubernetes", Duration::from_secs(30));
        let target = crate::tests::victim::target(crate::tests::victim::Way::Polite);
        let none = RequestSpec {
            weight: 0,
            ..RequestSpec::get("/")
        };
        let refused = |requests: &[RequestSpec], slow: &[RequestSpec]| {
            let load = Load {
                requests: requests.to_vec(),
                slow: slow.to_vec(),
                ..Load::default()
            };
            validate(&target, &script, &load).is_err()
        };
        let one = std::slice::from_ref(&none);
        let some = [RequestSpec::get("/")];
        assert!(refused(one, &[]) && refused(&[], one) && refused(one, one));
        assert!(!refused(&[], &[]) && !refused(one, &some) && !refused(&some, one));
    }

    #[test]
    fn the_hook_is_inside_the_grace_period_and_the_floor_holds() {
        let seconds = Duration::from_secs;
        let mut script = Script::new("victim", "Kubernetes", seconds(30));
        script.hook = Some(seconds(5));
        script.kill_floor = seconds(2);
        assert_eq!(script.signal_to_kill(), seconds(25));
        script.hook = Some(seconds(40));
        assert_eq!(script.asked_to_signal(), seconds(30));
        assert_eq!(script.signal_to_kill(), seconds(2));
    }
}
