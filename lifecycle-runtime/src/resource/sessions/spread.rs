//! Over which moments a number of farewells is spread.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Numbers that nobody needs to be unable to guess: splitmix64, seeded by the standard library's own
/// source of randomness.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    #[cfg(test)]
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not zero. The bias is that of 64 bits over a bound of a few thousand.
    fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * bound as u128;
        usize::try_from(wide >> 64).unwrap_or_default()
    }

    /// Any order of these, each as likely as the others.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }

    /// Anything from `base` to twice that.
    pub(super) fn stretch(&mut self, base: Duration) -> Duration {
        base.saturating_add(fraction(base, self.next() >> 32, 1 << 32))
    }

    /// The moment of slot `index` of `count` in a window: the first at once, each of the others
    /// somewhere in its own part of the window. So they are even however many there are, and two
    /// instances that stop together do not beat time.
    pub(super) fn moment(&mut self, window: Duration, index: usize, count: usize) -> Duration {
        let jitter = match index {
            0 => 0,
            _ => self.next() >> 32,
        };
        let place = ((index as u128) << 32) + u128::from(jitter);
        fraction_wide(window, place, (count.max(1) as u128) << 32)
    }
}

fn fraction(of: Duration, part: u64, whole: u64) -> Duration {
    fraction_wide(of, part.into(), whole.into())
}

/// `of × part / whole`, rounded down; `part` is not above `whole`.
fn fraction_wide(of: Duration, part: u128, whole: u128) -> Duration {
    // Microseconds of a century and a 64-bit part fit.
    let micros = of.as_micros().saturating_mul(part) / whole;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// How long farewells may be spread in a step of `timeout`: the last one told must have `answer` for
/// its reply, and where the step is shorter than twice that, half of it.
pub(super) fn longest_spread(timeout: Duration, answer: Duration) -> Duration {
    timeout.saturating_sub(answer.min(timeout / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_client_needs_to_answer_is_left_of_the_step() {
        let s = Duration::from_secs;
        assert_eq!(longest_spread(s(15), s(2)), s(13));
        assert_eq!(longest_spread(s(4), s(2)), s(2));
        assert_eq!(longest_spread(s(2), s(2)), s(1));
        assert_eq!(longest_spread(s(0), s(2)), s(0));
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut random = Random::seeded(7);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut list = [1, 2, 3];
            random.shuffle(&mut list);
            *seen.entry(list).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(
            seen.values().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }

    proptest! {
        #[test]
        fn each_slot_has_its_own_part_of_the_window(
            seed: u64, millis in 0u64..10_000_000, count in 1usize..2000,
        ) {
            let window = Duration::from_millis(millis);
            let mut random = Random::seeded(seed);
            for index in 0..count {
                let moment = random.moment(window, index, count).as_micros();
                let part = |index: usize| window.as_micros() * index as u128 / count as u128;
                prop_assert!(moment >= part(index));
                prop_assert!(moment <= part(index + 1));
                prop_assert!(index > 0 || moment == 0);
            }
        }

        #[test]
        fn a_hint_is_between_once_and_twice(seed: u64, millis in 0u64..100_000_000) {
            let base = Duration::from_millis(millis);
            let hint = Random::seeded(seed).stretch(base);
            prop_assert!(base <= hint && hint <= 2 * base);
        }

        #[test]
        fn no_time_is_too_long(seed: u64, index in 0usize..100) {
            Random::seeded(seed).moment(Duration::MAX, index, 100);
            Random::seeded(seed).stretch(Duration::MAX);
        }
    }
}
