//! The heartbeat: a plain thread asks the async runtime for a sign of life, again and again.
//!
//! The question wakes a task; the task answers when a worker polls it. So the runtime needs no timer
//! for this, and a beat is missed only when no worker comes round to a task that is ready.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::control::Control;
use crate::sync::Notify;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::systemd::Systemd;
use crate::tasks;

/// How long no task may run before liveness fails, unless the service says otherwise.
pub(crate) const WEDGED_AFTER: Duration = Duration::from_secs(30);

/// The longest time between two questions.
const TICK: Duration = Duration::from_secs(1);
/// How many questions go unanswered, at least, before the runtime counts as wedged.
const QUESTIONS: u32 = 8;
const SHORTEST_TICK: Duration = Duration::from_millis(5);

/// Asks until it is dropped.
pub(crate) struct Pulse {
    beat: Arc<Beat>,
    _running: Sender<()>,
}

#[derive(Default)]
pub(super) struct Beat {
    asked: Notify,
    answered: AtomicBool,
}

impl Beat {
    /// Asks, and says whether there was an answer to the question before.
    pub(super) fn ask(&self) -> bool {
        // In this order: an answer to the new question must not be taken for one to the old.
        let answered = self.answered.swap(false, Ordering::AcqRel);
        self.asked.notify_one();
        answered
    }

    pub(super) fn answer(&self) {
        self.answered.store(true, Ordering::Release);
    }

    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }
}

impl Pulse {
    /// Watches the async runtime on which [`answer`](Self::answer) is spawned.
    pub(crate) fn start(control: Arc<Control>, wedged_after: Duration) -> io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let (running, ended) = channel();
        let asking = Arc::clone(&beat);
        tasks::thread("lifecycle-pulse", move || {
            watch(&control, &asking, &ended, wedged_after);
        })?;
        Ok(Self {
            beat,
            _running: running,
        })
    }

    /// What answers: to be spawned on the runtime that is watched. It never ends.
    pub(crate) fn answer(&self) -> impl Future<Output = ()> + Send + 'static {
        let beat = Arc::clone(&self.beat);
        async move {
            loop {
                beat.answer();
                beat.asked().await;
            }
        }
    }
}

fn watch(control: &Control, beat: &Beat, ended: &Receiver<()>, wedged_after: Duration) {
    let watchdog = control.systemd.as_ref().and_then(Systemd::watchdog);
    let mut tick = (wedged_after / QUESTIONS).min(TICK);
    if let Some(interval) = watchdog {
        tick = tick.min(interval / 4);
    }
    let tick = tick.max(SHORTEST_TICK);
    let mut silence = Silence::default();
    let mut unfed = Duration::MAX;
    while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
        let answered = beat.ask();
        // While it starts, `main` may well keep a runtime of one thread to itself, and while it stops
        // the watchdog ends what hangs.
        let alive = answered || !control.health.is_ready();
        match silence.heard(alive, tick, wedged_after) {
            Some(Change::Wedged) => {
                control.health.wedged(true);
                say(
                    control,
                    "the async runtime runs no task: every worker is blocked; not live",
                );
            }
            Some(Change::Back) => {
                control.health.wedged(false);
                say(control, "the async runtime runs tasks again; live");
            }
            None => {}
        }
        let Some(systemd) = &control.systemd else {
            continue;
        };
        systemd.status(&control.status().line());
        unfed = unfed.saturating_add(tick);
        // Half the interval is what sd_watchdog_enabled(3) recommends.
        if alive && watchdog.is_some_and(|interval| unfed >= interval / 2) {
            systemd.alive();
            unfed = Duration::ZERO;
        }
    }
}

#[derive(Debug, PartialEq)]
enum Change {
    Wedged,
    Back,
}

/// How long the runtime has been silent.
///
/// It is counted in questions, not read from a clock: while a machine is suspended, a process is
/// stopped or a debugger holds it, nobody asks, and so nobody fails to answer.
#[derive(Debug, Default)]
struct Silence {
    lasted: Duration,
    wedged: bool,
}

impl Silence {
    fn heard(&mut self, answered: bool, tick: Duration, limit: Duration) -> Option<Change> {
        if answered {
            self.lasted = Duration::ZERO;
        } else {
            self.lasted = self.lasted.saturating_add(tick);
        }
        let before = std::mem::replace(&mut self.wedged, self.lasted >= limit);
        match (before, self.wedged) {
            (false, true) => Some(Change::Wedged),
            (true, false) => Some(Change::Back),
            _ => None,
        }
    }
}

/// Logs aside: a log subscriber may be just what every worker is blocked on.
fn say(control: &Control, what: &'static str) {
    let service = control.plan.service.to_string();
    let live = control.health.is_live();
    let in_flight = control.status().in_flight_by_resource();
    // Without a thread there is no log line; liveness tells all the same.
    let _ = tasks::thread("lifecycle-log", move || match live {
        true => tracing::info!(service, in_flight, "{what}"),
        false => tracing::error!(service, in_flight, "{what}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(1);

    fn heard(silence: &mut Silence, answered: bool) -> Option<Change> {
        silence.heard(answered, TICK, 3 * TICK)
    }

    #[test]
    fn only_a_silence_without_a_gap_counts() {
        let mut silence = Silence::default();
        for _ in 0..10 {
            assert_eq!(heard(&mut silence, false), None);
            assert_eq!(heard(&mut silence, false), None);
            assert_eq!(heard(&mut silence, true), None);
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let mut silence = Silence::default();
        let told: Vec<_> = [false, false, false, false, true, true]
            .into_iter()
            .filter_map(|answered| heard(&mut silence, answered))
            .collect();
        assert_eq!(told, [Change::Wedged, Change::Back]);
    }
}
