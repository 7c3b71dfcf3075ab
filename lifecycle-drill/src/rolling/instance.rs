//! One instance: started, routed to, asked to stop, signalled, gone.
//!
//! Nothing here waits: whoever plays the deploy looks at every instance again and again, and each does
//! what is due.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::deploy::Rolling;
use super::places::Place;
use super::router::Backend;
use crate::script::{Script, Target};
use crate::target::process::Ended;
use crate::target::running::Running;
use crate::{Event, Progress};

/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

/// How far an instance is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Nobody asked it to.
    Not,
    /// Until then, at most, it is being deregistered.
    Deregistering { until: Instant },
    /// Until then its hook runs.
    Hooking { until: Instant },
    /// It has until then.
    Signalled { until: Instant },
    /// It was killed.
    Killed { at: Instant },
}

/// When what happened to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) started: Instant,
    /// Its first probe that said yes.
    pub(super) ready: Option<Instant>,
    /// The balancer began to send it something.
    pub(super) routed: Option<Instant>,
    pub(super) asked: Option<Instant>,
    /// The balancer sent it nothing new any more.
    pub(super) unrouted: Option<Instant>,
    pub(super) signalled: Option<Instant>,
    pub(super) killed: Option<Instant>,
}

/// What it had to do when the signal came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Burden {
    pub(super) in_flight: usize,
    pub(super) connections: usize,
}

/// An instance and its process.
pub(super) struct Instance {
    pub(super) place: Place,
    /// It was started by the deploy.
    pub(super) new: bool,
    pub(super) backend: Arc<Backend>,
    pub(super) running: Running,
    pub(super) report: PathBuf,
    pub(super) moments: Moments,
    pub(super) burden: Option<Burden>,
    /// How often it lost its place in routing though nobody had asked it to stop.
    pub(super) lapses: u64,
    leaving: Leaving,
    seen_gone: bool,
}

impl Instance {
    /// Starts it.
    pub(super) async fn start(
        target: &Target,
        script: &Script,
        place: Place,
        new: bool,
        report: PathBuf,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let address = target
            .base
            .as_ref()
            .context("an instance without an address")?
            .address();
        let progress = of(place.replica, progress);
        let running = Running::start(target, script, &report, &progress).await?;
        Ok(Self {
            place,
            new,
            backend: Arc::new(Backend::new(place.replica, address)),
            running,
            report,
            moments: Moments {
                started: Instant::now(),
                ready: None,
                routed: None,
                asked: None,
                unrouted: None,
                signalled: None,
                killed: None,
            },
            burden: None,
            lapses: 0,
            leaving: Leaving::Not,
            seen_gone: false,
        })
    }

    /// Its end, once it has come.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.running.ended()
    }

    /// It was asked to stop.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving != Leaving::Not
    }

    /// It counts as ready: nobody asked it to stop, and its probes have said yes for so long.
    pub(super) fn is_available(&self, rolling: &Rolling, now: Instant) -> bool {
        let readiness = self.backend.readiness();
        let for_long = now.saturating_duration_since(readiness.since);
        let held = !self.new || for_long >= rolling.min_ready;
        readiness.up && held && !self.is_leaving() && !self.seen_gone
    }

    /// The platform is asked to stop it.
    pub(super) fn ask(&mut self, script: &Script, now: Instant, progress: &Progress) {
        if self.is_leaving() {
            return;
        }
        self.moments.asked = Some(now);
        self.backend.leave();
        let progress = of(self.place.replica, progress);
        progress(Event::StopAsked);
        let until = now + script.deregistration.unwrap_or_default();
        self.leaving = Leaving::Deregistering { until };
    }

    /// Does what is due.
    pub(super) fn go_on(
        &mut self,
        rolling: &Rolling,
        script: &Script,
        now: Instant,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let progress = of(self.place.replica, progress);
        self.follow_routing(rolling, script, now);
        if self.moments.ready.is_none() && self.backend.readiness().up {
            let ready = self.backend.readiness().since;
            self.moments.ready = Some(ready);
            progress(Event::Ready {
                after: ready.saturating_duration_since(self.moments.started),
            });
        }
        if let Some(ended) = self.ended() {
            if !self.seen_gone {
                self.seen_gone = true;
                progress(Event::Exited);
            }
            // Its routing is followed until nobody looks for it any more.
            let looked_for = self.backend.is_routed() || now < ended.at + rolling.probe_period;
            self.backend.over.store(!looked_for, SeqCst);
            return Ok(());
        }
        self.stop_further(script, now, &progress)
    }

    fn stop_further(
        &mut self,
        script: &Script,
        now: Instant,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        match self.leaving {
            Leaving::Deregistering { until } => {
                let in_flight = self.backend.in_flight.load(SeqCst);
                let idle = !self.backend.is_routed() && in_flight == 0;
                if now < until && !(script.deregistration_ends_early && idle) {
                    return Ok(());
                }
                if script.hook.is_some() {
                    progress(Event::Hook {
                        lasts: script.hook_in_grace(),
                    });
                }
                self.leaving = Leaving::Hooking {
                    until: now + script.hook_in_grace(),
                };
            }
            Leaving::Hooking { until } if now >= until => {
                self.burden = Some(Burden {
                    in_flight: self.backend.in_flight.load(SeqCst),
                    connections: self.backend.open.load(SeqCst),
                });
                let signalled = Instant::now();
                self.running
                    .signal(script.signal)
                    .with_context(|| format!("could not signal instance {}", self.place.replica))?;
                self.moments.signalled = Some(signalled);
                self.leaving = Leaving::Signalled {
                    until: signalled + script.signal_to_kill(),
                };
                progress(Event::Signalled {
                    signal: script.signal.name(),
                });
            }
            Leaving::Signalled { until } if now >= until => {
                let at = Instant::now();
                self.running.kill();
                self.moments.killed = Some(at);
                self.leaving = Leaving::Killed { at };
                progress(Event::Killed);
            }
            Leaving::Killed { at } => anyhow::ensure!(
                now < at + KILLED,
                "process {} is still there {} s after SIGKILL: it is stuck in the kernel",
                self.running.id(),
                KILLED.as_secs()
            ),
            Leaving::Not | Leaving::Hooking { .. } | Leaving::Signalled { .. } => {}
        }
        Ok(())
    }

    /// Whether the balancer sends it something, by what it has learnt by now.
    fn follow_routing(&mut self, rolling: &Rolling, script: &Script, now: Instant) {
        let readiness = self.backend.readiness();
        let learnt = now >= readiness.since + rolling.propagation;
        let routed = self.backend.is_routed();
        if !routed && learnt && readiness.up && !self.is_leaving() {
            self.backend.route(true);
            self.moments.routed.get_or_insert(now);
            self.moments.unrouted = None;
        }
        let learnt_of_stop = self
            .moments
            .asked
            .is_some_and(|asked| now >= asked + script.routing_lag);
        if routed && (learnt_of_stop || (learnt && !readiness.up)) {
            self.backend.route(false);
            self.moments.unrouted = Some(now);
            self.lapses += u64::from(!self.is_leaving() && self.ended().is_none());
        }
    }

    /// Sends it something at once: nothing is measured yet.
    pub(super) fn route_at_once(&mut self, now: Instant) {
        self.backend.route(true);
        self.moments.routed = Some(now);
    }

    /// It is over for it: it was not part of what is measured any more.
    pub(super) fn is_settled(&self) -> bool {
        self.seen_gone && !self.backend.is_routed()
    }
}

/// What happens to one instance, told with its number.
fn of(number: usize, progress: &Progress) -> Progress {
    let progress = Arc::clone(progress);
    Arc::new(move |event| match event {
        Event::Output(_) => progress(event),
        event => progress(Event::Instance {
            number,
            event: &event,
        }),
    })
}
