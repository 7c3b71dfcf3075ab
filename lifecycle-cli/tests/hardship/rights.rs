//! Directories and files that one may not write, or not read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::{TOO_SHORT, ended, fitting, support, tree};
use support::project;

/// The program as somebody to whom modes apply: root too, once it may not override them.
fn run(directory: &Path, args: &[&str]) -> Option<Output> {
    let program = env!("CARGO_BIN_EXE_lifecycle");
    let mut command = match rustix::process::geteuid().is_root() {
        false => Command::new(program),
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--bounding-set", "-dac_override,-dac_read_search", program]);
            command
        }
    };
    command.args(args).env_remove("GITHUB_ACTIONS");
    match command.current_dir(directory).output() {
        Ok(output) => Some(output),
        Err(error) => {
            support::skipped(&format!("no right to write: `setpriv` as root: {error}"));
            None
        }
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What is run, what is locked meanwhile, and what is then said.
fn refused(files: &[(&str, &str)], args: &[&str], locked: &str, to: u32, says: &str) {
    let project = project(files);
    let (project, locked) = (project.path(), project.path().join(locked));
    let (before, usual) = (tree(project), std::fs::metadata(&locked).unwrap());
    mode(&locked, to);
    let output = run(project, args);
    mode(&locked, usual.permissions().mode());
    let Some(output) = output else { return };
    let words = ended(&output, 2);
    assert!(words.contains(says), "{args:?}: {words}");
    assert!(words.contains("Permission denied"), "{args:?}: {words}");
    assert_eq!(tree(project), before, "{args:?}");
}

#[test]
fn a_directory_that_is_only_to_be_read() {
    let fits = ("lifecycle.yaml", &*fitting());
    let short = ("lifecycle.yaml", TOO_SHORT);
    let could_not = "could not write lifecycle.yaml";
    refused(&[short], &["check", "--fix"], ".", 0o555, could_not);
    let init = ["init", "--force", "--service", "shop"];
    refused(&[fits], &init, ".", 0o555, could_not);
    let init = ["init", "--service", "shop"];
    refused(&[("x", "x")], &init, ".", 0o555, could_not);
    let report = ["check", "--format", "json=report.json"];
    let could_not = "could not write report.json";
    refused(&[fits], &report, ".", 0o555, could_not);
    let generate = ["gen", "-o", "deploy"];
    refused(&[fits], &generate, ".", 0o555, "could not make deploy");
    // The last of the folders: what comes before it is not written either.
    let there = [fits, ("deploy/ecs/x", "x"), ("deploy/k8s/x", "x")];
    let could_not = "could not write deploy/ecs/";
    refused(&there, &generate, "deploy/ecs", 0o555, could_not);
}

#[test]
fn a_file_or_a_directory_that_is_not_to_be_read() {
    let fits = ("lifecycle.yaml", &*fitting());
    let could_not = "could not read lifecycle.yaml";
    for command in ["check", "plan", "gen"] {
        refused(
            &[fits],
            &[command, "lifecycle.yaml"],
            "lifecycle.yaml",
            0,
            could_not,
        );
    }
    refused(
        &[fits, ("sub/x", "x")],
        &["check", "."],
        "sub",
        0,
        "could not walk .",
    );
    let against = ["check", "--against", "deploy"];
    let there = [fits, ("deploy/a.yaml", "a: 1\n")];
    refused(
        &there,
        &against,
        "deploy/a.yaml",
        0,
        "could not read deploy/a.yaml",
    );
    let generate = ["gen", "-o", "deploy"];
    let there = [fits, ("deploy/k8s/service.yaml", "x")];
    let could_not = "could not read deploy/k8s/service.yaml";
    refused(&there, &generate, "deploy/k8s/service.yaml", 0, could_not);
}

/// To write a file anew takes a right to its directory, and none to the file.
#[test]
fn a_file_that_is_only_to_be_read_stays_so_and_is_written_anew() {
    let project = project(&[("lifecycle.yaml", TOO_SHORT)]);
    let path = project.path().join("lifecycle.yaml");
    mode(&path, 0o444);
    let Some(output) = run(project.path(), &["check", "--fix"]) else {
        return;
    };
    ended(&output, 0);
    let is = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(is & 0o777, 0o444);
}
