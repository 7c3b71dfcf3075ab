//! Every case of the tests, opened in an editor: the findings are those of `lifecycle check`, and no
//! place in any of them is too much for the server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Client, Text};

/// Code, and the lines and columns of begin and end, as `check` counts them.
type Found = (String, [usize; 4]);

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
}

/// What `lifecycle check` says of each file.
fn checked(files: &[PathBuf]) -> BTreeMap<String, Vec<Found>> {
    let output = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
        .args(["check", "--format", "json"])
        .args(files)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let number = |key: &str| usize::try_from(finding[key].as_u64().unwrap()).unwrap();
        let place = ["line", "column", "end_line", "end_column"].map(number);
        let code = finding["code"].as_str().unwrap().to_owned();
        let file = finding["file"].as_str().unwrap().to_owned();
        found.entry(file).or_default().push((code, place));
    }
    found
}

/// A place as `check` counts it: from one, in characters, a byte order mark not among them.
fn counted(text: &Text, position: &Value) -> [usize; 2] {
    let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
    let begin = json!({ "line": line, "character": 0 });
    let before = text.slice(&json!({ "start": begin, "end": position }));
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    [line + 1, before.chars().count() + 1]
}

#[test]
fn the_findings_are_those_of_check_in_every_case() {
    let mut files = Vec::new();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    walk(&cases, &mut files);
    assert!(files.len() > 100, "{} cases", files.len());
    let checked = checked(&files);
    let (mut client, _) = Client::start(&json!({}));
    for file in &files {
        // What is no text, an editor has made one before it sends it.
        let Ok(content) = std::fs::read_to_string(file) else {
            continue;
        };
        // Lines that end with a carriage return alone are lines to an editor.
        if content.replace("\r\n", "").contains('\r') {
            continue;
        }
        let name = file.display().to_string();
        let uri = format!("file://{name}.lifecycle.yaml");
        let text = client.open(&uri, &content);
        let found: Vec<Found> = client
            .findings(&text)
            .iter()
            .map(|finding| {
                let code = finding["code"].as_str().unwrap().to_owned();
                let range = &finding["range"];
                let [line, column] = counted(&text, &range["start"]);
                let [end_line, end_column] = counted(&text, &range["end"]);
                (code, [line, column, end_line, end_column])
            })
            .collect();
        let expected = checked.get(&name).cloned().unwrap_or_default();
        let told = expected.len().min(200);
        assert_eq!(found, expected[..told], "{name}");
        visit(&mut client, &text);
        client.notify(
            "textDocument/didClose",
            json!({ "textDocument": { "uri": uri } }),
        );
    }
    assert_eq!(client.end(), 0);
}

/// Asks everything about every place, or about some where there are too many.
fn visit(client: &mut Client, text: &Text) {
    let document = json!({ "uri": text.uri });
    let end = text.position(text.content.len());
    let everything = json!({ "start": { "line": 0, "character": 0 }, "end": end });
    client.request(
        "textDocument/documentSymbol",
        json!({ "textDocument": document }),
    );
    let params = json!({ "textDocument": document, "range": everything });
    client.request("textDocument/inlayHint", params);
    let params =
        json!({ "textDocument": document, "range": everything, "context": { "diagnostics": [] } });
    client.request("textDocument/codeAction", params);
    let step = (text.content.len() / 8).max(1);
    for (at, _) in text.content.char_indices().step_by(step) {
        for method in ["hover", "definition", "references", "completion"] {
            let params = json!({
                "textDocument": document,
                "position": text.position(at),
                "context": { "includeDeclaration": true, "triggerKind": 1 },
            });
            client.request(&format!("textDocument/{method}"), params);
        }
    }
}
