//! Milliseconds on a line from left to right.

use serde::Serialize;

use lifecycle_drill::words::moment;

/// What a lane is wide, in units of its drawing.
pub(super) const WIDE: f64 = 1_000.0;
/// At most so many ticks; a phone shows every other.
const TICKS: f64 = 9.0;

/// A stretch of time as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Scale {
    pub(super) start_ms: f64,
    pub(super) end_ms: f64,
}

/// A place on the axis, with its words.
#[derive(Debug, Serialize)]
pub(super) struct Tick {
    /// In units of the drawing.
    pub(super) x: String,
    /// From the left, in percent.
    pub(super) left: String,
    pub(super) text: String,
}

impl Scale {
    /// From here to there; never empty, and never without end.
    pub(super) fn new(start_ms: f64, end_ms: f64) -> Self {
        let finite = |ms: f64| {
            if ms.is_finite() {
                ms.clamp(-1e9, 1e9)
            } else {
                0.0
            }
        };
        let start_ms = finite(start_ms);
        Self {
            start_ms,
            end_ms: finite(end_ms).max(start_ms + 1.0),
        }
    }

    pub(super) fn length(&self) -> f64 {
        self.end_ms - self.start_ms
    }

    /// The share of the way from left to right, 0 to 1; what lies outside is at the edge.
    fn share(&self, ms: f64) -> f64 {
        let share = (ms - self.start_ms) / self.length();
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// In units of the drawing.
    pub(super) fn x(&self, ms: f64) -> f64 {
        self.share(ms) * WIDE
    }

    /// In percent of the width.
    pub(super) fn percent(&self, ms: f64) -> String {
        number(self.share(ms) * 100.0)
    }

    pub(super) fn holds(&self, ms: f64) -> bool {
        (self.start_ms..=self.end_ms).contains(&ms)
    }

    /// Round moments, a handful.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let rough = self.length() / TICKS;
        let unit = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|times| times * unit);
        let step = steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * unit);
        let first = (self.start_ms / step).ceil();
        let at = |nth: u8| (first + f64::from(nth)) * step;
        (0..=10_u8)
            .map(at)
            .take_while(|ms| *ms <= self.end_ms)
            .map(|ms| Tick {
                x: number(self.x(ms)),
                left: self.percent(ms),
                text: moment(ms),
            })
            .collect()
    }
}

/// A number as short as its tenths allow.
pub(super) fn number(of: f64) -> String {
    let tenths = (of * 10.0).round() / 10.0;
    // Not `-0`.
    format!("{}", if tenths == 0.0 { 0.0 } else { tenths })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |start, end| {
            let ticks = Scale::new(start, end).ticks();
            ticks.into_iter().map(|tick| tick.text).collect::<Vec<_>>()
        };
        assert_eq!(
            ticks(-5_300.0, 1_300.0),
            ["-5s", "-4s", "-3s", "-2s", "-1s", "0ms", "+1s"]
        );
        assert_eq!(
            ticks(0.0, 40_000.0),
            [
                "0ms", "+5s", "+10s", "+15s", "+20s", "+25s", "+30s", "+35s", "+40s"
            ]
        );
        for (start, end) in [
            (0.0, 0.0),
            (f64::NAN, f64::INFINITY),
            (-1e308, 1e308),
            (5.0, -5.0),
        ] {
            assert!(ticks(start, end).len() <= 11, "{start} {end}");
        }
    }

    #[test]
    fn what_lies_outside_is_at_the_edge() {
        let scale = Scale::new(-100.0, 100.0);
        assert_eq!(
            [-200.0, 0.0, 1e300, f64::NAN].map(|ms| scale.percent(ms)),
            ["0", "50", "100", "0"]
        );
        assert_eq!(
            [0.04, -0.04, 12.34, 1_000.0].map(number),
            ["0", "0", "12.3", "1000"]
        );
    }
}
