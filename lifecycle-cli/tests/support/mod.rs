//! What the suites that run the program share.

#![allow(dead_code, reason = "no suite uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[allow(unused_imports, reason = "no suite uses all of it")]
pub(crate) use skipped::skipped;

/// It fits, with one finding on request: `grace_period: 10m` is far too much, 5s is too little.
pub(crate) fn manifest(service: &str, grace: &str) -> String {
    format!(
        "\
lifecycle: 1
service: {service}
traffic: {{ settle: 5s }}
resources:
  http: {{ kind: http-server, port: 8080, timeout: 10s }}
platforms:
  kubernetes: {{ image: x, grace_period: {grace} }}
"
    )
}

/// The program, as if nothing around it had an opinion.
pub(crate) fn lifecycle(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifecycle"));
    command.current_dir(directory);
    for name in [
        "GITHUB_ACTIONS",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "RAYON_NUM_THREADS",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(directory: &Path, args: &[&str]) -> Output {
    lifecycle(directory).args(args).output().unwrap()
}

/// The same with something on its standard input.
pub(crate) fn given(directory: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = lifecycle(directory);
    command.args(args);
    fed(command, input)
}

/// Runs a command with something on its standard input.
pub(crate) fn fed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who does not read it closes it early.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
    child.wait_with_output().unwrap()
}

/// All that came of it: the exit code, the result, the talk.
pub(crate) fn answer(output: &Output) -> String {
    let mut text = match output.status.code() {
        Some(code) => format!("exit: {code}\n"),
        None => format!("ended by a signal: {}\n", output.status),
    };
    text.push_str(&String::from_utf8_lossy(&output.stdout));
    if !output.stderr.is_empty() {
        text.push_str("--- stderr\n");
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    text
}

/// What is stored is to be written anew.
pub(crate) fn blessing() -> bool {
    std::env::var_os("LIFECYCLE_BLESS").is_some_and(|value| value == "1")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Files in a new directory, by their paths.
pub(crate) fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(project.path(), path, text);
    }
    project
}

pub(crate) fn write(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .canonicalize()
        .unwrap()
}

/// The browser, where there is one.
pub(crate) fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|directory| names.map(|name| directory.join(name)))
        .find(|file| file.is_file())
}

/// Every case's manifest, by its path from the root of the repository, in order.
pub(crate) fn cases() -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    let mut directories = vec![root.join("tests/cases")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                let path = path.strip_prefix(&root).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "{} cases", found.len());
    found
}
