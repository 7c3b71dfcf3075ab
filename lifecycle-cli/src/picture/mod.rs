//! `lifecycle plan`: the timeline of each platform, as a picture.
//!
//! [`scene`] says what is shown, in milliseconds; the other modules each draw it in their own way.

mod drawing;
mod html;
mod mermaid;
mod scale;
pub(crate) mod scene;
pub(crate) mod style;
mod svg;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod what_if;
mod words;

use std::io::Write;

use anyhow::{Result, bail};
use clap::ValueEnum;
use lifecycle_manifest::{Resolved, Timeline};
use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::cli::PlanArgs;
use crate::formats;
use crate::{Outcome, input, rollout, talk};
use scene::Scene;

pub(crate) use html::questions;
pub(crate) use svg::fragment;
pub(crate) use what_if::{Case, Cases};

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For terminals.
    #[value(alias = "terminal")]
    Human,
    /// For programs: one JSON document, version 1; `lifecycle schema plan` prints its JSON Schema.
    #[value(alias = "json-v1")]
    Json,
    /// One picture, light and dark, for a README or a runbook.
    Svg,
    /// One page that needs no network, on which it can be asked what happens if a step hangs.
    Html,
    /// A gantt for whatever renders Mermaid.
    Mermaid,
}

impl formats::Format for Format {
    const HELP: &'static str = "How to draw; with `=PATH` into a file, and then several times, such as `--format svg=shutdown.svg`";
    const LONG_HELP: &'static str = "How to draw; with `=PATH` into a file, written whole. May be given several times: at most one goes to standard output, which gets `human` where all go into files.";
    const EXAMPLE: &'static str = "svg=shutdown.svg";
}

pub(crate) fn run(args: &PlanArgs) -> Result<Outcome> {
    let input = input::one(args.manifest.as_deref())?;
    let Some(resolved) = &input.analysis.resolved else {
        talk::put(&crate::check::findings(&input));
        return Ok(Outcome::Findings);
    };
    args.formats.spare(input.path.as_deref().into_iter())?;
    let lines = lines(resolved, args.platform.as_deref())?;
    let cases = Cases::of(&args.cases, &resolved.plan)?;
    let asked = Asked {
        resolved,
        lines: &lines,
        cases: &cases,
        width: args.width,
        findings: input.analysis.findings.len(),
    };
    args.formats
        .write(&[Format::Human], |format, out| asked.write(format, out))?;
    Ok(if input.analysis.has_errors() {
        Outcome::Findings
    } else {
        Outcome::Clean
    })
}

/// All timelines, or the one that was asked for.
fn lines<'r>(resolved: &'r Resolved, platform: Option<&str>) -> Result<Vec<&'r Timeline>> {
    let all = resolved.timelines.iter();
    let Some(key) = platform else {
        return Ok(all.collect());
    };
    let lines: Vec<_> = all.filter(|line| line.platform() == key).collect();
    if lines.is_empty() {
        let known: Vec<_> = resolved.timelines.iter().map(Timeline::platform).collect();
        bail!(
            "the manifest names no platform `{key}`; it names {}",
            known.join(", ")
        );
    }
    Ok(lines)
}

/// What is to be drawn.
struct Asked<'a> {
    resolved: &'a Resolved,
    lines: &'a [&'a Timeline],
    cases: &'a Cases,
    width: Option<usize>,
    findings: usize,
}

impl Asked<'_> {
    fn write(&self, format: Format, out: &mut dyn Write) -> Result<()> {
        let scene = || Scene::of(self.resolved, self.lines, self.cases);
        match format {
            Format::Human => self.write_human(out)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &scene())?;
                writeln!(out)?;
            }
            Format::Svg => write!(out, "{}", svg::write(&scene())?)?,
            Format::Html => write!(
                out,
                "{}",
                html::write(self.resolved, self.lines, self.cases)?
            )?,
            Format::Mermaid => write!(out, "{}", mermaid::write(&scene()))?,
        }
        Ok(())
    }

    fn write_human(&self, out: &mut dyn Write) -> Result<()> {
        const DIM: anstyle::Style = anstyle::Style::new().dimmed();
        let width = self
            .width
            .or_else(terminal_width)
            .unwrap_or(80)
            .clamp(terminal::NARROWEST, terminal::WIDEST);
        let scene = Scene::of(self.resolved, self.lines, self.cases);
        write!(out, "{}", terminal::draw(&scene, width))?;
        let below = match self.cases.is_empty() {
            true => rollout::below(self.resolved, self.lines, width),
            false => Vec::new(),
        };
        if !below.is_empty() {
            writeln!(out)?;
        }
        for words in below {
            writeln!(out, "{words}")?;
        }
        if self.findings > 0 {
            let findings = if self.findings == 1 {
                "a finding"
            } else {
                "findings"
            };
            writeln!(
                out,
                "{DIM}`lifecycle check` has {findings} on this manifest{DIM:#}"
            )?;
        }
        Ok(())
    }
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// The plan in letters, every platform to the same scale.
pub(crate) fn draw(resolved: &Resolved, lines: &[&Timeline], width: usize) -> String {
    terminal::draw(&Scene::of(resolved, lines, &Cases::default()), width)
}

/// The JSON Schema of `lifecycle plan --format json`.
pub(crate) fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Scene>();
    schema.insert("title".into(), "lifecycle plan --format json".into());
    schema
}
