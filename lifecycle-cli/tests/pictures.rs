//! `plan` as a user runs it: its formats, what comes of it if, and the pictures of the documentation.
//!
//! `LIFECYCLE_MERMAID` names a directory with the package `mermaid`, whose parser reads the gantt;
//! `LIFECYCLE_PLAYWRIGHT` one with `playwright-core`, by which Chromium opens the page and the drawings.
//! `LIFECYCLE_BLESS=1` writes the stored pictures anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;
use support::{blessing, project, root, run, skipped, stderr, stdout};

const EXAMPLE: &str = "examples/checkout-api";

fn plan(args: &[&str]) -> String {
    let output = run(&root(), &[&["plan", EXAMPLE], args].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// As the documentation has it, or written there where that is asked.
#[track_caller]
fn is_stored(path: &str, now: &str) {
    let stored = root().join(path);
    if blessing() {
        std::fs::create_dir_all(stored.parent().unwrap()).unwrap();
        std::fs::write(&stored, now).unwrap();
    }
    let stored = std::fs::read_to_string(&stored).unwrap_or_default();
    assert!(
        stored == now,
        "{path} is stale: LIFECYCLE_BLESS=1 writes it anew"
    );
}

#[test]
fn the_pictures_of_the_documentation_are_fresh() {
    is_stored(
        "docs/pictures/side-by-side.svg",
        &plan(&["--format", "svg"]),
    );
    let alone = ["--platform", "kubernetes", "--format", "svg"];
    is_stored("docs/pictures/checkout-api.svg", &plan(&alone));
    let hangs = [
        "--platform",
        "kubernetes",
        "--if",
        "hang:orders-db",
        "--format",
        "svg",
    ];
    is_stored("docs/pictures/hang-orders-db.svg", &plan(&hangs));
    is_stored(
        "docs/plan.schema.json",
        &stdout(&run(&root(), &["schema", "plan"])),
    );
    // The page shows the gantt as Mermaid has to read it.
    let gantt = plan(&["--platform", "kubernetes", "--format", "mermaid"]);
    let page = std::fs::read_to_string(root().join("docs/pictures.md")).unwrap();
    assert!(
        page.contains(&format!("```mermaid\n{gantt}```")),
        "docs/pictures.md lacks:\n{gantt}"
    );
}

#[test]
fn every_field_of_the_json_is_described() {
    let schema: Value = serde_json::from_str(&stdout(&run(&root(), &["schema", "plan"]))).unwrap();
    let definitions = schema["$defs"].as_object().unwrap().values();
    let mut count = 0;
    for object in definitions.chain([&schema]) {
        for (name, property) in object["properties"].as_object().into_iter().flatten() {
            assert!(
                property["description"].is_string(),
                "{name} is not described"
            );
            count += 1;
        }
    }
    assert!(count > 35, "{count} fields");
}

#[test]
fn several_formats_go_into_files_and_each_is_what_standard_output_would_have() {
    let scratch = tempfile::tempdir().unwrap();
    let formats = ["json", "svg", "html", "mermaid"];
    let mut command = support::lifecycle(&root());
    command.args([
        "plan",
        EXAMPLE,
        "--platform",
        "ecs",
        "--if",
        "slow:http=16s",
    ]);
    for format in formats {
        let path = scratch.path().join(format);
        command
            .arg("--format")
            .arg(format!("{format}={}", path.display()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    // Where all go into files, people get what they read.
    assert!(stdout(&output).contains("http") && stdout(&output).contains("15s, cancelled"));
    for format in formats {
        let file = std::fs::read_to_string(scratch.path().join(format)).unwrap();
        let printed = plan(&[
            "--platform",
            "ecs",
            "--if",
            "slow:http=16s",
            "--format",
            format,
        ]);
        assert_eq!(file, printed, "{format}");
    }
    let scene: Value =
        serde_json::from_str(&std::fs::read_to_string(scratch.path().join("json")).unwrap())
            .unwrap();
    assert_eq!(scene["version"], 1);
    assert_eq!(scene["what_if"], serde_json::json!(["slow:http=16s"]));
    assert_eq!(scene["platforms"].as_array().unwrap().len(), 1);
    assert_eq!(scene["platforms"][0]["ended"]["exit_code"], 80);
    assert_eq!(
        scene["platforms"][0]["ended"]["lost"],
        serde_json::json!(["http"])
    );
}

#[test]
fn what_cannot_be_asked_says_what_can() {
    let refused = |args: &[&str]| {
        let output = run(&root(), &[&["plan", EXAMPLE], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        stderr(&output)
    };
    assert!(refused(&["--if", "hang:order-db"]).contains("did you mean `orders-db`?"));
    assert!(refused(&["--if", "hang:zzz"]).contains("it has http, "));
    assert!(
        refused(&["--if", "hang:http", "--if", "fail:http"])
            .contains("`http` cannot do two things")
    );
    assert!(refused(&["--if", "orders-db"]).contains("hang:NAME"));
    assert!(refused(&["--if", "slow:http"]).contains("`slow:http=3s`"));
    assert!(refused(&["--platform", "heroku"]).contains("kubernetes, ecs"));
    let project = project(&[("lifecycle.yaml", &support::manifest("shop", "45s"))]);
    let output = run(project.path(), &["plan", "--format", "svg=lifecycle.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("would be overwritten"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_manifest_with_errors_is_drawn_all_the_same_and_the_exit_code_says_so() {
    let project = project(&[("lifecycle.yaml", &support::manifest("shop", "12s"))]);
    let output = run(project.path(), &["plan", "--if", "hang:http"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("missing") && text.contains("Cut off by SIGKILL: http."),
        "{text}"
    );
    assert!(text.contains("is killed 12s after the stop"), "{text}");
    let svg = run(project.path(), &["plan", "--format", "svg"]);
    assert!(stdout(&svg).contains("bar missing"), "{}", stdout(&svg));
}

#[test]
fn a_terminal_of_eighty_columns_shows_what_comes_of_it() {
    let text = plan(&[
        "--width",
        "80",
        "--if",
        "hang:orders-db",
        "--if",
        "instant:*",
    ]);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("exits with 81"), "{text}");
    assert!(text.contains('×'), "{text}");
}

#[test]
fn mermaid_reads_the_gantt_as_it_is_meant() {
    let Some(modules) = std::env::var_os("LIFECYCLE_MERMAID") else {
        skipped("LIFECYCLE_MERMAID names no directory with mermaid, which reads the gantt");
        return;
    };
    let args: [&[&str]; 3] = [&[], &["--platform", "ecs"], &["--if", "hang:*"]];
    for args in args {
        let gantt = plan(&[args, &["--format", "mermaid"]].concat());
        let scene: Value =
            serde_json::from_str(&plan(&[args, &["--format", "json"]].concat())).unwrap();
        let mut command = Command::new("node");
        command
            .arg(root().join("tests/conformance/mermaid.mjs"))
            .arg(&modules);
        let read = support::fed(command, gantt.as_bytes());
        assert!(read.status.success(), "{}\n{gantt}", stderr(&read));
        let read: Value = serde_json::from_str(&stdout(&read)).unwrap();
        assert_eq!(read["type"], "gantt");
        let tasks = read["tasks"].as_array().unwrap();
        for panel in scene["platforms"].as_array().unwrap() {
            let moment = |what: &str| {
                let mut moments = panel["moments"].as_array().unwrap().iter();
                moments.find(|it| it["what"] == what).unwrap()["at_ms"].clone()
            };
            let key = panel["platform"].as_str().unwrap();
            let here = |task: &&Value| {
                args.contains(&"--platform") || task["section"].as_str().unwrap().starts_with(key)
            };
            let named = |name: &str| {
                let mut tasks = tasks.iter().filter(here);
                tasks
                    .find(|task| task["name"].as_str().unwrap().starts_with(name))
                    .unwrap()
            };
            assert_eq!(named("SIGTERM")["start"], moment("signal"));
            assert_eq!(named("SIGKILL")["start"], moment("kill"));
            assert_eq!(named("SIGKILL")["milestone"], true);
            for lane in panel["lanes"].as_array().unwrap() {
                let Some(kind) = lane["kind"].as_str() else {
                    continue;
                };
                let name = lane["name"].as_str().unwrap();
                let bars = lane["bars"].as_array().unwrap();
                let drawn = || bars.iter().filter(|bar| bar["shape"] != "planned");
                let task = named(name);
                assert_eq!(
                    task["start"],
                    drawn().next().unwrap()["start_ms"],
                    "{kind} {name}"
                );
                assert_eq!(
                    task["end"],
                    drawn().next_back().unwrap()["end_ms"],
                    "{kind} {name}"
                );
            }
        }
    }
}

/// What begins a line of Mermaid's own.
const WORDS: [&str; 12] = [
    "title",
    "section",
    "click",
    "call",
    "href",
    "gantt",
    "gantt-rows",
    "excludes",
    "includes",
    "weekday",
    "weekend",
    "done",
];

#[test]
fn resources_may_be_called_as_mermaid_s_own_words() {
    let resources = WORDS.map(|name| format!("  {name}: {{ kind: task, timeout: 1s }}\n"));
    let text = format!(
        "lifecycle: 1\nservice: words\nresources:\n{}platforms: {{ docker: {{ grace_period: 60s }} }}\n",
        resources.concat()
    );
    let project = project(&[("lifecycle.yaml", &text)]);
    let gantt = stdout(&run(project.path(), &["plan", "--format", "mermaid"]));
    // None but the two lines of its own begin with one of them.
    for (word, times) in [("title", 1), ("gantt", 1), ("click", 0)] {
        let begin = |line: &&str| line.trim_start().starts_with(word);
        assert_eq!(
            gantt.lines().filter(begin).count(),
            times,
            "{word}\n{gantt}"
        );
    }
    let Some(modules) = std::env::var_os("LIFECYCLE_MERMAID") else {
        skipped("LIFECYCLE_MERMAID names no directory with mermaid, which reads the gantt");
        return;
    };
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/conformance/mermaid.mjs"))
        .arg(&modules);
    let read = support::fed(command, gantt.as_bytes());
    assert!(read.status.success(), "{}\n{gantt}", stderr(&read));
    let read: Value = serde_json::from_str(&stdout(&read)).unwrap();
    let tasks = read["tasks"].as_array().unwrap();
    for word in WORDS {
        let called = |task: &&Value| {
            let name = task["name"]
                .as_str()
                .unwrap()
                .trim_start_matches("\u{2023} ");
            name.split(' ').next() == Some(word)
        };
        assert_eq!(tasks.iter().filter(called).count(), 1, "{word}: {tasks:#?}");
    }
}

#[test]
fn a_browser_opens_the_page_and_the_drawings_without_a_complaint() {
    let driver = std::env::var_os("LIFECYCLE_PLAYWRIGHT");
    let (Some(driver), Some(browser)) = (driver, support::chromium()) else {
        skipped(
            "the picture in a browser: needs Chromium, node, and playwright-core's directory in LIFECYCLE_PLAYWRIGHT",
        );
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    plan(&[
        "--format",
        &format!("html={}", path("plan.html")),
        "--format",
        &format!("svg={}", path("plan.svg")),
    ]);
    plan(&[
        "--if",
        "hang:*",
        "--format",
        &format!("svg={}", path("hang.svg")),
    ]);
    let mut many = "lifecycle: 1\nservice: many\nresources:\n".to_owned();
    for at in 0..60 {
        let name = format!(
            "{:a<60}",
            format!("r{at}-with-a-name-as-long-as-it-can-be-")
        );
        let _ = writeln!(many, "  {name}: {{ kind: task, timeout: {}ms }}", 100 * at);
    }
    many.push_str("platforms: { kubernetes: { image: x }, ecs: { load_balancer: {} }, heroku: {}, systemd: {} }\n");
    std::fs::write(path("many.yaml"), many).unwrap();
    let format = format!("svg={}", path("many.svg"));
    run(&root(), &["plan", &path("many.yaml"), "--format", &format]);
    let output = Command::new("node")
        .arg(root().join("tests/conformance/picture.mjs"))
        .args(["plan.html", "plan.svg", "hang.svg", "many.svg"].map(path))
        .env("LIFECYCLE_PLAYWRIGHT", driver)
        .env("LIFECYCLE_CHROMIUM", browser)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        stdout(&output),
        stderr(&output)
    );
}
