//! The server's text stays the editor's, whatever is done to it.

use serde_json::json;

use crate::FITS;
use crate::editing::{URI, hints, session};

/// A small generator of numbers, the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn after_any_edits_the_server_holds_the_text_that_the_editor_holds() {
    let mut client = session();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut text = client.open(URI, FITS);
    client.findings(&text);
    let pieces = [
        "🦀", "é", "\n", "\r\n", "x: ", "{", "}", "", "", "- ", "\"", "&a ", "*a", "#", "5s",
    ];
    for round in 0..200 {
        let bounds: Vec<usize> = text.content.char_indices().map(|(at, _)| at).collect();
        let from = dice.roll(bounds.len());
        let to = (from + dice.roll(4)).min(bounds.len() - 1);
        // A carriage return and its line feed are one place to an editor.
        let split =
            |at: usize| text.content[..at].ends_with('\r') && text.content[at..].starts_with('\n');
        let (from, to) = (bounds[from], bounds[to]);
        if split(from) || split(to) {
            continue;
        }
        let range = json!({ "start": text.position(from), "end": text.position(to) });
        client.change(&mut text, &range, pieces[dice.roll(pieces.len())]);
        if round % 10 != 9 {
            continue;
        }
        let after_edits = client.findings(&text);
        let fresh = client.open(&format!("file:///{round}/lifecycle.yaml"), &text.content);
        let mut at_once = client.findings(&fresh);
        for finding in &mut at_once {
            for related in finding["relatedInformation"].as_array_mut().unwrap() {
                related["location"]["uri"] = json!(URI);
            }
        }
        assert_eq!(after_edits, at_once, "{}", text.content);
        client.ask_at("textDocument/documentSymbol", &text, "");
        hints(&mut client, &text);
        for at in (0..text.content.len()).step_by(7) {
            if text.content.is_char_boundary(at) {
                let position = text.position(at);
                let params = json!({ "textDocument": { "uri": URI }, "position": position });
                client.request("textDocument/hover", params);
            }
        }
    }
    assert_eq!(client.end(), 0);
}
