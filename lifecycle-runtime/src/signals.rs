//! Signals, seen by a plain thread: an async task would see them late or never while every worker is
//! blocked.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::control::{Control, Verdict};
use crate::tasks;

/// A signal that asks the service to stop.
///
/// ```
/// use lifecycle::Report;
///
/// fn reason(report: &Report) -> String {
///     match (report.signal, &report.cause) {
///         (Some(signal), _) => format!("asked to stop by {}", signal.as_str()),
///         (None, Some(cause)) => format!("stopped by itself: {cause}"),
///         (None, None) => "everything it had to do is done".to_owned(),
///     }
/// }
/// # assert_eq!(lifecycle::Signal::Interrupt.as_str(), "SIGINT");
/// ```
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

/// Takes the signals from here on, for the rest of the process: giving them back would mean that the
/// next SIGTERM kills a service that is on its way out.
pub(crate) fn listen(control: Arc<Control>) -> io::Result<()> {
    let taken = Taken::read();
    let questions = [SIGUSR1, SIGQUIT].into_iter();
    let questions = questions.filter(|&signal| !taken.has(signal));
    let mut signals = Signals::new([SIGTERM, SIGINT].into_iter().chain(questions))?;
    let telling = Arc::new(AtomicBool::new(false));
    tasks::thread("lifecycle-signals", move || {
        for number in signals.forever() {
            let signal = match number {
                SIGTERM => Signal::Terminate,
                SIGINT => Signal::Interrupt,
                _ => {
                    tell(&control, &telling);
                    continue;
                }
            };
            let at_terminal = io::stdin().is_terminal() || io::stderr().is_terminal();
            let verdict = control.signal(signal, at_terminal);
            log(&control, signal, verdict);
        }
    })
}

/// The signals that the process handles or ignores already, a bit each.
///
/// One that is ignored was meant to be: a shell starts background jobs so for SIGQUIT, and `nohup`
/// and supervisors do it for others.
struct Taken(u64);

impl Taken {
    /// From `/proc/self/status`, where proc(5) has the masks `SigIgn` and `SigCgt` in hexadecimal. On
    /// a system without it none counts as taken.
    fn read() -> Self {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let masks = text.lines().filter_map(|line| {
            let (name, mask) = line.split_once(':')?;
            if name != "SigIgn" && name != "SigCgt" {
                return None;
            }
            u64::from_str_radix(mask.trim(), 16).ok()
        });
        Self(masks.fold(0, |all, mask| all | mask))
    }

    fn has(&self, signal: i32) -> bool {
        // The first signal is number 1.
        self.0 >> (signal - 1) & 1 == 1
    }
}

/// Prints what is going on, aside: standard error may be a pipe that nobody reads, and that must not
/// keep this thread from the next signal. Whoever asks again meanwhile is told nothing new.
fn tell(control: &Arc<Control>, telling: &Arc<AtomicBool>) {
    if telling.swap(true, Ordering::AcqRel) {
        return;
    }
    let (control, teller) = (Arc::clone(control), Arc::clone(telling));
    let spawned = tasks::thread("lifecycle-status", move || {
        let status = control.status().to_string();
        // In one piece, so that it does not mix with the log.
        let _ = io::stderr().write_all(status.as_bytes());
        teller.store(false, Ordering::Release);
    });
    if spawned.is_err() {
        telling.store(false, Ordering::Release);
    }
}

/// Logs aside: a log subscriber that blocks must not keep this thread from the next signal.
fn log(control: &Control, signal: Signal, verdict: Verdict) {
    let settle = control.timeline.settle;
    let deadline = control.timeline.deadline;
    // Without a thread there is no log line, and the shutdown goes on.
    let _ = tasks::thread("lifecycle-log", move || {
        let signal = signal.as_str();
        match verdict {
            Verdict::Begin => tracing::info!(signal, ?settle, ?deadline, "stopping"),
            Verdict::Leave => tracing::warn!(signal, "asked a second time: leaving at once"),
            Verdict::Ignore => tracing::info!(signal, "already stopping; ignored"),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_or_caught_is_taken() {
        let taken = Taken::parse(
            "Name:\tshop\nSigBlk:\t0000000000000004\nSigIgn:\t0000000000000004\nSigCgt:\t0000000000004000\n",
        );
        assert!(taken.has(SIGQUIT) && taken.has(SIGTERM));
        assert!(!taken.has(SIGUSR1) && !taken.has(SIGINT));
        assert!(!Taken::parse("").has(SIGQUIT));
        assert!(Taken::parse("SigIgn:\t4\nSigCgt:\t4\n").has(SIGQUIT));
    }
}
