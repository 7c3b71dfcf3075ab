//! What an editor shows while a manifest is written.

use serde_json::{Value, json};

use crate::FITS;
use crate::client::{Client, Text};

pub(crate) const URI: &str = "file:///shop/lifecycle.yaml";

pub(crate) fn session() -> Client {
    let capabilities = json!({
        "textDocument": {
            "publishDiagnostics": { "relatedInformation": true },
            "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
        },
        "workspace": { "workspaceEdit": { "documentChanges": true } },
    });
    Client::start(&capabilities).0
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect()
}

pub(crate) fn hints(client: &mut Client, text: &Text) -> Vec<String> {
    let end = text.position(text.content.len());
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": end });
    let params = json!({ "textDocument": { "uri": text.uri }, "range": range });
    let hints = client.request("textDocument/inlayHint", params);
    hints
        .as_array()
        .unwrap()
        .iter()
        .map(|hint| {
            let at = &hint["position"];
            let line = json!({ "start": { "line": at["line"], "character": 0 }, "end": at });
            let before = text.slice(&line).rsplit(['{', ',']).next().unwrap().trim();
            format!("{before} <{}>", hint["label"].as_str().unwrap())
        })
        .collect()
}

fn actions(client: &mut Client, text: &Text, piece: &str) -> Vec<Value> {
    let params = json!({
        "textDocument": { "uri": text.uri },
        "range": text.range(piece),
        "context": { "diagnostics": [] },
    });
    let actions = client.request("textDocument/codeAction", params);
    actions.as_array().unwrap().clone()
}

/// Applies an action as an editor does, and tells the server.
fn apply(client: &mut Client, text: &mut Text, action: &Value) {
    let change = &action["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"]["uri"], text.uri);
    assert_eq!(change["textDocument"]["version"], text.version);
    for edit in change["edits"].as_array().unwrap().iter().rev() {
        let with = edit["newText"].as_str().unwrap();
        client.change(text, &edit["range"], with);
    }
}

#[test]
fn findings_come_and_go_with_the_text() {
    let mut client = session();
    let mut text = client.open(URI, &FITS.replace("timeout: 15s", "timeout: 15"));
    let findings = client.findings(&text);
    assert_eq!(codes(&findings), ["LC006"]);
    let finding = &findings[0];
    assert_eq!(text.slice(&finding["range"]), "15");
    assert_eq!(
        (&finding["severity"], &finding["source"]),
        (&json!(1), &json!("lifecycle"))
    );
    assert_eq!(
        finding["message"],
        "`15` has no unit\nhelp: write `15s` for seconds or `15ms` for milliseconds"
    );
    let page = finding["codeDescription"]["href"].as_str().unwrap();
    assert!(page.ends_with("/docs/rules/bad-duration.md"), "{page}");

    client.edit(&mut text, "15, uses", "15🦀s, uses");
    assert_eq!(codes(&client.findings(&text)), ["LC006"]);
    client.edit(&mut text, "15🦀s", "15s");
    assert_eq!(codes(&client.findings(&text)), [] as [&str; 0]);

    client.edit(&mut text, "grace_period: 40s", "grace_period: 20s");
    let findings = client.findings(&text);
    assert_eq!(codes(&findings), ["LC101"]);
    let message = findings[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("shutdown needs 34.5s, and Kubernetes allows 20s\n"),
        "{message}"
    );
    assert!(message.contains("\nsum: 5s preStop sleep + "), "{message}");
    let related = findings[0]["relatedInformation"].as_array().unwrap();
    assert_eq!(text.slice(&related[0]["location"]["range"]), "20s");
    assert_eq!(
        related[0]["message"],
        "the longest step of the longest path"
    );

    // The whole text at once, as a client without increments sends it.
    text.content = FITS.to_owned();
    text.version += 1;
    let params = json!({
        "textDocument": { "uri": text.uri, "version": text.version },
        "contentChanges": [{ "text": text.content }],
    });
    client.notify("textDocument/didChange", params);
    assert_eq!(client.findings(&text), [] as [Value; 0]);
    assert_eq!(client.end(), 0);
}

#[test]
fn a_client_without_related_places_is_told_the_lines() {
    let (mut client, _) = Client::start(&json!({}));
    let text = client.open(URI, &FITS.replace("40s", "20s"));
    let findings = client.findings(&text);
    let message = findings[0]["message"].as_str().unwrap();
    assert!(
        message.contains("\nline 11: the longest step of the longest path\n"),
        "{message}"
    );
    assert!(findings[0].get("relatedInformation").is_none());
    assert_eq!(client.end(), 0);
}

#[test]
fn hovers_show_meanings_and_the_arithmetic_of_a_number() {
    let mut client = session();
    let text = client.open(URI, FITS);
    let timeout = client.hover(&text, "15s");
    assert!(
        timeout.starts_with("How long its step may take."),
        "{timeout}"
    );
    for part in [
        "- **Kubernetes**: http runs from 5s to 20.25s after the stop",
        "- **ECS**: http runs from 20s to 35.25s after the stop, on the longest path",
        "sum: 5s preStop sleep + 20s emails + 4s ledger + 2 × 250ms unwind + 5s reserve = 34.5s, grace period 40s (written), 5.5s to spare",
        "sum: 15s http + ",
        "grace period 30s (the ECS default)",
    ] {
        assert!(timeout.contains(part), "{part}\n{timeout}");
    }
    assert_eq!(
        client.hover(&text, "timeout: 15s"),
        timeout,
        "the key says the same"
    );

    let tighter = client.hover(&text, "20s }");
    assert!(
        tighter.contains("emails runs from 5s to 25.25s after the stop"),
        "{tighter}"
    );
    assert!(!tighter.contains("ECS"), "{tighter}");

    let settle = client.hover(&text, "5s }");
    assert!(
        settle.contains("How long routing needs to notice"),
        "{settle}"
    );
    assert!(settle.contains("5s settle time: 5s before the signal, 0s by the program after it"));

    let delay = client.hover(&text, "20s }\n");
    assert!(
        delay.contains("20s before the signal, outside of the grace period"),
        "{delay}"
    );
    let kind = client.hover(&text, "queue-consumer");
    assert!(
        kind.contains("**queue-consumer**: Claims jobs from a queue"),
        "{kind}"
    );
    assert!(kind.contains("the drain phase"), "{kind}");

    let name = client.hover(&text, "ledger]");
    assert!(
        name.contains("**ledger**: database, let go in the close phase, waits for"),
        "{name}"
    );
    let declared = client.hover(&text, "ledger: {");
    assert!(name.starts_with(&declared), "{declared}\n{name}");

    let platform = client.hover(&text, "kubernetes:");
    assert!(platform.contains("| 5s → 20.25s | http |"), "{platform}");
    assert!(platform.contains("| 5s | SIGTERM |"), "{platform}");
    assert!(platform.contains("| 40s | SIGKILL |"), "{platform}");

    assert_eq!(client.hover(&text, "Überweisungen"), "");
    assert_eq!(client.hover(&text, "🦀 first"), "");
    assert_eq!(client.end(), 0);
}

#[test]
fn hints_show_each_step_on_the_timeline_and_the_spare_time() {
    let mut client = session();
    let mut text = client.open(URI, FITS);
    assert_eq!(
        hints(&mut client, &text),
        [
            "timeout: 15s <kubernetes 5s → 20.25s · ecs 20s → 35.25s>",
            "timeout: 10s <20s → 30.25s>",
            "timeout: 4s <kubernetes 25.25s → 29.5s · ecs 35.25s → 39.5s>",
            "timeout: 1s <kubernetes 25.25s → 26.5s · ecs 35.25s → 36.5s>",
            "emails: 20s <5s → 25.25s>",
            "kubernetes: <5.5s to spare>",
            "ecs: <5.625s to spare>",
        ]
    );
    client.edit(
        &mut text,
        "  ecs:\n    load_balancer: { deregistration_delay: 20s }\n",
        "",
    );
    client.edit(&mut text, "40s", "30s");
    let shown = hints(&mut client, &text);
    assert_eq!(shown[0], "timeout: 15s <5s → 20.25s>");
    assert_eq!(shown[4], "kubernetes: <4.5s missing>");
    // Where a number cannot be read there is no sum to show.
    client.edit(&mut text, "timeout: 4s", "timeout: 4");
    assert_eq!(hints(&mut client, &text), [] as [&str; 0]);
    assert_eq!(client.end(), 0);
}

#[test]
fn names_lead_to_their_resource_and_back() {
    let mut client = session();
    let text = client.open(URI, FITS);
    for from in ["ledger]", "ledger: {"] {
        let definition = client.ask_at("textDocument/definition", &text, from);
        assert_eq!(definition["uri"], URI);
        assert_eq!(
            definition["range"],
            text.range("ledger: {").clone().tap_end("ledger")
        );
    }
    let emails = client.ask_at("textDocument/definition", &text, "emails: 20s");
    assert_eq!(emails["range"]["start"], text.range("emails: {")["start"]);
    let places = client.ask_at("textDocument/references", &text, "emails]");
    let starts: Vec<&Value> = places
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["range"]["start"])
        .collect();
    let expected =
        ["emails: {", "emails]", "emails: 20s"].map(|piece| text.range(piece)["start"].clone());
    assert_eq!(starts, expected.iter().collect::<Vec<_>>());
    assert_eq!(
        client.ask_at("textDocument/definition", &text, "15s"),
        Value::Null
    );

    let symbols = client.request(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": URI } }),
    );
    let names: Vec<&str> = symbols
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["lifecycle", "service", "traffic", "resources", "platforms"]
    );
    let resource = &symbols[3]["children"][1];
    assert_eq!(
        (&resource["name"], &resource["detail"]),
        (&json!("emails"), &json!("queue-consumer, 10s"))
    );
    assert_eq!(client.end(), 0);
}

#[test]
fn names_are_completed_while_the_text_is_broken() {
    let mut client = session();
    let text = client.open(URI, &FITS.replace("[ledger] }   # 🦀 first", "[led"));
    let mut position = text.range("led\n")["start"].clone();
    position["character"] = json!(position["character"].as_u64().unwrap() + 3);
    let params = json!({ "textDocument": { "uri": URI }, "position": position });
    let items = client.request("textDocument/completion", params);
    let labels: Vec<&str> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["emails", "ledger", "cache"]);
    assert_eq!(items[1]["detail"], "database, 4s");
    assert_eq!(text.slice(&items[1]["textEdit"]["range"]), "led");
    assert_eq!(client.end(), 0);
}

trait Tap {
    /// The same begin, ending behind `word` on the same line.
    fn tap_end(self, word: &str) -> Self;
}

impl Tap for Value {
    fn tap_end(mut self, word: &str) -> Self {
        let start = self["start"]["character"].as_u64().unwrap();
        let length = u64::try_from(word.encode_utf16().count()).unwrap();
        self["end"] = json!({ "line": self["start"]["line"], "character": start + length });
        self
    }
}

#[test]
fn a_quick_fix_mends_the_text_and_nothing_else() {
    let mut client = session();
    let broken = FITS
        .replace("grace_period: 40s", "grace_period: 20s")
        .replace('\n', "\r\n");
    let mut text = client.open(URI, &broken);
    assert_eq!(codes(&client.findings(&text)), ["LC101"]);
    let offered = actions(&mut client, &text, "grace_period: 20s");
    assert_eq!(offered[0]["kind"], "quickfix");
    assert_eq!(offered[0]["diagnostics"][0]["code"], "LC101");
    assert_eq!(
        offered[0]["title"],
        "set `grace_period: 35s`, the smallest that fits"
    );
    apply(&mut client, &mut text, &offered[0]);
    assert_eq!(
        text.content,
        broken.replace("grace_period: 20s", "grace_period: 35s")
    );
    assert_eq!(codes(&client.findings(&text)), [] as [&str; 0]);
    assert!(actions(&mut client, &text, "grace_period: 35s").is_empty());

    client.edit(&mut text, "[ledger]", "[lodger]");
    assert_eq!(codes(&client.findings(&text)), ["LC008"]);
    let offered = actions(&mut client, &text, "lodger");
    assert!(
        offered[0].get("isPreferred").is_none(),
        "it changes what is meant"
    );
    assert_eq!(offered[0]["title"], "did you mean `ledger`?");
    apply(&mut client, &mut text, &offered[0]);
    assert_eq!(codes(&client.findings(&text)), [] as [&str; 0]);
    assert_eq!(client.end(), 0);
}

#[test]
fn all_safe_fixes_are_one_action() {
    let mut client = session();
    let broken = FITS.replace("grace_period: 40s, ", "").replace(
        "load_balancer: { deregistration_delay: 20s }",
        "grace_period: 16s",
    );
    let mut text = client.open(URI, &broken);
    assert_eq!(codes(&client.findings(&text)), ["LC101", "LC101"]);
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 } });
    let params = json!({
        "textDocument": { "uri": URI },
        "range": range,
        "context": { "diagnostics": [], "only": ["source"] },
    });
    let offered = client.request("textDocument/codeAction", params);
    assert_eq!(offered.as_array().unwrap().len(), 1, "{offered}");
    assert_eq!(offered[0]["kind"], "source.fixAll");
    apply(&mut client, &mut text, &offered[0]);
    assert_eq!(codes(&client.findings(&text)), [] as [&str; 0]);
    assert!(
        text.content.contains("grace_period: 35s }"),
        "{}",
        text.content
    );
    assert!(text.content.contains("# 🦀 first"), "{}", text.content);
    assert_eq!(client.end(), 0);
}

#[test]
fn allowances_are_explained_and_those_without_effect_fade() {
    let mut client = session();
    let allowed = FITS.replace(
        "  ecs:",
        "  # lifecycle: allow(unused-grace) é is slow\n  ecs:",
    );
    let text = client.open(
        URI,
        &(allowed + "lints: { keep-alive-below-balancer: warn }\n"),
    );
    let findings = client.findings(&text);
    assert_eq!(codes(&findings), ["LC016"]);
    assert_eq!(findings[0]["tags"], json!([1]), "unnecessary");
    let rule = client.hover(&text, "grace) é");
    assert!(rule.starts_with("**[unused-grace](http"), "{rule}");
    assert!(rule.contains("(LC105, warning): "), "{rule}");
    let rule = client.hover(&text, "keep-alive-below");
    assert!(rule.contains("(LC305, error): "), "{rule}");
    assert_eq!(client.hover(&text, "slow"), "");
    assert_eq!(client.end(), 0);
}
