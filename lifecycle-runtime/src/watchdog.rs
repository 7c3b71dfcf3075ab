//! Ends the process at its deadline, whatever hangs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tokio::time::Instant;

use crate::control::Control;
use crate::report::deliver;
use crate::tasks;

/// How long the last report may take. A full pipe or a dead file system must not keep the process.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What the watchdog is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// End the process at this moment, or earlier if an earlier order says so.
    At(Instant),
    /// End it now.
    Now,
}

/// Waits for orders on a thread of its own; it is never called off, only outlived.
pub(crate) fn watch(
    control: Arc<Control>,
    orders: Receiver<Order>,
    report: Option<PathBuf>,
) -> io::Result<()> {
    tasks::thread("lifecycle-watchdog", move || {
        if wait(&orders) {
            end(control, report);
        }
    })
}

/// Returns when the process has to end; `false` if nobody can give orders any more.
fn wait(orders: &Receiver<Order>) -> bool {
    let Ok(mut order) = orders.recv() else {
        return false;
    };
    loop {
        let Order::At(deadline) = order else {
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        order = match orders.recv_timeout(left) {
            Ok(Order::At(other)) => Order::At(other.min(deadline)),
            Ok(Order::Now) | Err(RecvTimeoutError::Timeout) => Order::Now,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(left);
                Order::Now
            }
        };
    }
}

/// Says what is known, within bounds, and ends the process without its exit handlers: a handler or
/// a lock on standard output may be what hangs.
fn end(control: Arc<Control>, path: Option<PathBuf>) -> ! {
    let code = control.forced_outcome().exit_code();
    let (said, heard) = channel();
    let scribe = tasks::thread("lifecycle-report", move || {
        deliver(&control.forced(), path.as_deref());
        let _ = said.send(());
    });
    if scribe.is_ok() {
        let _ = heard.recv_timeout(LAST_WORDS);
    }
    #[cfg(all(unix, feature = "process"))]
    crate::resource::child::group::kill_all();
    signal_hook::low_level::exit(code.into())
}
