//! Plays the script: starts the process, puts load on it, asks for the stop, signals, kills.
//!
//! What a scenario adds is told by [`Additions`]; without them it is an ordinary stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until, timeout};

use super::measured::{
    Course, LoadSummary, Measured, Planned, Process, Timeline, Zero, steps, version,
};
use super::own_report;
use super::probe::{self, Marks, Samples};
use super::scenario::additions::{Acting, Additions, Aside};
use super::script::{Endpoint, Load, Script, Target};
use super::stage::{Stage, millis_between};
use super::target::process::{Status, number};
use super::target::ready::{self, Waited, Waiting};
use super::target::running::Running;
use super::target::signalled::Signalled;
use super::target::stopping::Stopping;
use super::traffic::tally::Tally;
use super::verdict;
use super::{Event, Progress};

/// Between two looks at whether the process is up.
const LOOK: Duration = Duration::from_millis(10);
/// How long a connection to a port may take that should be free.
const FREE: Duration = Duration::from_millis(300);
/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(5);
/// How long the children of a process may take to follow it before they count as left behind.
const FOLLOWING: Duration = Duration::from_millis(200);
/// How much longer than planned an engine may take before the drill gives up on it.
const ENGINE_LATE: Duration = Duration::from_secs(30);
/// How long after the end an engine may tell what it had sent.
const ENGINE_TELLS: Duration = Duration::from_secs(1);
/// How long after the end somebody may take to tell how it came.
const TOLD: Duration = Duration::from_secs(5);
/// How long requests may take to come to their end once the process is gone: their connections
/// went with it.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

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
#[expect(
    clippy::too_many_lines,
    reason = "the course of a drill and what is read of it, in the order in which it happens"
)]
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
    let zero = drill.stage.signalled().unwrap_or(moments.started);
    let own = match &additions.report {
        Some(elsewhere) => Err(format!(
            "the process was told to leave its report in {}, where nothing can be read",
            elsewhere.display()
        )),
        None => own_report::read(&report_path),
    };
    let mut not_measured = Vec::new();
    if let Err(why) = &own {
        not_measured.push(format!("steps: {why}"));
    }
    let own = own.ok();
    let marks = drill.marks();
    let readiness = target
        .ready
        .as_ref()
        .zip(marks)
        .map(|(_, marks)| probe::readiness(&samples.ready, marks, script.readiness_budget));
    let liveness = target
        .live
        .as_ref()
        .filter(|_| !samples.live.is_empty())
        .map(|_| probe::liveness(&samples.live, zero, drill.stage.ended()));
    if !drill.running.is_child()
        && drill.running.ended().map(|ended| ended.status) == Some(Status::Unknown)
    {
        not_measured.push(
            "exit code: the process is not the drill's own child, and nobody else kept how it ended"
                .to_owned(),
        );
    }
    if target.ready.is_none() {
        not_measured.push("readiness: no readiness URL is known".to_owned());
    } else if readiness.is_none() {
        not_measured.push("readiness: the process was not signalled".to_owned());
    }
    if target.live.is_none() {
        not_measured.push("liveness: no liveness URL is known".to_owned());
    } else if liveness.is_none() {
        not_measured.push("liveness: the process was never ready".to_owned());
    }
    if target.base.is_none() || load.is_empty() {
        not_measured.push("requests: none were to be sent".to_owned());
    } else if let Some(tally) = &tally {
        if tally.requests(zero).all().sent() == 0 {
            not_measured.push("requests: none was sent before the drill was over".to_owned());
        }
    } else {
        not_measured.push("requests: the process was never ready".to_owned());
    }
    let mut measured = Measured {
        version: version(),
        passed: false,
        service: script.service.clone(),
        platform: script.platform.clone(),
        platform_label: script.platform_label.clone(),
        scenario: None,
        excused: Vec::new(),
        command: target.subject.words(),
        course,
        expected: script.expect.clone(),
        findings: Vec::new(),
        address: target.base.as_ref().map(Endpoint::url),
        waited: moments.waited.clone(),
        signal: script.signal.name().into(),
        planned: Planned::of(script),
        timeline: drill.timeline(&moments, zero),
        process: drill.process(&moments, course, left_behind),
        seed: Some(load.seed),
        load: tally.as_ref().map(|_| LoadSummary::of(load)),
        requests: tally.as_ref().map(|tally| tally.requests(zero)),
        series: tally.as_ref().map(|tally| tally.series(zero)),
        readiness,
        liveness,
        idle: samples.idle_from(zero),
        listener_closed_ms: samples.closed.map(|at| millis_between(zero, at)),
        steps: steps(&script.steps, own.as_ref()),
        report: own,
        not_measured,
        output: drill.running.last_lines(),
    };
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

        self.sampling = Some(probe::start(target, script, load, &self.stage)?);
        if let Some(base) = &target.base
            && !load.is_empty()
        {
            let load = self.running.reached(load)?;
            self.counting = Some(Counting::Running(super::traffic::start(
                &load,
                base,
                &self.stage,
                &progress,
            )?));
        }
        if self.additions.starve {
            self.running.starve()?;
        }
        self.acting
            .start(self.additions, target.base.as_ref(), &self.stage)?;
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

    /// The engine plays the stop: the drill looks on, and measures.
    async fn engine_plays(
        &self,
        stopping: &Stopping,
        asked: Instant,
        moments: &mut Moments,
    ) -> anyhow::Result<Course> {
        let (script, progress) = (self.script, self.progress);
        let planned = script.asked_to_signal() + script.signal_to_kill();
        let over = asked + planned + ENGINE_LATE;
        tokio::select! {
            at = stopping.signalled() => self.stage.mark_signalled(at),
            over = self.running.until_over() => {
                // An engine may tell of its signal only after the process has left.
                let told = timeout(ENGINE_TELLS, stopping.signalled()).await;
                let at = told.unwrap_or(asked).min(over);
                self.stage.mark_signalled(at);
            }
            () = sleep_until(over.into()) => bail!(
                "the engine was asked to stop it, and has sent no signal within {} s",
                over.duration_since(asked).as_secs()
            ),
        }
        progress(Event::Signalled {
            signal: script.signal.name(),
        });
        // What precedes the signal counts where the platform has it inside the grace period.
        moments.grace = match script.hook {
            Some(_) => Some(asked),
            None => self.stage.signalled(),
        };
        if self.alive_until(over).await.is_ok() {
            bail!(
                "the engine was asked to stop it {} s ago, and it is still there",
                over.duration_since(asked).as_secs()
            );
        }
        if stopping.killed().is_none() {
            // The same for SIGKILL, which is the end at once.
            let _not_killed = timeout(ENGINE_TELLS, stopping.over()).await;
        }
        moments.killed = stopping
            .killed()
            .or_else(|| self.killed_in_silence(stopping, asked));
        if moments.killed.is_some() {
            progress(Event::Killed);
        }
        Ok(Course::Played)
    }

    /// When SIGKILL went out from an engine that tells of no signal, as Podman tells of none: it was the
    /// end of the process, and no sooner than planned.
    fn killed_in_silence(&self, stopping: &Stopping, asked: Instant) -> Option<Instant> {
        let kill = rustix::process::Signal::KILL.as_raw();
        let ended = self.running.ended()?;
        let planned = asked + self.script.asked_to_signal() + self.script.signal_to_kill();
        (stopping.is_silent() && ended.status == Status::Signal(kill) && ended.at >= planned)
            .then_some(ended.at)
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

    /// Waits for the end of a process that was killed.
    async fn gone(&self) -> anyhow::Result<Instant> {
        let Ok(over) = timeout(KILLED, self.running.until_over()).await else {
            bail!(
                "process {} is still there {} s after SIGKILL: it is stuck in the kernel",
                self.running.id(),
                KILLED.as_secs()
            );
        };
        self.stage.mark_ended(over);
        Ok(over)
    }

    /// Makes sure that the process is gone, and collects what was measured.
    async fn wind_up(
        &mut self,
        moments: &mut Moments,
    ) -> anyhow::Result<(Option<Tally>, Samples, Option<usize>)> {
        let mut left_behind = None;
        if let Some(over) = self.running.over() {
            self.stage.mark_ended(over);
            left_behind = self.left_behind(moments.killed.is_some()).await;
            if let Some(seen) = moments.seen.as_mut().filter(|_| moments.killed.is_none()) {
                seen.note_outliving();
            }
            (self.progress)(Event::Exited);
        }
        // A process that somebody else has started is only ever ended by the signal and what follows it.
        let over = if self.running.is_own() || self.stage.signalled().is_some() {
            self.running.kill_at_once().await;
            self.gone().await?
        } else {
            self.running.over().unwrap_or_else(Instant::now)
        };
        if self.running.over().is_some() {
            // How it ended, its engine may tell a while after it has.
            let _untold = timeout(TOLD, self.running.end()).await;
        }

        // Whoever is still routed here finds nobody, and that is part of what is measured.
        if self.stage.asked().is_none() {
            self.stage.end_routing(over);
        }
        let routing_ends = *self.stage.routing().borrow();
        let last = routing_ends.map_or(over, |ends| ends.max(over)) + LAST_ANSWERS;
        let tally = match self.counting.take() {
            None => None,
            Some(mut counting) => {
                if tokio::time::timeout_at(last.into(), counting.done())
                    .await
                    .is_err()
                {
                    self.stage.halt.cancel();
                    counting.done().await;
                }
                Some(counting.into_tally()?)
            }
        };
        self.stage.halt.cancel();
        let samples = match self.sampling.take() {
            None => Samples::default(),
            Some(sampling) => sampling.await.context("the prober broke off")?,
        };
        Ok((tally, samples, left_behind))
    }

    /// Counts what outlived the process; `None` when it was killed, and its group with it.
    async fn left_behind(&self, killed: bool) -> Option<usize> {
        if killed {
            return None;
        }
        let until = Instant::now() + FOLLOWING;
        loop {
            let left = self.running.left_behind();
            if left == Some(0) || Instant::now() > until {
                return left;
            }
            sleep(LOOK).await;
        }
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks {
            asked: self.stage.asked()?,
            signalled: self.stage.signalled()?,
            ended: self.stage.ended(),
        })
    }

    fn timeline(&self, moments: &Moments, zero: Instant) -> Timeline {
        let from_zero = |at: Instant| millis_between(zero, at);
        let routing_ends = *self.stage.routing().borrow();
        Timeline {
            zero: if self.stage.signalled().is_some() {
                Zero::Signal
            } else {
                Zero::Start
            },
            started_ms: from_zero(moments.started),
            ready_ms: moments.ready.map(from_zero),
            asked_ms: self.stage.asked().map(from_zero),
            routing_ended_ms: self.stage.asked().and(routing_ends).map(from_zero),
            grace_ms: moments.grace.map(from_zero),
            signalled_ms: self.stage.signalled().map(from_zero),
            killed_ms: moments.killed.map(from_zero),
            ended_ms: self.stage.ended().map(from_zero),
        }
    }

    fn process(&self, moments: &Moments, course: Course, left_behind: Option<usize>) -> Process {
        let status = self.running.ended().map(|ended| ended.status);
        let kill = rustix::process::Signal::KILL.as_raw();
        let sigkill_needed = moments.killed.is_some() && status == Some(Status::Signal(kill));
        let exit_ms = self.stage.signalled().zip(self.stage.ended());
        let exit_ms = exit_ms.map(|(signalled, ended)| millis_between(signalled, ended));
        let kill_ms = Planned::of(self.script).signal_to_kill_ms;
        Process {
            // The drill's own SIGKILL says nothing about the process.
            status: status
                .filter(|_| course != Course::NeverReady)
                .filter(|status| self.running.is_child() || *status != Status::Unknown),
            exit_ms,
            left_ms: exit_ms
                .filter(|_| !sigkill_needed)
                .map(|exit| (kill_ms - exit).max(0.0)),
            sigkill_needed,
            left_behind,
            signalled: moments.seen.clone(),
        }
    }
}

/// Errors when somebody already listens where the target is to.
pub(super) async fn ensure_all_free(target: &Target) -> anyhow::Result<()> {
    if !target.subject.takes_ports() {
        return Ok(());
    }
    for endpoint in [&target.base, &target.ready, &target.live]
        .into_iter()
        .flatten()
    {
        ensure_free(endpoint).await?;
    }
    Ok(())
}

/// Errors when somebody already listens there: the drill would measure that one.
async fn ensure_free(endpoint: &Endpoint) -> anyhow::Result<()> {
    let taken = timeout(FREE, TcpStream::connect(endpoint.address())).await;
    if matches!(taken, Ok(Ok(_))) {
        bail!(
            "something already listens on {}; stop it first, or the drill would measure that",
            endpoint.address()
        );
    }
    Ok(())
}
