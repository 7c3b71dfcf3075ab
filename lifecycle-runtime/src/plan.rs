//! The plan a program was built with: constants, no parsing.
//!
//! `#[lifecycle::main]` writes a [`Plan`] into the binary; [`Lifecycle`](crate::Lifecycle) takes one
//! written by hand. All arithmetic has been done before: nothing here computes a number.

use std::borrow::Cow;
use std::time::Duration;

use crate::work::FOR_EVER;

/// How a service stops: its steps in order, and what each platform gives them.
///
/// The plan that a program is built with can be read by its own tests, and by whatever it prints of
/// itself:
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// let plan = Resources::plan();
/// assert_eq!(plan.service, "shop");
/// assert_eq!(plan.steps.len(), 2);
/// for timeline in plan.timelines.iter().chain([&plan.unmanaged]) {
///     assert_eq!(timeline.timeouts.len(), plan.steps.len());
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// The service's name, as in `service:`.
    pub service: Cow<'static, str>,
    /// Sixteen hexadecimal digits, equal for manifests that mean the same.
    pub digest: Cow<'static, str>,
    /// Where readiness and liveness are answered; `None`: the service answers them itself.
    pub health: Option<Health>,
    /// The server's idle keep-alive, `traffic.keep_alive`; `None`: no limit.
    pub keep_alive: Option<Duration>,
    /// What to do when the deployment was generated from another plan.
    pub drift: Drift,
    /// The steps, each after all those it waits for.
    pub steps: Cow<'static, [Step]>,
    /// One a platform of the manifest.
    pub timelines: Cow<'static, [Timeline]>,
    /// Used when the environment names no platform: the program pays the whole settle time itself.
    pub unmanaged: Timeline,
}

/// One resource's end.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// let plan = Resources::plan();
/// let database = plan.steps.iter().find(|step| step.name == "orders-db").unwrap();
/// let before: Vec<_> = database.waits_for.iter().map(|&index| &*plan.steps[index].name).collect();
/// assert_eq!(before, ["jobs"]);
/// ```
#[derive(Debug, Clone)]
pub struct Step {
    /// The resource's name in the manifest.
    pub name: Cow<'static, str>,
    /// What kind of resource it is.
    pub kind: Kind,
    /// When it is let go, by default.
    pub phase: Phase,
    /// Indices into [`Plan::steps`] of the steps that must have ended before this one begins.
    pub waits_for: Cow<'static, [usize]>,
    /// Its timeout or failure is reported and does not change the exit code.
    pub best_effort: bool,
    /// How long a claimed job stays claimed without renewal (a queue's visibility timeout).
    pub lease: Option<Duration>,
    /// Over how long sessions are told to leave, so that they do not all come back elsewhere in one
    /// instant; `None`: all at once.
    pub spread: Option<Duration>,
    /// What an error or a panic leads to while the service runs.
    pub on_failure: OnFailure,
}

/// What an error or a panic of a resource leads to while the service runs: `on_failure:`.
///
/// ```
/// use lifecycle::plan::OnFailure;
///
/// assert_eq!(OnFailure::default(), OnFailure::Stop);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The service stops in order, with a non-zero exit code.
    #[default]
    Stop,
    /// The resource is run again, after a pause.
    Restart,
}

/// What one platform gives the plan, counted from the stop signal.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// let plan = Resources::plan();
/// let timeline = &plan.unmanaged;
/// // The watchdog ends the process before whoever started it loses patience.
/// assert!(timeline.settle < timeline.deadline && timeline.deadline < timeline.kill);
/// assert!(timeline.kill <= timeline.grace);
/// ```
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The platform's key in the manifest, such as `kubernetes`.
    pub platform: Cow<'static, str>,
    /// How long the program keeps serving after the signal with readiness down, so that routing can
    /// notice. Zero where the platform has paid for this before the signal.
    pub settle: Duration,
    /// Each step's timeout, in the order of [`Plan::steps`].
    pub timeouts: Cow<'static, [Duration]>,
    /// How long cancelled work has to let go after its step's timeout.
    pub unwind: Duration,
    /// From the signal to the moment the watchdog ends the process: after the last step's window,
    /// before SIGKILL.
    pub deadline: Duration,
    /// The platform's grace period, from its stop to SIGKILL.
    pub grace: Duration,
    /// From the signal to SIGKILL: the grace period without what passes of it before the signal, such
    /// as a preStop sleep.
    pub kill: Duration,
}

/// The health server: `traffic.health`.
///
/// ```
/// use lifecycle::plan::Health;
///
/// let own_server = Health {
///     port: Some(9090),
///     ready: "/ready".into(),
///     live: "/live".into(),
/// };
/// // The service mounts `lifecycle::health()` on a server of its own instead:
/// let mounted = Health { port: None, ..own_server };
/// # assert_eq!(mounted.ready, "/ready");
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    /// The port it listens on; `None`: no server of its own, the service mounts the answers.
    pub port: Option<u16>,
    /// Path of the readiness answer.
    pub ready: Cow<'static, str>,
    /// Path of the liveness answer.
    pub live: Cow<'static, str>,
}

/// What to do when the deployment was generated from another plan: `drift:`.
///
/// ```
/// use lifecycle::plan::Drift;
///
/// assert_eq!(Drift::default(), Drift::Warn);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drift {
    /// Say so in the log and go on.
    #[default]
    Warn,
    /// Do not start.
    Refuse,
}

/// When a resource is let go, unless `after` or `uses` say otherwise.
///
/// Phases are ordered as they happen:
///
/// ```
/// use lifecycle::plan::Phase;
///
/// assert!(Phase::Drain < Phase::Flush && Phase::Flush < Phase::Close);
/// assert_eq!(Phase::Flush.as_str(), "flush");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Work in flight is finished.
    Drain,
    /// What was recorded is sent off.
    Flush,
    /// Clients are closed.
    Close,
}

impl Phase {
    /// The phase's name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Flush => "flush",
            Self::Close => "close",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of resource a step lets go of.
        ///
        /// ```
        /// use lifecycle::plan::Kind;
        ///
        /// assert_eq!(Kind::QueueConsumer.as_str(), "queue-consumer");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// The kind's name in the manifest.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// Answers HTTP requests.
    HttpServer = "http-server",
    /// Answers gRPC calls.
    GrpcServer = "grpc-server",
    /// Holds WebSocket sessions.
    Websocket = "websocket",
    /// Holds long responses: server-sent events, long polls.
    Stream = "stream",
    /// Claims jobs from a queue.
    QueueConsumer = "queue-consumer",
    /// Starts work by the clock.
    Scheduler = "scheduler",
    /// A background task.
    Task = "task",
    /// Transactions and other sections that must be left before the end.
    CriticalSection = "critical-section",
    /// Work on threads of its own.
    BlockingWork = "blocking-work",
    /// Another program, run by this one.
    ChildProcess = "child-process",
    /// Traces, metrics and logs waiting to be sent.
    Telemetry = "telemetry",
    /// Audit records waiting to be written.
    AuditLog = "audit-log",
    /// A connection to a message broker.
    MessageBroker = "message-broker",
    /// A cache client.
    Cache = "cache",
    /// A database pool.
    Database = "database",
    /// A file or a lock on one.
    File = "file",
    /// Anything else that must be closed.
    Custom = "custom",
}

impl Plan {
    /// In what a plan written by hand contradicts itself. Without such a check a step could wait for
    /// one that never ends.
    pub(crate) fn contradiction(&self) -> Option<String> {
        for (index, step) in self.steps.iter().enumerate() {
            if let Some(&other) = step.waits_for.iter().find(|&&other| other >= index) {
                let other = self
                    .steps
                    .get(other)
                    .map_or("a step it does not have", |it| &*it.name);
                return Some(format!(
                    "`{}` waits for {other}, which does not come before it",
                    step.name
                ));
            }
            if self.steps[..index]
                .iter()
                .any(|earlier| earlier.name == step.name)
            {
                return Some(format!("`{}` is there twice", step.name));
            }
            if step.lease.is_some_and(|lease| lease > FOR_EVER) {
                return Some(format!(
                    "`{}` has a lease that no clock can tell",
                    step.name
                ));
            }
        }
        let timelines = || self.timelines.iter().chain([&self.unmanaged]);
        let endless = |it: &&Timeline| {
            let times = [it.settle, it.unwind, it.deadline, it.grace, it.kill];
            it.timeouts
                .iter()
                .chain(&times)
                .any(|time| *time > FOR_EVER)
        };
        if let Some(timeline) = timelines().find(endless) {
            return Some(format!(
                "the timeline of `{}` has a time that no clock can tell",
                timeline.platform
            ));
        }
        timelines()
            .find(|it| it.timeouts.len() != self.steps.len())
            .map(|timeline| {
                format!(
                    "the timeline of `{}` has {} timeouts for {} steps",
                    timeline.platform,
                    timeline.timeouts.len(),
                    self.steps.len()
                )
            })
    }
}

impl From<&'static Plan> for Cow<'static, Plan> {
    fn from(plan: &'static Plan) -> Self {
        Self::Borrowed(plan)
    }
}

impl From<Plan> for Cow<'static, Plan> {
    fn from(plan: Plan) -> Self {
        Self::Owned(plan)
    }
}
