//! A drill as one HTML file: it needs nothing beside it, and says the same without its script.

mod chart;
mod lanes;
mod rolling;
mod scale;
mod shapes;
mod tables;
mod traffic;
mod words;

use std::fmt::Write as _;

use anyhow::Result;
use minijinja::Value;
use serde::Serialize;

use lifecycle_drill::measured::{Finding, Measured, Severity};
use lifecycle_drill::record::Runs;
use lifecycle_drill::series::Series;
use lifecycle_drill::summary::Found;
use lifecycle_drill::words::moment;
use lifecycle_drill::{Comparison, Record};

use self::chart::Chart;
use self::tables::Table;
use super::formats::Shown;
use crate::template;

const TEMPLATE: &str = include_str!("../../../templates/drill/page.html.j2");
const SCRIPT: &str = include_str!("../../../templates/drill/page.js");
/// The look of all pictures, then what only this page has.
const STYLE: [&str; 2] = [
    include_str!("../../../templates/picture/style.css"),
    include_str!("../../../templates/drill/page.css"),
];

/// More runs than this are not drawn one by one; those that failed come first.
const MOST_RUNS: usize = 40;
/// A small picture has so many slices.
const SMALL: usize = 120;

/// All that the template prints.
#[derive(Debug, Serialize)]
struct Page {
    title: String,
    style: Value,
    script: Value,
    verdict: Verdict,
    facts: Vec<Fact>,
    /// What makes two drills hard to compare.
    remarks: Vec<String>,
    /// Tables that come before everything else.
    first_tables: Vec<Table>,
    small: Vec<Small>,
    /// How many runs are not drawn.
    not_drawn: usize,
    /// Scenarios that say nothing about this program.
    not_played: Vec<Fact<String>>,
    pairs: Vec<Pair>,
    run: Option<RunView>,
    finding_groups: Vec<Group>,
    /// What one of several instances wrote last.
    spoken: Option<Spoken>,
}

/// The last lines of an instance.
#[derive(Debug, Serialize)]
struct Spoken {
    heading: String,
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Verdict {
    class: &'static str,
    word: &'static str,
    sentence: String,
}

#[derive(Debug, Serialize)]
struct Fact<N = &'static str> {
    name: N,
    value: String,
}

/// One run among many.
#[derive(Debug, Serialize)]
struct Small {
    name: String,
    class: &'static str,
    word: &'static str,
    chart: Option<Chart>,
}

/// One of two drills.
#[derive(Debug, Serialize)]
struct Pair {
    name: &'static str,
    chart: Chart,
}

#[derive(Debug, Serialize)]
struct Group {
    heading: String,
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize)]
struct FindingView {
    class: &'static str,
    word: &'static str,
    name: String,
    /// When it was, or how often; empty where there is nothing to say.
    when: String,
    message: String,
    cause: String,
}

/// One run in full.
#[derive(Debug, Serialize)]
struct RunView {
    heading: String,
    charts: Vec<Chart>,
    /// The slices as JSON, for the words under the pointer.
    series: Value,
    tables: Vec<Table>,
    lines: Vec<String>,
    not_measured: Vec<String>,
}

/// The page.
pub(super) fn html(shown: Shown<'_>) -> Result<String> {
    let page = match shown {
        Shown::Drill(Record::One(run)) => of_run(run),
        Shown::Drill(Record::Several(several)) => of_several(several),
        Shown::Rolling(measured) => rolling::of(measured),
        Shown::Compared {
            comparison,
            before,
            after,
        } => of_two(comparison, before, after),
    };
    template::render_as("drill/page.html.j2", TEMPLATE, template::markup, page)
}

impl Page {
    fn new(title: String, passed: bool, sentence: String) -> Self {
        let (class, word) = match passed {
            true => ("good", "Passed"),
            false => ("bad", "Failed"),
        };
        Self {
            title,
            style: Value::from_safe_string(STYLE.concat()),
            script: Value::from_safe_string(SCRIPT.to_owned()),
            verdict: Verdict {
                class,
                word,
                sentence,
            },
            facts: Vec::new(),
            remarks: Vec::new(),
            first_tables: Vec::new(),
            small: Vec::new(),
            not_drawn: 0,
            not_played: Vec::new(),
            pairs: Vec::new(),
            run: None,
            finding_groups: Vec::new(),
            spoken: None,
        }
    }
}

fn of_run(run: &Measured) -> Page {
    let title = format!("Drill of {} on {}", run.service, run.platform_label);
    let mut page = Page::new(title, run.passed, words::of_run(run));
    page.facts = facts(run);
    let scenario = run.scenario.clone();
    page.facts.extend(scenario.map(|value| Fact {
        name: "Scenario",
        value,
    }));
    let excused = run.excused.iter();
    page.remarks = excused.map(|it| format!("the scenario: {it}")).collect();
    page.run = Some(view(run, String::new()));
    page.finding_groups = groups([("Findings".to_owned(), findings(&run.findings))]);
    page
}

fn of_several(several: &Runs) -> Page {
    let first = &several.runs[0];
    let title = format!("Drills of {} on {}", first.service, first.platform_label);
    let mut page = Page::new(title, several.passed, words::of_several(several));
    page.facts = facts(first);
    let summary = &several.summary;
    page.first_tables = vec![tables::of_summary(summary)];
    let times = |found: &Found| match found.runs == summary.runs {
        true => format!("in all {} runs", found.runs),
        false => format!(
            "in {} of {} runs, first in run {}",
            found.runs, summary.runs, found.first_run
        ),
    };
    let findings = summary.findings.iter().map(|found| FindingView {
        when: times(found),
        ..FindingView::of(found)
    });
    page.finding_groups = groups([("Findings".to_owned(), findings.collect())]);

    let not_played = several.not_played.iter().map(|it| Fact {
        name: it.scenario.clone(),
        value: it.why.clone(),
    });
    page.not_played = not_played.collect();

    let mut order: Vec<usize> = (0..several.runs.len()).collect();
    order.sort_by_key(|at| (several.runs[*at].passed, *at));
    page.not_drawn = order.len().saturating_sub(MOST_RUNS);
    order.truncate(MOST_RUNS);
    order.sort_unstable();
    let thinned: Vec<Measured> = order.iter().map(|at| thin(&several.runs[*at])).collect();
    let ids: Vec<String> = order.iter().map(|at| format!("run-{}", at + 1)).collect();
    let charts = chart::small(&thinned.iter().collect::<Vec<_>>(), &ids);
    page.small = charts
        .into_iter()
        .zip(&order)
        .map(|(chart, at)| {
            let run = &several.runs[*at];
            let (class, word) = if run.passed {
                ("good", "passed")
            } else {
                ("bad", "failed")
            };
            Small {
                name: match &run.scenario {
                    Some(scenario) => format!("Run {}, {scenario}", at + 1),
                    None => format!("Run {}", at + 1),
                },
                class,
                word,
                chart: Some(chart),
            }
        })
        .collect();

    let shown = several.runs.iter().position(|run| !run.passed);
    let heading = match shown {
        Some(at) => format!("Run {} in full, the first that failed", at + 1),
        None => "Run 1 in full".to_owned(),
    };
    page.run = Some(view(&several.runs[shown.unwrap_or(0)], heading));
    page
}

fn findings(all: &[Finding]) -> Vec<FindingView> {
    let views = all.iter().map(|finding| FindingView {
        when: finding
            .at_ms
            .map(|at| format!("at {}", moment(at)))
            .unwrap_or_default(),
        ..FindingView::new(
            finding.severity,
            &finding.name,
            &finding.message,
            &finding.cause,
        )
    });
    views.collect()
}

fn of_two(comparison: &Comparison, before: &Record, after: &Record) -> Page {
    let side = &comparison.after;
    let title = format!("Two drills of {} on {}", side.service, side.platform_label);
    let worse = comparison.verdict == lifecycle_drill::compare::Change::Worse;
    let mut page = Page::new(title, !worse, words::of_two(comparison));
    page.verdict.word = match comparison.verdict {
        lifecycle_drill::compare::Change::Better => "Better",
        lifecycle_drill::compare::Change::Worse => "Worse",
        _ => "Same verdict",
    };
    page.facts = facts(after.first());
    page.remarks.clone_from(&comparison.remarks);
    page.first_tables = vec![tables::of_comparison(comparison)];
    let views = |found: &[Found]| found.iter().map(FindingView::of).collect();
    page.finding_groups = groups([
        ("New findings".to_owned(), views(&comparison.new)),
        ("Findings that are gone".to_owned(), views(&comparison.gone)),
        (
            "Findings that are still there".to_owned(),
            views(&comparison.kept),
        ),
    ]);
    let runs = [before.first(), after.first()];
    let names = ["Before", "After"];
    let charts = chart::pair(runs, ["before", "after"]);
    page.pairs = charts
        .into_iter()
        .zip(names)
        .map(|(chart, name)| Pair { name, chart })
        .collect();
    page
}

/// Only those with anything in them.
fn groups<const N: usize>(all: [(String, Vec<FindingView>); N]) -> Vec<Group> {
    let all = all.into_iter().filter(|(_, findings)| !findings.is_empty());
    all.map(|(heading, findings)| Group { heading, findings })
        .collect()
}

impl FindingView {
    fn new(severity: Severity, name: &str, message: &str, cause: &str) -> Self {
        let (class, word) = match severity {
            Severity::Failure => ("bad", "failure"),
            Severity::Warning => ("warn", "warning"),
        };
        Self {
            class,
            word,
            name: name.to_owned(),
            when: String::new(),
            message: message.to_owned(),
            cause: cause.to_owned(),
        }
    }

    fn of(found: &Found) -> Self {
        Self::new(found.severity, &found.name, &found.message, &found.cause)
    }
}

fn facts(run: &Measured) -> Vec<Fact> {
    let mut facts = vec![
        Fact {
            name: "Service",
            value: run.service.clone(),
        },
        Fact {
            name: "Platform",
            value: run.platform_label.clone(),
        },
        Fact {
            name: "Program",
            value: run.command.join(" "),
        },
        Fact {
            name: "Settle time",
            value: run.planned.settle_payer.clone(),
        },
    ];
    let load = run.load.as_ref().map(super::human::load);
    let seed = run.seed.map(|seed| seed.to_string());
    for (name, value) in [("Load", load), ("Seed", seed)] {
        facts.extend(value.map(|value| Fact { name, value }));
    }
    facts
}

fn view(run: &Measured, heading: String) -> RunView {
    RunView {
        heading,
        charts: chart::charts(run, "run"),
        series: Value::from_safe_string(run.series.as_ref().map(numbers).unwrap_or_default()),
        tables: tables::of_run(run),
        lines: run.output.clone(),
        not_measured: run.not_measured.clone(),
    }
}

/// The slices as JSON; digits and brackets, nothing that anybody wrote.
fn numbers(series: &Series) -> String {
    let tenth =
        |ms: Option<f32>| ms.map_or_else(|| "null".to_owned(), |ms| scale::number(f64::from(ms)));
    let mut json = format!(
        "{{\"start\":{},\"slice\":{},\"slices\":[",
        series.start_ms, series.slice_ms
    );
    for (at, slice) in series.slices.iter().take(Series::MOST).enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _infallible = write!(
            json,
            "{comma}[{},{},{},{},{},{},{},{}]",
            slice.served,
            slice.refused,
            slice.refused_at_connect,
            slice.server_error,
            slice.lost,
            slice.in_flight,
            tenth(slice.median_ms),
            tenth(slice.slowest_ms)
        );
    }
    json + "]}"
}

/// The same run with fewer slices, for a small picture.
fn thin(run: &Measured) -> Measured {
    let mut run = run.clone();
    if let Some(series) = &mut run.series {
        let together = series.slices.len().div_ceil(SMALL).max(1);
        let slices = traffic::stretches(series, SMALL);
        series.slices = slices.into_iter().map(|stretch| stretch.slice).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are a few hundred slices")]
        let together = together as f64;
        series.slice_ms *= together;
    }
    run
}
