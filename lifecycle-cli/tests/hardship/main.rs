//! Whatever befalls the program while it reads and writes: it is killed, the disk is full, a directory
//! is somebody else's, a path is odd, a link leads nowhere, others do the same at the same time. The
//! files that were there are whole, old or new, and nothing else is left lying about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alone;
mod crowds;
mod full;
mod killed;
mod links;
mod paths;
mod rights;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// Two platforms, and findings that `--fix` mends.
const TOO_SHORT: &str = "\
lifecycle: 1
service: shop
resources:
  http: { kind: http-server, port: 8080, timeout: 60s }
platforms:
  kubernetes: { image: x }
  ecs: { load_balancer: {} }
";

/// The same, and it fits.
fn fitting() -> String {
    TOO_SHORT.replace("60s", "10s")
}

/// What strace is tried with: a sandbox may have it and let it trace nothing.
const TRACES: &[&str] = &["-o", "/dev/null", "true"];

/// Every file below a directory, by its path; links are what they point to.
fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(directory).unwrap().as_os_str();
            let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
            tree.insert(name, std::fs::read(&path).unwrap());
        }
    }
    tree
}

/// The files of one directory anew in another.
fn lay(tree: &BTreeMap<String, Vec<u8>>, directory: &Path) {
    for (name, bytes) in tree {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The program under a shell that first does `before`, such as setting a limit.
fn under(directory: &Path, before: &str, args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            &format!("{before}\nexec \"$0\" \"$@\""),
            env!("CARGO_BIN_EXE_lifecycle"),
        ])
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .current_dir(directory);
    command.output().unwrap()
}

/// It ended by itself, with this exit code, and did not panic.
fn ended(output: &Output, code: i32) -> String {
    let words = support::answer(output);
    assert_eq!(output.status.code(), Some(code), "{words}");
    assert!(!words.contains("panicked"), "{words}");
    words
}

/// A tool that is not everywhere, or may not do everywhere what it is for: tried with `arguments`, and a
/// word where that fails.
fn has(tool: &str, arguments: &[&str], what: &str) -> bool {
    let is_there = Command::new(tool)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_there {
        support::skipped(&format!("there is no `{tool}` here that works: {what}"));
    }
    is_there
}
