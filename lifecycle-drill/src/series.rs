//! What happened over time, in slices of equal length: what a picture of a drill is drawn from.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stage::millis_between;
use super::traffic::outcome::Outcome;

/// A drill in slices. However long it lasted and however many requests it sent, there are at most
/// [`Series::MOST`] of them.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let series = measured.series.unwrap();
/// // 151 slices of 10ms, from a second and a half before the signal on.
/// assert_eq!((series.start_ms, series.slice_ms, series.slices.len()), (-1_519.0, 10.0, 151));
/// let served: u32 = series.slices.iter().map(|slice| slice.served).sum();
/// assert_eq!(u64::from(served), measured.requests.unwrap().all().served);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// When the first slice begins, in milliseconds from the timeline's zero.
    pub start_ms: f64,
    /// How long each lasts, in milliseconds.
    pub slice_ms: f64,
    /// The slices, in order and without gaps.
    pub slices: Vec<Slice>,
}

impl Series {
    /// More slices than this no picture can show.
    pub const MOST: usize = 600;
}

/// One slice. A request belongs to the one in which it was to leave.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let slices = measured.series.unwrap().slices;
/// assert_eq!((slices[0].served, slices[0].slowest_ms), (1, Some(0.995)));
/// assert_eq!((slices[1].served, slices[1].slowest_ms), (0, None));
/// // No two requests were under way at once.
/// assert!(slices.iter().all(|slice| slice.in_flight <= 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Answered, and not with a server error.
    pub served: u32,
    /// 503 with `Connection: close` or `Retry-After`.
    pub refused: u32,
    /// No connection, or one that closed before the request was written.
    pub refused_at_connect: u32,
    /// Any other 5xx.
    pub server_error: u32,
    /// Accepted, and neither answered nor refused.
    pub lost: u32,
    /// The most requests that were under way at one moment of the slice.
    pub in_flight: u32,
    /// The most sockets and streams that were open at one moment of the slice.
    #[serde(default)]
    pub open: u32,
    /// The slowest served request, in milliseconds; null where none was served.
    pub slowest_ms: Option<f32>,
    /// The median of the served ones, in milliseconds; null where none was served.
    pub median_ms: Option<f32>,
}

/// How long a slice lasts at first. A drill of six seconds fills its slices with it.
const FIRST: Duration = Duration::from_millis(10);

/// Latencies beyond this, in microseconds, count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Collects a [`Series`]: when there are too many slices, each two become one.
pub(crate) struct Recorder {
    began: Instant,
    slice: Duration,
    slices: Vec<Collected>,
    in_flight: u32,
    open: u32,
}

/// A slice that is being filled.
#[derive(Default)]
struct Collected {
    counts: Slice,
    /// Microseconds, to one in a hundred; there once a request was served.
    latencies: Option<Histogram<u32>>,
}

impl Recorder {
    pub(crate) fn new(began: Instant) -> Self {
        Self {
            began,
            slice: FIRST,
            slices: Vec::new(),
            in_flight: 0,
            open: 0,
        }
    }

    /// A request leaves.
    pub(crate) fn leaves(&mut self, at: Instant) {
        // The slices up to this one had the old number.
        self.slice_at(at);
        self.in_flight = self.in_flight.saturating_add(1);
        let in_flight = self.in_flight;
        let counts = &mut self.slice_at(at).counts;
        counts.in_flight = counts.in_flight.max(in_flight);
    }

    /// A request that left has come to its end.
    pub(crate) fn ends(&mut self, at: Instant) {
        self.slice_at(at);
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A socket or stream is open.
    pub(crate) fn opened(&mut self, at: Instant) {
        self.slice_at(at);
        self.open = self.open.saturating_add(1);
        let open = self.open;
        let counts = &mut self.slice_at(at).counts;
        counts.open = counts.open.max(open);
    }

    /// A socket or stream that was open is not any more.
    pub(crate) fn closed(&mut self, at: Instant) {
        self.slice_at(at);
        self.open = self.open.saturating_sub(1);
    }

    /// Requests that are under way, and sockets and streams that are open.
    pub(crate) const fn under_way(&self) -> (u32, u32) {
        (self.in_flight, self.open)
    }

    /// What became of a request that was to leave at `intended`, and how long it took; `None` where
    /// that is no latency.
    pub(crate) fn count(&mut self, intended: Instant, outcome: Outcome, latency: Option<Duration>) {
        let slice = self.slice_at(intended);
        let counts = &mut slice.counts;
        let field = match outcome {
            Outcome::Served(_) | Outcome::LetGo => &mut counts.served,
            Outcome::Refused => &mut counts.refused,
            Outcome::RefusedAtConnect => &mut counts.refused_at_connect,
            Outcome::Failed(_) => &mut counts.server_error,
            Outcome::Lost(_) => &mut counts.lost,
            Outcome::NotSent => return,
        };
        *field = field.saturating_add(1);
        let (Outcome::Served(_), Some(latency)) = (outcome, latency) else {
            return;
        };
        if slice.latencies.is_none() {
            slice.latencies = histogram();
        }
        if let Some(latencies) = &mut slice.latencies {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            // It grows with what it is given, up to far beyond any drill.
            let recorded = latencies.record(micros.min(LONGEST_US));
            debug_assert!(recorded.is_ok());
        }
    }

    /// The slice of a moment. Those between the last one and it are filled with what is in flight.
    fn slice_at(&mut self, at: Instant) -> &mut Collected {
        let since = at.saturating_duration_since(self.began);
        let mut index = self.index(since);
        while index >= Series::MOST {
            self.halve();
            index = self.index(since);
        }
        while self.slices.len() <= index {
            self.slices.push(Collected {
                counts: Slice {
                    in_flight: self.in_flight,
                    open: self.open,
                    ..Slice::default()
                },
                latencies: None,
            });
        }
        &mut self.slices[index]
    }

    fn index(&self, since: Duration) -> usize {
        usize::try_from(since.as_nanos() / self.slice.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Each two slices become one.
    fn halve(&mut self) {
        self.slice *= 2;
        let mut pairs = std::mem::take(&mut self.slices).into_iter();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                first.absorb(second);
            }
            self.slices.push(first);
        }
    }

    /// The series as it is now; `zero` is the moment from which times are told.
    pub(crate) fn series(&self, zero: Instant) -> Series {
        Series {
            start_ms: millis_between(zero, self.began),
            slice_ms: self.slice.as_secs_f64() * 1_000.0,
            slices: self.slices.iter().map(Collected::slice).collect(),
        }
    }
}

impl Collected {
    fn absorb(&mut self, later: Self) {
        let (ours, theirs) = (&mut self.counts, later.counts);
        ours.served = ours.served.saturating_add(theirs.served);
        ours.refused = ours.refused.saturating_add(theirs.refused);
        ours.refused_at_connect = ours
            .refused_at_connect
            .saturating_add(theirs.refused_at_connect);
        ours.server_error = ours.server_error.saturating_add(theirs.server_error);
        ours.lost = ours.lost.saturating_add(theirs.lost);
        ours.in_flight = ours.in_flight.max(theirs.in_flight);
        ours.open = ours.open.max(theirs.open);
        self.latencies = match (self.latencies.take(), later.latencies) {
            (Some(mut ours), Some(theirs)) => {
                // Both grow as they need to, so that nothing is too large for the other.
                let added = ours.add(&theirs);
                debug_assert!(added.is_ok());
                Some(ours)
            }
            (ours, theirs) => ours.or(theirs),
        };
    }

    fn slice(&self) -> Slice {
        let millis = |micros: u64| {
            let micros = u32::try_from(micros).unwrap_or(u32::MAX);
            Some(Duration::from_micros(micros.into()).as_secs_f32() * 1_000.0)
        };
        let latencies = self.latencies.as_ref();
        Slice {
            slowest_ms: latencies.and_then(|latencies| millis(latencies.max())),
            median_ms: latencies.and_then(|latencies| millis(latencies.value_at_quantile(0.5))),
            ..self.counts
        }
    }
}

/// `None` is what the library answers to a precision that it does not have, and it has this one.
fn histogram() -> Option<Histogram<u32>> {
    Histogram::new(2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::outcome::Lost;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_request_belongs_to_the_slice_in_which_it_was_to_leave() {
        let began = Instant::now();
        let mut recorder = Recorder::new(began);
        recorder.leaves(began + ms(12));
        recorder.leaves(began + ms(13));
        recorder.leaves(began + ms(14));
        recorder.ends(began + ms(15));
        recorder.ends(began + ms(41));
        recorder.count(began + ms(3), Outcome::Served(200), Some(ms(38)));
        recorder.count(began + ms(4), Outcome::Served(200), Some(ms(4)));
        recorder.count(began + ms(5), Outcome::Served(200), Some(ms(4)));
        recorder.count(began + ms(14), Outcome::Lost(Lost::Reset), Some(ms(1)));
        let series = recorder.series(began + ms(100));
        assert!((series.start_ms + 100.0).abs() < 1e-9);
        assert!((series.slice_ms - 10.0).abs() < 1e-9);
        let in_flight: Vec<_> = series.slices.iter().map(|slice| slice.in_flight).collect();
        // The last slice began with two under way, and ended with one.
        assert_eq!(in_flight, [0, 3, 2, 2, 2]);
        assert_eq!(series.slices[0].served, 3);
        assert_eq!(series.slices[1].lost, 1);
        assert_eq!(series.slices[1].median_ms, None);
        let (median, slowest) = (series.slices[0].median_ms, series.slices[0].slowest_ms);
        assert!((median.unwrap() - 4.0).abs() < 0.1, "{median:?}");
        assert!((slowest.unwrap() - 38.0).abs() < 0.5, "{slowest:?}");
    }

    #[test]
    fn however_long_it_lasts_the_slices_are_few_and_nothing_is_forgotten() {
        let began = Instant::now();
        for last in [5_999_u64, 6_000, 45_000, 3_600_000] {
            let mut recorder = Recorder::new(began);
            let requests = 2_000;
            for number in 0..requests {
                let at = began + ms(number * last / (requests - 1));
                recorder.leaves(at);
                recorder.count(at, Outcome::Served(200), Some(ms(1 + number % 7)));
                recorder.ends(at + ms(1 + number % 7));
            }
            let series = recorder.series(began);
            let (slices, most) = (series.slices.len(), Series::MOST);
            // Never less than half of what could be shown, once there was enough to show.
            assert!((most / 2..=most).contains(&slices), "{last}: {slices}");
            let served: u32 = series.slices.iter().map(|slice| slice.served).sum();
            assert_eq!(u64::from(served), requests, "{last}");
            let covered = series.slice_ms * f64::from(u32::try_from(slices).unwrap());
            assert!(covered >= f64::from(u32::try_from(last).unwrap()), "{last}");
            assert!(
                series
                    .slices
                    .iter()
                    .all(|slice| slice.in_flight > 0 || slice.served == 0)
            );
        }
    }

    #[test]
    fn merged_slices_keep_the_median_of_all() {
        let began = Instant::now();
        let mut recorder = Recorder::new(began);
        for _ in 0..9 {
            recorder.count(began, Outcome::Served(200), Some(ms(10)));
        }
        recorder.count(began + ms(10), Outcome::Served(200), Some(ms(2_000)));
        // Far enough for each two to become one.
        recorder.leaves(began + ms(6_001));
        let slice = recorder.series(began).slices[0];
        assert_eq!(slice.served, 10);
        assert!((slice.median_ms.unwrap() - 10.0).abs() < 0.2);
        assert!((slice.slowest_ms.unwrap() - 2_000.0).abs() < 20.0);
    }
}
