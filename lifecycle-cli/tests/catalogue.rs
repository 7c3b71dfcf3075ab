//! The catalogue: the pages in docs/rules are fresh, every rule has its cases, and the three forms
//! of the list agree.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

fn lifecycle(args: &[&str]) -> Output {
    support::run(&workspace(), args)
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rules() -> Vec<serde_json::Value> {
    let output = lifecycle(&["rules", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    report["rules"].as_array().unwrap().clone()
}

#[test]
fn the_pages_in_docs_are_fresh() {
    let directory = workspace().join("docs/rules");
    let directory = directory.to_str().unwrap();
    let mut args = vec!["rules", "--format", "markdown", "-o", directory];
    if !support::blessing() {
        args.push("--check");
    }
    let output = lifecycle(&args);
    assert!(
        output.status.success(),
        "{}\nLIFECYCLE_BLESS=1 writes the pages anew",
        text(&output)
    );
}

#[test]
fn stale_missing_and_left_over_pages_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules");
    let args = [
        "rules",
        "--format",
        "markdown",
        "-o",
        path.to_str().unwrap(),
    ];
    let check = [&args[..], &["--check"]].concat();
    let missing = lifecycle(&check);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing).contains("missing: "), "{}", text(&missing));
    assert!(!path.exists(), "--check writes nothing");

    assert!(lifecycle(&args).status.success());
    assert!(lifecycle(&check).status.success());
    let page = path.join("grace-too-short.md");
    let fresh = std::fs::read_to_string(&page).unwrap();
    std::fs::write(path.join("gone.md"), &fresh).unwrap();
    std::fs::write(path.join("not-checked.md"), "by hand").unwrap();
    std::fs::write(&page, "old").unwrap();
    let stale = text(&lifecycle(&check));
    assert!(
        stale.contains("stale: ") && stale.contains("left over: "),
        "{stale}"
    );
    assert!(lifecycle(&args).status.success());
    assert_eq!(std::fs::read_to_string(&page).unwrap(), fresh);
    assert!(!path.join("gone.md").exists(), "the rule is no more");
    assert!(path.join("not-checked.md").exists(), "somebody's own page");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let directory = workspace().join("docs/rules");
    let mut lost = String::new();
    for rule in rules() {
        let page = rule["page"].as_str().unwrap();
        for (at, _) in page.match_indices("](") {
            let target = page[at + 2..].split(')').next().unwrap();
            if !target.starts_with("http") && !directory.join(target).exists() {
                let _ = writeln!(lost, "{}: {target}", rule["name"]);
            }
        }
    }
    assert!(lost.is_empty(), "{lost}");
}

#[test]
fn a_rule_is_explained_by_its_code_or_its_name_in_any_case() {
    for asked in ["LC101", "lc101", "grace-too-short", "Grace-Too-Short"] {
        let output = lifecycle(&["explain", asked]);
        assert!(output.status.success(), "{asked}");
        let page = text(&output);
        assert!(page.starts_with("LC101 grace-too-short\n"), "{page}");
        // The example's output is the program's own.
        assert!(page.contains("error[LC101]: shutdown needs"), "{page}");
        assert!(!page.contains("##") && !page.contains("```"), "{page}");
        assert!(page.lines().all(|line| line == line.trim_end()), "{page}");
    }
}

#[test]
fn every_rule_is_explained_alike_by_code_and_by_name() {
    for rule in rules() {
        let by = |key: &str| lifecycle(&["explain", rule[key].as_str().unwrap()]);
        let page = text(&by("code"));
        assert_eq!(page, text(&by("name")));
        let first = format!("{} {}\n", rule["code"], rule["name"]).replace('"', "");
        assert!(page.starts_with(&first), "{page}");
    }
}

#[test]
fn a_rule_that_does_not_exist_is_an_error_with_the_nearest_one() {
    let near = lifecycle(&["explain", "grace-to-short"]);
    assert_eq!(near.status.code(), Some(2));
    let message = String::from_utf8_lossy(&near.stderr).into_owned();
    assert!(
        message.contains("did you mean `grace-too-short`?"),
        "{message}"
    );
    let far = lifecycle(&["explain", "LC999"]);
    assert_eq!(far.status.code(), Some(2));
    let message = String::from_utf8_lossy(&far.stderr).into_owned();
    assert!(
        message.contains("`lifecycle rules` lists them"),
        "{message}"
    );
}

#[test]
fn table_and_json_list_the_same_rules() {
    let table = text(&lifecycle(&["rules"]));
    assert_eq!(table, text(&lifecycle(&["explain"])));
    for rule in rules() {
        let word = |key: &str| rule[key].as_str().unwrap_or("-").to_owned();
        let line = table
            .lines()
            .find(|line| line.starts_with(&word("code")))
            .unwrap();
        let columns: Vec<&str> = line.split_whitespace().take(5).collect();
        let expected = ["code", "name", "severity", "confidence", "fix"].map(word);
        assert_eq!(columns, expected);
        assert!(line.ends_with(&word("summary")), "{line}");
        assert!(word("url").ends_with(&format!("/docs/rules/{}.md", word("name"))));
    }
}

#[test]
fn markdown_needs_a_directory_and_nothing_else_takes_one() {
    for args in [
        &["rules", "--format", "markdown"][..],
        &["rules", "-o", "somewhere"],
        &["rules", "--check"],
    ] {
        assert_eq!(lifecycle(args).status.code(), Some(2), "{args:?}");
    }
}

/// Where cases lie, each with a `coverage.txt`: those of manifests, and those with deployed files.
const CASES: [&str; 2] = ["tests/cases", "tests/against"];

/// A rule's cases, from a `coverage.txt`.
struct Cases {
    code: String,
    directory: PathBuf,
    /// It finds something here.
    fires: Vec<String>,
    /// One step inside its boundary: it finds nothing.
    silent: Vec<String>,
    /// It finds something on several lines, or on several platforms.
    several: Vec<String>,
}

fn coverage() -> Vec<Cases> {
    let directories = CASES.map(|directory| workspace().join(directory));
    directories.iter().flat_map(|it| coverage_in(it)).collect()
}

fn coverage_in(directory: &Path) -> Vec<Cases> {
    let Ok(table) = std::fs::read_to_string(directory.join("coverage.txt")) else {
        return Vec::new();
    };
    let lines = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (code, rest) = line.split_once(' ').unwrap_or((line, ""));
            let of = |key: &str| {
                let words = rest.split_whitespace();
                let own = words.filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
                own.flat_map(|names| names.split(',').map(str::to_owned))
                    .collect()
            };
            Cases {
                code: code.to_owned(),
                directory: directory.to_owned(),
                fires: of("fires"),
                silent: of("silent"),
                several: of("several"),
            }
        })
        .collect()
}

/// The findings of a rule in an output, each as it is printed.
fn findings<'a>(output: &'a str, code: &str) -> Vec<&'a str> {
    let starts: Vec<usize> = ["error[", "warning["]
        .iter()
        .flat_map(|word| {
            output
                .match_indices(&format!("\n{word}LC")[..])
                .map(|(at, _)| at + 1)
                .collect::<Vec<_>>()
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let ends = starts.iter().skip(1).copied().chain([output.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| &output[start..end])
        .filter(|finding| {
            let title = finding.lines().next().unwrap_or_default();
            title.contains(&format!("[{code}]"))
        })
        .collect()
}

#[test]
fn every_rule_has_a_case_that_fires_one_inside_its_boundary_and_one_of_several_places() {
    let coverage = coverage();
    let mut faults = String::new();
    let listed: Vec<&str> = coverage.iter().map(|cases| cases.code.as_str()).collect();
    let rules = rules();
    let codes: Vec<&str> = rules
        .iter()
        .map(|rule| rule["code"].as_str().unwrap())
        .collect();
    // Rules about deployed files have their cases there.
    let expected = codes.iter().filter(|code| {
        let is_deployed = code.starts_with("LC7") || code.starts_with("LC8");
        !is_deployed || workspace().join("tests/against").exists()
    });
    for code in expected {
        if !listed.contains(code) {
            let _ = writeln!(faults, "{code} is not in coverage.txt");
        }
    }
    for cases in &coverage {
        let code = cases.code.as_str();
        if !codes.contains(&code) {
            let _ = writeln!(faults, "there is no {code}");
        }
        for (what, names) in [
            ("fires", &cases.fires),
            ("silent", &cases.silent),
            ("several", &cases.several),
        ] {
            if names.is_empty() {
                let _ = writeln!(faults, "{code} has no case {what}=");
            }
            for name in names.iter().filter(|name| *name != "once") {
                let stored = cases.directory.join(name).with_extension("stdout");
                let Ok(output) = std::fs::read_to_string(stored) else {
                    let _ = writeln!(faults, "{code}: there is no case {name}");
                    continue;
                };
                let own = findings(&output, code);
                let holds = match what {
                    "fires" => !own.is_empty(),
                    "silent" => own.is_empty(),
                    _ => own.len() > 1 || own.iter().any(|finding| places(finding) > 1),
                };
                if !holds {
                    let _ = writeln!(faults, "{code}: {name} is no case of {what}");
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// How many places a finding shows: the marks below the lines of its first picture.
fn places(finding: &str) -> usize {
    let picture = finding.lines().take_while(|line| {
        let line = line.trim_start();
        !line.starts_with("= ") && !line.starts_with("help:")
    });
    let marks = picture.filter_map(|line| line.trim_start().strip_prefix('|'));
    marks
        .filter(|below| below.trim_start().starts_with(['^', '-']))
        .map(|below| {
            let words = below.split_whitespace();
            words
                .filter(|word| word.chars().all(|c| c == '^') || word.chars().all(|c| c == '-'))
                .count()
        })
        .sum()
}
