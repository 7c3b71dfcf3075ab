//! The picture as a page: one file, light and dark, with nothing to fetch, for a wide screen, a phone,
//! paper and a screen reader; and with what comes of it if a step hangs, worked out beforehand.

mod answers;
mod view;

use anyhow::{Context as _, Result};
use lifecycle_manifest::{Plan, Resolved, Timeline};
use serde::Serialize;

use super::scene::Scene;
use super::style;
use super::text::plain;
use super::what_if::Cases;
use super::words::legend;
use crate::template;
use answers::{Data, answers};
use view::{View, view};

const TEMPLATE: &str = include_str!("../../templates/picture/plan.html.j2");
const PAGE: &str = include_str!("../../templates/picture/page.css");
const SCRIPT: &str = include_str!("../../templates/picture/page.js");

/// Of so many steps each can be asked about on the page. Of more, those on the longest paths: a page that
/// holds every answer grows with their square.
const ASKABLE: usize = 80;

/// Writes the page.
pub(crate) fn write(resolved: &Resolved, lines: &[&Timeline], cases: &Cases) -> Result<String> {
    let plan = Scene::of(resolved, lines, &Cases::default());
    let shown = Scene::of(resolved, lines, cases);
    let end_ms = plan.end_ms.max(shown.end_ms);
    let askable = askable(&resolved.plan, lines);
    let panels = plan.platforms.iter().zip(&shown.platforms).enumerate();
    let rows = shown.platforms.iter().flat_map(|panel| &panel.lanes);
    let names = rows.map(|lane| lane.name.chars().count() + 2).max();
    let names = names.unwrap_or(0).clamp(14, 30);
    let data = Data {
        end: end_ms,
        panels: lines
            .iter()
            .zip(&plan.platforms)
            .zip(&shown.platforms)
            .map(|((line, panel), shown)| {
                answers(&resolved.plan, line, (panel, shown), cases, &askable)
            })
            .collect(),
    };
    let data = serde_json::to_string(&data).context("could not write what the page holds")?;
    let mut all = legend(&plan);
    all.extend([
        ("bar planned", "as planned"),
        ("bar given-up", "cut off"),
        ("bar failed", "failed"),
    ]);
    let page = Page {
        title: format!("How {} stops", plain(&plan.service)),
        digest: plan.digest.clone(),
        asked: plain(&shown.what_if.join(" ")),
        style: style::CSS,
        layout: PAGE,
        script: SCRIPT,
        patterns: style::PATTERNS,
        choices: choices(&askable, &shown),
        panels: panels
            .map(|(at, (plan, shown))| view(at, plan, shown, names, end_ms))
            .collect(),
        legend: all
            .into_iter()
            .map(|(class, words)| Mark { class, words })
            .collect(),
        // In a script nothing ends it but `</`, and nothing begins a comment but `<!`.
        data: data.replace('<', "\\u003c"),
    };
    template::render_as("picture/plan.html.j2", TEMPLATE, template::markup, page)
}

#[derive(Serialize)]
struct Page {
    title: String,
    digest: String,
    asked: String,
    style: &'static str,
    layout: &'static str,
    script: &'static str,
    patterns: &'static str,
    choices: Vec<Choice>,
    panels: Vec<View>,
    legend: Vec<Mark>,
    data: String,
}

#[derive(Serialize)]
struct Mark {
    class: &'static str,
    words: &'static str,
}

#[derive(Serialize)]
struct Choice {
    key: String,
    words: String,
    chosen: bool,
}

/// What can be asked of a plan, as `--if` takes it (empty: the plan itself), and in words.
pub(crate) fn questions(plan: &Plan, lines: &[&Timeline]) -> Vec<(String, String)> {
    let mut questions = vec![
        (
            String::new(),
            "as planned: every step may take its whole window".to_owned(),
        ),
        ("instant:*".to_owned(), "every step ends at once".to_owned()),
        ("hang:*".to_owned(), "every step hangs".to_owned()),
    ];
    let names = askable(plan, lines);
    for (what, does) in [("hang", "hangs"), ("fail", "fails")] {
        let of = |name: &String| (format!("{what}:{name}"), format!("{} {does}", plain(name)));
        questions.extend(names.iter().map(of));
    }
    questions
}

fn choices(askable: &[String], shown: &Scene) -> Vec<Choice> {
    let asked = !shown.what_if.is_empty();
    let choice = |key: &str, words: &str| Choice {
        key: key.to_owned(),
        words: words.to_owned(),
        chosen: false,
    };
    let mut choices = Vec::new();
    if shown.platforms.is_empty() {
        return choices;
    }
    if asked {
        choices.push(Choice {
            chosen: true,
            ..choice("asked", &plain(&shown.what_if.join(" and ")))
        });
    }
    choices.push(choice(
        "",
        "as planned: every step may take its whole window",
    ));
    choices.push(choice("at-once", "every step ends at once"));
    choices.push(choice("whole", "every step is done at the last moment"));
    choices.push(choice("hang:*", "every step hangs"));
    for (what, does) in [("hang", "hangs"), ("fail", "fails")] {
        choices.extend(askable.iter().map(|name| {
            let words = format!("{} {does}", plain(name));
            choice(&format!("{what}:{name}"), &words)
        }));
    }
    choices
}

/// The steps that can be asked about.
fn askable(plan: &Plan, lines: &[&Timeline]) -> Vec<String> {
    let all = plan.steps.iter().map(|step| step.name.clone());
    if plan.steps.len() <= ASKABLE {
        return all.collect();
    }
    let on_path = |name: &String| {
        let mut paths = lines.iter().map(|line| line.longest_path_names(plan));
        paths.any(|path| path.contains(&name.as_str()))
    };
    all.filter(on_path).take(ASKABLE).collect()
}
