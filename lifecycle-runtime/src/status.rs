//! What the service is doing now, for humans, machines and tests.

mod text;

use std::time::Duration;

use crate::health::health;
use crate::plan::{Kind, Phase};
use crate::report::{Object, StepOutcome, quote, shorten};
use crate::signals::Signal;

/// Names written for one resource; the value has some more.
const NAMES: usize = 8;
/// Longest name written, in characters.
const NAME_LENGTH: usize = 80;

/// What the service that this process runs is doing now; `None` before it begins.
///
/// The [health server](crate::manual::health#status) answers the same at `/lifecycle`. For a service that mounts it on
/// its own router:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use axum::http::{StatusCode, header::CONTENT_TYPE};
/// use axum::{Router, routing::get};
///
/// let router: Router = Router::new().route(
///     "/internal/lifecycle",
///     get(|| async {
///         let status = lifecycle::status().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
///         Ok::<_, StatusCode>(([(CONTENT_TYPE, "application/json")], status.to_json()))
///     }),
/// );
/// # }
/// ```
///
/// It names requests and jobs, so keep such a route from the public.
pub fn status() -> Option<Status> {
    health().status()
}

/// What a service is doing, as of the moment it was asked.
///
/// `Display` shows it as a table for people.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use lifecycle::{Database, Lifecycle, Task};
/// use lifecycle::{ResourceState, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// # let service = Lifecycle::new(shop::Resources::plan()).embedded()
/// #     .with("jobs", Task::new(|stopping| async move { stopping.requested().await }))
/// #     .with("orders-db", Database::new(|| async {}));
/// let (health, stop) = (service.health(), service.stop_handle());
/// let running = tokio::spawn(service.run());
/// # while !health.is_ready() { tokio::task::yield_now().await }
/// let status = health.status().expect("it runs");
/// assert_eq!((status.state, status.in_flight()), (State::Ready, 1)); // a task
/// let db = status.resource("orders-db").expect("it is in the plan");
/// assert_eq!(db.state, ResourceState::Running);
/// # stop.stop("the example is over");
/// # assert!(running.await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The service's name.
    pub service: String,
    /// The digest of the plan the program was built with.
    pub digest: String,
    /// The platform's key in the manifest; `None` where the environment names none.
    pub platform: Option<String>,
    /// The instance that this is, where the platform was asked for its name: the ARN of an ECS task.
    pub instance: Option<String>,
    /// How far the service is in its life.
    pub state: State,
    /// For how long it has been in that state.
    pub since: Duration,
    /// Whether [liveness](crate::manual::health#liveness) is 200: false when no worker runs a task.
    pub live: bool,
    /// The signal that it stops for.
    pub signal: Option<Signal>,
    /// Why it stops without a signal, or did not start.
    pub cause: Option<String>,
    /// What is left until the watchdog ends the process; `None` before a stop and after its end.
    pub left: Option<Duration>,
    /// The resources in the order of the plan.
    pub resources: Vec<ResourceStatus>,
}

/// How far a service is in its life.
///
/// ```
/// use lifecycle::State;
///
/// /// Whether clients may still come.
/// fn serves(state: State) -> bool {
///     matches!(state, State::Ready | State::Settling)
/// }
/// assert!(serves(State::Settling) && !serves(State::Starting));
/// assert_eq!(State::Settling.as_str(), "settling");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// `main` runs, or the resources start: readiness is 503.
    Starting,
    /// Everything is up: readiness is 200.
    Ready,
    /// Asked to stop; it serves on until routing has noticed.
    Settling,
    /// The steps run.
    Stopping,
    /// The last step has ended.
    Stopped,
}

impl State {
    /// The state's name in the JSON status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Settling => "settling",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// What one resource is doing.
///
/// ```
/// use lifecycle::{ResourceState, ResourceStatus};
///
/// /// Whether the stop waits for this one, and may have to for its whole timeout.
/// fn holds_up(resource: &ResourceStatus) -> bool {
///     let is_late = resource.since.is_some_and(|since| since > resource.timeout / 2);
///     resource.state == ResourceState::Stopping && resource.in_flight > 0 && is_late
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceStatus {
    /// The resource's name in the manifest.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its phase.
    pub phase: Phase,
    /// How far it is in its life.
    pub state: ResourceState,
    /// For how long it has been in that state; `None` before it starts.
    pub since: Option<Duration>,
    /// The timeout of its step.
    pub timeout: Duration,
    /// How many requests, jobs, sessions or tasks are in flight.
    pub in_flight: u64,
    /// How long the oldest of them has been, where that is known.
    pub oldest: Option<Duration>,
    /// Names of some of them, the oldest first: request paths, job ids.
    pub names: Vec<String>,
    /// What went wrong with its step, in words.
    pub error: Option<String>,
}

/// How far a resource is in its life.
///
/// ```
/// use lifecycle::{ResourceState, StepOutcome};
///
/// let cut = ResourceState::Ended(StepOutcome::TimedOut);
/// assert_eq!((ResourceState::Stopping.as_str(), cut.as_str()), ("stopping", "timed-out"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceState {
    /// It has not been started: what it uses is not up, or `main` has not returned.
    Pending,
    /// It has been started, and its start-up probe has not said yes.
    Starting,
    /// It is up. During a shutdown: its step has not begun.
    Running,
    /// Its step runs.
    Stopping,
    /// Its step has ended so.
    Ended(StepOutcome),
}

impl ResourceState {
    /// The state's name in the JSON status: that of the outcome for a step that has ended.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Ended(outcome) => outcome.as_str(),
        }
    }
}

impl Status {
    /// The resource of this name in the manifest.
    pub fn resource(&self, name: &str) -> Option<&ResourceStatus> {
        self.resources.iter().find(|it| it.name == name)
    }

    /// How much is in flight in all resources together.
    pub fn in_flight(&self) -> u64 {
        self.resources.iter().map(|it| it.in_flight).sum()
    }

    /// The status as a JSON object, version 1: durations are whole milliseconds, and of the names in
    /// flight at most eight a resource are written, each cut at 80 characters.
    pub fn to_json(&self) -> String {
        let mut json = Object::begin(String::new());
        json.number("version", 1);
        json.string("service", &self.service);
        json.string("digest", &self.digest);
        json.nullable("platform", self.platform.as_deref().map(Into::into));
        if let Some(instance) = &self.instance {
            json.string("instance", instance);
        }
        json.string("state", self.state.as_str());
        json.millis("since_ms", self.since);
        let live = if self.live { "true" } else { "false" };
        json.member("live", live);
        json.nullable("signal", self.signal.map(|signal| signal.as_str().into()));
        if let Some(cause) = &self.cause {
            json.string("cause", cause);
        }
        if let Some(left) = self.left {
            json.millis("left_ms", left);
        }
        json.number("in_flight", self.in_flight());
        json.list("resources", &self.resources, ResourceStatus::write_json);
        json.end()
    }

    /// `stopping: http 3 in flight, orders-db`: how far the service is, in a line.
    pub(crate) fn line(&self) -> String {
        if !self.live {
            return "not live: every worker is blocked".to_owned();
        }
        let working: fn(&ResourceStatus) -> bool = match self.state {
            State::Ready | State::Stopped => |_| false,
            State::Starting => |it| it.state == ResourceState::Starting,
            State::Settling => |it| it.in_flight > 0,
            State::Stopping => |it| it.state == ResourceState::Stopping,
        };
        let parts: Vec<String> = self
            .resources
            .iter()
            .filter(|it| working(it))
            .map(|it| match it.in_flight {
                0 => it.name.clone(),
                count => format!("{} {count} in flight", it.name),
            })
            .collect();
        match parts.is_empty() {
            true => self.state.as_str().to_owned(),
            false => format!("{}: {}", self.state.as_str(), parts.join(", ")),
        }
    }

    /// `http 3, emails 1`: what is in flight, by resource.
    pub(crate) fn in_flight_by_resource(&self) -> String {
        let busy = self.resources.iter().filter(|it| it.in_flight > 0);
        let parts: Vec<String> = busy
            .map(|it| format!("{} {}", it.name, it.in_flight))
            .collect();
        parts.join(", ")
    }
}

impl ResourceStatus {
    fn write_json(&self, text: String) -> String {
        let mut json = Object::begin(text);
        json.string("name", &self.name);
        json.string("kind", self.kind.as_str());
        json.string("phase", self.phase.as_str());
        json.string("state", self.state.as_str());
        if let Some(since) = self.since {
            json.millis("since_ms", since);
        }
        json.millis("timeout_ms", self.timeout);
        json.number("in_flight", self.in_flight);
        if let Some(oldest) = self.oldest {
            json.millis("oldest_ms", oldest);
        }
        let names = &self.names[..self.names.len().min(NAMES)];
        if !names.is_empty() {
            json.list("names", names, |name, mut text| {
                quote(&mut text, &shorten(name, NAME_LENGTH));
                text
            });
        }
        if let Some(error) = &self.error {
            json.string("error", error);
        }
        json.end()
    }
}
