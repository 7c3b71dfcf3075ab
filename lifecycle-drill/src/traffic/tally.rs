//! Counts of outcomes by phase, latencies, and the first lost requests one by one.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outcome::{Lost, Outcome};
use crate::stage::{Phase, Stage, millis_between};

/// How many lost requests are listed one by one.
const LISTED: usize = 20;
/// Latencies beyond this, in microseconds, count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Outcomes of the requests that were sent in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Answered with 2xx, 3xx or 4xx.
    pub served: u64,
    /// Of those: answered with 4xx.
    pub client_error: u64,
    /// 503 with `Connection: close` or `Retry-After`.
    pub refused: u64,
    /// No connection, or one that closed before the request was written.
    pub refused_at_connect: u64,
    /// Any other 5xx.
    pub server_error: u64,
    /// Accepted, and neither answered nor refused: all kinds.
    pub lost: u64,
    /// Of those: closed or reset on a kept-alive connection in the instant of the request.
    pub lost_to_idle_close: u64,
    /// Of those: no answer within the request's time.
    pub lost_unanswered: u64,
    /// Held back by a bound of the drill, or for want of local ports.
    pub not_sent: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        let field = match outcome {
            Outcome::Served(status) => {
                self.client_error += u64::from((400..500).contains(&status));
                &mut self.served
            }
            Outcome::Refused => &mut self.refused,
            Outcome::RefusedAtConnect => &mut self.refused_at_connect,
            Outcome::Failed(_) => &mut self.server_error,
            Outcome::NotSent => &mut self.not_sent,
            Outcome::Lost(lost) => {
                match lost {
                    Lost::IdleClose => self.lost_to_idle_close += 1,
                    Lost::Unanswered => self.lost_unanswered += 1,
                    Lost::Closed | Lost::Reset | Lost::Cut | Lost::Garbled => {}
                }
                &mut self.lost
            }
        };
        *field += 1;
    }

    /// Every request that was sent.
    pub const fn sent(&self) -> u64 {
        self.served + self.refused + self.refused_at_connect + self.server_error + self.lost
    }

    /// The sums of two phases.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            served: self.served + other.served,
            client_error: self.client_error + other.client_error,
            refused: self.refused + other.refused,
            refused_at_connect: self.refused_at_connect + other.refused_at_connect,
            server_error: self.server_error + other.server_error,
            lost: self.lost + other.lost,
            lost_to_idle_close: self.lost_to_idle_close + other.lost_to_idle_close,
            lost_unanswered: self.lost_unanswered + other.lost_unanswered,
            not_sent: self.not_sent + other.not_sent,
        }
    }
}

/// Latencies of served requests in milliseconds, from the moment each should have left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Half were faster.
    pub p50_ms: f64,
    /// Nine in ten were faster.
    pub p90_ms: f64,
    /// Ninety-nine in a hundred were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let at = |quantile| millis_of(histogram.value_at_quantile(quantile));
        Some(Self {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: millis_of(histogram.max()),
        })
    }
}

/// One request that was lost. Times are milliseconds from the signal; without a signal, from the
/// start of the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LostRequest {
    /// Method and path.
    pub request: String,
    /// How it was lost.
    pub how: Lost,
    /// When it was sent.
    pub sent_ms: f64,
    /// When its end was seen.
    pub ended_ms: f64,
}

/// One finished request.
pub(crate) struct Finished<'a> {
    pub(crate) label: &'a str,
    /// When it should have left; latency counts from here.
    pub(crate) intended: Instant,
    /// When it left.
    pub(crate) sent: Instant,
    pub(crate) outcome: Outcome,
}

/// What the load generator counted.
pub(crate) struct Tally {
    phases: [Counts; 4],
    before: Histogram<u64>,
    after: Histogram<u64>,
    /// How far the generator was behind its own schedule.
    behind: Histogram<u64>,
    lost: Vec<(String, Lost, Instant, Instant)>,
    errors: Option<u16>,
    errors_before: u64,
    /// The generator stopped because it had sent all it may.
    pub(crate) exhausted: bool,
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3);
        Ok(Self {
            phases: [Counts::default(); 4],
            before: histogram()?,
            after: histogram()?,
            behind: histogram()?,
            lost: Vec::new(),
            errors: None,
            errors_before: 0,
            exhausted: false,
        })
    }

    pub(crate) fn record(&mut self, stage: &Stage, finished: &Finished<'_>) {
        let now = Instant::now();
        let phase = stage.phase(finished.sent);
        self.phases[phase as usize].add(finished.outcome);
        match finished.outcome {
            Outcome::Served(_) => {
                let latencies = if phase == Phase::Before {
                    &mut self.before
                } else {
                    &mut self.after
                };
                latencies.saturating_record(micros(now.duration_since(finished.intended)));
            }
            Outcome::Failed(status) => {
                self.errors = Some(status);
                // Sent before the stop and failed after it is the stop's doing.
                self.errors_before += u64::from(stage.phase(now) == Phase::Before);
            }
            Outcome::Lost(how) if self.lost.len() < LISTED => {
                self.lost
                    .push((finished.label.to_owned(), how, finished.sent, now));
            }
            _ => {}
        }
        self.behind.saturating_record(micros(
            finished.sent.saturating_duration_since(finished.intended),
        ));
    }

    /// Freezes the counts; `zero` is the moment from which times are told.
    pub(crate) fn requests(&self, zero: Instant) -> Requests {
        let phases = Phase::ALL.map(|phase| (phase, self.phases[phase as usize]));
        Requests {
            before: phases[0].1,
            settling: phases[1].1,
            stopping: phases[2].1,
            gone: phases[3].1,
            latency_before: Latency::of(&self.before),
            latency_after: Latency::of(&self.after),
            behind_p99_ms: millis_of(self.behind.value_at_quantile(0.99)),
            last_server_error: self.errors,
            server_errors_before_stop: self.errors_before,
            ended_early: self.exhausted,
            lost: self
                .lost
                .iter()
                .map(|(request, how, sent, ended)| LostRequest {
                    request: request.clone(),
                    how: *how,
                    sent_ms: millis_between(zero, *sent),
                    ended_ms: millis_between(zero, *ended),
                })
                .collect(),
        }
    }
}

/// What became of the requests, by the phase in which each was sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requests {
    /// Before the stop was asked.
    pub before: Counts,
    /// From the stop asked to the signal.
    pub settling: Counts,
    /// From the signal to the end of the process.
    pub stopping: Counts,
    /// After the end of the process.
    pub gone: Counts,
    /// Latency of the served requests that were sent before the stop was asked.
    pub latency_before: Option<Latency>,
    /// Latency of those sent after it.
    pub latency_after: Option<Latency>,
    /// How late the drill itself was with its requests, ninety-nine in a hundred, in milliseconds;
    /// part of every latency above.
    pub behind_p99_ms: f64,
    /// The status of the last server error, if there was one.
    pub last_server_error: Option<u16>,
    /// How many server errors came before the stop was asked; the others are the stop's doing,
    /// whenever their requests were sent.
    pub server_errors_before_stop: u64,
    /// The load ended before routing did, because it had sent as many requests as it may.
    pub ended_early: bool,
    /// The first lost requests, twenty at most.
    pub lost: Vec<LostRequest>,
}

impl Requests {
    /// Everything after the stop was asked.
    pub const fn after(&self) -> Counts {
        self.settling.plus(self.stopping).plus(self.gone)
    }

    /// Everything.
    pub const fn all(&self) -> Counts {
        self.before.plus(self.after())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds to a tenth, or to a hundredth below one.
fn millis_of(micros: u64) -> f64 {
    let duration = Duration::from_micros(micros).as_secs_f64();
    let scale = if micros < 1_000 { 100.0 } else { 10.0 };
    (duration * 1_000.0 * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tally: &mut Tally, stage: &Stage, outcome: Outcome) {
        let now = Instant::now();
        let finished = Finished {
            label: "GET /",
            intended: now,
            sent: now,
            outcome,
        };
        tally.record(stage, &finished);
    }

    #[test]
    fn outcomes_are_counted_in_the_phase_in_which_they_were_sent() {
        let stage = Stage::new();
        let mut tally = Tally::new().unwrap();
        record(&mut tally, &stage, Outcome::Served(200));
        let asked = stage.ask(Duration::ZERO);
        record(&mut tally, &stage, Outcome::Refused);
        record(&mut tally, &stage, Outcome::Lost(Lost::IdleClose));
        stage.mark_signalled(Instant::now());
        record(&mut tally, &stage, Outcome::Failed(500));
        record(&mut tally, &stage, Outcome::Lost(Lost::Reset));
        stage.mark_ended(Instant::now());
        record(&mut tally, &stage, Outcome::RefusedAtConnect);
        record(&mut tally, &stage, Outcome::NotSent);

        let requests = tally.requests(asked);
        assert_eq!(
            requests.before,
            Counts {
                served: 1,
                ..Counts::default()
            }
        );
        let settling = Counts {
            refused: 1,
            lost: 1,
            lost_to_idle_close: 1,
            ..Counts::default()
        };
        assert_eq!(requests.settling, settling);
        assert_eq!(
            requests.stopping,
            Counts {
                server_error: 1,
                lost: 1,
                ..Counts::default()
            }
        );
        assert_eq!(
            requests.gone,
            Counts {
                refused_at_connect: 1,
                not_sent: 1,
                ..Counts::default()
            }
        );
        assert_eq!(requests.all().sent(), 6);
        assert_eq!(requests.lost.len(), 2);
        assert_eq!(requests.last_server_error, Some(500));
        assert_eq!(requests.server_errors_before_stop, 0);
        assert!(requests.latency_before.is_some());
        assert!(requests.latency_after.is_none());
    }

    #[test]
    fn the_list_of_lost_requests_is_bounded() {
        let stage = Stage::new();
        let mut tally = Tally::new().unwrap();
        for _ in 0..1_000 {
            record(&mut tally, &stage, Outcome::Lost(Lost::Closed));
        }
        let requests = tally.requests(Instant::now());
        assert_eq!(requests.lost.len(), LISTED);
        assert_eq!(requests.before.lost, 1_000);
    }

    #[test]
    fn milliseconds_keep_what_is_small() {
        assert!((millis_of(123) - 0.12).abs() < 1e-9);
        assert!((millis_of(123_456) - 123.5).abs() < 1e-9);
    }
}
