//! The promise, as properties: whatever hangs, fails, panics or dawdles, and whoever signals when,
//! each step gets its whole timeout, order is kept, the end comes within what the plan promised, and
//! the report is true.
//!
//! On a paused clock times are exact, and the expectation is worked out from the faults alone.
//! [`processes`] plays the same with real processes, real signals and generous bounds.

#[path = "../common/mod.rs"]
mod common;
mod processes;
#[path = "../common/running.rs"]
mod running;
mod starting;
mod steps;
mod what_if;

use std::future::pending;
use std::time::Duration;

use common::ms;
use tokio::time::sleep;

/// Runs a service on a clock that stands still but for its timers.
fn on_paused_clock<F: Future>(service: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(service)
}

/// What a step does when it is told to stop.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Ends well after this long, whatever it is told.
    Slow(u64),
    /// Takes this long unless it is cancelled, and then this long to let go.
    Late { after: u64, unwind: u64 },
    /// Never ends and ignores its cancellation.
    Hang,
    /// Fails after this long.
    Fail(u64),
    /// Panics after this long.
    Panic(u64),
}

impl Fault {
    /// The fault of who knows of no cancellation.
    async fn play(self) -> Result<(), &'static str> {
        match self {
            Self::Slow(after) | Self::Late { after, .. } => sleep(ms(after)).await,
            Self::Hang => pending().await,
            Self::Fail(after) => {
                sleep(ms(after)).await;
                return Err("fault");
            }
            Self::Panic(after) => {
                sleep(ms(after)).await;
                panic!("fault");
            }
        }
        Ok(())
    }

    /// The fault of who knows when it is `cancelled`.
    async fn play_until(self, cancelled: impl Future<Output = ()>) -> Result<(), &'static str> {
        if let Self::Late { after, unwind } = self {
            tokio::select! {
                () = sleep(ms(after)) => {}
                () = cancelled => sleep(ms(unwind)).await,
            }
            return Ok(());
        }
        self.play().await
    }

    /// When it ends by itself.
    fn ends(self) -> Option<Duration> {
        match self {
            Self::Slow(after)
            | Self::Late { after, .. }
            | Self::Fail(after)
            | Self::Panic(after) => Some(ms(after)),
            Self::Hang => None,
        }
    }
}

/// Not a test: what the one of [`processes`] starts.
#[test]
#[ignore = "started by another test"]
fn subject() {
    if let Ok(seed) = std::env::var("SCENARIO") {
        running::exit(processes::run(&seed));
    }
}
