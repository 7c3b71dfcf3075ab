//! Whatever the bytes: an answer, in bounded time, whose places lie in the text.

use std::time::{Duration, Instant};

use lifecycle_manifest::text::{Limits, Node, Span, Value, parse};
use lifecycle_manifest::{Analysis, render};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model;
use crate::yaml::write;

/// Everything that a caller does with an answer.
fn look_at(bytes: &[u8]) {
    let analysis = Analysis::of_bytes(bytes);
    let text = analysis.source.text();
    let in_text = |span: Span| {
        assert!(
            span.start <= span.end && span.end <= text.len(),
            "{span:?} in {text:?}"
        );
        assert!(text.is_char_boundary(span.start), "{span:?} in {text:?}");
        assert!(text.is_char_boundary(span.end), "{span:?} in {text:?}");
    };
    if let Some(document) = &analysis.document {
        walk(&document.root, &in_text);
    }
    for finding in &analysis.findings {
        in_text(analysis.span(&finding.primary.place));
        for label in &finding.related {
            in_text(analysis.span(&label.place));
        }
        for fix in finding.help.iter().filter_map(|help| help.fix.as_ref()) {
            let patches = analysis.document.as_ref().and_then(|it| fix.patches(it));
            for patch in patches.into_iter().flatten() {
                in_text(patch.span);
            }
        }
        let texts = render::Texts::of(&analysis, "lifecycle.yaml");
        let shown = render::finding(&texts, finding, render::Style::Plain);
        assert!(shown.contains(finding.rule.code));
    }
    let sorted = analysis
        .findings
        .windows(2)
        .all(|two| analysis.span(&two[0].primary.place) <= analysis.span(&two[1].primary.place));
    assert!(sorted, "findings come in the order of the file");
}

fn walk(node: &Node, in_text: &impl Fn(Span)) {
    in_text(node.span);
    match &node.value {
        Value::Scalar { .. } => {}
        Value::Sequence(items) => items.iter().for_each(|item| walk(item, in_text)),
        Value::Mapping(entries) => {
            for entry in entries {
                in_text(entry.key_span);
                walk(&entry.value, in_text);
            }
        }
    }
}

/// One change to a text, at a place given in thousandths.
#[derive(Debug, Clone)]
enum Change {
    Delete(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..1_000_usize;
    let pieces = prop::sample::select(vec![
        "\t",
        "\r",
        "\n",
        ":",
        ": ",
        " - ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!t ",
        "<<: *a",
        "|\n",
        ">-\n",
        "\"",
        "'",
        "#",
        " #",
        "---\n",
        "...\n",
        "? ",
        "%YAML 1.1\n",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "é",
        "🛒",
        "\0",
        "~",
        "null",
        "0",
        "-5s",
        "99999999999999999999s",
        "kubernetes",
        "after",
        "http: {}\n",
    ]);
    prop_oneof![
        (at.clone(), 1..30_usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (at.clone(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at.clone(), pieces).prop_map(|(at, piece)| Change::Insert(at, piece.into())),
        (at, 1..60_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

fn apply(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &usize| at * bytes.len() / 1_000;
        match change {
            Change::Delete(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Change::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Repeat(at, length) => {
                let at = place(at);
                let again = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        look_at(&bytes);
    }

    #[test]
    fn any_text_of_yaml_s_own_letters(text in "[a-z0-9 :\\-{}\\[\\],&*!|>'\"%#@`?~\n\r\t\u{85}\u{2028}é🛒]{0,200}") {
        look_at(text.as_bytes());
    }

    #[test]
    fn a_manifest_with_some_damage(
        model in model::manifest(),
        style in model::style(),
        changes in vec(change(), 1..6),
    ) {
        let text = write(&model::tree(&model), style).text;
        look_at(&apply(text.into_bytes(), &changes));
    }
}

/// Not a measurement: an answer that takes this long would be quadratic or worse.
fn soon(what: &str, text: &str) {
    let begin = Instant::now();
    look_at(text.as_bytes());
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(30), "{what} took {took:?}");
}

const HEAD: &str =
    "lifecycle: 1\nservice: shop\nresources:\n  http: { kind: http-server, timeout: 5s }\n";

#[test]
fn hostile_sizes_end_soon() {
    let long = "x".repeat(10 << 20);
    soon(
        "a scalar beyond the limit",
        &format!("{HEAD}budget: {long}\n"),
    );
    let long = "x".repeat(3 << 20);
    soon(
        "a scalar below the limit",
        &format!("{HEAD}budget: {long}\n"),
    );
    soon("a long key", &format!("{HEAD}{long}: 1\n"));
    soon(
        "a long name",
        &format!("{HEAD}  {long}: {{ after: [{long}], kind: [] }}\n"),
    );
    soon(
        "a long number",
        &format!("lifecycle: 1{}\n", "0".repeat(3 << 20)),
    );
    soon(
        "a long duration",
        &format!("{HEAD}budget: {{ reserve: {} }}\n", "9".repeat(3 << 20)),
    );
    soon(
        "a long name in the list",
        &format!("{HEAD}  {long}: {{ uses: [other], after: [x] }}\n"),
    );
    soon(
        "a long string",
        &format!("{HEAD}budget: \"{}\n", "é".repeat(1 << 20)),
    );
    soon(
        "a flat list",
        &format!("{HEAD}budget: [{}]\n", "1,".repeat(1 << 20)),
    );
    soon("brackets", &"[".repeat(1 << 20));
    soon("dashes", &"- ".repeat(1 << 20));
    soon("question marks", &"? ".repeat(1 << 20));
    soon("anchors", &"&a ".repeat(1 << 20));
    soon("comments", &"# c\n".repeat(1 << 17));
    soon("lines", &"\n".repeat(1 << 20));
}

#[test]
fn aliases_cost_what_they_stand_for() {
    let long = "x".repeat(1 << 20);
    let aliases = "*long, ".repeat(300_000);
    soon(
        "a long scalar, repeated",
        &format!("{HEAD}a: &long {long}\nb: [{aliases}]\n"),
    );
    let level = |at: usize, times: usize| {
        let before = format!("*a{}, ", at - 1).repeat(times);
        format!("a{at}: &a{at} [{before}]\n")
    };
    let levels = |count, times| {
        let levels: String = (1..count).map(|at| level(at, times)).collect();
        format!("a0: &a0 [x]\n{levels}")
    };
    soon("an exponential", &levels(40, 9));
    soon("a tower", &levels(20_000, 1));
}

#[test]
fn many_findings_do_not_stand_in_one_another_s_way() {
    let entry = |at| format!("  r{at}: {{ kind: task, timeout: 5s, after: [nobody-{at}] }}\n");
    let entries: String = (0..2_000).map(entry).collect();
    let text = format!("lifecycle: 1\nservice: shop\nresources:\n{entries}");
    let begin = Instant::now();
    let analysis = Analysis::of(&text);
    assert_eq!(analysis.findings.len(), 2_000);
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn limits_are_kept_to_the_letter() {
    let limits = Limits {
        nodes: 5,
        ..Limits::default()
    };
    assert!(parse("[1, 2, 3, 4]", limits).1.is_empty());
    assert!(!parse("[1, 2, 3, 4, 5]", limits).1.is_empty());
    let limits = Limits {
        depth: 2,
        ..Limits::default()
    };
    assert!(parse("[[1]]", limits).1.is_empty());
    assert!(!parse("[[[1]]]", limits).1.is_empty());
    let limits = Limits {
        repeated: 6,
        ..Limits::default()
    };
    assert!(parse("[&a xxx, *a, *a]", limits).1.is_empty());
    assert!(!parse("[&a xxx, *a, *a, *a]", limits).1.is_empty());
    let limits = Limits {
        bytes: 3,
        ..Limits::default()
    };
    assert!(parse("abc", limits).1.is_empty());
    assert!(!parse("abcd", limits).1.is_empty());
}
