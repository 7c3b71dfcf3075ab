//! An engine plays the stop by itself, as `docker stop` does.

use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::time::{sleep_until, timeout};

use super::{Drill, Moments};
use crate::Event;
use crate::measured::Course;
use crate::target::process::Status;
use crate::target::stopping::Stopping;

/// How much longer than planned an engine may take before the drill gives up on it.
const ENGINE_LATE: Duration = Duration::from_secs(30);
/// How long after the end an engine may tell what it had sent.
const ENGINE_TELLS: Duration = Duration::from_secs(1);

impl Drill<'_> {
    /// The engine plays the stop: the drill looks on, and measures.
    pub(super) async fn engine_plays(
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
}
