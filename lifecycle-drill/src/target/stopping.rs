//! A stop that the engine itself plays: what it was seen to do, and when.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::tool::Follower;

/// What the engine has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The signal went out.
    pub(crate) signalled: Option<Instant>,
    /// SIGKILL went out.
    pub(crate) killed: Option<Instant>,
    /// The engine has nothing left to do.
    pub(crate) over: bool,
}

/// An engine's stop under way. Dropping it ends the commands that watch it, and not the stop.
pub(crate) struct Stopping {
    pub(crate) seen: watch::Receiver<Seen>,
    /// The commands that stop and that watch.
    pub(crate) _commands: Vec<Follower>,
}

impl Stopping {
    /// Waits until the signal has gone out.
    pub(crate) async fn signalled(&self) -> Instant {
        let mut seen = self.seen.clone();
        let at = seen.wait_for(|seen| seen.signalled.is_some()).await;
        match at.map(|seen| seen.signalled) {
            Ok(Some(at)) => at,
            // Nobody watches any more; the end of the process tells the rest.
            _ => std::future::pending().await,
        }
    }

    /// Waits until SIGKILL has gone out, or nothing more will.
    pub(crate) async fn over(&self) {
        let mut seen = self.seen.clone();
        // Nobody watches any more: just as over.
        let _unwatched = seen
            .wait_for(|seen| seen.over || seen.killed.is_some())
            .await;
    }

    /// When SIGKILL went out, if it did.
    pub(crate) fn killed(&self) -> Option<Instant> {
        self.seen.borrow().killed
    }
}

/// The moment that an engine calls by this many nanoseconds since 1970.
pub(crate) fn moment_of(nanos: u64) -> Instant {
    let then = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    let (now, clock) = (Instant::now(), SystemTime::now());
    match clock.duration_since(then) {
        Ok(ago) => now.checked_sub(ago).unwrap_or(now),
        Err(ahead) => now + ahead.duration(),
    }
}
