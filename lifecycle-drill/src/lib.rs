//! `lifecycle drill`: a rehearsed termination of a real process, in any language, under load.
//!
//! The engine starts the process, waits until it is ready, puts load on it, and then plays what the
//! platform would do: asks for the stop, lets routing lag, runs out the hook, sends the signal,
//! and at the end of the grace period SIGKILL. It measures what became of every request, when
//! readiness went down, whether liveness held, how the process left and with how much time to
//! spare, and reads the report that a process with the `lifecycle` runtime leaves of its steps.
//!
//! It knows no manifest. [`Script`], [`Target`] and [`Load`] are all it is told, and [`Measured`]
//! is what it answers.
//!
//! Whatever happens to the drill itself, nothing that it started stays: see [`guard`], which every
//! program that runs drills has to call first thing in its `main`.
//!
//! What it does not do: it only ever connects to loopback addresses.

pub mod compare;
mod conduct;
mod descriptors;
#[cfg(any(fuzzing, clippy))]
pub mod fuzz;
pub mod guard;
pub mod idle;
mod listener;
pub mod measured;
pub mod own_report;
mod peek;
pub mod probe;
pub mod record;
pub mod rolling;
pub mod scenario;
pub mod script;
mod secrets;
pub mod series;
mod stage;
pub mod summary;
pub mod target;
pub mod traffic;
pub mod verdict;
pub mod words;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

pub use compare::Comparison;
pub use measured::Measured;
pub use record::{Kept, Record};
pub use script::{
    Endpoint, Idle, Load, Pace, PlannedStep, Protocol, RequestSpec, Script, SessionKind,
    SessionSpec, Target,
};
pub use target::{Compose, Image, Subject, Unit};
pub use traffic::tally::SoFar;
pub use verdict::Expectations;

/// What happens while a drill is under way, for whoever shows progress.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::Event;
///
/// let ready = Event::Ready { after: Duration::from_millis(1_250) };
/// assert_eq!(ready.to_string(), "ready after 1.25s");
///
/// let signalled = Event::Signalled { signal: "SIGTERM" };
/// let of_two = Event::Instance { number: 2, event: &signalled };
/// assert_eq!(of_two.to_string(), "instance 2: SIGTERM sent");
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The process runs.
    Started {
        /// Its id.
        pid: u32,
    },
    /// It wrote this line, without its end.
    Output(&'a str),
    /// It is ready.
    Ready {
        /// Since it was started.
        after: Duration,
    },
    /// The load runs.
    Warming {
        /// Until the stop is asked.
        lasts: Duration,
    },
    /// What became of the requests up to now; several times a second while the load runs.
    Traffic(SoFar),
    /// The platform was asked to stop it.
    StopAsked,
    /// Its targets are being deregistered.
    Deregistering {
        /// Less when nothing is in flight.
        at_most: Duration,
    },
    /// The hook runs.
    Hook {
        /// Until the signal.
        lasts: Duration,
    },
    /// The signal went out.
    Signalled {
        /// Its name.
        signal: &'static str,
    },
    /// The grace period is over, and SIGKILL went out.
    Killed,
    /// The process is gone.
    Exited,
    /// In a rolling deploy, something of this happened to one instance.
    Instance {
        /// Which, from 1.
        number: usize,
        /// What.
        event: &'a Event<'a>,
    },
    /// In a rolling deploy, where the balancer listens.
    Balancing {
        /// A loopback address.
        address: SocketAddr,
    },
    /// A rolling deploy begins, or is over.
    Rollout(&'a str),
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |duration: Duration| words::span(duration.as_secs_f64() * 1_000.0);
        match *self {
            Self::Started { pid } => write!(f, "started, process {pid}"),
            Self::Output(line) => f.write_str(line),
            Self::Ready { after } => write!(f, "ready after {}", span(after)),
            Self::Warming { lasts } => write!(f, "under load for {}", span(lasts)),
            Self::Traffic(so_far) => write!(
                f,
                "{} served, {} lost, {} in flight",
                words::grouped(so_far.served),
                words::grouped(so_far.lost),
                words::grouped(so_far.in_flight)
            ),
            Self::StopAsked => f.write_str("stop asked"),
            Self::Deregistering { at_most } => {
                write!(f, "deregistering, {} at most", span(at_most))
            }
            Self::Hook { lasts } => write!(f, "hook, {}", span(lasts)),
            Self::Signalled { signal } => write!(f, "{signal} sent"),
            Self::Killed => f.write_str("grace period over, SIGKILL sent"),
            Self::Exited => f.write_str("gone"),
            Self::Instance { number, event } => write!(f, "instance {number}: {event}"),
            Self::Balancing { address } => write!(f, "balancing on {address}"),
            Self::Rollout(what) => write!(f, "the rolling deploy {what}"),
        }
    }
}

/// Called for every [`Event`], from several threads.
pub type Progress = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// Plays `script` against `target` under `load`.
///
/// A process that behaves badly is not an error: it is what [`Measured`] tells. Errors mean that
/// the drill could not be played: the command does not start, a port is taken, the load cannot be
/// sent as written, or somebody interrupted it. However it ends, nothing that it
/// started is left.
///
/// SIGINT, SIGTERM and SIGHUP sent to the drill itself end it early; their usual effect is gone
/// from then on. Needs a tokio runtime with time and I/O; the load and the probes bring their own.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lifecycle_drill::{Endpoint, Load, Progress, RequestSpec, Script, Subject, Target};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // First thing in `main`:
/// lifecycle_drill::guard::serve_if_asked();
///
/// let target = Target {
///     subject: Subject::Command(vec!["./shop".to_owned()]),
///     directory: None,
///     env: Vec::new(),
///     base: Some(Endpoint::on_port(8080, "/")),
///     finds_port: false,
///     ready: Some(Endpoint::on_port(8080, "/ready")),
///     live: None,
///     start_timeout: Duration::from_secs(10),
/// };
/// let script = Script {
///     hook: Some(Duration::from_secs(5)),
///     routing_lag: Duration::from_secs(5),
///     ..Script::new("shop", "Kubernetes", Duration::from_secs(30))
/// };
/// let load = Load { requests: vec![RequestSpec::get("/")], ..Load::default() };
/// let progress: Progress = Arc::new(|event| eprintln!("{event}"));
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let measured = runtime.block_on(lifecycle_drill::run(&target, &script, &load, &progress))?;
/// assert!(measured.passed, "{:#?}", measured.findings);
/// # Ok(())
/// # }
/// ```
pub async fn run(
    target: &Target,
    script: &Script,
    load: &Load,
    progress: &Progress,
) -> anyhow::Result<Measured> {
    script::validate(target, script, load)?;
    let additions = scenario::additions::Additions::default();
    let play = conduct::play(target, script, load, &additions, progress);
    let (measured, _) = uninterrupted(play).await?;
    Ok(measured)
}

/// What `play` gives, unless a signal asks the drill itself to end.
async fn uninterrupted<T>(play: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // Leaving any of these arms drops the others, and with the play its process.
    let by = tokio::select! {
        played = play => return played,
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    };
    bail!("the drill was interrupted by {by}; nothing that it had started is left")
}

#[cfg(test)]
pub(crate) mod tests;
