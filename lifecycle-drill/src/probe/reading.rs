//! What the samples of a probe tell: when readiness went down, whether liveness held.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sample;
use crate::stage::millis_between;

/// So many probes in a row have to fail for readiness to be down, as with Kubernetes' own default.
const IN_A_ROW: usize = 3;
/// A probe that finds nobody this shortly before the end of the process saw it leave, and no fault.
const LEAVING: Duration = Duration::from_millis(100);
/// Of liveness: no platform asks for it more often (Kubernetes' least `periodSeconds`), so that one probe at
/// most fails before the process has left by itself. On a busy machine a kernel takes as long to take a
/// process apart, which answers nobody meanwhile.
const LEAVING_ALIVE: Duration = Duration::from_secs(1);

impl Sample {
    /// What kubelet takes for success.
    fn is_up(&self) -> bool {
        self.status.is_some_and(is_success)
    }

    /// A failure that is not just the process leaving.
    fn is_down(&self, ended: Option<Instant>, leaving: Duration) -> bool {
        let leaving = || ended.is_some_and(|ended| self.finished + leaving >= ended);
        !self.is_up() && (self.status.is_some() || !leaving())
    }
}

fn is_success(status: u16) -> bool {
    (200..400).contains(&status)
}

/// When readiness went down.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{probe::Flip, verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// for (flip, found) in [
///     (Flip::AlreadyDown, Some("readiness-already-down")),
///     (Flip::Flipped { at_ms: 11.9 }, None),
///     (Flip::Flipped { at_ms: 650.0 }, Some("readiness-late")), // it has 500ms
///     (Flip::Never, Some("readiness-never-flipped")),
///     (Flip::NotSeen, None),
/// ] {
///     measured.readiness.as_mut().unwrap().flip = flip;
///     let findings = verdict::findings(&measured, Duration::from_secs(10));
///     let mut names = findings.iter().map(|finding| &*finding.name);
///     assert_eq!(names.find(|name| name.starts_with("readiness")), found);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "flip", rename_all = "kebab-case")]
pub enum Flip {
    /// It said no before the stop was asked.
    AlreadyDown,
    /// The first sample that did not say yes came back this many milliseconds after the signal;
    /// negative when it was before it.
    Flipped {
        /// Milliseconds from the signal.
        at_ms: f64,
    },
    /// It still said yes after the time it had, and never said no.
    Never,
    /// The process was gone before a sample could tell.
    NotSeen,
}

/// From this moment on a probe was answered so.
///
/// ```
/// use lifecycle_drill::probe::Change;
///
/// let answered = |status| Change { at_ms: 11.9, status };
/// assert!(answered(Some(200)).is_up() && answered(Some(302)).is_up());
/// assert!(!answered(Some(503)).is_up() && !answered(None).is_up());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// When the first such answer came back, in milliseconds from the timeline's zero.
    pub at_ms: f64,
    /// Its status; null when nobody answered properly.
    pub status: Option<u16>,
}

impl Change {
    /// More of them no picture can show; what comes after is left out.
    pub const MOST: usize = 200;

    /// What kubelet takes for success.
    pub fn is_up(&self) -> bool {
        self.status.is_some_and(is_success)
    }
}

/// What the readiness probe saw.
///
/// ```
/// use lifecycle_drill::{probe::Flip, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let readiness = measured.readiness.unwrap();
/// assert_eq!(readiness.flip, Flip::Flipped { at_ms: 11.9 });
/// assert_eq!((readiness.samples, readiness.last_yes_ms), (226, Some(-1.5)));
/// let statuses: Vec<_> = readiness.changes.iter().map(|change| change.status).collect();
/// assert_eq!(statuses, [Some(200), Some(503)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Samples taken.
    pub samples: usize,
    /// When it went down.
    #[serde(flatten)]
    pub flip: Flip,
    /// When the last sample began that said yes, in milliseconds from the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yes_ms: Option<f64>,
    /// The first answer, and each that was another than the one before; two hundred at most.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// What the liveness probe saw while the process was alive.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let liveness = measured.liveness.unwrap();
/// assert_eq!((liveness.samples, liveness.failures), (227, 0));
/// // Every answer was as the first.
/// assert_eq!(liveness.changes.len(), 1);
/// assert!(liveness.changes[0].is_up());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Liveness {
    /// Samples taken.
    pub samples: usize,
    /// Those that failed. One that finds nobody in the last second before the end of the process is not
    /// counted.
    pub failures: usize,
    /// The first of them, in milliseconds from the signal.
    pub first_failure_ms: Option<f64>,
    /// Its status; absent when nobody answered.
    pub first_failure_status: Option<u16>,
    /// The first answer, and each that was another than the one before; two hundred at most.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// The marks that samples are read against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) asked: Instant,
    pub(crate) signalled: Instant,
    pub(crate) ended: Option<Instant>,
}

/// Reads the readiness samples.
pub(crate) fn readiness(samples: &[Sample], marks: Marks, budget: Duration) -> Readiness {
    let mut before = samples
        .iter()
        .rev()
        .filter(|sample| sample.finished < marks.asked)
        .take(IN_A_ROW)
        .peekable();
    let was_down = before.peek().is_some() && before.all(|sample| !sample.is_up());
    let too_late = marks.signalled + budget;
    // One that is followed by a yes when there should be none was no fall, whatever it was.
    let last_yes = last_yes(samples, too_late);
    let first_down = samples.iter().find(|sample| {
        sample.finished >= marks.asked
            && sample.is_down(marks.ended, LEAVING)
            && last_yes.is_none_or(|yes| sample.began > yes)
    });
    let flip = if was_down {
        Flip::AlreadyDown
    } else if let Some(down) = first_down {
        Flip::Flipped {
            at_ms: millis_between(marks.signalled, down.finished),
        }
    } else if last_yes.is_some() {
        Flip::Never
    } else {
        Flip::NotSeen
    };
    Readiness {
        samples: samples.len(),
        flip,
        last_yes_ms: samples
            .iter()
            .rfind(|sample| sample.is_up())
            .map(|sample| millis_between(marks.signalled, sample.began)),
        changes: changes(samples, marks.signalled),
    }
}

/// When the last sample began that said yes, of those after this moment.
pub(crate) fn last_yes(samples: &[Sample], after: Instant) -> Option<Instant> {
    let yes = samples.iter().rfind(|sample| sample.is_up());
    yes.map(|sample| sample.began)
        .filter(|began| *began > after)
}

/// Reads the liveness samples; `zero` is the moment from which times are told.
pub(crate) fn liveness(samples: &[Sample], zero: Instant, ended: Option<Instant>) -> Liveness {
    let mut failed = samples
        .iter()
        .filter(|sample| sample.is_down(ended, LEAVING_ALIVE))
        .peekable();
    let first = failed.peek().copied().copied();
    Liveness {
        samples: samples.len(),
        failures: failed.count(),
        first_failure_ms: first.map(|sample| millis_between(zero, sample.finished)),
        first_failure_status: first.and_then(|sample| sample.status),
        changes: changes(samples, zero),
    }
}

/// The samples that were answered otherwise than the one before.
fn changes(samples: &[Sample], zero: Instant) -> Vec<Change> {
    let mut last = None;
    let changed = samples.iter().filter(|sample| {
        let other = last != Some(sample.status);
        last = Some(sample.status);
        other
    });
    changed
        .take(Change::MOST)
        .map(|sample| Change {
            at_ms: millis_between(zero, sample.finished),
            status: sample.status,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A stop asked at 1,000 ms and signalled at 1,500 ms; the process is gone at 3,000 ms.
    /// Samples are given by the millisecond at which they came back.
    fn read(samples: &[(u64, Option<u16>)]) -> (Readiness, Liveness) {
        let start = Instant::now();
        let samples: Vec<_> = samples
            .iter()
            .map(|(at, status)| {
                let finished = start + ms(*at);
                Sample {
                    began: finished,
                    finished,
                    status: *status,
                }
            })
            .collect();
        let ended = Some(start + ms(3_000));
        let marks = Marks {
            asked: start + ms(1_000),
            signalled: start + ms(1_500),
            ended,
        };
        (
            readiness(&samples, marks, ms(200)),
            liveness(&samples, marks.signalled, ended),
        )
    }

    #[test]
    fn a_flip_is_told_from_the_signal() {
        let flip = |samples: &[_]| read(samples).0.flip;
        let up = Some(200);
        let no = Some(503);
        assert_eq!(
            flip(&[(900, up), (1_510, no)]),
            Flip::Flipped { at_ms: 10.0 }
        );
        assert_eq!(
            flip(&[(900, up), (1_200, no)]),
            Flip::Flipped { at_ms: -300.0 }
        );
        assert_eq!(
            flip(&[(900, up), (1_600, None)]),
            Flip::Flipped { at_ms: 100.0 }
        );
        assert_eq!(flip(&[(900, no), (1_510, no)]), Flip::AlreadyDown);
        let failing = [(900, up), (910, None), (920, no), (930, None), (1_510, no)];
        assert_eq!(flip(&failing), Flip::AlreadyDown);
        assert_eq!(flip(&[(900, up), (1_701, up), (2_999, None)]), Flip::Never);
        assert_eq!(flip(&[(900, up), (1_600, up)]), Flip::NotSeen);
        assert_eq!(flip(&[(900, up), (2_950, None)]), Flip::NotSeen);
        // One probe that fails among thousands is no fall, before the stop as after it.
        assert_eq!(
            flip(&[(890, up), (900, None), (1_510, no), (2_000, no)]),
            Flip::Flipped { at_ms: 10.0 }
        );
        assert_eq!(
            flip(&[(900, up), (1_510, None), (1_520, up), (2_500, up)]),
            Flip::Never
        );
        assert_eq!(
            flip(&[
                (900, up),
                (1_510, no),
                (1_520, up),
                (1_600, no),
                (2_500, no)
            ]),
            Flip::Flipped { at_ms: 10.0 }
        );
        assert_eq!(
            flip(&[(900, up), (1_510, None), (2_000, up), (2_500, no)]),
            Flip::Flipped { at_ms: 1_000.0 }
        );
        // An answer that says no counts, however soon the process leaves after it.
        assert_eq!(
            flip(&[(900, up), (2_999, no)]),
            Flip::Flipped { at_ms: 1_499.0 }
        );
    }

    #[test]
    fn changes_are_the_answers_that_differ_from_the_one_before() {
        let up = Some(200);
        let seen = [
            (900, up),
            (910, up),
            (1_510, Some(503)),
            (1_520, None),
            (1_530, None),
        ];
        let (ready, live) = read(&seen);
        let change = |at_ms, status| Change { at_ms, status };
        let expected = [
            change(-600.0, up),
            change(10.0, Some(503)),
            change(20.0, None),
        ];
        assert_eq!(ready.changes, expected);
        assert_eq!(live.changes, expected);
        assert_eq!(expected.map(|it| it.is_up()), [true, false, false]);

        let flapping: Vec<_> = (0..1_000)
            .map(|at| (at, if at % 2 == 0 { up } else { None }))
            .collect();
        assert_eq!(read(&flapping).0.changes.len(), Change::MOST);
    }

    #[test]
    fn liveness_counts_while_the_process_lives() {
        let (_, live) = read(&[
            (10, Some(200)),
            (1_900, None),
            (2_100, Some(500)),
            (2_100, None),
        ]);
        assert_eq!(live.samples, 4);
        assert_eq!(live.failures, 2);
        assert_eq!(live.first_failure_ms, Some(400.0));
        assert_eq!(live.first_failure_status, None);
        assert_eq!(read(&[(10, Some(200)), (3_001, None)]).1.failures, 0);
    }
}
