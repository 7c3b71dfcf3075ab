//! The promise, as properties: whatever hangs, fails, panics or dawdles, and whoever signals when,
//! each step gets its whole timeout, order is kept, the end comes within what the plan promised, and
//! the report is true.
//!
//! On a paused clock times are exact, and the expectation is worked out from the faults alone.
//! [`processes`] plays the same with real processes, real signals and generous bounds.
//!
//! Each run makes other plans, and says with which seed: `LIFECYCLE_SEED=17` makes the same again, and
//! `LIFECYCLE_PLANS=100000` more of each sort. A plan that fails is kept beside its test, in
//! `*.seeds`, and is from then on the first that is tried.

#[path = "../common/mod.rs"]
mod common;
mod lowered;
mod processes;
#[path = "../common/running.rs"]
mod running;
mod starting;
mod steps;
mod what_if;

use std::future::pending;
use std::io::Write as _;
use std::str::FromStr;
use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::ms;
use proptest::strategy::Strategy;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngSeed, TestCaseResult, TestError, TestRunner,
};
use tokio::time::sleep;

/// What the environment asks for.
fn asked<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    let value = value.parse().ok();
    Some(value.unwrap_or_else(|| panic!("{name} is no number")))
}

/// Holds what is made to a property, so many times unless more are asked for. Failures are kept in the
/// file `seeds`, and what has failed once is tried first.
fn holds<S: Strategy>(
    name: &str,
    cases: u32,
    seeds: &'static str,
    made: &S,
    property: impl Fn(S::Value) -> TestCaseResult,
) {
    let cases = asked("LIFECYCLE_PLANS").unwrap_or(cases);
    let seed = asked("LIFECYCLE_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("a clock").as_secs()
    });
    // Past the harness: also a run in which all is well can be repeated.
    let said = writeln!(
        std::io::stderr(),
        "promise: {name}, {cases} plans, LIFECYCLE_SEED={seed}"
    );
    said.expect("standard error");
    silence_faults();
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        // Plans that go in circles, and draws.
        max_global_rejects: cases.saturating_mul(8).max(1024),
        ..Config::default()
    });
    match runner.run(made, property) {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{name}, LIFECYCLE_SEED={seed}: {why}"),
        Err(TestError::Fail(why, least)) => {
            panic!("{name}, LIFECYCLE_SEED={seed}: {why}\nthe smallest: {least:#?}")
        }
    }
}

/// Panics by the thousand, each with its backtrace, would take most of the time and tell nothing.
fn silence_faults() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let words = payload.downcast_ref::<&str>().copied();
            let words = words.or_else(|| payload.downcast_ref().map(String::as_str));
            if !words.is_some_and(|words| words.contains("fault")) {
                usual(panic);
            }
        }));
    });
}

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
