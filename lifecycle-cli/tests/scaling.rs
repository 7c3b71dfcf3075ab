//! Eight times the file is about eight times the work, and never its square.
//!
//! Compared are CPU times of the same program in the same minute, the least of several runs each, and
//! with room for four times more than linear: a square would be another twice that. No clock on the
//! wall decides anything.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod load;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use load::{cost, manifest};

/// A manifest of a size.
type Make = fn(usize) -> String;

const SMALL: usize = 500;
const LARGE: usize = 8 * SMALL;
const ROOM: u32 = 8 * 4;

/// One test, not several at a time: the kernel adds up the times of all children.
#[test]
fn work_grows_with_the_file_and_not_with_its_square() {
    let inputs = tempfile::tempdir().unwrap();
    let kinds: [(&str, Make); 7] = [
        ("resources with five edges each", manifest),
        ("a finding each", |size| entries(size, "{ kind: task }")),
        ("all in one line", |size| {
            entries(size, "{}")
                .replace(":\n  ", ": { ")
                .replace("\n  ", ", ")
                + "}"
        }),
        ("an allowance each", |size| {
            let http = "{ kind: http-server, timeout: 1s, port: 80 }";
            entries(
                size,
                &format!("{http} # lifecycle: allow(port-taken) one at a time"),
            )
        }),
        ("allowances above one line", |size| {
            let above = "# lifecycle: allow(port-taken) one at a time\n".repeat(size);
            entries(1, "{ kind: task, timeout: 1s }")
                .replace("resources:\n", &format!("resources:\n{above}"))
        }),
        ("a way between two circles", |size| {
            let way = (1..size).map(|at| (format!("r{at}"), format!("r{}", at + 1)));
            let ends = [("a", "b"), ("b", "a, r1"), ("z", "y"), ("y", "z")];
            let ends = ends.map(|(a, b)| (a.to_owned(), b.to_owned()));
            let last = [(format!("r{size}"), "y".to_owned())];
            steps(way.chain(ends).chain(last))
        }),
        ("one circle", |size| {
            steps((0..size).map(|at| (format!("r{at}"), format!("r{}", (at + 1) % size))))
        }),
    ];
    for (what, make) in kinds {
        let small = least(inputs.path(), &make(SMALL));
        let large = least(inputs.path(), &make(LARGE));
        assert!(
            large < small * ROOM,
            "{what}: {small:?} for {SMALL}, and {large:?} for {LARGE}"
        );
    }
}

fn entries(count: usize, entry: &str) -> String {
    let mut text = String::from("lifecycle: 1\nservice: shop\nresources:\n");
    for at in 0..count {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  r{at}: {entry}");
    }
    text.trim_end().to_owned()
}

fn steps(steps: impl Iterator<Item = (String, String)>) -> String {
    let mut text = entries(0, "");
    for (name, after) in steps {
        let _ = write!(
            text,
            "\n  {name}: {{ kind: task, timeout: 1s, after: [{after}] }}"
        );
    }
    text
}

fn least(directory: &Path, manifest: &str) -> Duration {
    std::fs::write(directory.join("lifecycle.yaml"), manifest).unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifecycle"));
        command
            .args(["check", "--format", "json"])
            .current_dir(directory);
        let (cost, status) = cost(&mut command);
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
        cost.cpu
    };
    (0..3).map(|_| run()).min().unwrap()
}
