//! Files that somebody wrote to hurt: the real program, with little memory and little time, gives an
//! answer. It never ends by a signal and never panics.
//!
//! The inputs are made here: they are of megabytes. Smaller ones stand in `tests/cases/broken`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Address space, in KiB. Reading ten thousand resources takes a fifth of it.
const MEMORY: u32 = 1 << 20;

/// No measurement: of a program that is not optimised, on a machine that others use. What is
/// quadratic takes hours.
const TIME: Duration = Duration::from_secs(120);

const HEAD: &str =
    "lifecycle: 1\nservice: shop\nresources:\n  http: { kind: http-server, timeout: 5s }\n";

/// Runs `check` on a text, and expects this exit code and, of findings, this code of a rule.
fn check(what: &str, text: impl AsRef<[u8]>, exit: i32, code: &str) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lifecycle.yaml"), &text).unwrap();
    // Of the largest it is enough to see once that they are read.
    let formats = match text.as_ref().len() > 1 << 20 {
        true => &["human"][..],
        false => &["human", "json"],
    };
    for format in formats {
        let arguments = ["check", "--color", "never", "--format", format];
        let (status, out) = run(what, directory.path(), &arguments);
        assert_eq!(status, Some(exit), "{what}: {out:.2000}");
        assert!(out.contains(code), "{what} is not {code}: {out:.2000}");
    }
}

/// The exit code and what is printed.
fn run(what: &str, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let shell = format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\" >out 2>err");
    let mut child = Command::new("sh")
        .args(["-c", &shell, env!("CARGO_BIN_EXE_lifecycle")])
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > TIME {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what} took more than {TIME:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |file| std::fs::read(directory.join(file)).unwrap();
    let error = String::from_utf8(read("err")).unwrap();
    assert!(error.is_empty(), "{what} says on stderr: {error}");
    (status.code(), String::from_utf8(read("out")).unwrap())
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}", line(at));
        text
    })
}

#[test]
fn aliases_and_anchors() {
    let bomb = lines(30, |at| match at {
        0 => "a0: &a0 [x]".into(),
        _ => format!("a{at}: &a{at} [{}]", format!("*a{}, ", at - 1).repeat(9)),
    });
    check("an alias bomb", format!("{HEAD}{bomb}"), 1, "LC009");
    let long = "x".repeat(1 << 20);
    let text = format!("{HEAD}a: &a {long}\nb: [{}]\n", "*a, ".repeat(100_000));
    check("a long text, repeated", text, 1, "LC009");
    let open = lines(60, |at| format!("  &a{at} ["));
    let items = "x, ".repeat(100_000);
    let text = format!("{HEAD}a:\n{open}  {items}{}\n", "]".repeat(60));
    check("anchors around one another", text, 1, "LC009");
    let many = lines(5_000, |at| format!("k{at}: &a{at} 1\nj{at}: *a{at}"));
    check(
        "anchors by the thousand",
        format!("{HEAD}{many}"),
        1,
        "LC003",
    );
    let text = format!("{HEAD}a: {}1\n", "&a ".repeat(300_000));
    check("anchors at one value", text, 1, "LC001");
}

#[test]
fn long_scalars() {
    let long = "x".repeat(10 << 20);
    check(
        "10 MiB, plain",
        format!("{HEAD}service: {long}\n"),
        1,
        "LC009",
    );
    check(
        "10 MiB, quoted",
        format!("{HEAD}a: \"{long}\"\n"),
        1,
        "LC009",
    );
    check(
        "10 MiB, a block",
        format!("{HEAD}a: |\n  {long}\n"),
        1,
        "LC009",
    );
    check("10 MiB, a comment", format!("{HEAD}# {long}\n"), 1, "LC009");
    check("10 MiB, a key", format!("{HEAD}{long}: 1\n"), 1, "LC009");
    let long = "x".repeat(2 << 20);
    check("2 MiB, plain", format!("{HEAD}a: {long}\n"), 1, "LC003");
    check("2 MiB, a name", HEAD.replace("shop", &long), 1, "LC010");
    check(
        "2 MiB, a kind",
        HEAD.replace("http-server", &long),
        1,
        "LC007",
    );
    check(
        "2 MiB, a duration",
        HEAD.replace("5s", &"1s".repeat(1 << 20)),
        1,
        "LC006",
    );
    check(
        "2 MiB, a number",
        HEAD.replace(": 1\n", &format!(": {}\n", "9".repeat(2 << 20))),
        1,
        "LC012",
    );
    check("2 MiB, a comment", format!("{HEAD}# {long}\n"), 0, "");
    let text = format!("{HEAD}# lifecycle: allow({long}) x\n");
    check("2 MiB, an allowance", text, 1, "LC0");
    check("2 MiB, a key", format!("{HEAD}{long}: 1\n"), 1, "LC001");
    let wide = "🛒".repeat(1 << 18);
    check(
        "1 MiB of wide characters",
        format!("{HEAD}a: {wide}\n"),
        1,
        "LC003",
    );
}

#[test]
fn depth() {
    check(
        "lists in braces",
        format!("{HEAD}a: {}", "[".repeat(100_000)),
        1,
        "LC009",
    );
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    check("lists, closed", format!("{HEAD}a: {closed}\n"), 1, "LC009");
    check(
        "mappings",
        format!("{HEAD}a: {}", "{a: ".repeat(100_000)),
        1,
        "LC009",
    );
    check(
        "dashes",
        format!("{HEAD}a:\n  {}", "- ".repeat(100_000)),
        1,
        "LC009",
    );
    check("question marks", "? ".repeat(100_000), 1, "LC009");
    let steps: String = lines(1_500, |at| format!("{}a:", " ".repeat(at + 1)));
    check("steps", format!("{HEAD}a:\n{steps}"), 1, "LC009");
}

#[test]
fn bytes_that_are_no_text() {
    for (what, bytes) in [
        ("no start", &b"\x80"[..]),
        ("no end", b"\xf0\x9f\x9b"),
        ("longer than need be", b"\xc0\xaf"),
        ("half of a pair", b"\xed\xa0\x80"),
        ("beyond Unicode", b"\xf5\x80\x80\x80"),
        ("0xff", b"\xff"),
    ] {
        check(
            what,
            [HEAD.as_bytes(), b"a: ", bytes, b"\n"].concat(),
            1,
            "LC001",
        );
        check(what, [bytes, HEAD.as_bytes()].concat(), 1, "LC001");
        check(what, [HEAD.as_bytes(), bytes].concat(), 1, "LC001");
    }
    check("nothing but 0xff", vec![0xff; 3 << 20], 1, "LC001");
    check("NUL", vec![0; 3 << 20], 1, "LC001");
    for mark in [[0xff, 0xfe], [0xfe, 0xff]] {
        let units = HEAD.encode_utf16();
        let text: Vec<u8> = match mark[0] {
            0xff => units.flat_map(u16::to_le_bytes).collect(),
            _ => units.flat_map(u16::to_be_bytes).collect(),
        };
        check("UTF-16", [&mark[..], &text].concat(), 1, "LC001");
    }
}

#[test]
fn marks_line_ends_and_tabs() {
    check("a mark", format!("\u{feff}{HEAD}"), 0, "");
    check("two marks", format!("\u{feff}\u{feff}{HEAD}"), 0, "");
    check(
        "a mark in the middle",
        format!("{HEAD}\u{feff}a: 1\n"),
        1,
        "LC001",
    );
    check("CRLF", HEAD.replace('\n', "\r\n"), 0, "");
    check("CR alone", HEAD.replace('\n', "\r"), 0, "");
    let mixed = lines(40_000, |at| format!("# c{}", ["", "\r", "\r# d"][at % 3]));
    check("all of them", format!("{HEAD}{mixed}"), 0, "");
    check("tabs for indentation", HEAD.replace("  ", "\t"), 1, "LC001");
    check("tabs behind values", HEAD.replace('\n', "\t\n"), 0, "");
    check("tabs alone", "\t".repeat(2 << 20), 1, "LC0");
    check("spaces alone", " ".repeat(2 << 20), 1, "LC004");
    check("lines alone", "\n".repeat(1 << 19), 1, "LC004");
}

#[test]
fn findings_by_the_thousand() {
    const MANY: usize = 2_000;
    let unknown = lines(MANY, |at| format!("k{at}: 1"));
    check("unknown keys", format!("{HEAD}{unknown}"), 1, "LC003");
    let near = lines(MANY, |at| format!("      grace_period{}: 1s", letters(at)));
    let text = format!("{HEAD}platforms:\n    kubernetes:\n{near}");
    check("keys near to a known one", text, 1, "LC003");
    check(
        "keys twice",
        format!("{HEAD}{}", "a: 1\n".repeat(MANY)),
        1,
        "LC002",
    );
    let names = lines(MANY, |at| {
        format!("  Res_{at}: {{ kind: task, timeout: 5s }}")
    });
    check("names that are none", format!("{HEAD}{names}"), 1, "LC010");
    let merged = lines(MANY, |at| format!("k{at}: {{ <<: *a }}"));
    check(
        "merge keys",
        format!("{HEAD}a: &a {{ x: 1 }}\n{merged}"),
        1,
        "LC009",
    );
    let tags = lines(MANY, |at| format!("k{at}: !t 1"));
    check("tags", format!("{HEAD}{tags}"), 1, "LC009");
    let one_line = lines(MANY, |at| format!("é{at}: {{}},")).replace('\n', " ");
    let text = format!("{{lifecycle: 1, service: shop, resources: {{{one_line}}}}}");
    check("all in one line", text, 1, "LC004");
    let port = "kind: http-server, timeout: 5s, port: 80";
    let ports = lines(MANY, |at| format!("  s{at}: {{ {port} }}"));
    check("one port for all", format!("{HEAD}{ports}"), 1, "LC501");
    check("documents", "---\na\n".repeat(MANY), 1, "LC0");
    check(
        "directives",
        format!("{}---\n{HEAD}", "%FOO bar\n".repeat(MANY)),
        0,
        "",
    );
}

fn letters(at: usize) -> String {
    let letter = |at: usize| char::from(b"abcdefghijklmnopqrstuvwxyz"[at % 26]);
    [letter(at), letter(at / 26), letter(at / 676)]
        .iter()
        .collect()
}

#[test]
fn comments_by_the_thousand() {
    check(
        "comments",
        format!("{HEAD}{}", "# c\n".repeat(400_000)),
        0,
        "",
    );
    let allow = "# lifecycle: allow(port-taken) fine\n".repeat(5_000);
    check("allowances above one line", format!("{allow}{HEAD}"), 0, "");
    let trailing = lines(1_000, |at| {
        format!(
            "  s{at}: {{ kind: http-server, timeout: 5s, port: 80 }} # lifecycle: allow(port-taken) fine"
        )
    });
    check("an allowance a line", format!("{HEAD}{trailing}"), 0, "");
    let names = "port-taken, ".repeat(5_000);
    let text = format!("{HEAD}# lifecycle: allow({names}port-taken) fine\n");
    check("names in one allowance", text, 0, "");
}

#[test]
fn circles_and_long_ways() {
    const MANY: usize = 3_000;
    let step = |name: String, after: String| {
        format!("  {name}: {{ kind: task, timeout: 1s, after: [{after}] }}")
    };
    let circle = lines(MANY, |at| {
        step(format!("c{at}"), format!("c{}", (at + 1) % MANY))
    });
    check("one circle of all", format!("{HEAD}{circle}"), 1, "LC201");
    let way = lines(MANY, |at| match at + 1 {
        MANY => step(format!("c{at}"), "y".into()),
        next => step(format!("c{at}"), format!("c{next}")),
    });
    let ends = [("a", "b"), ("b", "a, c0"), ("y", "z"), ("z", "y")];
    let ends: Vec<String> = ends.map(|(a, b)| step(a.into(), b.into())).into();
    let text = format!("{HEAD}{}\n{way}", ends.join("\n"));
    check("a way between two circles", text, 1, "LC201");
    let all: Vec<String> = (0..200).map(|at| format!("c{at}")).collect();
    let knot = lines(200, |at| step(format!("c{at}"), all.join(", ")));
    check("all wait for all", format!("{HEAD}{knot}"), 1, "LC201");
}
