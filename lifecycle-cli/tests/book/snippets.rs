//! What the pages show beside commands: manifests are checked, other YAML, JSON and TOML is read, and
//! Rust is taken from files that this repository compiles.

use std::fmt::Write as _;
use std::path::Path;

use crate::page::{Fence, Page};
use crate::{root, summary, support};

/// Pages whose snippets have tests of their own.
fn is_told_elsewhere(path: &Path) -> bool {
    path.starts_with("docs/rules") || path.ends_with("adding-a-platform.md")
}

/// All fences of the book in a language.
fn each(languages: &[&str], with: &mut dyn FnMut(&Page, &Fence)) {
    for path in summary::pages() {
        if is_told_elsewhere(&path) {
            continue;
        }
        let page = Page::read(&path);
        for fence in page.fences() {
            if languages.contains(&fence.language()) {
                with(&page, &fence);
            }
        }
    }
}

/// Who reads the site does not see the words behind a fence.
#[test]
fn a_file_is_named_before_it_is_shown() {
    let mut wrong = Vec::new();
    for path in summary::pages() {
        if is_told_elsewhere(&path) {
            continue;
        }
        let page = Page::read(&path);
        let mut read = 0;
        for fence in page.fences() {
            let before = &page.text[read..fence.span.start];
            read = fence.span.end;
            if let Some(file) = fence.value("file")
                && !before.contains(&format!("`{file}`"))
            {
                wrong.push(format!("{}: `{file}`", page.at(fence.span.start)));
            }
        }
    }
    assert!(wrong.is_empty(), "not named before:\n{}", wrong.join("\n"));
}

/// What has to be in every manifest.
const NEEDED: &[(&str, &str)] = &[
    ("lifecycle", "1"),
    ("service", "shop"),
    (
        "resources",
        "{ http: { kind: http-server, port: 8080, timeout: 1s } }",
    ),
];

/// The keys of a manifest.
fn keys() -> Vec<String> {
    let output = support::run(&root(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// What `check` has against the manifest; of a part of one what is wrong with its shape alone.
fn objections(text: &str, found: i32, is_whole: bool) -> Option<String> {
    let args = [
        "check",
        "--color",
        "never",
        "--format",
        if is_whole { "human" } else { "json" },
        "-",
    ];
    let output = support::given(&root(), &args, text.as_bytes());
    if is_whole {
        let ended = output.status.code();
        return (ended != Some(found)).then(|| support::answer(&output));
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let misshapen = |it: &&serde_json::Value| it["code"].as_str().unwrap().starts_with("LC0");
    let wrong: Vec<String> = findings
        .iter()
        .filter(misshapen)
        .map(|it| it["message"].to_string())
        .collect();
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

#[test]
fn every_manifest_that_the_book_shows_is_one() {
    let keys = keys();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    each(&["yaml"], &mut |page, fence| {
        let at = page.at(fence.span.start);
        let mapping = match serde_yaml::from_str::<serde_yaml::Value>(&fence.text) {
            Ok(serde_yaml::Value::Mapping(mapping)) => mapping,
            Ok(_) => return,
            Err(error) => return wrong.push(format!("{at}: {error}")),
        };
        let mut written = mapping.keys().filter_map(|key| key.as_str());
        let is_known = written.all(|key| keys.iter().any(|known| known == key));
        // A job of GitLab's may have that name as well.
        if !is_known || mapping.get("lifecycle").is_some_and(|it| !it.is_number()) {
            return;
        }
        seen += 1;
        let mut text = fence.text.clone();
        for (key, value) in NEEDED {
            if !mapping.contains_key(*key) {
                let _ = writeln!(text, "{key}: {value}");
            }
        }
        let found = fence.value("exit").map_or(0, |exit| exit.parse().unwrap());
        if let Some(objections) = objections(&text, found, text == fence.text) {
            wrong.push(format!("{at}: {objections}"));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(seen >= 10, "only {seen} manifests were found");
}

#[test]
fn all_json_and_toml_that_the_book_shows_can_be_read() {
    let mut wrong = Vec::new();
    each(&["json", "toml"], &mut |page, fence| {
        let read = match fence.language() {
            "json" => serde_json::from_str::<serde_json::Value>(&fence.text)
                .err()
                .map(|it| it.to_string()),
            _ => toml::de::DeTable::parse(&fence.text)
                .err()
                .map(|it| it.to_string()),
        };
        wrong.extend(read.map(|error| format!("{}: {error}", page.at(fence.span.start))));
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The parts between lines that only say `…`, each without the indentation that it has as a whole.
fn parts(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let parts = lines.split(|line| matches!(line.trim(), "…" | "// …"));
    parts
        .filter(|part| part.iter().any(|line| !line.trim().is_empty()))
        .map(flush_left)
        .collect()
}

fn flush_left(lines: &[&str]) -> Vec<String> {
    let told = |line: &&&str| !line.trim().is_empty();
    let skip = lines
        .iter()
        .take_while(|line| line.trim().is_empty())
        .count();
    let keep = lines
        .iter()
        .rposition(|line| !line.trim().is_empty())
        .map_or(0, |last| last + 1);
    let lines = &lines[skip.min(keep)..keep];
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().filter(told).map(indent).min().unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(least..).unwrap_or_default().trim_end().to_owned())
        .collect()
}

/// The lines stand together in the text, perhaps further to the right.
fn has(text: &[&str], part: &[String]) -> bool {
    text.windows(part.len())
        .any(|lines| flush_left(lines) == part)
}

#[test]
fn rust_in_the_book_is_taken_from_what_is_compiled() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    each(&["rust"], &mut |page, fence| {
        let at = page.at(fence.span.start);
        if fence.value("file").is_some() {
            return;
        }
        let Some(path) = fence.value("from") else {
            wrong.push(format!("{at}: from which file is this?"));
            return;
        };
        seen += 1;
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for part in parts(&fence.text) {
            if !has(&lines, &part) {
                wrong.push(format!("{at}: not in {path}:\n{}", part.join("\n")));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(seen >= 5, "only {seen} snippets were found");
}
