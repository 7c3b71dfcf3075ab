//! What is read of a drill once all has come to its end.

use std::time::Instant;

use super::{Drill, Moments};
use crate::measured::{
    Course, LoadSummary, Measured, Planned, Process, Timeline, Zero, steps, version,
};
use crate::own_report::OwnReport;
use crate::probe::{self, Marks, Samples};
use crate::script::{Endpoint, Load, Target};
use crate::stage::millis_between;
use crate::target::process::{Status, needed_kill};
use crate::traffic::tally::{Requests, Tally};

/// What a drill leaves behind for its reader.
pub(super) struct Traces<'a> {
    /// With the addresses it really had.
    pub(super) target: &'a Target,
    pub(super) load: &'a Load,
    pub(super) course: Course,
    pub(super) tally: Option<Tally>,
    pub(super) samples: &'a Samples,
    /// How many processes outlived the first.
    pub(super) left_behind: Option<usize>,
    /// The program's own report, or why there is none.
    pub(super) own: Result<OwnReport, String>,
}

impl Drill<'_> {
    /// All that was measured, not yet judged.
    pub(super) fn read(&self, moments: &Moments, traces: Traces<'_>) -> Measured {
        let Traces {
            target,
            load,
            course,
            tally,
            samples,
            left_behind,
            own,
        } = traces;
        let script = self.script;
        let zero = self.stage.signalled().unwrap_or(moments.started);
        let readiness = target.ready.as_ref().zip(self.marks());
        let readiness = readiness
            .map(|(_, marks)| probe::readiness(&samples.ready, marks, script.readiness_budget));
        let liveness = target
            .live
            .as_ref()
            .filter(|_| !samples.live.is_empty())
            .map(|_| probe::liveness(&samples.live, zero, self.stage.ended()));
        let requests = tally.as_ref().map(|tally| tally.requests(zero));

        let unknown = self.running.ended().map(|ended| ended.status) == Some(Status::Unknown);
        let missing = [
            (!self.running.is_child() && unknown).then_some(
                "exit code: the process is not the drill's own child, and nobody else kept how it \
                 ended",
            ),
            match (&target.ready, &readiness) {
                (None, _) => Some("readiness: no readiness URL is known"),
                (Some(_), None) => Some("readiness: the process was not signalled"),
                (Some(_), Some(_)) => None,
            },
            match (&target.live, &liveness) {
                (None, _) => Some("liveness: no liveness URL is known"),
                (Some(_), None) => Some("liveness: the process was never ready"),
                (Some(_), Some(_)) => None,
            },
            no_requests(target, load, requests.as_ref()),
        ];
        let steps_missing = own.as_ref().err().map(|why| format!("steps: {why}"));
        let missing = missing.into_iter().flatten().map(str::to_owned);
        let not_measured = steps_missing.into_iter().chain(missing).collect();
        let own = own.ok();

        Measured {
            version: version(),
            passed: false,
            service: script.service.clone(),
            platform: script.platform.clone(),
            platform_label: script.platform_label.clone(),
            scenario: None,
            excused: Vec::new(),
            command: target.subject.words(),
            course,
            expected: script.expect.clone(),
            findings: Vec::new(),
            address: target.base.as_ref().map(Endpoint::url),
            waited: moments.waited.clone(),
            signal: script.signal.name().into(),
            planned: Planned::of(script),
            timeline: self.timeline(moments, zero),
            process: self.process(moments, course, left_behind),
            seed: Some(load.seed),
            load: tally.as_ref().map(|_| LoadSummary::of(load)),
            series: tally.as_ref().map(|tally| tally.series(zero)),
            requests,
            readiness,
            liveness,
            idle: samples.idle_from(zero),
            listener_closed_ms: samples.closed.map(|at| millis_between(zero, at)),
            steps: steps(&script.steps, own.as_ref()),
            report: own,
            not_measured,
            output: self.running.last_lines(),
        }
    }

    pub(super) fn marks(&self) -> Option<Marks> {
        Some(Marks {
            asked: self.stage.asked()?,
            signalled: self.stage.signalled()?,
            ended: self.stage.ended(),
        })
    }

    fn timeline(&self, moments: &Moments, zero: Instant) -> Timeline {
        let from_zero = |at: Instant| millis_between(zero, at);
        let routing_ends = *self.stage.routing().borrow();
        Timeline {
            zero: if self.stage.signalled().is_some() {
                Zero::Signal
            } else {
                Zero::Start
            },
            started_ms: from_zero(moments.started),
            ready_ms: moments.ready.map(from_zero),
            asked_ms: self.stage.asked().map(from_zero),
            routing_ended_ms: self.stage.asked().and(routing_ends).map(from_zero),
            grace_ms: moments.grace.map(from_zero),
            signalled_ms: self.stage.signalled().map(from_zero),
            killed_ms: moments.killed.map(from_zero),
            ended_ms: self.stage.ended().map(from_zero),
        }
    }

    fn process(&self, moments: &Moments, course: Course, left_behind: Option<usize>) -> Process {
        let status = self.running.ended().map(|ended| ended.status);
        let sigkill_needed = needed_kill(moments.killed, self.running.over(), status);
        let exit_ms = self.stage.signalled().zip(self.stage.ended());
        let exit_ms = exit_ms.map(|(signalled, ended)| millis_between(signalled, ended));
        let kill_ms = Planned::of(self.script).signal_to_kill_ms;
        Process {
            // The drill's own SIGKILL says nothing about the process.
            status: status
                .filter(|_| course != Course::NeverReady)
                .filter(|status| self.running.is_child() || *status != Status::Unknown),
            exit_ms,
            left_ms: exit_ms
                .filter(|_| !sigkill_needed)
                .map(|exit| (kill_ms - exit).max(0.0)),
            sigkill_needed,
            left_behind,
            signalled: moments.seen.clone(),
        }
    }
}

/// Why no request was counted.
fn no_requests(target: &Target, load: &Load, requests: Option<&Requests>) -> Option<&'static str> {
    if target.base.is_none() || load.is_empty() {
        return Some("requests: none were to be sent");
    }
    match requests {
        None => Some("requests: the process was never ready"),
        Some(requests) if requests.all().sent() == 0 => {
            Some("requests: none was sent before the drill was over")
        }
        Some(_) => None,
    }
}
