//! The same in numbers: what the picture shows, for whoever does not see it, and for looking up.

use serde::Serialize;

use lifecycle_drill::Measured;
use lifecycle_drill::compare::{Change, Comparison, Unit};
use lifecycle_drill::measured::Zero;
use lifecycle_drill::summary::{Spread, Summary};
use lifecycle_drill::traffic::tally::{Counts, Latency};
use lifecycle_drill::words::{grouped, moment, span};

use super::lanes::outcome_class;
use super::traffic;
use crate::drill::human::{planned, times, whole};

/// The table that says what the strip of requests shows has so many rows.
const STRETCHES: usize = 40;

/// What can become of a request, how often it did, and the class of a number that is not 0.
type Outcome = (&'static str, fn(&Counts) -> u64, &'static str);

/// A table; the first cell of a row names it.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    pub(super) caption: String,
    /// It is long, and folded away until somebody asks.
    pub(super) folded: bool,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) class: &'static str,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            class: "",
        }
    }
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            folded: false,
            head: head.iter().map(|it| (*it).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(Cell::plain).collect());
    }
}

/// All tables of a run.
pub(super) fn of_run(run: &Measured) -> Vec<Table> {
    let tables = [
        timeline(run),
        requests(run),
        latencies(run),
        kinds(run),
        steps(run),
        lost(run),
        over_time(run),
    ];
    tables
        .into_iter()
        .flatten()
        .filter(|it| !it.rows.is_empty())
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn timeline(run: &Measured) -> Option<Table> {
    let (times, plan) = (&run.timeline, &run.planned);
    let zero = match times.zero {
        Zero::Signal => format!("Timeline, from {}", run.signal),
        Zero::Start => "Timeline, from the start of the process".to_owned(),
    };
    let mut table = Table::new(zero, &["Moment", "Planned", "Measured"]);
    let played = times.zero == Zero::Signal;
    let before = plan.deregistration_ms.unwrap_or_default();
    let planned = |ms: f64| played.then_some(ms);
    for (what, planned, measured) in [
        ("process started", None, Some(times.started_ms)),
        ("ready", None, times.ready_ms),
        (
            "stop asked",
            planned(-plan.asked_to_signal_ms),
            times.asked_ms,
        ),
        (
            "routing ends",
            planned(plan.routing_lag_ms - plan.asked_to_signal_ms),
            times.routing_ended_ms,
        ),
        (
            "grace period starts",
            planned(before - plan.asked_to_signal_ms),
            times.grace_ms,
        ),
        (&*run.signal, planned(0.0), times.signalled_ms),
        (
            "process gone",
            plan.deadline_ms.filter(|_| played),
            times.ended_ms,
        ),
        ("SIGKILL", planned(plan.signal_to_kill_ms), times.killed_ms),
    ] {
        let shown = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), moment);
        if planned.is_some() || measured.is_some() {
            table.row([what.to_owned(), shown(planned), shown(measured)]);
        }
    }
    Some(table)
}

fn requests(run: &Measured) -> Option<Table> {
    let seen = run.requests.as_ref()?;
    let after = format!("After {}", run.signal);
    let head = [
        "Outcome",
        "Before the stop",
        "Settling",
        &after,
        "After the exit",
        "All",
    ];
    let mut table = Table::new("Requests, by when they were sent", &head);
    let phases = [
        seen.before,
        seen.settling,
        seen.stopping,
        seen.gone,
        seen.all(),
    ];
    let rows: [Outcome; 9] = [
        ("served", |it| it.served, ""),
        ("of those with 4xx", |it| it.client_error, "warn"),
        ("refused with 503", |it| it.refused, "warn"),
        ("refused at connection", |it| it.refused_at_connect, "warn"),
        ("server error", |it| it.server_error, "bad"),
        ("lost", |it| it.lost, "bad"),
        (
            "of those to an idle close",
            |it| it.lost_to_idle_close,
            "bad",
        ),
        ("of those never answered", |it| it.lost_unanswered, "bad"),
        ("not sent", |it| it.not_sent, "warn"),
    ];
    for (what, of, class) in rows {
        let always = what == "served" || what == "lost";
        if !always && of(&seen.all()) == 0 {
            continue;
        }
        let mut row = vec![Cell::plain(what)];
        row.extend(phases.iter().map(|counts| Cell {
            text: grouped(of(counts)),
            class: if of(counts) > 0 { class } else { "" },
        }));
        table.rows.push(row);
    }
    Some(table)
}

/// What became of each kind of request, where there are several.
fn kinds(run: &Measured) -> Option<Table> {
    let kinds = &run.requests.as_ref()?.kinds;
    let head = [
        "Request",
        "Served",
        "Refused",
        "Failed",
        "Lost",
        "p99 before",
        "p99 after",
    ];
    let mut table = Table::new("Requests, by kind", &head);
    for kind in kinds.iter().filter(|_| kinds.len() > 1) {
        let all = kind.all();
        let p99 =
            |latency: Option<Latency>| latency.map_or_else(|| "-".to_owned(), |it| span(it.p99_ms));
        table.row([
            kind.request.clone(),
            grouped(all.served),
            grouped(all.refused + all.refused_at_connect),
            grouped(all.server_error),
            grouped(all.lost),
            p99(kind.latency_before),
            p99(kind.latency_after),
        ]);
    }
    Some(table)
}

fn latencies(run: &Measured) -> Option<Table> {
    let seen = run.requests.as_ref()?;
    let head = ["Sent", "p50", "p90", "p99", "Slowest"];
    let mut table = Table::new(
        "Latency of served requests, from when each was to leave",
        &head,
    );
    for (what, latency) in [
        ("before the stop", seen.latency_before),
        ("after it", seen.latency_after),
    ] {
        if let Some(latency) = latency {
            let mut row = vec![what.to_owned()];
            row.extend(latency.figures().map(|(_, ms)| span(ms)));
            table.row(row);
        }
    }
    Some(table)
}

#[expect(clippy::unnecessary_wraps, reason = "as the others")]
fn steps(run: &Measured) -> Option<Table> {
    let head = ["Step", "Kind", "Planned", "Measured", "Outcome", "Said"];
    let mut table = Table::new(format!("Steps, from {}", run.signal), &head);
    for step in &run.steps {
        let own = step.measured.as_ref();
        let outcome = own.map(|own| own.outcome.clone()).unwrap_or_default();
        let class = match (own.is_some(), outcome_class(&outcome)) {
            (false, _) | (_, "done") => "",
            (_, "skipped") => "warn",
            _ => "bad",
        };
        let (name, kind) = (step.name.clone(), step.kind.clone());
        let mut row: Vec<Cell> = [name, kind, planned(step), times(step)]
            .map(Cell::plain)
            .into();
        row.push(Cell {
            text: outcome,
            class,
        });
        row.push(Cell {
            text: own.map(said).unwrap_or_default(),
            class: "said",
        });
        table.rows.push(row);
    }
    Some(table)
}

/// What a step says of itself besides its outcome.
fn said(own: &lifecycle_drill::own_report::OwnStep) -> String {
    let mut said: Vec<String> = own.error.iter().cloned().collect();
    if let Some(active) = own.active.filter(|active| *active > 0) {
        said.push(format!("{active} still active"));
    }
    for (what, names, omitted) in [
        ("unfinished", &own.unfinished, own.unfinished_omitted),
        ("handed back", &own.handed_back, own.handed_back_omitted),
        ("left running", &own.abandoned, own.abandoned_omitted),
    ] {
        if !names.is_empty() {
            let more = match omitted {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            said.push(format!("{what}: {}{more}", names.join(", ")));
        }
    }
    said.join("; ")
}

fn lost(run: &Measured) -> Option<Table> {
    let seen = run.requests.as_ref()?;
    let mut table = Table::new(
        "The first requests that were lost",
        &["Request", "Sent", "Ended", "How"],
    );
    for lost in &seen.lost {
        let how = lost.how.words().to_owned();
        table.row([
            lost.request.clone(),
            moment(lost.sent_ms),
            moment(lost.ended_ms),
            how,
        ]);
    }
    Some(table)
}

fn over_time(run: &Measured) -> Option<Table> {
    let series = run.series.as_ref()?;
    let head = [
        "When",
        "Served",
        "Refused",
        "Not connected",
        "Server error",
        "Lost",
        "In flight",
        "Slowest",
    ];
    let mut table = Table::new("Requests over time", &head);
    table.folded = true;
    for stretch in traffic::stretches(series, STRETCHES) {
        let of = stretch.slice;
        let counts = [
            of.served,
            of.refused,
            of.refused_at_connect,
            of.server_error,
            of.lost,
            of.in_flight,
        ];
        let mut row = vec![stretch.when];
        row.extend(counts.map(|count| grouped(u64::from(count))));
        row.push(
            of.slowest_ms
                .map_or_else(|| "–".to_owned(), |ms| span(f64::from(ms))),
        );
        table.row(row);
    }
    Some(table)
}

/// How far the runs lie apart.
pub(super) fn of_summary(summary: &Summary) -> Table {
    let head = ["What", "Planned", "Runs", "Least", "Median", "Most"];
    let mut table = Table::new("How far the runs lie apart", &head);
    let mut row = |what: String, planned: String, spread: Option<Spread>| {
        let Some(Spread {
            runs,
            min_ms,
            median_ms,
            max_ms,
        }) = spread
        else {
            return;
        };
        let mut cells = vec![what, planned, runs.to_string()];
        cells.extend([min_ms, median_ms, max_ms].map(signed));
        table.row(cells);
    };
    row("exit".to_owned(), String::new(), summary.exit);
    row(
        "readiness down".to_owned(),
        String::new(),
        summary.readiness,
    );
    row(
        "latency before, median".to_owned(),
        String::new(),
        summary.latency_before,
    );
    row(
        "latency after, median".to_owned(),
        String::new(),
        summary.latency_after,
    );
    row(
        "latency after, slowest".to_owned(),
        String::new(),
        summary.slowest_after,
    );
    for step in &summary.steps {
        let planned = step.planned.map(|plan| span(plan.timeout_ms));
        row(
            format!("step {}", step.name),
            planned.unwrap_or_default(),
            step.took,
        );
    }
    table
}

/// The numbers of two drills beside one another.
pub(super) fn of_comparison(comparison: &Comparison) -> Table {
    let mut table = Table::new("Compared", &["What", "Before", "After", ""]);
    for row in &comparison.rows {
        let shown = |number: Option<f64>| match (number, row.unit) {
            (None, _) => "–".to_owned(),
            (Some(number), Unit::Count) => grouped(whole(number)),
            (Some(ms), Unit::Ms) => signed(ms),
        };
        let (class, word) = match row.change {
            Change::Better => ("good", "better"),
            Change::Worse => ("bad", "worse"),
            Change::Same => ("", ""),
            Change::Unknown => ("warn", "not in both"),
        };
        let cells = [row.what.to_string(), shown(row.before), shown(row.after)];
        let mut cells: Vec<Cell> = cells.map(Cell::plain).into();
        cells.push(Cell {
            text: word.to_owned(),
            class,
        });
        table.rows.push(cells);
    }
    table
}

/// A length of time, which may be negative where it counts from the signal.
fn signed(ms: f64) -> String {
    if ms < 0.0 { moment(ms) } else { span(ms) }
}
