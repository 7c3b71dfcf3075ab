//! Counts of outcomes by phase, latencies, and the first lost requests one by one.

mod counts;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Kind;
use super::listed::Listed;
use super::outcome::Outcome;
use super::websocket::Messages;
use crate::series::{Recorder, Series};
use crate::stage::{Phase, Stage};

use counts::millis_of;
pub use counts::{Counts, KindOfRequest, Latency, LostRequest, Requests, Sessions};

/// Latencies beyond this, in microseconds, count as this.
const LONGEST_US: u64 = 3_600_000_000;

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
///
/// ```
/// use lifecycle_drill::{Event, SoFar};
///
/// let so_far = SoFar { served: 12_408, lost: 2, in_flight: 16, ..SoFar::default() };
/// let shown = Event::Traffic(so_far).to_string();
/// assert_eq!(shown, "12,408 served, 2 lost, 16 in flight");
/// ```
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

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::client::{Manner, Template};
    use super::super::lane::Lane;
    use super::super::outcome::Lost;
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
}
