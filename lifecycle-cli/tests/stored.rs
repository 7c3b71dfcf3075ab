//! What people have stored is read for years: documents of a format's version as the program wrote
//! them. Nothing writes these anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use serde_json::Value;
use support::{root, run, stderr};

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

const FOR_GOOD: &str = "\
    the files in tests/formats/1 are never written anew: somebody has such a file and keeps it. What \
    changes here is a new version of the format, see docs/compatibility.md. (The one exception is a \
    figure that a platform itself has changed.)";

fn stored(name: &str) -> std::path::PathBuf {
    root().join("tests/formats/1").join(name)
}

/// What `then` says and `now` does not, a line each. Fields may have been added; sentences are talk.
fn lost(then: &Value, now: &Value, at: &str, lines: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, then) in fields {
                let is_talk = ["label", "says", "takes", "words", "sum"].contains(&name.as_str());
                if !(is_talk && then.is_string()) {
                    lost(then, &now[name], &format!("{at}.{name}"), lines);
                }
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (number, (then, now)) in then.iter().zip(now).enumerate() {
                lost(then, now, &format!("{at}[{number}]"), lines);
            }
        }
        // 7 and 7.0 are the same.
        (Value::Number(_), Value::Number(_)) if then.as_f64() == now.as_f64() => {}
        _ if then == now => {}
        _ => lines.push(format!("{at} was {then} and is {now}")),
    }
}

fn says_the_same(then: &Value, now: &Value, of: &str) {
    let mut lines = Vec::new();
    lost(then, now, of, &mut lines);
    assert!(lines.is_empty(), "{}\n{FOR_GOOD}", lines.join("\n"));
}

#[test]
fn what_was_stored_in_format_1_means_what_it_meant() {
    let text = |name: &str| std::fs::read(stored(name)).unwrap();
    let now = |args: &[&str]| {
        let output = run(&stored(""), args);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}{FOR_GOOD}",
            stderr(&output)
        );
        output.stdout
    };

    // A manifest: its digest, and the sums of every platform. What is found in it may change.
    let check = json(&text("check.json"));
    let checked = json(&now(&["check", "lifecycle.yaml", "--format", "json"]));
    for name in ["version", "services"] {
        says_the_same(&check[name], &checked[name], name);
    }
    let platforms = check["services"][0]["platforms"].as_array().unwrap().iter();
    let platforms: Vec<&Value> = platforms.map(|it| &it["platform"]).collect();
    assert!(platforms.len() > 10, "{platforms:?}");
    let plan = ["--platform", "kubernetes", "--if", "hang:orders-db"];
    let plan = now(&[&["plan", "--format", "json"], &plan[..]].concat());
    says_the_same(&json(&text("plan.json")), &json(&plan), "plan");

    // The records of a drill, of one that was run twice, and of a rolling deploy: drawn again, and
    // compared where there is such a thing.
    for (name, is_compared) in [
        ("record.json", true),
        ("runs.json", true),
        ("rolling.json", false),
    ] {
        let replayed = now(&["replay", name, "--format", "json"]);
        says_the_same(&json(&text(name)), &json(&replayed), name);
        for format in ["human", "html", "junit"] {
            now(&["replay", name, "--format", format]);
        }
        if is_compared {
            let compared = String::from_utf8(now(&["replay", name, name])).unwrap();
            assert!(compared.ends_with("the same verdict\n"), "{compared}");
        }
    }

    // The report that a service leaves, as a drill reads it: all that it understands, it has from there.
    let report = json(&text("report.json"));
    let read: lifecycle_drill::own_report::OwnReport =
        serde_json::from_value(report.clone()).unwrap();
    says_the_same(&serde_json::to_value(&read).unwrap(), &report, "report");
    assert_eq!((read.outcome.as_str(), read.steps.len()), ("abandoned", 2));
    assert_eq!(read.steps[0].unfinished, ["POST /orders 127.0.0.1:37402"]);
}

#[test]
fn a_change_of_what_is_stored_is_found_and_an_addition_is_none() {
    let then = serde_json::json!({ "a": 1, "list": [{ "b": "x" }], "label": "five seconds" });
    let find = |now: Value| {
        let mut lines = Vec::new();
        lost(&then, &now, "$", &mut lines);
        lines
    };
    let more = serde_json::json!({ "a": 1.0, "list": [{ "b": "x", "c": 2 }], "label": "5 s" });
    assert!(find(more).is_empty());
    for now in [
        serde_json::json!({ "a": 2, "list": [{ "b": "x" }] }),
        serde_json::json!({ "list": [{ "b": "x" }] }),
        serde_json::json!({ "a": 1, "list": [{ "b": "y" }] }),
        serde_json::json!({ "a": 1, "list": [] }),
    ] {
        assert_eq!(find(now.clone()).len(), 1, "{now}");
    }
}
