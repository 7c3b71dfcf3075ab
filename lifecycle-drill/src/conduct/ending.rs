//! The end of the process, and of all that looked on.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::time::{sleep, timeout};

use super::{Drill, Moments};
use crate::Event;
use crate::probe::Samples;
use crate::traffic::tally::Tally;

/// Between two looks at which children are still there.
const LOOK: Duration = Duration::from_millis(10);
/// How long a killed process may take to be gone.
const KILLED: Duration = Duration::from_secs(5);
/// How long the children of a process may take to follow it before they count as left behind.
const FOLLOWING: Duration = Duration::from_millis(200);
/// How long after the end somebody may take to tell how it came.
const TOLD: Duration = Duration::from_secs(5);
/// How long requests may take to come to their end once the process is gone: their connections
/// went with it.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

impl Drill<'_> {
    /// Waits for the end of a process that was killed.
    pub(super) async fn gone(&self) -> anyhow::Result<Instant> {
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
    pub(super) async fn wind_up(
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
}
