//! JUnit XML: a suite a run, in it a case for each thing that a drill looks at.
//!
//! Failures fail their case; warnings are said in its output, as they do not fail the drill. What
//! could not be measured is skipped.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use lifecycle_drill::compare::{Change, Unit};
use lifecycle_drill::measured::{Finding, Measured, Severity};
use lifecycle_drill::rolling::measured::RollingMeasured;
use lifecycle_drill::summary::Found;
use lifecycle_drill::words::{moment, span};
use lifecycle_drill::{Comparison, Record, verdict};
use quick_xml::events::{BytesEnd, Event};

use super::human::whole;
use crate::junit::{Xml, counted, document, element, finish, text};

/// What a case needs to have been measured.
#[derive(Clone, Copy)]
enum Needs {
    Nothing,
    Requests,
    Readiness,
    Liveness,
    Steps,
}

/// By the name of a finding.
fn needs(name: &str) -> Needs {
    match name {
        "request-lost"
        | "keep-alive-reset"
        | "request-failed"
        | "request-refused"
        | "slow-while-stopping"
        | "load-off-target"
        | "load-held-back"
        | "load-behind" => Needs::Requests,
        "readiness-never-flipped" | "readiness-late" | "listener-closed-before-readiness" => {
            Needs::Readiness
        }
        "liveness-failed" => Needs::Liveness,
        "step-over-plan"
        | "exit-before-drain"
        | "exit-zero-after-abandoning"
        | "built-from-another-plan" => Needs::Steps,
        _ => Needs::Nothing,
    }
}

/// One case, and what came of it.
struct Case<'a> {
    name: &'a str,
    /// In seconds; none where it has no length.
    time: f64,
    result: Outcome,
    /// What is said besides.
    output: String,
}

enum Outcome {
    Passed,
    /// Why is said in the output.
    Skipped,
    Failed {
        message: String,
        words: String,
    },
}

/// A suite a run, and one for each scenario that was not played.
pub(super) fn record(record: &Record, out: &mut dyn Write) -> Result<()> {
    let several = record.runs().len() > 1;
    let mut suites = Vec::new();
    for (at, run) in record.runs().iter().enumerate() {
        let mut name = format!("{} on {}", run.service, run.platform_label);
        if let Some(scenario) = &run.scenario {
            let _infallible = write!(name, ", {scenario}");
        }
        if several {
            let _infallible = write!(name, ", run {}", at + 1);
        }
        suites.push((name, cases(run)));
    }
    if let Record::Several(several) = record {
        for none in &several.not_played {
            let first = record.first();
            let on = format!("{} on {}", first.service, first.platform_label);
            let case = Case {
                name: "applicable",
                time: 0.0,
                result: Outcome::Skipped,
                output: format!("not applicable: {}", none.why),
            };
            suites.push((format!("{on}, {}", none.scenario), vec![case]));
        }
    }
    write_suites("lifecycle drill", &suites, out)
}

/// One suite: what clients saw, and each finding.
pub(super) fn rolling(measured: &RollingMeasured, out: &mut dyn Write) -> Result<()> {
    let name = format!("{} on {}", measured.service, measured.platform_label);
    let mut cases = vec![Case {
        name: "rolling-deploy",
        time: measured.took_ms.unwrap_or_default() / 1_000.0,
        result: Outcome::Passed,
        output: measured.sentence.clone(),
    }];
    for finding in &measured.findings {
        if cases.iter().all(|case| case.name != finding.name) {
            cases.push(case(&finding.name, &measured.findings));
        }
    }
    write_suites("lifecycle drill", &[(name, cases)], out)
}

/// One suite: the verdict, each number, each finding.
pub(super) fn compared(comparison: &Comparison, out: &mut dyn Write) -> Result<()> {
    let after = &comparison.after;
    let name = format!("{} on {}", after.service, after.platform_label);
    let passed = |name, output| Case {
        name,
        time: 0.0,
        result: Outcome::Passed,
        output,
    };
    let mut cases = Vec::new();
    let mut verdict = passed("verdict", comparison.remarks.join("\n"));
    if comparison.verdict == Change::Worse {
        let side =
            |of: &lifecycle_drill::compare::Side| format!("{} of {} passed", of.passed, of.runs);
        let message = format!(
            "worse: {} before, {} after",
            side(&comparison.before),
            side(after)
        );
        verdict.result = Outcome::Failed {
            words: message.clone(),
            message,
        };
    }
    cases.push(verdict);
    for row in &comparison.rows {
        let shown = |number: Option<f64>| match (number, row.unit) {
            (None, _) => "not measured".to_owned(),
            (Some(number), Unit::Count) => whole(number).to_string(),
            (Some(ms), Unit::Ms) => span(ms),
        };
        let word = match row.change {
            Change::Better => "better: ",
            Change::Worse => "worse: ",
            Change::Same | Change::Unknown => "",
        };
        let said = format!(
            "{word}{} before, {} after",
            shown(row.before),
            shown(row.after)
        );
        cases.push(passed(&row.what, said));
    }
    let findings = comparison.new.iter().chain(&comparison.kept);
    for (at, found) in findings.enumerate() {
        let words = format!("{}\nusual cause: {}", found.message, found.cause);
        let mut case = passed(&found.name, words.clone());
        // What was there before is no news.
        if at < comparison.new.len() && found.severity == Severity::Failure {
            let message = format!("new: {}", found.message);
            case = Case {
                result: Outcome::Failed { message, words },
                output: String::new(),
                ..case
            };
        }
        cases.push(case);
    }
    let gone = |found: &Found| format!("gone: {}", found.message);
    cases.extend(
        comparison
            .gone
            .iter()
            .map(|found| passed(&found.name, gone(found))),
    );
    write_suites("lifecycle replay", &[(name, cases)], out)
}

fn cases(run: &Measured) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for detection in verdict::ALL {
        let mut case = case(detection.name, &run.findings);
        let missing = missing(run, needs(detection.name));
        if let (Outcome::Passed, "", Some(why)) = (&case.result, &*case.output, missing) {
            case.result = Outcome::Skipped;
            case.output = format!("not measured: {why}");
        }
        cases.push(case);
    }
    for finding in &run.findings {
        if cases.iter().all(|case| case.name != finding.name) {
            cases.push(case(&finding.name, &run.findings));
        }
    }
    // The whole drill's length belongs to one case, or it would be counted many times.
    if let (Some(first), Some(ended)) = (cases.first_mut(), run.timeline.ended_ms) {
        first.time = (ended - run.timeline.started_ms) / 1_000.0;
    }
    cases
}

fn case<'a>(name: &'a str, findings: &[Finding]) -> Case<'a> {
    let findings = findings.iter().filter(|it| it.name == name);
    let (failures, warnings): (Vec<&Finding>, Vec<&Finding>) =
        findings.partition(|it| it.severity == Severity::Failure);
    let words = |findings: &[&Finding]| {
        let said = findings.iter().map(|finding| {
            let when = finding.at_ms.map(|at| format!("at {}: ", moment(at)));
            let when = when.unwrap_or_default();
            format!(
                "{when}{}\nusual cause: {}\n",
                finding.message, finding.cause
            )
        });
        said.collect::<Vec<_>>().join("\n")
    };
    let result = match failures.first() {
        None => Outcome::Passed,
        Some(first) => Outcome::Failed {
            message: first.message.clone(),
            words: words(&failures),
        },
    };
    Case {
        name,
        time: 0.0,
        result,
        output: words(&warnings),
    }
}

/// Why this cannot be said of the run.
fn missing(run: &Measured, needs: Needs) -> Option<String> {
    let (is_there, what) = match needs {
        Needs::Nothing => (true, ""),
        Needs::Requests => (run.requests.is_some(), "requests: "),
        Needs::Readiness => (run.readiness.is_some(), "readiness: "),
        Needs::Liveness => (run.liveness.is_some(), "liveness: "),
        Needs::Steps => (run.report.is_some(), "steps: "),
    };
    if is_there {
        return None;
    }
    let said = run
        .not_measured
        .iter()
        .find_map(|why| why.strip_prefix(what));
    Some(said.unwrap_or("it was not measured").to_owned())
}

fn write_suites(name: &str, suites: &[(String, Vec<Case<'_>>)], out: &mut dyn Write) -> Result<()> {
    let cases = || suites.iter().flat_map(|(_, cases)| cases);
    let mut all = element("testsuites", &[("name", name)]);
    counted(&mut all, cases().count(), failed(cases()), 0);
    let mut xml = document(out, all)?;
    for (name, cases) in suites {
        write_suite(&mut xml, name, cases)?;
    }
    finish(xml)
}

fn failed<'a>(cases: impl Iterator<Item = &'a Case<'a>>) -> usize {
    cases
        .filter(|case| matches!(case.result, Outcome::Failed { .. }))
        .count()
}

fn write_suite(xml: &mut Xml<'_>, name: &str, cases: &[Case<'_>]) -> Result<()> {
    let mut start = element("testsuite", &[("name", name)]);
    counted(&mut start, cases.len(), failed(cases.iter()), 0);
    let skipped = cases
        .iter()
        .filter(|case| matches!(case.result, Outcome::Skipped));
    start.push_attribute(("skipped", skipped.count().to_string().as_str()));
    xml.write_event(Event::Start(start))?;
    for case in cases {
        let time = format!("{:.3}", case.time);
        let named = [("classname", name), ("name", case.name), ("time", &time)];
        let start = element("testcase", &named);
        if matches!(case.result, Outcome::Passed) && case.output.is_empty() {
            xml.write_event(Event::Empty(start))?;
            continue;
        }
        xml.write_event(Event::Start(start))?;
        match &case.result {
            Outcome::Passed => {}
            // Jenkins knows it without a message.
            Outcome::Skipped => xml.write_event(Event::Empty(element("skipped", &[])))?,
            Outcome::Failed { message, words } => {
                let kind = [("type", case.name), ("message", message)];
                text(xml, element("failure", &kind), words)?;
            }
        }
        if !case.output.is_empty() {
            text(xml, element("system-out", &[]), &case.output)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testcase")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    Ok(())
}
