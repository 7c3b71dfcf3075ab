//! How blocking work learns that it must stop.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cancellation::Cancellation;

/// What blocking work looks at to learn that it must stop. Clones share it.
///
/// ```
/// use lifecycle::StopFlag;
///
/// /// Row by row: to be given up between two of them.
/// fn import(rows: &[&str], stop: &StopFlag) -> usize {
///     rows.iter().take_while(|_| !stop.is_cancelled()).map(|row| row.len()).sum()
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let work = lifecycle::BlockingWork::new().handle();
/// let imported = work.spawn("import", |stop| import(&["mug", "cup"], &stop))?.await?;
/// assert_eq!(imported, 6);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StopFlag(pub(super) Arc<Flag>);

#[derive(Default)]
pub(super) struct Flag {
    requested: Mutex<bool>,
    told: Condvar,
    pub(super) cancellation: Cancellation,
}

impl StopFlag {
    /// Whether the step's window has opened: begin nothing new, finish.
    pub fn is_requested(&self) -> bool {
        *self.0.lock()
    }

    /// Whether the step's timeout has passed: return within `budget.unwind`, or be abandoned.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancellation.is_cancelled()
    }

    /// Sleeps for `pause`, and no longer than until the step's window opens; tells whether it has.
    pub fn wait(&self, pause: Duration) -> bool {
        let waiting = self
            .0
            .told
            .wait_timeout_while(self.0.lock(), pause, |requested| !*requested);
        *waiting.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl fmt::Debug for StopFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopFlag")
            .field("requested", &self.is_requested())
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Flag {
    /// The step's window opens.
    pub(super) fn request(&self) {
        *self.lock() = true;
        self.told.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
