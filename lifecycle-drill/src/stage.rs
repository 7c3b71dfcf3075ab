//! The marks of one drill, shared by everything that measures: when the stop was asked, when the
//! signal went out, when the process was gone.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// In which part of the drill something began.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Before the stop was asked.
    Before,
    /// From the stop asked to the signal: deregistration and hook.
    Settling,
    /// From the signal to the end of the process.
    Stopping,
    /// After the process was gone, while routing had not noticed yet.
    Gone,
}

impl Phase {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 4] = [Self::Before, Self::Settling, Self::Stopping, Self::Gone];
}

/// The marks. Each is set once, by whoever plays the platform.
pub(super) struct Stage {
    asked: OnceLock<Instant>,
    signalled: OnceLock<Instant>,
    ended: OnceLock<Instant>,
    routing_ends: watch::Sender<Option<Instant>>,
    /// Fires when nothing shall be measured any more.
    pub(super) halt: CancellationToken,
    /// Fires when clients end what they keep open themselves: nobody else will.
    pub(super) hang_up: CancellationToken,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            asked: OnceLock::new(),
            signalled: OnceLock::new(),
            ended: OnceLock::new(),
            routing_ends: watch::Sender::new(None),
            halt: CancellationToken::new(),
            hang_up: CancellationToken::new(),
        }
    }

    /// The stop is asked now, and routing notices after `lag`.
    pub(super) fn ask(&self, lag: Duration) -> Instant {
        let asked = *self.asked.get_or_init(Instant::now);
        self.routing_ends.send_replace(Some(asked + lag));
        asked
    }

    /// No request shall be sent from this moment on.
    pub(super) fn end_routing(&self, at: Instant) {
        self.routing_ends.send_if_modified(|ends| {
            let earlier = ends.is_none_or(|ends| at < ends);
            if earlier {
                *ends = Some(at);
            }
            earlier
        });
    }

    pub(super) fn mark_signalled(&self, at: Instant) {
        self.signalled.get_or_init(|| at);
    }

    pub(super) fn mark_ended(&self, at: Instant) {
        self.ended.get_or_init(|| at);
    }

    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked.get().copied()
    }

    pub(super) fn signalled(&self) -> Option<Instant> {
        self.signalled.get().copied()
    }

    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    /// Whether routing still sends requests at this moment.
    pub(super) fn routed(&self, at: Instant) -> bool {
        self.routing_ends.borrow().is_none_or(|ends| at < ends)
    }

    pub(super) fn routing(&self) -> watch::Receiver<Option<Instant>> {
        self.routing_ends.subscribe()
    }

    /// The part of the drill in which `at` lies.
    pub(super) fn phase(&self, at: Instant) -> Phase {
        let passed = |mark: &OnceLock<Instant>| mark.get().is_some_and(|mark| *mark <= at);
        if passed(&self.ended) {
            Phase::Gone
        } else if passed(&self.signalled) {
            Phase::Stopping
        } else if passed(&self.asked) {
            Phase::Settling
        } else {
            Phase::Before
        }
    }
}

/// Milliseconds from `zero` to `at`, negative when `at` was earlier, to a tenth.
pub(super) fn millis_between(zero: Instant, at: Instant) -> f64 {
    let forward = at.saturating_duration_since(zero).as_secs_f64();
    let back = zero.saturating_duration_since(at).as_secs_f64();
    ((forward - back) * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_belongs_to_the_last_mark_before_it() {
        let stage = Stage::new();
        let before = Instant::now();
        assert_eq!(stage.phase(before), Phase::Before);
        let asked = stage.ask(Duration::from_secs(1));
        let signalled = asked + Duration::from_millis(10);
        stage.mark_signalled(signalled);
        stage.mark_ended(signalled + Duration::from_millis(10));
        assert_eq!(stage.phase(asked), Phase::Settling);
        assert_eq!(
            stage.phase(signalled + Duration::from_millis(9)),
            Phase::Stopping
        );
        assert_eq!(
            stage.phase(signalled + Duration::from_millis(10)),
            Phase::Gone
        );
    }

    #[test]
    fn routing_can_end_earlier_but_never_later() {
        let stage = Stage::new();
        let asked = stage.ask(Duration::from_secs(5));
        stage.end_routing(asked + Duration::from_secs(9));
        assert_eq!(
            *stage.routing().borrow(),
            Some(asked + Duration::from_secs(5))
        );
        stage.end_routing(asked);
        assert_eq!(*stage.routing().borrow(), Some(asked));
    }

    #[test]
    fn milliseconds_are_signed() {
        let zero = Instant::now();
        assert!((millis_between(zero, zero + Duration::from_micros(1_260)) - 1.3).abs() < 1e-9);
        assert!((millis_between(zero + Duration::from_secs(5), zero) + 5_000.0).abs() < 1e-9);
    }
}
