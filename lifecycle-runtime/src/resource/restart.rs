//! Starting again what has ended badly: when, and how long to wait before it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer, and what has run for longer than this starts counting from the first again.
const LONGEST: Duration = Duration::from_secs(30);

/// Marks what stops the service when it ends badly: `on_failure: stop`.
///
/// ```
/// use lifecycle::{Stops, Task};
///
/// // What `Task` alone means:
/// let once: Task<Stops> = Task::new(|stopping| async move { stopping.requested().await });
/// ```
#[derive(Debug)]
pub enum Stops {}

/// Marks what is started again when it ends badly: `on_failure: restart`.
///
/// The first time after 100 ms, then after twice as long as before, and at most after 30 s; each wait
/// is shortened by up to a quarter, at random, so that many instances which lost the same server do not
/// come back to it in one instant. What has run for longer than 30 s starts counting from 100 ms again.
/// It is never started during a stop, and every start is a warning in the log.
///
/// ```
/// use lifecycle::{Restarts, Task};
///
/// let again: Task<Restarts> = Task::restarting(|stopping| async move {
///     stopping.requested().await;
/// });
/// ```
#[derive(Debug)]
pub enum Restarts {}

pub(crate) mod sealed {
    /// What the manifest's `on_failure` says, as a type.
    pub trait AfterFailure {
        const RESTARTS: bool;
    }

    impl AfterFailure for super::Stops {
        const RESTARTS: bool = false;
    }

    impl AfterFailure for super::Restarts {
        const RESTARTS: bool = true;
    }
}

/// How long to wait before the next start.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How many failures there have been in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after what has run for `ran` and failed.
    pub(crate) fn next(&mut self, ran: Duration) -> Duration {
        if ran > LONGEST {
            self.failures = 0;
        }
        let doubled = 2_u32.saturating_pow(self.failures);
        self.failures = self.failures.saturating_add(1);
        let wait = FIRST.saturating_mul(doubled).min(LONGEST);
        wait.saturating_sub(random(wait / 4))
    }
}

/// A random time below `limit`.
pub(crate) fn random(limit: Duration) -> Duration {
    // Randomly keyed by the standard library; this is no secret.
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    let nanos = (limit.as_nanos() * u128::from(bits)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_the_longest_less_a_quarter_at_most() {
        let mut backoff = Backoff::default();
        for round in 0..40_u32 {
            let whole = FIRST
                .saturating_mul(2_u32.saturating_pow(round))
                .min(LONGEST);
            let wait = backoff.next(Duration::ZERO);
            assert!(wait <= whole && wait >= whole * 3 / 4, "{round}: {wait:?}");
        }
        assert_eq!(backoff.failures(), 40);
    }

    #[test]
    fn what_ran_for_long_starts_counting_again() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.next(LONGEST);
        }
        assert!(backoff.next(LONGEST) > FIRST * 100);
        assert!(backoff.next(LONGEST + Duration::from_millis(1)) <= FIRST);
    }

    #[test]
    fn a_random_time_is_below_its_limit_and_not_always_the_same() {
        let limit = Duration::from_secs(1);
        let times: Vec<Duration> = (0..50).map(|_| random(limit)).collect();
        assert!(times.iter().all(|&time| time < limit));
        assert!(times.iter().any(|&time| time != times[0]));
        assert_eq!(random(Duration::ZERO), Duration::ZERO);
    }
}
