//! The README's table of the platforms: made of the registries, so that it cannot say what is not so.
//!
//! `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --lib platforms_table` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use lifecycle_manifest::duration::human;
use lifecycle_manifest::{Analysis, Platform, Timeline, deployed};

use crate::generate::{Target, targets_of};
use crate::init;

/// Which real engine or reader takes what is generated, in a test: the platform's key, and its words.
const CHECKED: &[(&str, &str)] = &[
    (
        "kubernetes",
        "strict schemas of 3 versions, `kubectl kustomize`, helm, a CEL engine",
    ),
    ("ecs", "botocore, moto, cfn-lint, Terraform's own language"),
    ("cloud_run", "Google's API description, gcloud, kustomize"),
    ("azure_container_apps", "Azure's own types (`azure-mgmt`)"),
    ("docker", "a Docker engine"),
    ("compose", "a Docker engine under Compose 1 and Compose 2"),
    (
        "systemd",
        "`systemd-analyze verify`, and systemd itself, its stops timed beside drills",
    ),
    ("heroku", "a shell, as a dyno has"),
    ("nomad", "HashiCorp's HCL parser"),
    ("fly", "Python's TOML parser"),
    ("pm2", "PM2 7 itself, its stop timed beside a drill"),
];

pub(crate) const COLUMNS: [&str; 10] = [
    "platform",
    "key",
    "grace period: field, default",
    "the settle time is paid by",
    "`gen`",
    "`gen --patch`",
    "`init --from`",
    "`check --against`",
    "`drill` sends",
    "what is generated is taken by",
];

/// What is known to be missing; what is listed here and is there is a fault too.
const MISSING: &[(&str, &str)] = &[];

const BEGIN: &str = "<!-- platforms: made of the registries -->\n";
const END: &str = "<!-- /platforms -->\n";

/// A service with a server on one platform.
pub(crate) fn line(key: &str, entry: &str) -> Option<Timeline> {
    let manifest = format!(
        "lifecycle: 1\nservice: shop\nresources:\n  http: {{ kind: http-server, port: 8080, timeout: 1s }}\nplatforms:\n  {key}: {entry}\n"
    );
    let analysis = Analysis::of(&manifest);
    let misshapen = |code: &str| code.starts_with("LC0");
    if analysis.findings.iter().any(|it| misshapen(it.rule.code)) {
        return None;
    }
    let resolved = analysis.resolved?;
    resolved.timelines.into_iter().next()
}

fn payer(line: &Timeline) -> String {
    let terms = &line.terms;
    match (&terms.hook, &terms.outside) {
        (Some(hook), _) => format!("{}, inside the grace period", hook.label),
        (None, Some(outside)) if !terms.paid_before_signal.is_zero() => {
            format!("{}, before the grace period", outside.label)
        }
        _ if !line.app_settle.value.is_zero() => "the program".to_owned(),
        _ => "nobody; where it is written, the program".to_owned(),
    }
}

/// Who pays it, and who behind a balancer where that is another.
fn payers(key: &str) -> String {
    let alone = line(key, "{}").map(|line| payer(&line)).unwrap_or_default();
    let behind = line(key, "{ load_balancer: { deregistration_delay: 20s } }");
    match behind.map(|line| payer(&line)) {
        Some(behind) if behind != alone => format!("{alone}; behind a balancer: {behind}"),
        _ => alone,
    }
}

fn grace(key: &str) -> String {
    let Some(line) = line(key, "{}") else {
        return String::new();
    };
    let default = human(line.facts.default_grace);
    match &line.terms.cap {
        Some(cap) if cap.fixed => format!("none: {default}, fixed"),
        _ => deployed::grace_key(key)
            .map(|field| format!("`{field}`, {default}"))
            .unwrap_or_default(),
    }
}

pub(crate) fn cells(key: &'static str) -> [String; COLUMNS.len()] {
    let is = |there: bool, words: &str| {
        if there {
            words.to_owned()
        } else {
            String::new()
        }
    };
    let targets = || targets_of(key);
    let commands = |of: &dyn Fn(&Target) -> bool| -> String {
        let commands: Vec<String> = targets()
            .filter(|target| of(target))
            .map(|target| format!("`{}`", target.name))
            .collect();
        commands.join(", ")
    };
    let signal = line(key, "{}").map(|line| line.terms.signal.name());
    let checked = CHECKED.iter().find(|(of, _)| *of == key);
    [
        Platform::facts_of(key).map_or(String::new(), |facts| facts.name.to_owned()),
        format!("`{key}`"),
        grace(key),
        payers(key),
        commands(&|_| true),
        is(targets().any(Target::has_patch), "yes"),
        is(init::reads(key), "yes"),
        is(deployed::grace_key(key).is_some(), "yes"),
        signal.unwrap_or_default().to_owned(),
        checked.map_or(String::new(), |(_, words)| (*words).to_owned()),
    ]
}

fn table() -> String {
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut table = row(&COLUMNS.map(str::to_owned));
    let _ = writeln!(table, "|{}", "---|".repeat(COLUMNS.len()));
    for key in Platform::KEYS {
        table.push_str(&row(&cells(key)));
    }
    table
}

#[test]
fn no_cell_of_the_platforms_is_empty() {
    let mut empty = Vec::new();
    for key in Platform::KEYS {
        let columns = COLUMNS.iter().zip(cells(key));
        empty.extend(
            columns.filter_map(|(column, cell)| cell.is_empty().then_some((*key, *column))),
        );
    }
    assert_eq!(empty, MISSING, "what is empty, and what is known to be");
}

#[test]
fn what_is_said_to_be_checked_is_a_platform() {
    for (key, _) in CHECKED {
        assert!(Platform::KEYS.contains(key), "there is no platform `{key}`");
    }
}

#[test]
fn the_readme_says_what_the_registries_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).expect("a README");
    let (before, rest) = readme.split_once(BEGIN).expect("the table's beginning");
    let (there, after) = rest.split_once(END).expect("the table's end");
    let table = table();
    if there == table {
        return;
    }
    assert!(
        std::env::var_os("LIFECYCLE_BLESS").is_some_and(|value| value == "1"),
        "LIFECYCLE_BLESS=1 writes the README's table anew\n{}",
        similar::TextDiff::from_lines(there, &table).unified_diff()
    );
    let fresh = format!("{before}{BEGIN}{table}{END}{after}");
    std::fs::write(path, fresh).expect("a writable checkout");
}
