//! Which request comes next.
//!
//! The request with the number `n` depends on the seed and on `n` alone: not on how quickly the ones
//! before it were answered, nor on whether one of them was late. The same seed is the same sequence.

use std::sync::Arc;

use super::Kind;

/// A sequence of requests without an end.
#[derive(Clone)]
pub(crate) struct Sequence {
    ordinary: Vec<Arc<Kind>>,
    slow: Vec<Arc<Kind>>,
    slow_share: f64,
    fresh_share: f64,
    seed: u64,
}

/// One of them.
pub(crate) struct Next {
    pub(crate) kind: Arc<Kind>,
    /// It has a connection of its own.
    pub(crate) fresh: bool,
}

impl Sequence {
    pub(crate) fn new(
        ordinary: Vec<Arc<Kind>>,
        slow: Vec<Arc<Kind>>,
        slow_share: f64,
        fresh_share: f64,
        seed: u64,
    ) -> Self {
        let (ordinary, slow, slow_share) = match (ordinary.is_empty(), slow.is_empty()) {
            // Nothing but slow requests.
            (true, false) => (slow, Vec::new(), 0.0),
            (_, true) => (ordinary, slow, 0.0),
            _ => (ordinary, slow, slow_share),
        };
        Self {
            ordinary,
            slow,
            slow_share,
            fresh_share,
            seed,
        }
    }

    /// There is nothing to send.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ordinary.is_empty()
    }

    /// The request with this number; `None` when there is nothing to send.
    pub(crate) fn at(&self, number: u64) -> Option<Next> {
        let mut random = Random::new(self.seed, number);
        let fresh = random.chance(self.fresh_share);
        let slow = random.chance(self.slow_share);
        let list = if slow { &self.slow } else { &self.ordinary };
        let weight = |kind: &Arc<Kind>| u64::from(kind.template.weight);
        let all: u64 = list.iter().map(weight).sum();
        let mut at = random.next() % all.max(1);
        for kind in list {
            if at < weight(kind) {
                let kind = Arc::clone(kind);
                return Some(Next { kind, fresh });
            }
            at -= weight(kind);
        }
        None
    }
}

/// Splitmix64: small, and good enough to keep the choices apart from one another.
struct Random(u64);

impl Random {
    fn new(seed: u64, number: u64) -> Self {
        // Each number begins at a place of its own, far from its neighbours'.
        let mut place = Self(seed ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        Self(place.next())
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn chance(&mut self, share: f64) -> bool {
        super::number_of(self.next() >> 12) < share * super::number_of(1 << 52)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::script::{Endpoint, Load, RequestSpec};

    fn load() -> Load {
        Load {
            requests: vec![
                RequestSpec::get("/a"),
                RequestSpec {
                    weight: 3,
                    ..RequestSpec::get("/b")
                },
            ],
            slow: vec![RequestSpec::get("/slow")],
            slow_share: 0.25,
            ..Load::default()
        }
    }

    fn sequence(load: &Load) -> Sequence {
        let base = Endpoint::on_port(1, "/");
        super::super::Mix::new(load, &base).unwrap().sequence
    }

    /// The first of them, as they would be sent.
    fn first(load: &Load, count: u64) -> Vec<(String, bool)> {
        let sequence = sequence(load);
        let next = |number| sequence.at(number).unwrap();
        (0..count)
            .map(next)
            .map(|next| (next.kind.template.label.clone(), next.fresh))
            .collect()
    }

    #[test]
    fn requests_are_chosen_by_weight_and_share() {
        let mut counts = HashMap::new();
        let mut alone = 0;
        for (label, fresh) in first(&load(), 16_000) {
            *counts.entry(label).or_insert(0_u32) += 1;
            alone += u32::from(fresh);
        }
        for (label, expected) in [("GET /a", 3_000), ("GET /b", 9_000), ("GET /slow", 4_000)] {
            assert!(
                counts[label].abs_diff(expected) < 300,
                "{label}: {}",
                counts[label]
            );
        }
        assert!(alone.abs_diff(3_200) < 300, "{alone}");
    }

    #[test]
    fn the_same_seed_is_the_same_sequence_and_another_seed_is_another() {
        let seeded = |seed| first(&Load { seed, ..load() }, 2_000);
        assert_eq!(seeded(7), seeded(7));
        let different = |other: &[(String, bool)]| {
            let pairs = seeded(7).into_iter().zip(other.to_vec());
            pairs.filter(|(ours, theirs)| ours != theirs).count()
        };
        // Neighbouring seeds have nothing to do with one another.
        assert!(different(&seeded(8)) > 600);
    }

    #[test]
    fn a_request_does_not_depend_on_those_before_it() {
        let sequence = sequence(&load());
        let whole = first(&load(), 500);
        for number in (0..500).rev().step_by(7) {
            let next = sequence.at(number).unwrap();
            let expected = &whole[usize::try_from(number).unwrap()];
            assert_eq!(&(next.kind.template.label.clone(), next.fresh), expected);
        }
    }

    #[test]
    fn slow_requests_alone_are_all_that_is_sent() {
        let load = Load {
            requests: Vec::new(),
            ..load()
        };
        assert!(
            first(&load, 50)
                .iter()
                .all(|(label, _)| label == "GET /slow")
        );
    }
}
