//! SIGTERM and SIGINT, seen by a plain thread: an async task would see them late or never while
//! every worker is blocked.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::control::{Control, Verdict};

/// A signal that asks the service to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM, what platforms send.
    Terminate,
    /// SIGINT, what Ctrl-C sends.
    Interrupt,
}

impl Signal {
    /// The signal's name: `SIGTERM` or `SIGINT`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// Takes both signals from here on, for the rest of the process: giving them back would mean that
/// the next SIGTERM kills a service that is on its way out.
pub(crate) fn listen(control: Arc<Control>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new()
        .name("lifecycle-signals".to_owned())
        .spawn(move || {
            for number in signals.forever() {
                let signal = if number == SIGINT {
                    Signal::Interrupt
                } else {
                    Signal::Terminate
                };
                let at_terminal = io::stdin().is_terminal() || io::stderr().is_terminal();
                let verdict = control.signal(signal, at_terminal);
                log(&control, signal, verdict);
            }
        })?;
    Ok(())
}

/// Logs aside: a log subscriber that blocks must not keep this thread from the next signal.
fn log(control: &Control, signal: Signal, verdict: Verdict) {
    let settle = control.timeline.settle;
    let deadline = control.timeline.deadline;
    let logger = std::thread::Builder::new().name("lifecycle-log".to_owned());
    // Without a thread there is no log line, and the shutdown goes on.
    let _ = logger.spawn(move || {
        let signal = signal.as_str();
        match verdict {
            Verdict::Begin => tracing::info!(signal, ?settle, ?deadline, "stopping"),
            Verdict::Leave => tracing::warn!(signal, "asked a second time: leaving at once"),
            Verdict::Ignore => tracing::info!(signal, "already stopping; ignored"),
        }
    });
}
