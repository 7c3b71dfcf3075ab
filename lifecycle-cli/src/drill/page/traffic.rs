//! The lanes of the requests: what became of them, how many were under way, how long they took.

use lifecycle_drill::Measured;
use lifecycle_drill::series::{Series, Slice};
use lifecycle_drill::traffic::tally::Requests;
use lifecycle_drill::words::{grouped, moment, span};

use super::lanes::{Height, Lane};
use super::scale::{Scale, number};
use super::shapes::{Shape, Steps};

/// Latencies are drawn from here, in milliseconds.
const SHORTEST_MS: f64 = 0.1;

type Kind = (&'static str, &'static str, fn(&Slice) -> u32);

/// What can become of a request besides being served, worst first.
const TROUBLE: [Kind; 4] = [
    ("lost", "lost", |it| it.lost),
    ("server error", "server-error", |it| it.server_error),
    ("refused at connection", "refused-at-connect", |it| {
        it.refused_at_connect
    }),
    ("refused with 503", "refused", |it| it.refused),
];

/// The slices that a scale shows, with where they begin.
struct Window<'a> {
    scale: &'a Scale,
    start_ms: f64,
    slice_ms: f64,
    slices: &'a [Slice],
}

pub(super) fn lanes(run: &Measured, scale: &Scale) -> Vec<Lane> {
    let Some(series) = &run.series else {
        return Vec::new();
    };
    let window = Window::of(series, scale);
    let mut lanes = vec![window.outcomes(run)];
    lanes.extend(window.trouble(run));
    lanes.push(window.in_flight());
    lanes.extend(window.open());
    lanes.extend(window.latency());
    lanes
}

impl<'a> Window<'a> {
    fn of(series: &'a Series, scale: &'a Scale) -> Self {
        let all = &series.slices[..series.slices.len().min(Series::MOST)];
        let begins = |at: usize| series.start_ms + whole(at) * series.slice_ms;
        let first = (0..all.len())
            .take_while(|at| begins(at + 1) < scale.start_ms)
            .count();
        let shown = (first..all.len())
            .take_while(|at| begins(*at) <= scale.end_ms)
            .count();
        Self {
            scale,
            start_ms: begins(first),
            slice_ms: series.slice_ms,
            slices: &all[first..first + shown],
        }
    }

    fn steps(&self, height: f64) -> Steps<'_> {
        Steps {
            scale: self.scale,
            start_ms: self.start_ms,
            slice_ms: self.slice_ms,
            height,
        }
    }

    /// Kinds one upon the other, each slice as high as its number is of `most`.
    fn stacked(&self, kinds: &[Kind], most: f64, height: f64, least: f64) -> Vec<Shape> {
        let steps = self.steps(height);
        let mut base = vec![0.0; self.slices.len()];
        let mut shapes = Vec::new();
        for (name, class, of) in kinds {
            let top: Vec<f64> = self
                .slices
                .iter()
                .zip(&base)
                .map(|(slice, base)| match of(slice) {
                    0 => *base,
                    some => (base + (f64::from(some) / most).max(least)).min(1.0),
                })
                .collect();
            if let Some(path) = steps.area(&base, &top) {
                shapes.push(Shape {
                    path,
                    class,
                    title: (*name).to_owned(),
                });
            }
            base = top;
        }
        shapes
    }

    fn outcomes(&self, run: &Measured) -> Lane {
        let height = 56.0;
        let all = |slice: &Slice| trouble(slice) + u64::from(slice.served);
        let most = self.slices.iter().map(all).max().unwrap_or(0);
        let kinds = [
            TROUBLE[0],
            TROUBLE[1],
            TROUBLE[2],
            TROUBLE[3],
            ("served", "served", |it: &Slice| it.served),
        ];
        let sent = run.requests.as_ref().map(Requests::all);
        let value = sent.map(|sent| {
            format!(
                "{} of {} served",
                grouped(sent.served),
                grouped(sent.sent())
            )
        });
        let a_second = float(most) / self.slice_ms.max(0.001) * 1_000.0;
        Lane {
            name: "outcomes".to_owned(),
            says: format!(
                "requests over time, by when each was to leave: {}; the table below has the numbers",
                value.as_deref().unwrap_or("served and otherwise")
            ),
            value: value.unwrap_or_default(),
            height: number(height),
            shapes: self.stacked(&kinds, float(most.max(1)), height, 0.0),
            heights: vec![Height {
                top: "0".to_owned(),
                text: format!("{}/s", rounded(a_second)),
            }],
            ..Lane::default()
        }
    }

    /// The few that were not served would not be seen among the many that were.
    fn trouble(&self, run: &Measured) -> Option<Lane> {
        let height = 28.0;
        let most = self.slices.iter().map(trouble).max().unwrap_or(0);
        if most == 0 {
            return None;
        }
        let all = run.requests.as_ref()?.all();
        let value = match (all.lost, all.sent() - all.served) {
            (0, others) => format!("{} refused or failed", grouped(others)),
            (lost, others) if lost == others => format!("{} lost", grouped(lost)),
            (lost, others) => format!(
                "{} lost, {} refused or failed",
                grouped(lost),
                grouped(others - lost)
            ),
        };
        Some(Lane {
            name: "not served".to_owned(),
            class: if all.lost + all.server_error > 0 {
                "bad"
            } else {
                "warn"
            },
            says: format!("requests that were not served, to a scale of their own: {value}"),
            value,
            height: number(height),
            shapes: self.stacked(&TROUBLE, float(most), height, 0.1),
            heights: vec![Height {
                top: "0".to_owned(),
                text: grouped(most),
            }],
            ..Lane::default()
        })
    }

    fn in_flight(&self) -> Lane {
        self.level(
            ("in flight", "in-flight", |it| it.in_flight),
            "requests in flight",
        )
    }

    /// Where there were any.
    fn open(&self) -> Option<Lane> {
        let any = self.slices.iter().any(|slice| slice.open > 0);
        any.then(|| {
            self.level(
                ("open", "in-flight", |it| it.open),
                "sockets and streams open",
            )
        })
    }

    /// How many of something there were.
    fn level(&self, kind: Kind, what: &str) -> Lane {
        let height = 32.0;
        let most = self.slices.iter().map(kind.2).max().unwrap_or(0);
        let value = format!("{} at most", grouped(u64::from(most)));
        let kinds = [kind];
        Lane {
            name: kind.0.to_owned(),
            says: format!("{what} over time: {value}"),
            value,
            height: number(height),
            shapes: self.stacked(&kinds, f64::from(most.max(1)), height, 0.0),
            heights: vec![Height {
                top: "0".to_owned(),
                text: grouped(u64::from(most)),
            }],
            ..Lane::default()
        }
    }

    /// To a logarithmic scale: a millisecond and a second are both to be seen.
    fn latency(&self) -> Option<Lane> {
        let height = 48.0;
        let slowest = self
            .slices
            .iter()
            .filter_map(|it| it.slowest_ms)
            .fold(0.0_f32, f32::max);
        if slowest <= 0.0 {
            return None;
        }
        let decades = (f64::from(slowest) / SHORTEST_MS).log10().ceil().max(1.0);
        let share = |ms: Option<f32>| {
            ms.map_or(0.0, |ms| {
                let share = (f64::from(ms).max(SHORTEST_MS) / SHORTEST_MS).log10() / decades;
                // A request that took no time was served all the same.
                share.clamp(0.02, 1.0)
            })
        };
        let rows = |of: fn(&Slice) -> Option<f32>| -> Vec<f64> {
            self.slices.iter().map(|slice| share(of(slice))).collect()
        };
        let steps = self.steps(height);
        let (ground, median) = (vec![0.0; self.slices.len()], rows(|it| it.median_ms));
        let areas = [
            ("slowest", steps.area(&median, &rows(|it| it.slowest_ms))),
            ("median", steps.area(&ground, &median)),
        ];
        let shapes = areas.into_iter().filter_map(|(class, path)| {
            Some(Shape {
                path: path?,
                class,
                title: format!("{class} latency"),
            })
        });
        let value = format!("{} at most", span(f64::from(slowest)));
        Some(Lane {
            name: "latency".to_owned(),
            says: format!("median and slowest latency over time, logarithmic: {value}"),
            value,
            height: number(height),
            shapes: shapes.collect(),
            heights: heights(decades),
            ..Lane::default()
        })
    }
}

/// How many of a slice were not served.
fn trouble(slice: &Slice) -> u64 {
    TROUBLE.iter().map(|(.., of)| u64::from(of(slice))).sum()
}

/// A number at every decade, or at every other where there are many.
fn heights(decades: f64) -> Vec<Height> {
    let mut heights = Vec::new();
    let every = if decades > 3.0 { 2.0 } else { 1.0 };
    let mut decade = decades;
    while decade >= 1.0 {
        heights.push(Height {
            top: number((1.0 - decade / decades) * 100.0),
            text: span(SHORTEST_MS * 10_f64.powf(decade)),
        });
        decade -= every;
    }
    heights
}

/// One row of the table that says what the strip shows.
pub(super) struct Stretch {
    pub(super) when: String,
    pub(super) slice: Slice,
}

/// The slices, several together, so that a table of them can be read.
pub(super) fn stretches(series: &Series, rows: usize) -> Vec<Stretch> {
    let all = &series.slices[..series.slices.len().min(Series::MOST)];
    let together = all.len().div_ceil(rows).max(1);
    let chunks = all.chunks(together).enumerate();
    chunks
        .map(|(at, slices)| {
            let from = series.start_ms + whole(at * together) * series.slice_ms;
            let to = from + whole(slices.len()) * series.slice_ms;
            Stretch {
                when: format!("{} to {}", moment(from), moment(to)),
                slice: slices
                    .iter()
                    .fold(Slice::default(), |sum, one| plus(sum, *one)),
            }
        })
        .collect()
}

fn plus(sum: Slice, one: Slice) -> Slice {
    let most = |a: Option<f32>, b: Option<f32>| match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    Slice {
        served: sum.served.saturating_add(one.served),
        refused: sum.refused.saturating_add(one.refused),
        refused_at_connect: sum
            .refused_at_connect
            .saturating_add(one.refused_at_connect),
        server_error: sum.server_error.saturating_add(one.server_error),
        lost: sum.lost.saturating_add(one.lost),
        in_flight: sum.in_flight.max(one.in_flight),
        open: sum.open.max(one.open),
        slowest_ms: most(sum.slowest_ms, one.slowest_ms),
        // The slowest of the medians: a median of medians is none.
        median_ms: most(sum.median_ms, one.median_ms),
    }
}

fn rounded(a_second: f64) -> String {
    match a_second {
        10.0.. => count_of(a_second.round()),
        _ => number(a_second),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive whole number"
)]
fn count_of(number: f64) -> String {
    grouped(number.max(0.0) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "there are a few hundred slices")]
const fn whole(number: usize) -> f64 {
    number as f64
}
