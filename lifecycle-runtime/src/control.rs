//! What everybody involved in a stop shares: who asked for it and when, and how far each step is.
//!
//! The executor writes it, the signal thread and the watchdog read it from outside the async
//! runtime. So no lock here is held while foreign code runs, and nothing here waits.

mod state;
mod steps;
mod summing;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::metrics;
use crate::plan::{Plan, Timeline};
use crate::report::{self, StepReport};
use crate::signals::Signal;
use crate::systemd::Systemd;
use crate::watchdog::Order;
use crate::work::{BoxFuture, Failure, Work};

/// What a service that has not finished starting may take to let go of what it has begun. Nothing
/// is wired yet, so no work can be lost.
const START_UP_LIMIT: Duration = Duration::from_secs(1);

/// Two SIGINT within this time are one press of Ctrl-C: the terminal sends it to every process of
/// the group, and a parent such as a task runner often passes its own on.
const SAME_KEY_PRESS: Duration = Duration::from_millis(50);

pub(crate) struct Control {
    pub(crate) plan: Cow<'static, Plan>,
    pub(crate) platform: Option<String>,
    pub(crate) timeline: Timeline,
    pub(crate) health: Health,
    /// The service has to stop.
    pub(crate) requested: CancellationToken,
    /// A signal has come, perhaps after the service had begun to stop for a reason of its own.
    pub(crate) signalled: CancellationToken,
    /// What goes wrong on purpose, as it is written.
    pub(crate) faults: Vec<String>,
    /// Everything is up.
    pub(crate) up: CancellationToken,
    /// The watchdog has been given an order.
    #[cfg(feature = "testing")]
    pub(crate) ordered: tokio::sync::Notify,
    /// The instance that this is, once the platform has said so.
    pub(crate) instance: OnceLock<String>,
    watchdog: Option<Sender<Order>>,
    /// The service manager, where one listens.
    pub(crate) systemd: Option<Systemd>,
    works: OnceLock<Vec<Arc<dyn Work>>>,
    inner: Mutex<Inner>,
}

struct Inner {
    signal: Option<(Signal, Instant)>,
    began: Option<Instant>,
    cause: Option<String>,
    settled: Duration,
    reached: Reached,
    /// Somebody at a terminal has pressed Ctrl-C.
    hurry: bool,
    start_failed: bool,
    total: Option<Duration>,
    /// When the watchdog ends the process.
    deadline: Option<Instant>,
    moments: Moments,
    steps: Vec<StepReport>,
}

/// When the service, and each resource, came to the state it is in.
struct Moments {
    began: Instant,
    ready: Option<Instant>,
    settled: Option<Instant>,
    ended: Option<Instant>,
    /// In the order of the steps.
    resources: Vec<Started>,
}

#[derive(Clone, Default)]
struct Started {
    began: Option<Instant>,
    up: Option<Instant>,
}

/// How far a service has come in its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Reached {
    /// `main` has not returned.
    #[default]
    Nothing,
    /// Its resources start, or run.
    Wired,
    /// Readiness was 200, so routing has to notice the end.
    Ready,
}

/// What a signal led to, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first: the stop begins, or gets its deadline.
    Begin,
    /// A SIGINT that is somebody's at a keyboard: the process leaves at once.
    Leave,
    /// Any other: nothing changes.
    Ignore,
}

impl Control {
    pub(crate) fn new(
        plan: Cow<'static, Plan>,
        platform: Option<String>,
        timeline: Timeline,
        health: Health,
        watchdog: Option<Sender<Order>>,
    ) -> Self {
        let steps: Vec<_> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| report::untouched(step, timeout_of(&timeline, index)))
            .collect();
        Self {
            plan,
            platform,
            timeline,
            health,
            requested: CancellationToken::new(),
            signalled: CancellationToken::new(),
            faults: Vec::new(),
            up: CancellationToken::new(),
            #[cfg(feature = "testing")]
            ordered: tokio::sync::Notify::new(),
            instance: OnceLock::new(),
            watchdog,
            systemd: None,
            works: OnceLock::new(),
            inner: Mutex::new(Inner {
                signal: None,
                began: None,
                cause: None,
                settled: Duration::ZERO,
                reached: Reached::default(),
                hurry: false,
                start_failed: false,
                total: None,
                deadline: None,
                moments: Moments {
                    began: Instant::now(),
                    ready: None,
                    settled: None,
                    ended: None,
                    resources: vec![Started::default(); steps.len()],
                },
                steps,
            }),
        }
    }

    /// A signal has come. Called from the signal thread, which also says whether somebody sits `at` a
    /// `terminal`. A platform that gives its containers a terminal does not wait at it.
    pub(crate) fn signal(&self, signal: Signal, at_terminal: bool) -> Verdict {
        let now = Instant::now();
        let mut inner = self.lock();
        let Some((first, at)) = inner.signal else {
            inner.signal = Some((signal, now));
            inner.hurry = signal == Signal::Interrupt && at_terminal && self.platform.is_none();
            inner.began.get_or_insert(now);
            self.begin(inner, now, self.timeline.deadline);
            self.signalled.cancel();
            self.requested.cancel();
            return Verdict::Begin;
        };
        let same_press = first == Signal::Interrupt && now - at < SAME_KEY_PRESS;
        // One that stops its programs with SIGINT repeats itself as those do that send SIGTERM.
        let platform = first == Signal::Interrupt && self.platform.is_some() && !at_terminal;
        if signal != Signal::Interrupt || same_press || platform {
            return Verdict::Ignore;
        }
        drop(inner);
        self.order(Order::Now);
        Verdict::Leave
    }

    /// The service stops for a reason of its own.
    ///
    /// No platform has announced it, so nobody has paid for routing to notice: the program does.
    pub(crate) fn stop(&self, cause: String) {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.began.is_some() {
            return;
        }
        inner.began = Some(now);
        inner.cause = Some(cause);
        let whole = self.timeline.deadline.saturating_sub(self.timeline.settle);
        self.begin(inner, now, whole + self.own_settle());
        self.requested.cancel();
    }

    /// The stop begins, or gets its deadline: it has this long where anything is wired.
    fn begin(&self, mut inner: MutexGuard<'_, Inner>, now: Instant, whole: Duration) {
        let limit = if inner.reached >= Reached::Wired {
            whole
        } else {
            START_UP_LIMIT
        };
        let at = inner.ends_by(now + limit);
        drop(inner);
        self.health.stopping();
        // The deadline before anything else: from here on the process is sure to end.
        self.order(Order::At(at));
        if let Some(systemd) = &self.systemd {
            systemd.stopping(at - now);
        }
    }

    /// Everything is wired: `false` if a stop was faster, and then nothing may start.
    pub(crate) fn wired(&self, works: Vec<Arc<dyn Work>>) -> bool {
        let mut inner = self.lock();
        if inner.began.is_some() {
            return false;
        }
        inner.reached = Reached::Wired;
        // Set once: a service is wired once.
        let _ = self.works.set(works);
        true
    }

    /// Everything is up.
    pub(crate) fn ready(&self) {
        let mut inner = self.lock();
        if inner.began.is_none() {
            inner.reached = Reached::Ready;
            let now = Instant::now();
            inner.moments.ready = Some(now);
            let after = now.saturating_duration_since(inner.moments.began);
            self.health.ready();
            drop(inner);
            metrics::ready(after);
            self.up.cancel();
            if let Some(systemd) = &self.systemd {
                systemd.ready();
            }
        }
    }

    /// The service could not start.
    pub(crate) fn start_failed(&self, cause: String) {
        if let Some(systemd) = &self.systemd {
            systemd.status(&format!("did not start: {cause}"));
        }
        let mut inner = self.lock();
        inner.start_failed = true;
        inner.cause = Some(cause);
    }

    /// Until when the service keeps serving.
    pub(crate) fn settles_until(&self) -> Instant {
        let inner = self.lock();
        let began = inner.began.unwrap_or_else(Instant::now);
        if inner.hurry || inner.reached < Reached::Ready {
            return began;
        }
        let own = began + self.own_settle();
        // The platform's clock may start while the service is on its way out already.
        let signal = inner.signal;
        signal.map_or(own, |(_, at)| own.min(at + self.timeline.settle))
    }

    /// Routing has had its time; how much that was.
    pub(crate) fn settled(&self) -> Duration {
        let mut inner = self.lock();
        inner.settled = inner.elapsed();
        inner.moments.settled = Some(Instant::now());
        inner.settled
    }

    /// Who asked the service to stop: the signal, and the cause where there was none.
    pub(crate) fn asked_by(&self) -> (Option<Signal>, Option<String>) {
        let inner = self.lock();
        (inner.signal.map(|(signal, _)| signal), inner.cause.clone())
    }

    /// For how long the service is to serve on.
    pub(crate) fn settle(&self) -> Duration {
        self.settles_until()
            .saturating_duration_since(Instant::now())
    }

    /// What is left to do once the report has been logged: which step's, and its call.
    pub(crate) fn last_calls(&self) -> Vec<(usize, BoxFuture<Result<(), Failure>>)> {
        let works = self.works.get().into_iter().flatten().enumerate();
        works
            .filter_map(|(index, work)| Some((index, work.finally()?)))
            .collect()
    }

    /// What is left until the deadline.
    pub(crate) fn left(&self) -> Duration {
        let deadline = self.lock().deadline;
        deadline.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    fn own_settle(&self) -> Duration {
        self.timeline.settle.max(self.plan.unmanaged.settle)
    }

    fn order(&self, order: Order) {
        if let Some(watchdog) = &self.watchdog {
            // The watchdog only goes with the process.
            let _ = watchdog.send(order);
            #[cfg(feature = "testing")]
            self.ordered.notify_one();
        }
    }

    /// Nothing that could panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Sets the deadline, unless there is an earlier one; the deadline.
    fn ends_by(&mut self, at: Instant) -> Instant {
        let at = self.deadline.map_or(at, |earlier| earlier.min(at));
        self.deadline = Some(at);
        at
    }

    fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }
}

/// A step's timeout; plans are checked to have one for every step.
pub(crate) fn timeout_of(timeline: &Timeline, index: usize) -> Duration {
    timeline.timeouts.get(index).copied().unwrap_or_default()
}
