//! What the detections have in common: facts put together from what was measured.

use std::cmp::Ordering;
use std::time::Duration;

use super::{Expectations, exits};
use crate::idle::{IdleConnection, Kind};
use crate::measured::{Course, Measured, Zero};
use crate::own_report::OwnStep;
use crate::probe::{Change, Flip};
use crate::series::Slice;
use crate::target::process::{Status, signal_name};
use crate::target::signalled::{Reaction, Role, Seen, Signalled};
use crate::traffic::outcome::Lost;
use crate::traffic::tally::{Counts, LostRequest, Requests};
use crate::words::{count, span};

/// What ends no more than this before the end of the process, in milliseconds, ended with it: its
/// connections go a moment before its end is told.
const WITH_IT: f64 = 10.0;
/// What happens more than this before the end of the process, in milliseconds, happened in its life.
const AT_THE_END: f64 = 60.0;
/// A request that is lost sooner than this, in milliseconds, may never have come to the program.
const INSTANT: f64 = 20.0;
/// A load notices an end later than it came, by as much as this at most, in milliseconds.
const LATE: f64 = 50.0;
/// A process that leaves this soon after connections were let go, in milliseconds, waited for them.
/// Servers of several processes take a while from the last connection to the end.
const AT_ONCE: f64 = 500.0;

/// A drill under judgement.
pub(super) struct Evidence<'a> {
    pub(super) measured: &'a Measured,
    pub(super) start_timeout: Duration,
}

impl<'a> Evidence<'a> {
    pub(super) fn expected(&self) -> &'a Expectations {
        &self.measured.expected
    }

    pub(super) fn requests(&self) -> Option<&'a Requests> {
        self.measured.requests.as_ref()
    }

    /// The name of the signal.
    pub(super) fn signal(&self) -> &'a str {
        &self.measured.signal
    }

    /// From the signal to the end of a process that was signalled, when it ended before SIGKILL.
    pub(super) fn left_ms(&self) -> Option<f64> {
        let process = &self.measured.process;
        process
            .exit_ms
            .filter(|_| self.measured.course == Course::Played && !process.sigkill_needed)
    }

    /// How a process ended that did so by itself after the signal.
    pub(super) fn left_with(&self) -> Option<Status> {
        self.left_ms()?;
        self.measured.process.status
    }

    /// The exit code as a platform shows it.
    pub(super) fn exit_code(&self) -> Option<i32> {
        exits::exit_code(self.left_with()?)
    }

    /// The end of the process, in milliseconds from the signal.
    fn ended_ms(&self) -> Option<f64> {
        let times = &self.measured.timeline;
        times.ended_ms.filter(|_| times.zero == Zero::Signal)
    }

    /// The listed requests that were under way when the process ended, or was killed.
    pub(super) fn taken_by_the_end(&self) -> Vec<&'a LostRequest> {
        let (Some(requests), Some(ended)) = (self.requests(), self.ended_ms()) else {
            return Vec::new();
        };
        let from = match self.measured.timeline.killed_ms {
            Some(killed) => killed,
            // Whatever it did not do after the signal, the system ended it by it.
            None if self.ended_by_the_signal() && self.reaction() == Reaction::Default => 0.0,
            None => ended - WITH_IT,
        };
        let taken = |lost: &&LostRequest| lost.ended_ms >= from && lost.sent_ms <= ended;
        requests.lost.iter().filter(taken).collect()
    }

    /// Whether the signal that asks for the stop ended the process.
    fn ended_by_the_signal(&self) -> bool {
        matches!(self.left_with(), Some(Status::Signal(number)) if signal_name(number) == self.signal())
    }

    /// Whether something happened so shortly before the process ended that it may have been part of it.
    pub(super) fn is_near_the_end(&self, at_ms: f64) -> bool {
        self.ended_ms()
            .is_some_and(|ended| at_ms >= ended - AT_THE_END && at_ms <= ended)
    }

    /// Of those, the ones that the program surely had: what came in the instant of the end may have
    /// waited in the system's backlog, or met a connection that was being closed. A load that is late
    /// itself is given more time: not what its requests waited before they were sent, which is no part of
    /// how long they were under way.
    pub(super) fn under_way_at_the_end(&self) -> Vec<&'a LostRequest> {
        let late = self
            .requests()
            .map_or(0.0, |requests| requests.behind_p99_ms);
        let instant = INSTANT.max(late.min(LATE) * 2.0);
        let mut taken = self.taken_by_the_end();
        taken.retain(|lost| lost.ended_ms - lost.sent_ms >= instant);
        taken
    }

    /// How many kept-alive connections were closed under a request while the process lived on.
    pub(super) fn idle_closes(&self) -> u64 {
        let Some(requests) = self.requests() else {
            return 0;
        };
        let counted = requests.after().lost_to_idle_close;
        let alive = |ended_ms: f64| {
            self.ended_ms()
                .is_none_or(|ended| ended_ms < ended - AT_THE_END)
        };
        let seen = requests
            .lost
            .iter()
            .filter(|lost| lost.how == Lost::IdleClose && alive(lost.ended_ms))
            .count();
        // Not all are listed; one that is tells what the others were.
        if seen > 0 { counted } else { 0 }
    }

    /// The last moment, in milliseconds from the signal, at which a request was under way, or a socket
    /// or stream open; 0 when none was after the signal. `None` when it was not measured.
    pub(super) fn busy_until(&self) -> Option<f64> {
        let series = self.measured.series.as_ref()?;
        let last = series
            .slices
            .iter()
            .rposition(|slice| slice.in_flight > 0 || slice.open > 0)
            .map_or(0.0, |at| series.start_ms + as_f64(at + 1) * series.slice_ms);
        Some(last.max(0.0))
    }

    /// When the first request left, from the stop asked on, of which this is true, to a slice.
    pub(super) fn first_from_the_stop(&self, of: impl Fn(&Slice) -> bool) -> Option<f64> {
        let series = self.measured.series.as_ref()?;
        let asked = self.measured.timeline.asked_ms?;
        series
            .slices
            .iter()
            .enumerate()
            .map(|(at, slice)| (series.start_ms + as_f64(at) * series.slice_ms, slice))
            .find(|(start, slice)| start + series.slice_ms > asked && of(slice))
            .map(|(start, _)| (start.max(asked) * 10.0).round() / 10.0)
    }

    /// From when on the process had nothing to do for anybody: no request was under way, and none
    /// could come any more.
    pub(super) fn quiet_from(&self) -> Option<f64> {
        let busy = self.busy_until()?;
        let routing = self.measured.timeline.routing_ended_ms?;
        Some(busy.max(routing).max(0.0))
    }

    /// The idle connections that were open from the signal until the process ended, or until the
    /// drill let them go.
    pub(super) fn idle_to_the_end(&self) -> Vec<&'a IdleConnection> {
        let Some(ended) = self.ended_ms() else {
            return Vec::new();
        };
        let open = |idle: &&IdleConnection| {
            idle.closed_ms
                .is_none_or(|closed| closed >= ended - AT_THE_END)
        };
        self.measured.idle.iter().filter(open).collect()
    }

    /// The kind of idle connections upon whose end the process left, and when they were let go.
    pub(super) fn left_when_let_go(&self) -> Option<(Kind, f64, usize)> {
        let left = self.left_ms()?;
        let let_go = |idle: &&IdleConnection| {
            idle.let_go_ms
                .is_some_and(|at| at <= left && left - at < AT_ONCE)
        };
        let before: Vec<_> = self.measured.idle.iter().filter(let_go).collect();
        let last = before.iter().max_by(|a, b| {
            a.let_go_ms
                .partial_cmp(&b.let_go_ms)
                .unwrap_or(Ordering::Equal)
        })?;
        let same = before.iter().filter(|idle| idle.kind == last.kind).count();
        Some((last.kind, last.let_go_ms?, same))
    }

    fn signalled(&self) -> Option<&'a Signalled> {
        self.measured.process.signalled.as_ref()
    }

    /// The process that the signal went to.
    pub(super) fn first(&self) -> Option<&'a Seen> {
        self.signalled().map(|signalled| &signalled.main)
    }

    /// What the process that the signal went to does with it.
    pub(super) fn reaction(&self) -> Reaction {
        self.first()
            .map_or(Reaction::Unknown, |first| first.reaction)
    }

    /// A shell or a package runner that the signal went to alone, and the program behind it.
    pub(super) fn in_front(&self, role: Role) -> Option<(&'a Seen, &'a Seen)> {
        let signalled = self.signalled()?;
        if signalled.main.role != role || signalled.everyone {
            return None;
        }
        Some((&signalled.main, self.program()?))
    }

    /// Whether processes outlived the first one, and had to be killed.
    pub(super) fn left_behind(&self) -> bool {
        self.measured
            .process
            .left_behind
            .is_some_and(|left| left > 0)
    }

    /// Whether anything stands in front of the program.
    pub(super) fn has_launcher(&self) -> bool {
        self.in_front(Role::Shell).is_some() || self.in_front(Role::PackageRunner).is_some()
    }

    /// The program behind the first process: who takes the connections, else the first that is no
    /// shell.
    fn program(&self) -> Option<&'a Seen> {
        let signalled = self.signalled()?;
        let behind = || signalled.descendants.iter();
        if signalled.main.listens {
            return None;
        }
        behind()
            .find(|seen| seen.listens)
            .or_else(|| behind().find(|seen| seen.role == Role::Program))
    }

    /// Whether what started a process is a shell.
    pub(super) fn is_behind_a_shell(&self, program: &Seen) -> bool {
        self.signalled().is_some_and(|signalled| {
            let parent = |seen: &&Seen| seen.pid == program.parent;
            let parent = signalled.descendants.iter().find(parent);
            parent.is_some_and(|parent| parent.role == Role::Shell)
        })
    }

    /// When readiness fell, and what the probe was answered then: a status, or nothing.
    pub(super) fn readiness_fell(&self) -> Option<&'a Change> {
        let readiness = self.measured.readiness.as_ref()?;
        let Flip::Flipped { at_ms } = readiness.flip else {
            return None;
        };
        let fell = |change: &&Change| !change.is_up() && change.at_ms >= at_ms;
        readiness.changes.iter().find(fell)
    }

    /// Whether readiness fell because its handler said no, and not because nobody answered.
    pub(super) fn readiness_said_no(&self) -> bool {
        self.readiness_fell()
            .is_some_and(|change| change.status.is_some())
    }

    /// When the listener was closed by a process that lived on.
    pub(super) fn listener_closed_while_alive(&self) -> Option<f64> {
        let ended = self.ended_ms().unwrap_or(f64::INFINITY);
        let closed = self.measured.listener_closed_ms?;
        (closed < ended - AT_THE_END).then_some(closed)
    }

    /// The steps that ended later than planned: name, measured end, planned end.
    pub(super) fn steps_over_plan(&self) -> Vec<(&'a str, f64, f64)> {
        let over = self.measured.steps.iter().filter_map(|step| {
            let plan = step.planned?;
            let end = step.measured.as_ref()?.end_ms?;
            (end > plan.end_ms).then_some((&step.name[..], end, plan.end_ms))
        });
        over.collect()
    }

    fn own_steps(&self) -> impl Iterator<Item = &'a OwnStep> {
        let report = self.measured.report.as_ref();
        report.into_iter().flat_map(|report| &report.steps)
    }

    /// The step that ended last, and when.
    pub(super) fn last_step(&self) -> Option<(&'a str, f64)> {
        self.own_steps()
            .filter_map(|step| Some((&step.name[..], step.end_ms?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// In words, the step that the program says was under way at its end.
    pub(super) fn step_under_way(&self) -> Option<String> {
        let step = self.own_steps().find(|step| step.outcome == "running")?;
        Some(format!("the step {} was still under way", step.name))
    }

    /// In words, the step because of which the program says that it did not end well.
    pub(super) fn step_that_failed(&self) -> Option<String> {
        let bad = |step: &&OwnStep| !matches!(&step.outcome[..], "" | "done" | "skipped");
        let step = self.own_steps().find(bad)?;
        let what = match &step.outcome[..] {
            "timed-out" => "ran into its timeout".to_owned(),
            "running" => "was still under way".to_owned(),
            outcome => outcome.to_owned(),
        };
        let active = match step.active.filter(|active| *active > 0) {
            Some(active) => format!(" with {active} still active"),
            None => String::new(),
        };
        let error = step.error.as_ref().map(|error| format!(": {error}"));
        Some(format!(
            "the step {} {what}{active}{}",
            step.name,
            error.unwrap_or_default()
        ))
    }

    /// Whether the program was built from another plan; `None` when that cannot be told.
    pub(super) fn has_another_plan(&self) -> Option<bool> {
        let own = self.measured.report.as_ref()?.digest.as_ref()?;
        let ours = self.measured.planned.digest.as_ref()?;
        Some(own != ours)
    }

    /// The phases with their words.
    pub(super) fn phases(&self) -> impl Iterator<Item = (Counts, String)> {
        let signal = self.signal();
        self.requests().into_iter().flat_map(move |requests| {
            [
                (requests.before, "before the stop was asked".to_owned()),
                (
                    requests.settling,
                    format!("between the stop asked and {signal}"),
                ),
                (requests.stopping, format!("after {signal}")),
                (requests.gone, "after the process was gone".to_owned()),
            ]
        })
    }
}

/// How a process ended, in words after "the process".
pub(super) fn ended(seen: &Evidence<'_>) -> String {
    let status = seen.measured.process.status;
    status
        .and_then(exits::in_words)
        .unwrap_or_else(|| "ended".to_owned())
}

/// A command line in words, in backquotes.
pub(super) fn command(seen: &Seen) -> String {
    let line: String = seen.command.join(" ").chars().take(60).collect();
    match line.trim() {
        "" => format!("`{}`", seen.program),
        line => format!("`{line}`"),
    }
}

/// `2 idle kept-alive connections and 1 silent connection`.
pub(super) fn idle_in_words(idle: &[&IdleConnection]) -> String {
    let kinds = [
        (Kind::KeptAlive, "idle kept-alive connection"),
        (Kind::Silent, "silent connection"),
    ];
    let words: Vec<_> = kinds
        .into_iter()
        .filter_map(|(kind, words)| {
            let of_kind = idle.iter().filter(|idle| idle.kind == kind).count();
            (of_kind > 0).then(|| count(of_kind as u64, words))
        })
        .collect();
    words.join(" and ")
}

/// The request that had been under way longest, and for how long.
pub(super) fn oldest(taken: &[&LostRequest], until_ms: f64) -> Option<String> {
    let oldest = taken
        .iter()
        .min_by(|a, b| a.sent_ms.total_cmp(&b.sent_ms))?;
    Some(format!(
        "{}, under way for {}",
        oldest.request,
        span(until_ms - oldest.sent_ms)
    ))
}

#[expect(clippy::cast_precision_loss, reason = "slices are few")]
const fn as_f64(number: usize) -> f64 {
    number as f64
}

pub(super) const fn was(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}
