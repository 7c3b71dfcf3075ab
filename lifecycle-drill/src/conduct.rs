//! Plays the script: starts the process, puts load on it, asks for the stop, signals, kills.
//!
//! What a scenario adds is told by [`Additions`]; without them it is an ordinary stop.

mod ending;
mod engine;
mod free;
mod reading;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};

use super::measured::{Course, Measured};
use super::own_report;
use super::probe::{self, Samples};
use super::scenario::additions::{Acting, Additions, Aside};
use super::script::{Load, Script, Target};
use super::stage::Stage;
use super::target::process::number;
use super::target::ready::{self, Waited, Waiting};
use super::target::running::Running;
use super::target::signalled::Signalled;
use super::traffic::tally::Tally;
use super::verdict;
use super::{Event, Progress};
pub(super) use free::ensure_all_free;
use reading::Traces;

/// The process ended before the moment that was waited for.
struct Over;

/// The moments of the drill that only the one who plays it knows.
struct Moments {
    started: Instant,
    ready: Option<Instant>,
    grace: Option<Instant>,
    killed: Option<Instant>,
    /// The processes in the moment before the signal.
    seen: Option<Signalled>,
    /// The target with the addresses it really has, once it is ready.
    located: Option<Target>,
    /// What was waited for in vain.
    waited: Option<Waited>,
}

/// Plays a whole script and reads what was measured.
pub(super) async fn play(
    target: &Target,
    script: &Script,
    load: &Load,
    additions: &Additions,
    progress: &Progress,
) -> anyhow::Result<(Measured, Aside)> {
    ensure_all_free(target).await?;
    let scratch = own_report::private()?;
    let report_path = match &additions.report {
        Some(elsewhere) => elsewhere.clone(),
        None => own_report::place(&scratch)?,
    };

    let stage = Arc::new(Stage::new());
    // Fires on every way out, so that no thread goes on measuring.
    let _halted = stage.halt.clone().drop_guard();
    let running = Running::start_for(target, script, load, &report_path, progress).await?;
    // From here on: what fetching an image or building a project takes is none of the program's.
    let mut moments = Moments {
        started: Instant::now(),
        ready: None,
        grace: None,
        killed: None,
        seen: None,
        located: None,
        waited: None,
    };

    let mut drill = Drill {
        script,
        additions,
        progress,
        stage,
        running,
        counting: None,
        sampling: None,
        acting: Acting::default(),
        again: None,
    };
    let course = match additions.during_start {
        Some(after) => drill.run_start(target, after, &mut moments).await?,
        None => drill.run(target, load, &mut moments).await?,
    };
    let (tally, samples, left_behind) = drill.wind_up(&mut moments).await?;
    let aside = Aside {
        grip: drill.acting.grip().await?,
        ready: moments.ready.is_some(),
        ready_after: drill.marks().and_then(|marks| {
            probe::last_yes(&samples.ready, marks.signalled + script.readiness_budget)
                .map(|at| at.duration_since(marks.signalled))
        }),
        again: drill.again,
    };

    let target = moments.located.as_ref().unwrap_or(target);
    let own = match &additions.report {
        Some(elsewhere) => Err(format!(
            "the process was told to leave its report in {}, where nothing can be read",
            elsewhere.display()
        )),
        None if course == Course::NeverReady => {
            Err("the process was killed before it was ready".to_owned())
        }
        None => own_report::read(&report_path),
    };
    let traces = Traces {
        target,
        load,
        course,
        tally,
        samples: &samples,
        left_behind,
        own,
    };
    let mut measured = drill.read(&moments, traces);
    let left = drill.running.close();
    ensure!(left.is_empty(), "{}", left.join("; "));
    measured.findings = verdict::findings(&measured, target.start_timeout);
    measured.passed = verdict::passes(&measured.findings);
    Ok((measured, aside))
}

/// The load generator: at work, or done with its counts.
enum Counting {
    Running(oneshot::Receiver<anyhow::Result<Tally>>),
    Done(Box<anyhow::Result<Tally>>),
}

impl Counting {
    /// Waits until every request has come to its end.
    async fn done(&mut self) {
        if let Self::Running(counts) = self {
            let tally = counts
                .await
                .context("the load generator broke off")
                .and_then(|tally| tally);
            *self = Self::Done(Box::new(tally));
        }
    }

    fn into_tally(self) -> anyhow::Result<Tally> {
        match self {
            Self::Done(tally) => *tally,
            Self::Running(_) => bail!("the load generator is still at work"),
        }
    }
}

/// A drill under way.
struct Drill<'a> {
    script: &'a Script,
    additions: &'a Additions,
    progress: &'a Progress,
    stage: Arc<Stage>,
    running: Running,
    counting: Option<Counting>,
    sampling: Option<oneshot::Receiver<Samples>>,
    acting: Acting,
    /// When the signal went out once more.
    again: Option<Instant>,
}

impl Drill<'_> {
    async fn run(
        &mut self,
        target: &Target,
        load: &Load,
        moments: &mut Moments,
    ) -> anyhow::Result<Course> {
        let (script, progress) = (self.script, Arc::clone(self.progress));
        let waiting = Waiting::default();
        let until_ready = self.until_ready(target, &waiting);
        let target = match timeout(target.start_timeout, until_ready).await {
            Ok(Ok(Some((ready, located)))) => {
                moments.ready = Some(ready);
                moments.located.insert(located)
            }
            Ok(Ok(None)) => return Ok(Course::DiedAtStart),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                moments.waited = Some(waiting.in_vain(&self.running));
                return Ok(Course::NeverReady);
            }
        };
        let target = &*target;
        progress(Event::Ready {
            after: moments.started.elapsed(),
        });

        self.measure(target, load)?;
        progress(Event::Warming {
            lasts: load.warm_up,
        });
        if self
            .alive_until(Instant::now() + load.warm_up)
            .await
            .is_err()
        {
            return Ok(Course::DiedBeforeStop);
        }

        moments.seen = self.running.look(script.signal).await?;
        let asked = self.stage.ask(script.routing_lag);
        progress(Event::StopAsked);
        if let Some(stopping) = self.running.stop()? {
            return self.engine_plays(&stopping, asked, moments).await;
        }
        if let Some(longest) = script.deregistration
            && self.deregister(asked, longest).await.is_err()
        {
            return Ok(Course::DiedBeforeSignal);
        }
        let grace = Instant::now();
        moments.grace = Some(grace);
        if script.hook.is_some() {
            progress(Event::Hook {
                lasts: script.hook_in_grace(),
            });
            if self
                .alive_until(grace + script.hook_in_grace())
                .await
                .is_err()
            {
                return Ok(Course::DiedBeforeSignal);
            }
        }

        self.signal_and_wait(moments).await?;
        Ok(Course::Played)
    }

    /// Begins to look at it, to send it requests, and to do what else the scenario asks for.
    fn measure(&mut self, target: &Target, load: &Load) -> anyhow::Result<()> {
        self.sampling = Some(probe::start(target, self.script, load, &self.stage)?);
        if let Some(base) = &target.base
            && !load.is_empty()
        {
            let load = self.running.reached(load)?;
            let counting = super::traffic::start(&load, base, &self.stage, self.progress)?;
            self.counting = Some(Counting::Running(counting));
        }
        if self.additions.starve {
            self.running.starve()?;
        }
        self.acting
            .start(self.additions, target.base.as_ref(), &self.stage)
    }

    /// The signal comes while the process starts: nobody waits for readiness, and nothing is sent.
    async fn run_start(
        &mut self,
        target: &Target,
        after: Duration,
        moments: &mut Moments,
    ) -> anyhow::Result<Course> {
        let until = moments.started + after;
        let waiting = Waiting::default();
        // Where it is ready already the signal does not come during the start, and the caller sees it.
        let ready = tokio::select! {
            biased;
            _ = self.running.until_over() => return Ok(Course::DiedAtStart),
            up = self.until_ready(target, &waiting) => up?,
            () = sleep_until(until.into()) => None,
        };
        moments.ready = ready.map(|(ready, _)| ready);
        // Nobody sends requests to what was never ready, and nobody keeps connections to it.
        let none = Load::default();
        self.sampling = Some(probe::start(target, self.script, &none, &self.stage)?);
        self.stage.ask(Duration::ZERO);
        (self.progress)(Event::StopAsked);
        moments.grace = Some(Instant::now());
        self.signal_and_wait(moments).await?;
        Ok(Course::Played)
    }

    /// Sends the signal, and SIGKILL at the end of the grace period.
    async fn signal_and_wait(&mut self, moments: &mut Moments) -> anyhow::Result<()> {
        let (script, progress) = (self.script, Arc::clone(self.progress));
        if let Some(seen) = &mut moments.seen {
            seen.look_again(number(script.signal).as_raw());
        }
        let signalled = self
            .running
            .signal_at(script.signal)
            .await
            .context("could not signal the process")?;
        self.stage.mark_signalled(signalled);
        progress(Event::Signalled {
            signal: script.signal.name(),
        });
        if let Some(after) = self.additions.again {
            if self.alive_until(signalled + after).await.is_err() {
                return Ok(());
            }
            // It may have ended since; then nothing was hit.
            if let Ok(again) = self.running.signal_at(script.signal).await {
                self.again = Some(again);
                progress(Event::Signalled {
                    signal: script.signal.name(),
                });
            }
        }
        if self
            .alive_until(signalled + script.signal_to_kill())
            .await
            .is_ok()
        {
            moments.killed = Some(Instant::now());
            self.running.kill_at_once().await;
            progress(Event::Killed);
            self.gone().await?;
        }
        Ok(())
    }

    /// Waits until the process is up; `None` when it ended instead.
    async fn until_ready(
        &self,
        target: &Target,
        waiting: &Waiting,
    ) -> anyhow::Result<Option<(Instant, Target)>> {
        tokio::select! {
            located = ready::until_up(&self.running, target, waiting) => {
                Ok(Some((Instant::now(), located?)))
            }
            _ = self.running.until_over() => Ok(None),
        }
    }

    /// Waits for a moment; the error is the end of the process before it.
    async fn alive_until(&self, until: Instant) -> Result<(), Over> {
        tokio::select! {
            biased;
            over = self.running.until_over() => {
                self.stage.mark_ended(over);
                Err(Over)
            }
            () = sleep_until(until.into()) => Ok(()),
        }
    }

    /// Waits for the deregistration: its whole time, or, where that is enough, until routing has ended
    /// and nothing is in flight.
    async fn deregister(&mut self, asked: Instant, longest: Duration) -> Result<(), Over> {
        (self.progress)(Event::Deregistering { at_most: longest });
        let routing_ends = asked + self.script.routing_lag;
        // Set aside while it is waited for, and put back for whoever winds up.
        let mut counting = self.counting.take();
        let drained = async {
            sleep_until(routing_ends.into()).await;
            if let Some(counting) = &mut counting {
                counting.done().await;
            }
        };
        let alive = tokio::select! {
            alive = self.alive_until(asked + longest) => alive,
            () = drained, if self.script.deregistration_ends_early => Ok(()),
        };
        self.counting = counting;
        alive
    }
}
