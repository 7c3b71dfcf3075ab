//! A termination played in a test: your wiring, a simulated platform, injected faults, a report to
//! assert on. Feature `testing`.
//!
//! Nothing of it is a mock. The resources are those that `main` returns, the executor is the one of
//! production, and so are the numbers: they come from the plan. Simulated are the signal, which nobody
//! sends, and the watchdog, which ends the run and not the process. No health server listens, since
//! tests run side by side: ask [`Service::health`]. On a paused clock a shutdown of
//! any length takes no time, and its times are exact.
//!
//! ```
//! # mod shop {
//! # use lifecycle::{Database, Task};
//! lifecycle::include_plan!("tests/macros/shop.yaml");
//!
//! pub async fn start() -> Result<Resources, std::io::Error> {
//!     Ok(Resources {
//!         jobs: Task::new(|stopping| async move { stopping.requested().await }),
//!         orders_db: Database::new(|| async { /* pool.close().await */ }),
//!     })
//! }
//! # }
//! # use shop::{Resources, start};
//! use std::time::Duration;
//! use lifecycle::testing::{Fault, Termination};
//! use lifecycle::{Outcome, StepOutcome};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # tokio::time::pause();
//! // In a #[tokio::test(start_paused = true)]:
//! let report = Termination::of(Resources::plan()).start(start).run().await;
//! report.assert_clean();
//! report.assert_order(&["jobs", "orders-db"]);
//!
//! let report = Termination::of(Resources::plan())
//!     .platform("kubernetes")
//!     .start(start)
//!     .fault("orders-db", Fault::Hang)
//!     .run()
//!     .await;
//! assert_eq!(report.step("orders-db").outcome, StepOutcome::TimedOut);
//! assert_eq!(report.outcome, Outcome::CleanupFailed);
//! assert!(report.left_before_kill() > Duration::ZERO);
//! # }
//! ```
//!
//! # Where the plan comes from
//!
//! `#[lifecycle::main]` generates `Resources` beside `main`, and `Resources::plan()` is the plan: a
//! `mod tests` in the same file sees both. A service that keeps its start-up in a library writes
//! [`include_plan!`](crate::include_plan) there instead, as above, and its binary is
//!
//! ```ignore
//! fn main() -> std::process::ExitCode {
//!     lifecycle::Runtime::multi_thread().run(shop::Resources::plan(), shop::start)
//! }
//! ```
//!
//! Enable the feature for tests alone: `[dev-dependencies] lifecycle-runtime = { …, features =
//! ["testing"] }`.
//!
//! # The clock
//!
//! A paused clock (`#[tokio::test(start_paused = true)]`, tokio's feature `test-util`) jumps to the
//! next timer whenever every task waits. It also jumps while a task waits for a socket, a child
//! process or another machine: what answers from outside of the test's runtime finds that its time is
//! over. Clients on the same runtime, over loopback or [`tokio::io::duplex`], and blocking calls
//! through tokio's `spawn_blocking` do not have this trouble. On a clock that runs, a test takes as
//! long as the shutdown does, and [`Termination::run`] says so on standard error;
//! [`Terminated::paused`] tells.

mod terminated;

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::faults::Faults;
pub use crate::faults::{Fault, UnknownFault};
use crate::health::Health;
use crate::plan::Plan;
use crate::runtime::{MainResult, started};
use crate::session::{Session, StartError};
use crate::signals::Signal;
use crate::watchdog::Order;
use crate::wiring::{Resource, Resources, Wiring};
use crate::work::BoxFuture;
pub use terminated::Terminated;

/// How long the service serves before the signal comes, unless [`Termination::after`] or traffic say.
const SERVES: Duration = Duration::from_secs(1);
/// What traffic has to end once the service has.
const TRAFFIC_LIMIT: Duration = Duration::from_secs(10);

type Traffic = Box<dyn FnOnce(Service) -> BoxFuture<()>>;
type Start = Pin<Box<dyn Future<Output = Result<Wiring, StartError>>>>;

/// A termination to be played. See the [module's page](self).
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// # use lifecycle::{Database, Outcome, Task};
/// use std::time::Duration;
/// use lifecycle::Signal;
/// use lifecycle::testing::Termination;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// let jobs = Task::new(|stopping| async move { stopping.cancelled().await });
/// let report = Termination::of(Resources::plan())
///     .with("jobs", jobs)
///     .with("orders-db", Database::new(|| async {}))
///     .ctrl_c() // somebody at a terminal, who presses it again:
///     .again(Duration::from_secs(1), Signal::Interrupt)
///     .run()
///     .await;
/// report.assert_outcome(Outcome::Forced);
/// # }
/// ```
#[must_use = "nothing happens before `run`"]
pub struct Termination {
    plan: Cow<'static, Plan>,
    platform: Option<String>,
    wiring: Wiring,
    start: Option<Start>,
    faults: Faults,
    when: When,
    signal: Option<Signal>,
    at_terminal: bool,
    again: Vec<(Duration, Signal)>,
    traffic: Option<Traffic>,
}

/// When the signal comes.
#[derive(Debug, Clone, Copy)]
enum When {
    /// So long after the service is ready.
    Ready(Duration),
    /// So long after it began to start.
    Starting(Duration),
    /// When the traffic says, or ends.
    Asked,
}

impl Termination {
    /// Of a service that stops by `plan`: a `&'static Plan`, such as `Resources::plan()`, or an owned
    /// one.
    pub fn of(plan: impl Into<Cow<'static, Plan>>) -> Self {
        Self {
            plan: plan.into(),
            platform: None,
            wiring: Wiring::default(),
            start: None,
            faults: Faults::default(),
            when: When::Ready(SERVES),
            signal: Some(Signal::Terminate),
            at_terminal: false,
            again: Vec::new(),
            traffic: None,
        }
    }

    /// Plays this platform, by its key in the manifest. Without it the program is on its own, as
    /// where `LIFECYCLE_PLATFORM` is not set. A platform that the plan does not have panics in
    /// [`run`](Self::run).
    pub fn platform(mut self, key: impl Into<String>) -> Self {
        self.platform = Some(key.into());
        self
    }

    /// Wires what `main` would return.
    pub fn wire(mut self, resources: impl Resources) -> Self {
        resources.wire(&mut self.wiring);
        self
    }

    /// Wires one resource under its name in the plan.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, resource: impl Resource) -> Self {
        self.wiring.add(name, resource);
        self
    }

    /// Starts the service as its own `main` would: `start` may take its time, fail and panic.
    pub fn start<M, F>(mut self, start: M) -> Self
    where
        M: FnOnce() -> F + 'static,
        F: Future<Output: MainResult> + 'static,
    {
        self.start = Some(Box::pin(started(start)));
        self
    }

    /// Has the resource called `name` misbehave. A name that the plan does not have, and a second
    /// fault of one resource, panic in [`run`](Self::run).
    pub fn fault(mut self, name: impl Into<String>, fault: Fault) -> Self {
        self.faults.resources.push((name.into(), fault));
        self
    }

    /// Sends the signal so long after the service is ready; one second unless said otherwise. None
    /// is sent where the service has begun to stop for a reason of its own by then.
    pub fn after(mut self, time: Duration) -> Self {
        self.when = When::Ready(time);
        self
    }

    /// Sends the signal so long after the start has begun, ready or not.
    pub fn while_starting(mut self, time: Duration) -> Self {
        self.when = When::Starting(time);
        self
    }

    /// Sends this signal; SIGTERM unless said otherwise.
    pub fn signal(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    /// SIGINT from somebody at a terminal, who does not want to wait.
    pub fn ctrl_c(mut self) -> Self {
        self.signal = Some(Signal::Interrupt);
        self.at_terminal = true;
        self
    }

    /// Sends no signal: the service stops for a reason of its own, or [`Service::terminate`] says when.
    pub fn without_signal(mut self) -> Self {
        self.signal = None;
        self
    }

    /// Sends another signal, so long after the first.
    pub fn again(mut self, after: Duration, signal: Signal) -> Self {
        self.again.push((after, signal));
        self
    }

    /// Runs `traffic` beside the service from the moment it is ready. The signal then comes when
    /// `traffic` calls [`Service::terminate`], or when it ends; traffic that has not ended ten seconds
    /// after the service is dropped. A panic of it is the test's.
    pub fn traffic<T, F>(mut self, traffic: T) -> Self
    where
        T: FnOnce(Service) -> F + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.traffic = Some(Box::new(move |service| Box::pin(traffic(service))));
        self
    }

    /// Plays it, and says how the service stopped.
    ///
    /// # Panics
    ///
    /// Where a name of a fault or of the platform is not in the plan, and where `traffic` panics.
    pub async fn run(self) -> Terminated {
        let paused = paused();
        if !paused {
            eprintln!(
                "the clock is not paused: this test takes as long as the shutdown does; \
                 write #[tokio::test(start_paused = true)] to have it take no time"
            );
        }
        if let Err(error) = self.faults.check(&self.plan) {
            panic!("{error}");
        }
        if let Some(platform) = &self.platform {
            let known: Vec<&str> = self.plan.timelines.iter().map(|it| &*it.platform).collect();
            assert!(
                known.contains(&platform.as_str()),
                "the plan has no platform `{platform}`; it has {}",
                known.join(", ")
            );
        }
        let (session, orders) = Session::rehearse(self.plan, self.platform, self.faults);
        let control = Arc::clone(&session.control);
        let service = Service {
            control: Arc::clone(&control),
            asked: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        let (start, wiring) = (self.start, self.wiring);
        let running = session.drive(async move {
            let mut started = match start {
                Some(start) => start.await?,
                None => Wiring::default(),
            };
            started.extend(wiring);
            Ok(started)
        });
        let signals = Signals {
            when: match self.traffic {
                Some(_) => When::Asked,
                None => self.when,
            },
            first: self.signal,
            at_terminal: self.at_terminal,
            again: self.again,
        };
        let mut played = std::pin::pin!(async {
            tokio::select! {
                biased;
                report = running => report,
                () = watchdog(&control, &orders) => control.forced(),
                never = signals.send(&service) => match never {},
            }
        });
        let mut traffic = self
            .traffic
            .map(|traffic| Box::pin(run_traffic(traffic, service.clone())));
        let report = loop {
            tokio::select! {
                biased;
                () = ended(&mut traffic) => traffic = None,
                report = &mut played => break report,
            }
        };
        service.over.cancel();
        if let Some(traffic) = traffic.filter(|_| control.up.is_cancelled()) {
            let _ = timeout(TRAFFIC_LIMIT, traffic).await;
        }
        Terminated::new(report, control.timeline.clone(), paused)
    }
}

impl fmt::Debug for Termination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Termination")
            .field("service", &self.plan.service)
            .field("platform", &self.platform)
            .field("faults", &self.faults.names())
            .finish_non_exhaustive()
    }
}

/// The service under test, for the traffic beside it. Clones are the same one.
///
/// ```
/// # mod shop { lifecycle::include_plan!("tests/macros/shop.yaml"); }
/// # use shop::Resources;
/// # use lifecycle::{Database, Task};
/// use lifecycle::testing::{Service, Termination};
///
/// async fn traffic(service: Service) {
///     assert!(service.health().is_ready());
///     service.terminate();
///     service.stopping().await;
///     assert!(!service.health().is_ready() && service.health().is_live());
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # tokio::time::pause();
/// # let termination = Termination::of(Resources::plan())
/// #     .with("jobs", Task::new(|stopping| async move { stopping.requested().await }))
/// #     .with("orders-db", Database::new(|| async {}));
/// termination.traffic(traffic).run().await.assert_clean();
/// # }
/// ```
#[derive(Clone)]
pub struct Service {
    control: Arc<Control>,
    asked: CancellationToken,
    over: CancellationToken,
}

impl Service {
    /// Has the signal come now. Only the first call counts.
    pub fn terminate(&self) {
        self.asked.cancel();
    }

    /// Resolves when the service has been asked to stop, by the signal or for a reason of its own.
    pub async fn stopping(&self) {
        self.control.requested.cancelled().await;
    }

    /// Resolves when the service has stopped and its report is written.
    pub async fn stopped(&self) {
        self.over.cancelled().await;
    }

    /// The service's health, as its probes see it.
    pub fn health(&self) -> Health {
        self.control.health.clone()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

/// The signals of one termination.
struct Signals {
    when: When,
    first: Option<Signal>,
    at_terminal: bool,
    again: Vec<(Duration, Signal)>,
}

impl Signals {
    async fn send(mut self, service: &Service) -> Infallible {
        let control = &service.control;
        match self.when {
            When::Starting(time) => sleep(time).await,
            When::Asked => service.asked.cancelled().await,
            When::Ready(time) => {
                control.up.cancelled().await;
                tokio::select! {
                    biased;
                    () = control.requested.cancelled() => return pending().await,
                    () = sleep(time) => {}
                }
            }
        }
        let Some(first) = self.first else {
            return pending().await;
        };
        control.signal(first, self.at_terminal);
        let began = Instant::now();
        self.again.sort_by_key(|&(after, _)| after);
        for (after, signal) in self.again {
            sleep_until(began + after).await;
            control.signal(signal, self.at_terminal);
        }
        pending().await
    }
}

async fn run_traffic(traffic: Traffic, service: Service) {
    service.control.up.cancelled().await;
    traffic(service.clone()).await;
    service.terminate();
}

/// Resolves when `traffic` has ended, if there is any.
async fn ended<F: Future<Output = ()>>(traffic: &mut Option<Pin<Box<F>>>) {
    match traffic {
        Some(traffic) => traffic.await,
        None => pending().await,
    }
}

/// Resolves when the watchdog would end the process.
async fn watchdog(control: &Control, orders: &Receiver<Order>) {
    let mut deadline: Option<Instant> = None;
    loop {
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::Now => return,
                Order::At(at) => deadline = Some(deadline.map_or(at, |other| other.min(at))),
            }
        }
        tokio::select! {
            () = control.ordered.notified() => {}
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return,
        }
    }
}

/// Whether tokio's clock stands still while time passes.
fn paused() -> bool {
    let before = Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    Instant::now() == before
}
