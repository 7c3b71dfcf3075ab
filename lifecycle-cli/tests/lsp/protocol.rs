//! How sessions begin and end, and what a client may get wrong.

use serde_json::{Value, json};

use crate::FITS;
use crate::client::Client;

const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const PARSE_ERROR: i64 = -32_700;
const NOT_INITIALIZED: i64 = -32_002;

#[test]
fn a_session_begins_once_and_ends_in_order() {
    let mut client = Client::spawn();
    assert_eq!(
        client.refused("textDocument/hover", json!({})),
        NOT_INITIALIZED
    );
    let answer = client.request("initialize", json!({ "capabilities": {} }));
    assert_eq!(answer["serverInfo"]["name"], "lifecycle");
    assert_eq!(answer["capabilities"]["textDocumentSync"], 2, "incremental");
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
    client.notify("initialized", json!({}));
    assert_eq!(
        client.refused("initialize", json!({ "capabilities": {} })),
        INVALID_REQUEST
    );
    assert_eq!(client.request("shutdown", Value::Null), Value::Null);
    assert_eq!(
        client.refused("textDocument/hover", json!({})),
        INVALID_REQUEST
    );
    client.notify("exit", Value::Null);
    assert_eq!(client.wait(), 0);
}

#[test]
fn an_exit_without_a_shutdown_is_a_failure() {
    let (mut client, _) = Client::start(&json!({}));
    client.notify("exit", Value::Null);
    assert_eq!(client.wait(), 1);
    let (client, _) = Client::start(&json!({}));
    assert_eq!(client.leave(), 1, "the editor has died");
    let mut client = Client::spawn();
    client.notify("exit", Value::Null);
    assert_eq!(client.wait(), 1);
}

#[test]
fn columns_are_counted_in_bytes_where_the_client_can() {
    let encodings = json!({ "general": { "positionEncodings": ["utf-32", "utf-8", "utf-16"] } });
    let (mut client, answer) = Client::start(&encodings);
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-8");
    let source =
        "lifecycle: 1\n\"é🦀\": 1\nservice: x\nresources: { a: { kind: task, timeout: 1s } }\n";
    let text = client.open("file:///a/lifecycle.yaml", source);
    let findings = client.findings(&text);
    assert_eq!(findings[0]["code"], "LC003");
    // Two quotes, two bytes and four: eight.
    assert_eq!(
        findings[0]["range"],
        json!({ "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 8 } })
    );
    assert_eq!(client.end(), 0);
}

#[test]
fn a_message_that_is_none_is_answered_and_the_session_goes_on() {
    let (mut client, _) = Client::start(&json!({}));
    for body in ["{", "[]", "{\"jsonrpc\":\"2.0\"}", "\u{1f980}", ""] {
        client.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        let answer = client.next();
        assert_eq!(answer["error"]["code"], PARSE_ERROR, "{body:?}");
        assert_eq!(answer["id"], Value::Null);
    }
    client.raw(b"Content-Length: 3\r\n\r\n\xff\xfe{");
    assert_eq!(client.next()["error"]["code"], PARSE_ERROR);
    // A header that is none, and then no length.
    client.raw(b"Content-Length: 99999999999999999999\r\n\r\n");
    assert_eq!(client.next()["error"]["code"], PARSE_ERROR);
    assert_eq!(client.next()["error"]["code"], PARSE_ERROR);
    assert_eq!(
        client.refused("workspace/unheardOf", json!({})),
        METHOD_NOT_FOUND
    );
    assert_eq!(
        client.refused("textDocument/hover", json!({ "position": "here" })),
        INVALID_PARAMS
    );
    client.notify("$/unheardOf", json!([1, 2]));
    client.notify("textDocument/didChange", json!({ "contentChanges": 7 }));
    client.notify("textDocument/didClose", json!(null));
    client.raw(b"Content-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    let text = client.open("file:///a/lifecycle.yaml", FITS);
    assert_eq!(client.findings(&text), [] as [Value; 0]);
    assert_eq!(client.end(), 0);
}

#[test]
fn other_files_are_none_of_its_business() {
    let (mut client, _) = Client::start(&json!({}));
    let broken = "lifecycle: what\n";
    for (uri, language) in [
        ("file:///a/deployment.yaml", "yaml"),
        ("file:///chart/templates/lifecycle.yaml", "helm"),
        ("untitled:1", "yaml"),
    ] {
        client.notify(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": language, "version": 1, "text": broken } }),
        );
        client.notify(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": 2 }, "contentChanges": [{ "text": ": : :" }] }),
        );
        let answer = client.request(
            "textDocument/hover",
            json!({ "textDocument": { "uri": uri }, "position": { "line": 0, "character": 0 } }),
        );
        assert_eq!(answer, Value::Null);
        client.notify(
            "textDocument/didClose",
            json!({ "textDocument": { "uri": uri } }),
        );
    }
    assert_eq!(client.heard(), [] as [Value; 0]);
    let text = client.open("file:///a/orders.lifecycle.yaml", broken);
    assert!(!client.findings(&text).is_empty());
    // What is closed has no findings any more.
    client.notify(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": text.uri } }),
    );
    let cleared = client.next();
    assert_eq!(cleared["params"]["diagnostics"], json!([]));
    assert_eq!(client.end(), 0);
}
