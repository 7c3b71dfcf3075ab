//! The pages for those who work on the code, and those who rely on it: what they name is there, what
//! they tell to run can be run, and the versions in them are those that the program prints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use support::{root, run, stdout};

const REPOSITORY: &str = "https://github.com/lifecycle-rs/lifecycle/blob/main/";

/// Pages that name places of this repository.
const PAGES: [&str; 5] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/compatibility.md",
    "docs/releasing.md",
];

/// Pages that tell how something was tried or measured. What they name may be of a user's own project.
const MEASURED: [&str; 6] = [
    "docs/benchmarks.md",
    "docs/performance.md",
    "docs/footprint.md",
    "docs/reliability.md",
    "docs/drill.md",
    "fuzz/README.md",
];

#[test]
fn every_place_that_the_guide_names_is_there() {
    let root = root();
    let guide = std::fs::read_to_string(root.join("docs/adding-a-platform.md")).unwrap();
    let mut places = 0;
    for fence in guide.lines().filter_map(|line| line.strip_prefix("```")) {
        let words = fence.split_once(' ').map_or("", |(_, words)| words);
        if let Some(path) = words.strip_prefix("file=") {
            assert!(!root.join(path).exists(), "{path} is there already");
        }
        let Some(words) = words.strip_prefix("add=") else {
            continue;
        };
        let (path, after) = words.split_once(" after=\"").unwrap();
        let after = after.strip_suffix('"').unwrap().replace("\\\"", "\"");
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        let is_there = text.lines().any(|line| line.starts_with(&after));
        assert!(is_there, "no line of {path} begins with `{after}`");
        places += 1;
    }
    assert!(places >= 10, "{places} places");
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let mut tests = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let held_by = row.rsplit('|').nth(1).unwrap();
        let mut text: Option<String> = None;
        for word in held_by.split('`').skip(1).step_by(2) {
            if let Some(path) = word.strip_suffix(".rs") {
                let path = root.join(path).with_extension("rs");
                text = Some(std::fs::read_to_string(&path).expect(word));
            } else if let Some(text) = &text {
                assert!(text.contains(&format!("fn {word}(")), "no `{word}`: {row}");
                tests += 1;
            }
        }
    }
    assert!(tests >= 40, "{tests} tests");
}

#[test]
fn what_ci_insists_on_is_what_a_test_says_when_it_is_missing() {
    let root = root();
    let script = std::fs::read_to_string(root.join(".ci/there")).unwrap();
    let quoted = script.split("insist ").skip(1).filter_map(|rest| {
        let word = rest.split_once('\n').unwrap().0;
        let inside = word.strip_prefix('\'').and_then(|it| it.split('\'').next());
        inside.or_else(|| word.split(|c: char| "\"; ".contains(c)).next())
    });
    let listed = script
        .split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .filter(|word| word.starts_with("LIFECYCLE_") && *word != "LIFECYCLE_NO_SKIPS");
    let names: BTreeSet<&str> = quoted.chain(listed).filter(|it| !it.is_empty()).collect();
    assert!(names.len() >= 25, "{names:?}");
    let (mut said, mut pages) = (String::new(), String::new());
    for entry in ignore::WalkBuilder::new(&root).build() {
        let path = entry.unwrap().into_path();
        let within = |name: &str| path.components().any(|it| it.as_os_str() == name);
        let ends = |ending: &str| path.extension().is_some_and(|it| it == ending);
        if within("tests") && ends("rs") {
            said += &std::fs::read_to_string(&path).unwrap();
        } else if within("docs") && ends("md") {
            pages += &std::fs::read_to_string(&path).unwrap();
        }
    }
    // A name that no test says any more insists on nothing. One in backticks may be put in by the test,
    // and a program's by the test that follows the pages.
    let is_said = |name: &str| {
        let needed = name.strip_prefix("no ").map(|it| format!("needs={it}"));
        said.contains(name)
            || said.contains(&name.replace('`', "\""))
            || needed.is_some_and(|needed| pages.contains(&needed))
    };
    let unsaid: Vec<_> = names.iter().filter(|name| !is_said(name)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

#[test]
fn every_place_that_the_pages_name_is_there() {
    let root = root();
    let functions = Tree::read(&root).functions;
    let (mut paths, mut names, mut faults) = (0, 0, String::new());
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for span in spans(&text) {
            if let Some(path) = as_path(span) {
                paths += 1;
                if !root.join(path).exists() {
                    let _ = writeln!(faults, "{page}: there is no {path}");
                }
            } else if is_function(span) {
                names += 1;
                if !functions.contains(span) {
                    let _ = writeln!(faults, "{page}: there is no function {span}");
                }
            }
        }
        let directory = root.join(page).parent().unwrap().to_owned();
        for link in links(&text) {
            paths += 1;
            let path = link.split('#').next().unwrap();
            // The book's pages name what is not part of it by the repository's address.
            let path = match path.strip_prefix(REPOSITORY) {
                Some(path) => root.join(path),
                None if path.contains("://") || path.is_empty() => continue,
                None => directory.join(path),
            };
            if !path.exists() {
                let _ = writeln!(faults, "{page}: its link {link} leads nowhere");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(paths >= 80 && names >= 30, "{paths} paths, {names} names");
}

#[test]
fn what_the_pages_tell_to_run_can_be_run() {
    let root = root();
    let tree = Tree::read(&root);
    let help = stdout(&run(&root, &["--help"]));
    let (mut commands, mut faults) = (0, String::new());
    for page in PAGES.into_iter().chain(MEASURED) {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let typed = text.lines().filter_map(|line| line.strip_prefix("$ "));
        let shown = shown(&text).filter(|line| is_script(line));
        for command in typed.chain(shown).chain(spans(&text)) {
            let command = command.split(" #").next().unwrap().trim();
            let words: Vec<&str> = command
                .split_whitespace()
                .skip_while(|word| word.starts_with("LIFECYCLE_") && word.contains('='))
                .collect();
            let fault = match words.as_slice() {
                ["cargo", sub @ ("test" | "bench"), arguments @ ..] => tree.fault(sub, arguments),
                ["lifecycle", sub, arguments @ ..] => of_ours(&help, sub, arguments),
                [directory] if root.join(directory).is_dir() => continue,
                [program, arguments @ ..] if is_script(program) => {
                    of_script(&root.join(program), arguments)
                }
                _ => continue,
            };
            commands += 1;
            if let Some(fault) = fault {
                let _ = writeln!(faults, "{page}: `{command}`: {fault}");
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(commands >= 100, "{commands} commands");
}

/// Whether this begins with one of the repository's own programs.
fn is_script(command: &str) -> bool {
    ["bench/", ".ci/", "fuzz/run"]
        .iter()
        .any(|begin| command.starts_with(begin))
}

/// A program of the repository: it can be run, and knows these options.
fn of_script(program: &Path, arguments: &[&str]) -> Option<String> {
    let mode = std::fs::metadata(program).map(|it| it.permissions());
    if !mode.is_ok_and(|mode| mode.mode() & 0o111 != 0) {
        return Some("it cannot be run".to_owned());
    }
    let text = std::fs::read_to_string(program).unwrap();
    // What it hands its options on to.
    let harness = root().join("bench/harness/main.rs");
    let harness = std::fs::read_to_string(harness).unwrap();
    let mut options = arguments.iter().filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| {
        let known = text.contains(**option);
        let known = known || text.contains("lifecycle-bench") && harness.contains(**option);
        !known && **option != "--help"
    });
    unknown.map(|option| format!("it has no {option}"))
}

/// The lines of blocks that show commands as they are typed.
fn shown(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix("text\n"))
        .flat_map(str::lines)
}

/// A command of this program: there is such a one, and it has these options.
fn of_ours(help: &str, sub: &str, arguments: &[&str]) -> Option<String> {
    if !help
        .lines()
        .any(|line| line.trim_start().split(' ').next() == Some(sub))
    {
        return Some(format!("there is no `lifecycle {sub}`"));
    }
    let help = stdout(&run(&root(), &[sub, "--help"]));
    let mut options = arguments.iter().filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| !help.contains(**option));
    unknown.map(|option| format!("it has no {option}"))
}

/// What is written between backticks, on one line and outside of blocks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split("```").step_by(2);
    outside
        .flat_map(str::lines)
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Where links of Markdown lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets.filter_map(|rest| rest.split(')').next())
}

/// A path of the repository, and not of what is made, of a user's own project, or with a word to fill in.
fn as_path(span: &str) -> Option<&str> {
    let of_paths = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !span.chars().all(of_paths) || span.starts_with('/') || span.starts_with("target/") {
        return None;
    }
    if span == "lifecycle.yaml" || span.contains("VERSION") {
        return None;
    }
    let ending = span.rsplit_once('.').map(|(_, ending)| ending);
    let is_file = matches!(
        ending,
        Some("rs" | "md" | "toml" | "txt" | "yml" | "yaml" | "j2")
    );
    (span.contains('/') || is_file || span == "Dockerfile").then_some(span)
}

fn is_function(span: &str) -> bool {
    let of_names = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    span.contains('_') && span.chars().all(of_names)
}

/// What there is to run in this repository.
struct Tree {
    functions: BTreeSet<String>,
    /// What can be built of each package.
    targets: BTreeMap<String, BTreeSet<String>>,
    stems: BTreeSet<String>,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let mut tree = Self {
            functions: BTreeSet::new(),
            targets: BTreeMap::new(),
            stems: BTreeSet::new(),
        };
        for entry in ignore::WalkBuilder::new(root).build() {
            let path = entry.unwrap().into_path();
            if path.extension().is_some_and(|it| it == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let named = text.split("fn ").skip(1);
                let named = named.filter_map(|rest| rest.split(['(', '<']).next());
                tree.functions.extend(named.map(str::to_owned));
                tree.stems.insert(stem(&path));
            }
        }
        for package in packages() {
            let targets = package["targets"].as_array().unwrap().iter();
            let targets = targets.map(|it| it["name"].as_str().unwrap().to_owned());
            let name = package["name"].as_str().unwrap().to_owned();
            tree.targets.insert(name, targets.collect());
        }
        tree
    }

    /// What is wrong with a command of Cargo.
    fn fault(&self, sub: &str, arguments: &[&str]) -> Option<String> {
        let after = |option: &str| {
            let at = arguments.iter().position(|word| *word == option)?;
            arguments.get(at + 1).copied()
        };
        let package = after("-p")?;
        let Some(targets) = self.targets.get(package) else {
            return Some(format!("there is no package {package}"));
        };
        let target = after("--test").or_else(|| after("--bench"));
        if let Some(target) = target.filter(|target| !targets.contains(*target)) {
            return Some(format!("{package} has no {sub} {target}"));
        }
        // What is left chooses tests by their names.
        let own = arguments.iter().take_while(|word| **word != "--");
        let filter = own
            .filter(|word| !word.starts_with('-'))
            .find(|word| **word != package && Some(**word) != target)?;
        let is_known = self.functions.iter().any(|name| name.contains(filter));
        let is_known = is_known || self.stems.contains(*filter);
        (!is_known).then(|| format!("no test is called {filter}"))
    }
}

/// The packages of the workspace, as Cargo tells them.
fn packages() -> Vec<serde_json::Value> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    document["packages"].as_array().unwrap().clone()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

const BEGIN: &str = "<!-- formats: made of what the program prints by `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --test guide` -->\n\n";
const END: &str = "\n<!-- /formats -->";

/// The versions of formats, as the program itself has them.
fn formats() -> String {
    let root = root();
    let schema = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&run(&root, arguments).stdout).unwrap()
    };
    let only = |version: &serde_json::Value| {
        assert_eq!(version["minimum"], version["maximum"], "{version}");
        version["minimum"].as_u64().unwrap()
    };
    let manifest = schema(&["schema"])["properties"]["lifecycle"]["const"].as_u64();
    let report = only(&schema(&["schema", "report"])["properties"]["version"]);
    let plan = only(&schema(&["schema", "plan"])["properties"]["version"]);
    let drill = only(&schema(&["schema", "drill"])["$defs"]["Runs"]["properties"]["version"]);
    let rules = schema(&["rules", "--format", "json"])["version"].as_u64();
    let own = std::fs::read(root.join("docs/shutdown-report.schema.json")).unwrap();
    let own: serde_json::Value = serde_json::from_slice(&own).unwrap();
    let own = own["properties"]["version"]["const"].as_u64();
    let packages = packages();
    let cli = packages
        .iter()
        .find(|it| it["name"] == env!("CARGO_PKG_NAME"));
    let rust = cli.and_then(|it| it["rust_version"].as_str());
    format!(
        "\
| | version | its schema |
|---|---|---|
| the manifest, `lifecycle: N` | {} | `lifecycle schema` |
| `check --format json` | {report} | `lifecycle schema report` |
| `plan --format json` | {plan} | `lifecycle schema plan` |
| a drill: `drill --format json`, `drill --record`, `replay --format json` | {drill} | `lifecycle schema drill` |
| `rules --format json` | {} | |
| the report that a service leaves | {} | [`shutdown-report.schema.json`](shutdown-report.schema.json) |
| the oldest Rust, `rust-version` | {} | |
",
        manifest.unwrap(),
        rules.unwrap(),
        own.unwrap(),
        rust.unwrap(),
    )
}

#[test]
fn the_versions_of_formats_are_those_of_the_program() {
    let path = root().join("docs/compatibility.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark");
    let (told, after) = rest.split_once(END).expect("the page has the second mark");
    if support::blessing() {
        let blessed = format!("{before}{BEGIN}{}{END}{after}", formats());
        std::fs::write(&path, blessed).unwrap();
        return;
    }
    assert_eq!(told, formats(), "docs/compatibility.md is stale; bless it");
}
