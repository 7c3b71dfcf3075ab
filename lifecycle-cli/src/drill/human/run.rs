//! One run: the plan beside what was measured.

use anstyle::Style;

use lifecycle_drill::measured::{Course, Finding, LoadSummary, Measured, Severity, Step, Zero};
use lifecycle_drill::probe::Flip;
use lifecycle_drill::target::process::{Status, signal_name};
use lifecycle_drill::words::{count as counted, grouped, moment, span};

use super::requests;
use super::text::{
    BAD, FAINT, GOOD, HEADING, WARN, WIDTH, clean, fitted, line, padded, styled, wrapped,
    wrapped_after,
};

/// So many last lines of a process are shown when it failed.
const SHOWN_LINES: usize = 10;

/// The whole run as text.
pub(crate) fn run(measured: &Measured) -> String {
    let mut text = String::new();
    heading(&mut text, measured, measured.scenario.as_deref());
    timeline(&mut text, measured);
    if let Some(seen) = &measured.requests {
        requests::by_phase(&mut text, measured, seen);
        requests::by_kind(&mut text, seen);
    }
    steps(&mut text, measured);
    last_lines(&mut text, measured);
    not_measured(&mut text, &measured.not_measured);
    findings(&mut text, measured);
    text
}

/// What was drilled, on what, and under which load.
pub(super) fn heading(text: &mut String, measured: &Measured, scenario: Option<&str>) {
    let title = format!(
        "{} on {}",
        clean(&measured.service),
        clean(&measured.platform_label)
    );
    line(text, &styled(HEADING, &title));
    if let Some(scenario) = scenario {
        line(text, &format!("  scenario {}", clean(scenario)));
    }
    line(
        text,
        &format!(
            "  {}",
            fitted(&clean(&measured.command.join(" ")), WIDTH - 2)
        ),
    );
    let payer = format!(
        "settle time paid by {}",
        clean(&measured.planned.settle_payer)
    );
    line(text, &format!("  {}", fitted(&payer, WIDTH - 2)));
    let load = measured.load.as_ref().map(load);
    let seed = measured.seed.map(|seed| format!("seed {seed}"));
    for said in load.into_iter().chain(seed) {
        line(text, &format!("  {said}"));
    }
}

/// The load in words.
pub(in crate::drill) fn load(load: &LoadSummary) -> String {
    match *load {
        LoadSummary::Open {
            rate,
            kept_alive,
            fresh_share,
            slow_share,
            clients,
        } => match rate {
            0 => format!("{clients} clients that keep a socket or a stream open"),
            _ => format!(
                "{rate} requests a second, {kept_alive} connections kept alive, {} fresh, {} slow{}",
                percent(fresh_share),
                percent(slow_share),
                beside(clients)
            ),
        },
        LoadSummary::Closed {
            kept_alive,
            fresh,
            clients,
        } => format!(
            "saturation: {kept_alive} clients that keep their connection, {fresh} that do not{}",
            beside(clients)
        ),
    }
}

/// The clients of sockets and streams beside the requests.
fn beside(clients: usize) -> String {
    match clients {
        0 => String::new(),
        clients => format!(
            "; {} of sockets and streams",
            counted(clients as u64, "client")
        ),
    }
}

/// One row of the timeline.
fn row(text: &mut String, label: &str, planned: &str, measured: &str, note: &str) {
    let row = format!("  {label:<22}{planned:>14}{measured:>14}  {note}");
    line(text, row.trim_end());
}

fn timeline(text: &mut String, measured: &Measured) {
    let times = &measured.timeline;
    let zero = match times.zero {
        Zero::Signal => format!("TIMELINE from {}", clean(&measured.signal)),
        Zero::Start => "TIMELINE from the start".to_owned(),
    };
    let heading = format!("{zero:<24}{:>14}{:>14}", "planned", "measured");
    line(text, "");
    line(text, &styled(HEADING, &heading));
    row(text, "ready", "", &seen(times.ready_ms), "");
    before_signal(text, measured);
    health(text, measured);
    end(text, measured);
}

/// A moment that may not have come.
fn seen(at: Option<f64>) -> String {
    at.map_or_else(|| "did not come".to_owned(), moment)
}

/// What the platform does before it asks the program to stop.
fn before_signal(text: &mut String, measured: &Measured) {
    let (times, plan) = (&measured.timeline, &measured.planned);
    let asked_to_signal = plan.asked_to_signal_ms;
    // Without a signal the plan has nothing to stand beside.
    let planned = |ms: f64| match times.zero {
        Zero::Signal => moment(ms - asked_to_signal),
        Zero::Start => String::new(),
    };
    if let Some(asked) = times.asked_ms {
        row(text, "stop asked", &planned(0.0), &moment(asked), "");
    }
    if let Some(ended) = times.routing_ended_ms {
        let lag = planned(plan.routing_lag_ms);
        row(text, "routing ends", &lag, &moment(ended), "");
    }
    if let (Some(before), Some(grace)) = (plan.deregistration_ms, times.grace_ms) {
        let note = match plan.deregistration_ends_early {
            true => format!("deregistered, {} at most", span(before)),
            false => format!("{} outside of it", span(before)),
        };
        let (label, planned) = ("grace period starts", planned(before));
        row(text, label, &planned, &moment(grace), &note);
    }
}

/// How the program answers while it stops.
fn health(text: &mut String, measured: &Measured) {
    if let Some(readiness) = &measured.readiness {
        let (at, note) = match readiness.flip {
            Flip::Flipped { at_ms } => (moment(at_ms), ""),
            Flip::AlreadyDown => ("already down".to_owned(), "before the stop"),
            Flip::Never => ("never".to_owned(), ""),
            Flip::NotSeen => ("not seen".to_owned(), "the process left too soon"),
        };
        let by = format!("by {}", moment(measured.planned.readiness_budget_ms));
        row(text, "readiness down", &by, &at, note);
    }
    if let Some(live) = &measured.liveness {
        let held = match live.failures {
            0 => "held",
            _ => "failed",
        };
        let note = format!(
            "{} of {} probes failed",
            grouped(live.failures as u64),
            grouped(live.samples as u64)
        );
        row(text, "liveness", "held", held, &note);
    }
}

/// How it ended.
fn end(text: &mut String, measured: &Measured) {
    let (times, plan) = (&measured.timeline, &measured.planned);
    let played = times.zero == Zero::Signal;
    let by = plan.deadline_ms.filter(|_| played);
    let by = by.map_or_else(String::new, |ms| format!("by {}", moment(ms)));
    let status = match measured.process.status {
        Some(Status::Code(code)) => format!("exit code {code}"),
        Some(Status::Signal(number)) => format!("ended by {}", signal_name(number)),
        Some(Status::Unknown) => "exit code unknown".to_owned(),
        None if played => "exit code unknown".to_owned(),
        None => "killed by the drill".to_owned(),
    };
    row(text, "exit", &by, &seen(times.ended_ms), &status);
    if played {
        let kill = moment(plan.signal_to_kill_ms);
        let (at, note) = match (times.killed_ms, measured.process.left_ms) {
            (Some(at), _) => (moment(at), String::new()),
            (None, Some(left)) => ("not needed".to_owned(), format!("{} left", span(left))),
            (None, None) => ("not needed".to_owned(), String::new()),
        };
        row(text, "SIGKILL", &kill, &at, &note);
    }
}

fn steps(text: &mut String, measured: &Measured) {
    if measured.steps.is_empty() {
        return;
    }
    line(text, "");
    let signal = format!("STEPS from {}", clean(&measured.signal));
    line(
        text,
        &styled(HEADING, &step_row(&signal, "", "planned", "measured", "")),
    );
    for step in &measured.steps {
        let (planned, own) = (planned(step), times(step));
        let outcome = step.measured.as_ref().map(|own| own.outcome.clone());
        let outcome = outcome.unwrap_or_default();
        let style = match outcome.as_str() {
            "" => FAINT,
            "done" => Style::new(),
            "skipped" => WARN,
            _ => BAD,
        };
        let name = format!("  {}", clean(&step.name));
        line(
            text,
            &styled(
                style,
                &step_row(&name, &clean(&step.kind), &planned, &own, &outcome),
            ),
        );
        step_details(text, step);
    }
    let faults = measured.report.as_ref().map(|report| &report.faults);
    if let Some(faults) = faults.filter(|faults| !faults.is_empty()) {
        wrapped(
            text,
            WARN,
            "  injected on purpose: ",
            &clean(&faults.join("; ")),
        );
    }
}

fn step_row(name: &str, kind: &str, planned: &str, measured: &str, outcome: &str) -> String {
    let row = format!(
        "{} {} {} {} {}",
        padded(name, 19),
        padded(kind, 14),
        padded(planned, 16),
        padded(measured, 16),
        fitted(&clean(outcome), 11)
    );
    row.trim_end().to_owned()
}

/// From when to when a step was planned.
pub(in crate::drill) fn planned(step: &Step) -> String {
    step.planned.map_or_else(
        || "not planned".to_owned(),
        |plan| format!("{} to {}", span(plan.start_ms), span(plan.end_ms)),
    )
}

/// From when to when it took, by the program's own account.
pub(in crate::drill) fn times(step: &Step) -> String {
    let Some(own) = &step.measured else {
        return "not measured".to_owned();
    };
    match (own.start_ms, own.end_ms) {
        (Some(start), Some(end)) => format!("{} to {}", span(start), span(end)),
        (Some(start), None) => format!("from {}", span(start)),
        (None, _) => "did not begin".to_owned(),
    }
}

/// What a step that did not go well says of itself.
fn step_details(text: &mut String, step: &Step) {
    let Some(own) = &step.measured else { return };
    if let Some(error) = &own.error {
        wrapped(text, Style::new(), "    error: ", &clean(error));
    }
    if let Some(active) = own.active.filter(|active| *active > 0) {
        let mut left = format!("{active} still active");
        if !own.unfinished.is_empty() {
            left.push_str(": ");
            left.push_str(&names(&own.unfinished, own.unfinished_omitted));
        }
        wrapped(text, Style::new(), "    ", &clean(&left));
    }
    for (what, found, omitted) in [
        (
            "    handed back: ",
            &own.handed_back,
            own.handed_back_omitted,
        ),
        ("    left running: ", &own.abandoned, own.abandoned_omitted),
    ] {
        if !found.is_empty() {
            wrapped(text, Style::new(), what, &clean(&names(found, omitted)));
        }
    }
}

/// `a, b and 30 more`.
fn names(found: &[String], omitted: u64) -> String {
    match omitted {
        0 => found.join(", "),
        more => format!("{} and {more} more", found.join(", ")),
    }
}

/// The last lines of the process, where they may say what went wrong.
fn last_lines(text: &mut String, measured: &Measured) {
    let told = matches!(measured.process.status, Some(Status::Code(0)));
    if measured.passed || told && measured.course == Course::Played || measured.output.is_empty() {
        return;
    }
    last_of(text, "the process", &measured.output);
}

/// The last lines that something wrote.
pub(super) fn last_of(text: &mut String, whose: &str, output: &[String]) {
    line(text, "");
    line(text, &styled(HEADING, &format!("LAST LINES of {whose}")));
    let skip = output.len().saturating_sub(SHOWN_LINES);
    for said in &output[skip..] {
        line(text, &styled(FAINT, &format!("  | {}", clean(said))));
    }
}

/// What could not be measured, and why.
pub(super) fn not_measured(text: &mut String, sentences: &[String]) {
    if !sentences.is_empty() {
        line(text, "");
    }
    for missing in sentences {
        wrapped(text, FAINT, "not measured: ", missing);
    }
}

fn findings(text: &mut String, measured: &Measured) {
    line(text, "");
    for sentence in &measured.excused {
        wrapped(text, FAINT, "the scenario: ", &clean(sentence));
    }
    if !measured.excused.is_empty() {
        line(text, "");
    }
    for found in &measured.findings {
        finding(text, found, "");
    }
    let of = |severity| {
        measured
            .findings
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    };
    let (failures, warnings) = (of(Severity::Failure), of(Severity::Warning));
    if !measured.findings.is_empty() {
        line(text, "");
    }
    let verdict = if measured.passed {
        styled(GOOD, "passed")
    } else {
        styled(BAD, "FAILED")
    };
    let rest = match (failures, warnings) {
        (0, 0) if measured.scenario.is_some() => {
            ": the process stopped as it should in this scenario".to_owned()
        }
        (0, 0) => ": the process stopped as it should".to_owned(),
        (0, warnings) => format!(": {}", counted(warnings as u64, "warning")),
        (failures, 0) => format!(": {}", counted(failures as u64, "failure")),
        (failures, warnings) => {
            format!(
                ": {}, {}",
                counted(failures as u64, "failure"),
                counted(warnings as u64, "warning")
            )
        }
    };
    line(text, &format!("{verdict}{rest}"));
}

/// What was found, when, and what usually causes it.
pub(super) fn finding(text: &mut String, finding: &Finding, indent: &str) {
    let (style, word) = match finding.severity {
        Severity::Failure => (BAD, "failure"),
        Severity::Warning => (WARN, "warning"),
    };
    let when = finding.at_ms.map(|at| format!(" at {}", moment(at)));
    let when = when.unwrap_or_default();
    let label = format!("{indent}{word} {}{when}: ", clean(&finding.name));
    let inner = format!("{indent}  ");
    wrapped_after(text, style, &label, &inner, &finding.message);
    let label = format!("{inner}usual cause: ");
    wrapped_after(text, FAINT, &label, &inner, &finding.cause);
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}
