//! Counts of outcomes by phase, latencies, and the first lost requests one by one.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::time::{Duration, Instant};

use hdrhistogram::{Counter, Histogram};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Kind;
use super::listed::Listed;
use super::outcome::{Lost, Outcome};
use super::websocket::Messages;
use crate::series::{Recorder, Series};
use crate::stage::{Phase, Stage};

/// Latencies beyond this, in microseconds, count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Outcomes of the requests that were sent in one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Answered with 2xx, 3xx or 4xx, or let go.
    pub served: u64,
    /// Of those: answered with 4xx.
    pub client_error: u64,
    /// Of those: sockets and streams that the server ended as their protocol asks, or that were open to
    /// the end of a rolling deploy.
    #[serde(default)]
    pub let_go: u64,
    /// 503 with `Connection: close` or `Retry-After`, a GOAWAY before the request was begun, gRPC's
    /// `UNAVAILABLE`, a socket closed with 1013.
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
            Outcome::LetGo => {
                self.let_go += 1;
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
                    Lost::Closed | Lost::Reset | Lost::Cut | Lost::Garbled | Lost::Gateway => {}
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
            let_go: self.let_go + other.let_go,
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
    fn of<C: Counter>(histogram: &Histogram<C>) -> Option<Self> {
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
    pub(crate) kind: &'a Kind,
    /// When it should have left; latency counts from here.
    pub(crate) intended: Instant,
    /// When it left.
    pub(crate) sent: Instant,
    pub(crate) outcome: Outcome,
}

/// What a kind of request is called.
#[derive(Clone)]
pub(crate) struct Label {
    pub(crate) request: String,
    /// How many clients keep one open; `None` for requests.
    pub(crate) clients: Option<usize>,
}

/// What the load generator counted.
pub(crate) struct Tally {
    phases: [Counts; 4],
    latencies: [Histogram<u64>; 4],
    /// How far the generator was behind its own schedule.
    behind: Histogram<u64>,
    kinds: Vec<OfKind>,
    lost: Listed,
    errors: Option<u16>,
    errors_before: u64,
    /// The same over time.
    over_time: Recorder,
    /// The generator stopped because it had sent all it may.
    pub(crate) exhausted: bool,
}

/// What was counted of one kind.
struct OfKind {
    label: Label,
    phases: [Counts; 4],
    before: Histogram<u32>,
    after: Histogram<u32>,
    sessions: Sessions,
}

impl OfKind {
    fn new(label: Label) -> anyhow::Result<Self> {
        let sessions = Sessions {
            clients: label.clients.unwrap_or_default(),
            ..Sessions::default()
        };
        Ok(Self {
            label,
            phases: [Counts::default(); 4],
            before: Histogram::new(2)?,
            after: Histogram::new(2)?,
            sessions,
        })
    }

    fn frozen(&self) -> KindOfRequest {
        let [before, settling, stopping, gone] = self.phases;
        KindOfRequest {
            request: self.label.request.clone(),
            before,
            settling,
            stopping,
            gone,
            latency_before: Latency::of(&self.before),
            latency_after: Latency::of(&self.after),
            sessions: self.label.clients.map(|_| self.sessions),
        }
    }
}

impl Tally {
    pub(crate) fn new(kinds: &[Label]) -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3);
        Ok(Self {
            phases: [Counts::default(); 4],
            latencies: [histogram()?, histogram()?, histogram()?, histogram()?],
            behind: histogram()?,
            kinds: kinds
                .iter()
                .cloned()
                .map(OfKind::new)
                .collect::<anyhow::Result<_>>()?,
            lost: Listed::default(),
            errors: None,
            errors_before: 0,
            over_time: Recorder::new(Instant::now()),
            exhausted: false,
        })
    }

    /// A request leaves now.
    pub(crate) fn leaves(&mut self, at: Instant) {
        self.over_time.leaves(at);
    }

    /// A request that left has come to its end, and is recorded beside it.
    pub(crate) fn ends(&mut self) {
        self.over_time.ends(Instant::now());
    }

    /// A socket or stream of this kind is open.
    pub(crate) fn opened(&mut self, kind: usize) {
        if let Some(of_kind) = self.kinds.get_mut(kind) {
            of_kind.sessions.opened += 1;
        }
        self.over_time.opened(Instant::now());
    }

    pub(crate) fn record(&mut self, stage: &Stage, finished: &Finished<'_>) {
        let now = Instant::now();
        let latency = now.saturating_duration_since(finished.intended);
        let phase = self.count(stage, finished, now, Some(latency));
        if matches!(finished.outcome, Outcome::Served(_)) {
            let latency = micros(latency);
            self.latencies[phase as usize].saturating_record(latency);
            if let Some(of_kind) = self.kinds.get_mut(finished.kind.number) {
                let latencies = match phase {
                    Phase::Before => &mut of_kind.before,
                    _ => &mut of_kind.after,
                };
                // It grows with what it is given, up to far beyond any drill.
                let recorded = latencies.record(latency.min(LONGEST_US));
                debug_assert!(recorded.is_ok());
            }
        }
        self.behind.saturating_record(micros(
            finished.sent.saturating_duration_since(finished.intended),
        ));
    }

    /// A socket or stream that came to its end, or was never open. How long it lasted is no latency.
    pub(crate) fn record_session(
        &mut self,
        stage: &Stage,
        finished: &Finished<'_>,
        opened: bool,
        messages: Messages,
    ) {
        let now = Instant::now();
        if opened {
            self.over_time.closed(now);
        }
        self.count(stage, finished, now, None);
        if let Some(of_kind) = self.kinds.get_mut(finished.kind.number) {
            of_kind.sessions.messages_sent += messages.sent;
            of_kind.sessions.messages_received += messages.received;
        }
    }

    /// What requests and sessions have in common.
    fn count(
        &mut self,
        stage: &Stage,
        finished: &Finished<'_>,
        now: Instant,
        latency: Option<Duration>,
    ) -> Phase {
        let (phase, outcome) = (stage.phase(finished.sent), finished.outcome);
        self.over_time.count(finished.intended, outcome, latency);
        self.phases[phase as usize].add(outcome);
        if let Some(of_kind) = self.kinds.get_mut(finished.kind.number) {
            of_kind.phases[phase as usize].add(outcome);
        }
        match outcome {
            Outcome::Failed(status) => {
                self.errors = Some(status);
                // Sent before the stop and failed after it is the stop's doing.
                self.errors_before += u64::from(stage.phase(now) == Phase::Before);
            }
            Outcome::Lost(how) => {
                let label = &finished.kind.template.label;
                self.lost.add(label, how, finished.sent, now);
            }
            _ => {}
        }
        phase
    }

    /// The sums up to now.
    pub(crate) fn so_far(&self) -> SoFar {
        let all = self
            .phases
            .iter()
            .fold(Counts::default(), |all, phase| all.plus(*phase));
        let (in_flight, open) = self.over_time.under_way();
        SoFar {
            served: all.served,
            refused: all.refused,
            refused_at_connect: all.refused_at_connect,
            server_error: all.server_error,
            lost: all.lost,
            in_flight: in_flight.into(),
            open: open.into(),
        }
    }

    /// The counts over time; `zero` is the moment from which times are told.
    pub(crate) fn series(&self, zero: Instant) -> Series {
        self.over_time.series(zero)
    }

    /// Freezes the counts; `zero` is the moment from which times are told.
    pub(crate) fn requests(&self, zero: Instant) -> Requests {
        let phases = Phase::ALL.map(|phase| (phase, self.phases[phase as usize]));
        Requests {
            before: phases[0].1,
            settling: phases[1].1,
            stopping: phases[2].1,
            gone: phases[3].1,
            latency_before: self.latency(&[Phase::Before]),
            latency_settling: self.latency(&[Phase::Settling]),
            latency_stopping: self.latency(&[Phase::Stopping]),
            latency_after: self.latency(&[Phase::Settling, Phase::Stopping, Phase::Gone]),
            behind_p99_ms: millis_of(self.behind.value_at_quantile(0.99)),
            last_server_error: self.errors,
            server_errors_before_stop: self.errors_before,
            ended_early: self.exhausted,
            lost: self.lost.told(zero),
            kinds: self.kinds.iter().map(OfKind::frozen).collect(),
        }
    }

    fn latency(&self, phases: &[Phase]) -> Option<Latency> {
        let mut all: Option<Histogram<u64>> = None;
        for phase in phases {
            let histogram = &self.latencies[*phase as usize];
            match &mut all {
                // All have the same bounds, so that nothing is too large for another.
                Some(all) => all.add(histogram).ok()?,
                None => all = Some(histogram.clone()),
            }
        }
        Latency::of(&all?)
    }
}

/// The counts while a load runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoFar {
    /// As [`Counts::served`].
    pub served: u64,
    /// As [`Counts::refused`].
    pub refused: u64,
    /// As [`Counts::refused_at_connect`].
    pub refused_at_connect: u64,
    /// As [`Counts::server_error`].
    pub server_error: u64,
    /// As [`Counts::lost`].
    pub lost: u64,
    /// Requests that are under way.
    pub in_flight: u64,
    /// Sockets and streams that are open.
    pub open: u64,
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
    /// Latency of those sent from then on until the signal.
    #[serde(default)]
    pub latency_settling: Option<Latency>,
    /// Latency of those sent from the signal to the end of the process.
    #[serde(default)]
    pub latency_stopping: Option<Latency>,
    /// Latency of all that were sent after the stop was asked.
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
    /// The first lost requests of each kind, twenty at most, in the order in which they were sent.
    pub lost: Vec<LostRequest>,
    /// The same counts by kind of request, in the order of the mix.
    #[serde(default)]
    pub kinds: Vec<KindOfRequest>,
}

/// What became of the requests of one kind, by the phase in which each was sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KindOfRequest {
    /// What was sent: `GET /`, `grpc /shop.Quotes/Get`.
    pub request: String,
    /// Before the stop was asked.
    pub before: Counts,
    /// From the stop asked to the signal.
    pub settling: Counts,
    /// From the signal to the end of the process.
    pub stopping: Counts,
    /// After the end of the process.
    pub gone: Counts,
    /// Latency of the served ones that were sent before the stop was asked; null for sockets and
    /// streams.
    pub latency_before: Option<Latency>,
    /// Latency of those sent after it.
    pub latency_after: Option<Latency>,
    /// There for sockets and streams.
    pub sessions: Option<Sessions>,
}

impl KindOfRequest {
    /// All phases.
    pub const fn all(&self) -> Counts {
        self.before
            .plus(self.settling)
            .plus(self.stopping)
            .plus(self.gone)
    }
}

/// What passed over the sockets or streams of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Clients that each kept one open.
    pub clients: usize,
    /// How many were opened, those included that were opened again.
    pub opened: u64,
    /// Messages that the clients sent on them; 0 for streams.
    pub messages_sent: u64,
    /// Messages that they received; 0 for streams.
    pub messages_received: u64,
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
    use std::sync::Arc;

    use super::super::client::{Manner, Template};
    use super::super::lane::Lane;
    use super::*;
    use crate::script::{Endpoint, RequestSpec};

    fn tally() -> (Tally, Kind) {
        let base = Endpoint::on_port(1, "/");
        let lane = Lane::new(base.address(), Manner::Looks, 1);
        let kind = Kind {
            number: 0,
            template: Template::new(&RequestSpec::get("/"), base.authority()).unwrap(),
            lane: Arc::new(lane),
        };
        let label = Label {
            request: "GET /".to_owned(),
            clients: None,
        };
        (Tally::new(&[label]).unwrap(), kind)
    }

    fn record((tally, kind): &mut (Tally, Kind), stage: &Stage, outcome: Outcome) {
        let now = Instant::now();
        let finished = Finished {
            kind,
            intended: now,
            sent: now,
            outcome,
        };
        tally.record(stage, &finished);
    }

    #[test]
    fn outcomes_are_counted_in_the_phase_in_which_they_were_sent() {
        let stage = Stage::new();
        let mut tally = tally();
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

        let requests = tally.0.requests(asked);
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
        // There is one kind, and it is all there is.
        assert_eq!(requests.kinds[0].request, "GET /");
        assert_eq!(requests.kinds[0].all(), requests.all());
    }

    #[test]
    fn the_list_of_lost_requests_is_bounded() {
        let stage = Stage::new();
        let mut tally = tally();
        for _ in 0..1_000 {
            record(&mut tally, &stage, Outcome::Lost(Lost::Closed));
        }
        let requests = tally.0.requests(Instant::now());
        assert_eq!(requests.lost.len(), 20);
        assert_eq!(requests.before.lost, 1_000);
    }

    #[test]
    fn milliseconds_keep_what_is_small() {
        assert!((millis_of(123) - 0.12).abs() < 1e-9);
        assert!((millis_of(123_456) - 123.5).abs() < 1e-9);
    }
}
