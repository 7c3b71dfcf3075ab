//! The program started once beside the drills, to learn something about it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::own_report::{self, OwnReport};
use crate::script::{Script, Target};
use crate::target::ready::{self, Waiting};
use crate::target::running::Running;
use crate::{Event, Progress, conduct};

/// How long the program has to leave once it was told to; then it is killed, and nothing is said of it.
const LEAVES: Duration = Duration::from_secs(20);

/// One start.
pub(super) struct Trial {
    running: Running,
    /// Where it leaves its report.
    report: PathBuf,
    _scratch: TempDir,
    /// How long it took to be ready; `None`: it ended before.
    pub(super) ready: Option<Duration>,
}

impl Trial {
    /// Starts the program and waits until it is ready, or has ended.
    ///
    /// Errors: it does not start, is not ready in its time, or a port is taken.
    pub(super) async fn start(
        target: &Target,
        script: &Script,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        conduct::ensure_all_free(target).await?;
        let scratch = own_report::private()?;
        // What it says is shown; that it starts and ends is not part of any drill.
        let progress: Progress = {
            let progress = Arc::clone(progress);
            Arc::new(move |event| {
                if let Event::Output(_) = event {
                    progress(event);
                }
            })
        };
        let path = own_report::place(&scratch)?;
        let running = Running::start(target, script, &path, &progress).await?;
        // As a drill counts it.
        let started = Instant::now();
        let waiting = Waiting::default();
        let until_up = ready::until_up(&running, target, &waiting);
        let up = tokio::select! {
            up = timeout(target.start_timeout, until_up) => Some(up),
            _ = running.end() => None,
        };
        let ready = match up {
            None => None,
            Some(Err(_)) => bail!(
                "the program was not ready within {:?}: {}",
                target.start_timeout,
                waiting.in_vain(&running).words()
            ),
            Some(Ok(up)) => {
                up?;
                Some(started.elapsed())
            }
        };
        Ok(Self {
            running,
            report: path,
            _scratch: scratch,
            ready,
        })
    }

    /// Tells it to stop, and waits for its end.
    pub(super) async fn stop(&self, script: &Script) -> anyhow::Result<()> {
        self.running
            .signal_at(script.signal)
            .await
            .context("could not signal the process")?;
        let _killed_where_it_stays = timeout(LEAVES, self.running.end()).await;
        Ok(())
    }

    /// What it has left of itself.
    pub(super) fn report(&self) -> Option<OwnReport> {
        own_report::read(&self.report).ok()
    }

    /// That it ended before it was ready, as an error.
    pub(super) fn ended(&self) -> anyhow::Error {
        let last = self.running.last_lines().join("\n");
        anyhow!("the program ended before it was ready:\n{last}")
    }
}
