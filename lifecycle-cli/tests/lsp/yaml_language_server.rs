//! The schema, as yaml-language-server shows it.
//!
//! `LIFECYCLE_YAML_LANGUAGE_SERVER` names its program, of the version that `.ci/run` installs; without
//! it these tests say that they were skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Client, Text};
use crate::skipped::skipped;

struct Editor {
    client: Client,
    /// Holds the schema for as long as it is used.
    _scratch: tempfile::TempDir,
    opened: usize,
}

impl Editor {
    /// `None` where there is no server to test with.
    fn start() -> Option<Self> {
        let Some(server) = std::env::var_os("LIFECYCLE_YAML_LANGUAGE_SERVER") else {
            skipped("LIFECYCLE_YAML_LANGUAGE_SERVER names no yaml-language-server");
            return None;
        };
        let scratch = tempfile::tempdir().unwrap();
        let schema = scratch.path().join("schema.json");
        let printed = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
            .arg("schema")
            .output()
            .unwrap();
        std::fs::write(&schema, printed.stdout).unwrap();
        let mut command = Command::new(server);
        command.arg("--stdio");
        let mut client = Client::of(command);
        let capabilities = json!({
            "textDocument": {
                "completion": { "completionItem": { "documentationFormat": ["markdown"], "snippetSupport": true } },
                "hover": { "contentFormat": ["markdown"] },
            },
            "workspace": { "configuration": true },
        });
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        client.request("initialize", params);
        client.notify("initialized", json!({}));
        client.settings(json!({
            "yaml": {
                "schemas": { address(&schema): ["lifecycle.yaml"] },
                "schemaStore": { "enable": false },
                "completion": true,
                "hover": true,
                "validate": true,
            },
        }));
        let mut editor = Self {
            client,
            _scratch: scratch,
            opened: 0,
        };
        editor.wait_for_schema();
        Some(editor)
    }

    /// Until its settings are read, the server knows of no schema.
    fn wait_for_schema(&mut self) {
        for _ in 0..100 {
            if !self.findings("unheard_of: 1\n").is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the schema is not used");
    }

    fn open(&mut self, text: &str) -> Text {
        self.opened += 1;
        // Nothing stands there: a text that is open is all that the server looks at.
        let uri = format!("file:///shop/{}/lifecycle.yaml", self.opened);
        self.client.open(&uri, text)
    }

    /// What the server says of a text: place and message.
    fn findings(&mut self, text: &str) -> Vec<(String, String)> {
        let text = self.open(text);
        self.findings_of(&text)
    }

    fn findings_of(&mut self, text: &Text) -> Vec<(String, String)> {
        loop {
            let message = self.client.next();
            let params = &message["params"];
            if message["method"] == "textDocument/publishDiagnostics" && params["uri"] == text.uri {
                let findings = params["diagnostics"].as_array().unwrap();
                let shown = |finding: &Value| {
                    let message = finding["message"].as_str().unwrap().to_owned();
                    (text.slice(&finding["range"]).to_owned(), message)
                };
                return findings.iter().map(shown).collect();
            }
        }
    }

    /// What is offered at the `|` of a text: label, what is written, documentation.
    fn completions(&mut self, marked: &str) -> Vec<[String; 3]> {
        let (before, after) = marked.split_once('|').unwrap();
        let text = self.open(&format!("{before}{after}"));
        let params = json!({
            "textDocument": { "uri": text.uri },
            "position": text.position(before.len()),
        });
        let answer = self.client.request("textDocument/completion", params);
        let shown = |item: &Value| {
            let words = |value: &Value| {
                let text = value.as_str().or(value["value"].as_str());
                text.unwrap_or_default().to_owned()
            };
            [&item["label"], &item["insertText"], &item["documentation"]].map(words)
        };
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(shown)
            .collect()
    }

    fn hover(&mut self, text: &str, piece: &str) -> String {
        let text = self.open(text);
        self.client.hover(&text, piece)
    }
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

const HEAD: &str = "lifecycle: 1\nservice: shop\n";
const WHOLE: &str =
    "lifecycle: 1\nservice: shop\nresources:\n  db: { kind: database, timeout: 5s }\n";

fn labels(completions: &[[String; 3]]) -> Vec<&str> {
    completions
        .iter()
        .map(|[label, ..]| label.as_str())
        .collect()
}

#[test]
fn kinds_are_offered_with_their_meaning() {
    let Some(mut editor) = Editor::start() else {
        return;
    };
    for marked in [
        "resources:\n  http:\n    kind: |\n",
        "resources:\n  http: { kind: |, timeout: 5s }\n",
    ] {
        let kinds = editor.completions(&format!("{HEAD}{marked}"));
        let expected: Vec<&str> = lifecycle_manifest::Kind::ALL
            .iter()
            .map(|kind| kind.as_str())
            .collect();
        assert_eq!(labels(&kinds), expected);
        let [_, written, meaning] = &kinds[4];
        assert_eq!(written, "queue-consumer");
        assert_eq!(
            meaning,
            "Claims jobs from a queue: claims no more, finishes those it holds."
        );
        assert!(
            kinds.iter().all(|[_, _, meaning]| meaning.len() > 10),
            "{kinds:?}"
        );
    }
}

#[test]
fn keys_are_offered_with_room_for_their_value() {
    let Some(mut editor) = Editor::start() else {
        return;
    };
    let resource = editor.completions(&format!("{HEAD}resources:\n  http:\n    |\n"));
    let kind = resource.iter().find(|[label, ..]| label == "kind").unwrap();
    assert_eq!(kind[1], "kind: ");
    assert!(
        kind[2].starts_with("What it is; decides its phase"),
        "{}",
        kind[2]
    );
    let snippet = editor.completions(&format!("{HEAD}resources:\n  |\n"));
    assert_eq!(
        snippet[0][1],
        "${1:http}:\n  kind: ${2:http-server}\n  timeout: ${3:15s}"
    );
    let whole = editor.completions("|");
    let whole = whole
        .iter()
        .find(|[label, ..]| label == "lifecycle.yaml")
        .unwrap();
    assert!(
        whole[1].starts_with("lifecycle: 1\nservice: ${1:checkout-api}\nresources:"),
        "{}",
        whole[1]
    );

    let platforms = editor.completions(&format!("{WHOLE}platforms:\n  |\n"));
    assert_eq!(labels(&platforms)[..3], ["kubernetes", "ecs", "cloud_run"]);
    assert_eq!(platforms[0][1], "kubernetes:\n  ");
    for marked in ["  kubernetes:\n    |\n", "  kubernetes: {g|}\n"] {
        let keys = editor.completions(&format!("{WHOLE}platforms:\n{marked}"));
        let grace = keys
            .iter()
            .find(|[label, ..]| label == "grace_period")
            .unwrap();
        assert!(
            grace[2].contains("Unset: the platform's own default."),
            "{}",
            grace[2]
        );
        assert!(labels(&keys).contains(&"pre_stop"));
    }
    let words = editor.completions(&format!("{WHOLE}platforms:\n  ecs:\n    launch_type: |\n"));
    assert_eq!(labels(&words), ["fargate", "ec2"]);
    let durations = editor.completions(&format!("{WHOLE}budget:\n  reserve: |\n"));
    assert_eq!(labels(&durations), ["15s", "250ms", "1m30s"]);
    let lints = editor.completions(&format!("{WHOLE}lints:\n  |\n"));
    let lint = lints
        .iter()
        .find(|[label, ..]| label == "unused-grace")
        .unwrap();
    assert!(lint[2].starts_with("LC105: "), "{}", lint[2]);
}

#[test]
fn hovers_explain_keys_and_words() {
    let Some(mut editor) = Editor::start() else {
        return;
    };
    let text = format!(
        "{HEAD}resources:\n  http: {{ kind: task, timeout: 5s }}\ntraffic: {{ settle: 4s }}\n\
         platforms: {{ kubernetes: {{ pre_stop: 3s }} }}\n"
    );
    for piece in ["settle", "4s"] {
        let settle = editor.hover(&text, piece);
        assert!(
            settle.contains("How long routing needs to notice"),
            "{settle}"
        );
        assert!(
            settle.contains("Unset: 5s where routing lags behind the stop."),
            "{settle}"
        );
        assert!(!settle.contains("Example"), "{settle}");
    }
    let kind = editor.hover(&text, "kind");
    assert!(
        kind.contains("* `task`: A background task that is asked to stop.\n* `http-server`: "),
        "{kind}"
    );
    let hook = editor.hover(&text, "pre_stop");
    assert!(
        hook.contains("`0s`: nothing, and the program"),
        "not escaped: {hook}"
    );
    assert!(
        hook.contains("- A command, which must be in the image."),
        "{hook}"
    );
    let resource = editor.hover(&text, "http:");
    assert!(
        resource.contains("must let go of when it stops"),
        "{resource}"
    );
}

#[test]
fn what_is_wrong_is_marked_where_it_stands() {
    let Some(mut editor) = Editor::start() else {
        return;
    };
    let duration = "write a duration with a unit, such as `15s`, `250ms` or `1m30s`";
    for (text, place, message) in [
        (
            "traffic: { setle: 5s }\n",
            "setle",
            "Property setle is not allowed.",
        ),
        ("traffic: { settle: 5 }\n", "5", duration),
        ("traffic: { settle: 5 s }\n", "5 s", duration),
        (
            "platforms: { nomadd: {} }\n",
            "nomadd",
            "Property nomadd is not allowed.",
        ),
        (
            "drift: wran\n",
            "wran",
            "Value is not accepted. Valid values: \"warn\", \"refuse\".",
        ),
    ] {
        let found = editor.findings(&format!("{WHOLE}{text}"));
        assert_eq!(found, [(place.to_owned(), message.to_owned())], "{text}");
    }
    let lease = format!("{HEAD}resources:\n  db: {{ kind: database, timeout: 5s, lease: 3s }}\n");
    assert_eq!(
        editor.findings(&lease),
        [(
            "lease".to_owned(),
            "`lease` belongs to a queue-consumer".to_owned()
        )]
    );
    let newer = WHOLE.replace("lifecycle: 1", "lifecycle: 2");
    assert_eq!(
        editor.findings(&newer),
        [("2".to_owned(), "this version reads format 1".to_owned())]
    );
}

#[test]
fn the_example_finds_its_schema_by_itself_and_has_nothing_to_object_to() {
    let Some(mut editor) = Editor::start() else {
        return;
    };
    let example: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/checkout-api")
        .canonicalize()
        .unwrap();
    let content = std::fs::read_to_string(example.join("lifecycle.yaml")).unwrap();
    // Another name than the settings speak of: the file's first line leads to the schema.
    let text = editor
        .client
        .open(&address(&example.join("a.yaml")), &content);
    assert_eq!(editor.findings_of(&text), []);
    let reserve = editor.client.hover(&text, "reserve:");
    assert!(reserve.contains("Never planned for"), "{reserve}");
    let broken = content.replace("settle:", "setle:");
    let text = editor
        .client
        .open(&address(&example.join("b.yaml")), &broken);
    let found = editor.findings_of(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "setle");
}
