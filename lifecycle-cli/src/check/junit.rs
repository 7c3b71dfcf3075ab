//! JUnit XML: a suite a manifest, in it a case for the file itself and one a platform.
//!
//! Errors are failures; warnings are said in the case's output, as they do not fail the check.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use lifecycle_manifest::Severity;
use lifecycle_manifest::render::{self, Style};
use quick_xml::events::{BytesEnd, Event};

use super::Located;
use super::human::MOST_SHOWN;
use super::report::{Report, by_severity};
use crate::input::{Failure, Input};
use crate::junit::{Xml, counted, document, element, finish, text};

/// The case for what belongs to no platform: the file's shape, its plan.
const MANIFEST: &str = "manifest";

/// The same where deployed files are looked at without one.
const DEPLOYED: &str = "deployed";

struct Suite<'a> {
    input: &'a Input,
    name: &'a str,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: &'a str,
    findings: Vec<Located<'a>>,
}

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<()> {
    let suites: Vec<Suite<'_>> = report.inputs.iter().flat_map(suites).collect();
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let (tests, failed) = (cases().count(), cases().filter(|case| case.fails()).count());
    let unread = report.failures.len();

    let mut all = element("testsuites", &[("name", "lifecycle check")]);
    counted(&mut all, tests + unread, failed, unread);
    let mut xml = document(out, all)?;
    for suite in &suites {
        write_suite(&mut xml, suite)?;
    }
    for failure in report.failures {
        unreadable(&mut xml, failure)?;
    }
    finish(xml)
}

/// A manifest's suite; where there is none, one a deployed file.
fn suites(input: &Input) -> Vec<Suite<'_>> {
    if !input.is_deployed_alone {
        let manifest = input.analysis.resolved.as_ref().map(|it| &it.manifest);
        let platforms = manifest.iter().flat_map(|it| it.platforms.iter());
        let mut suite = Suite::new(input, &input.name, MANIFEST);
        suite.cases.extend(platforms.map(|it| Case::new(it.key())));
        suite.take(input.located());
        return vec![suite];
    }
    let mut found = input.located();
    let files = input.deployed.iter().map(|file| {
        let mut suite = Suite::new(input, &file.name, DEPLOYED);
        let (own, rest) = found
            .drain(..)
            .partition(|located: &Located<'_>| located.primary.file == file.name);
        found = rest;
        suite.take(own);
        suite
    });
    files.collect()
}

impl<'a> Suite<'a> {
    /// `whole` is the case for what belongs to no platform.
    fn new(input: &'a Input, name: &'a str, whole: &'a str) -> Self {
        Self {
            input,
            name,
            cases: vec![Case::new(whole)],
        }
    }

    /// Gives each finding to its platform's case, which is made where there is none.
    fn take(&mut self, findings: Vec<Located<'a>>) {
        for located in findings {
            let Some(platform) = located.finding.platform else {
                self.cases[0].findings.push(located);
                continue;
            };
            let at = self.cases.iter().position(|case| case.name == platform);
            let at = at.unwrap_or_else(|| {
                self.cases.push(Case::new(platform));
                self.cases.len() - 1
            });
            self.cases[at].findings.push(located);
        }
    }
}

impl<'a> Case<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            findings: Vec::new(),
        }
    }
}

impl Case<'_> {
    fn of(&self, severity: Severity) -> impl Iterator<Item = &Located<'_>> {
        let findings = self.findings.iter();
        findings.filter(move |located| located.finding.severity == severity)
    }

    fn fails(&self) -> bool {
        self.of(Severity::Error).next().is_some()
    }
}

fn write_suite(xml: &mut Xml<'_>, suite: &Suite<'_>) -> Result<()> {
    let Suite { input, name, cases } = suite;
    let mut start = element("testsuite", &[("name", name)]);
    let failed = cases.iter().filter(|case| case.fails()).count();
    counted(&mut start, cases.len(), failed, 0);
    xml.write_event(Event::Start(start))?;
    for case in cases {
        let start = element(
            "testcase",
            &[("classname", name), ("name", case.name), ("time", "0")],
        );
        if case.findings.is_empty() {
            xml.write_event(Event::Empty(start))?;
            continue;
        }
        xml.write_event(Event::Start(start))?;
        // One failure a case: some readers show only the first.
        if let Some(first) = case.of(Severity::Error).next() {
            let (errors, _) = by_severity(case.findings.iter().map(|it| it.finding));
            let message = match errors {
                1 => first.finding.message.clone(),
                errors => format!("{} (and {} more)", first.finding.message, errors - 1),
            };
            let rule = first.finding.rule;
            let kind = format!("{} {}", rule.code, rule.name);
            let start = element("failure", &[("type", &kind), ("message", &message)]);
            text(xml, start, &shown(input, case.of(Severity::Error)))?;
        }
        let warnings = shown(input, case.of(Severity::Warning));
        if !warnings.is_empty() {
            text(xml, element("system-out", &[]), &warnings)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testcase")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    Ok(())
}

fn unreadable(xml: &mut Xml<'_>, failure: &Failure) -> Result<()> {
    let mut start = element("testsuite", &[("name", &failure.name)]);
    counted(&mut start, 1, 0, 1);
    xml.write_event(Event::Start(start))?;
    let case = [
        ("classname", &*failure.name),
        ("name", MANIFEST),
        ("time", "0"),
    ];
    xml.write_event(Event::Start(element("testcase", &case)))?;
    let why = format!("{:#}", failure.error);
    text(xml, element("error", &[("message", &why)]), &why)?;
    xml.write_event(Event::End(BytesEnd::new("testcase")))?;
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    Ok(())
}

/// Findings as people see them, without colours; after so many of them the rest a line each.
fn shown<'a>(input: &Input, findings: impl Iterator<Item = &'a Located<'a>>) -> String {
    let texts = input.texts();
    let mut shown = String::new();
    for (at, located) in findings.enumerate() {
        if at < MOST_SHOWN {
            let finding = render::finding(&texts, located.finding, Style::Plain);
            let _ = writeln!(shown, "{finding}");
            continue;
        }
        let (finding, place) = (located.finding, &located.primary);
        let _ = writeln!(
            shown,
            "{}[{}]: {} ({}:{}:{})",
            finding.severity,
            finding.rule.code,
            finding.message,
            place.file,
            place.start.line,
            place.start.column
        );
    }
    shown
}
