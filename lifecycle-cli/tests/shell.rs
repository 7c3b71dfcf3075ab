//! In a shell: colours, quiet, pipes, completions and manual pages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{lifecycle, manifest, project, run, skipped, stderr, stdout};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

fn is_there(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok()
}

#[test]
fn colours_come_when_they_are_wanted() {
    let project = project(&[("lifecycle.yaml", &manifest("shop", "10s"))]);
    let coloured = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = lifecycle(project.path());
        command
            .arg("check")
            .args(args)
            .envs(variables.iter().copied());
        command.output().unwrap().stdout.contains(&0x1b)
    };
    assert!(!coloured(&[], &[]), "a pipe is no terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(
        &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")],
        &[]
    ));
    assert!(coloured(&[], &["--color", "always"]));
    assert!(
        coloured(&[("NO_COLOR", "1")], &["--color", "always"]),
        "the command line is stronger"
    );
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
    // What programs read, and what lies in files, has none.
    for format in ["json", "sarif", "github", "junit"] {
        assert!(!coloured(&[], &["--color", "always", "--format", format]));
    }
    assert!(coloured(
        &[],
        &["--color", "always", "--format", "human=out.txt"]
    ));
    let written = std::fs::read(project.path().join("out.txt")).unwrap();
    assert!(!written.contains(&0x1b));
}

#[test]
fn quiet_leaves_findings_and_twice_the_exit_code() {
    let text = manifest("shop", "10s");
    let project = project(&[
        ("lifecycle.yaml", &text),
        ("fine.yaml", &manifest("shop", "45s")),
    ]);
    let quiet = run(project.path(), &["check", "-q"]);
    assert_eq!(quiet.status.code(), Some(1));
    let shown = stdout(&quiet);
    assert!(shown.starts_with("error[LC101]"), "{shown}");
    assert!(!shown.contains("found:") && !shown.contains("mend:") && !shown.contains(", plan "));
    let silent = run(project.path(), &["check", "-qq"]);
    assert_eq!((silent.status.code(), stdout(&silent).len()), (Some(1), 0));
    assert_eq!(
        stdout(&run(project.path(), &["-q", "check", "fine.yaml"])),
        ""
    );
    // Programs get the whole document all the same.
    let json = run(project.path(), &["check", "-qq", "--format", "json"]);
    assert_eq!(
        json.stdout,
        run(project.path(), &["check", "--format", "json"]).stdout
    );
    // Talk is silenced, errors are not.
    let loud = run(project.path(), &["gen", "k8s", "fine.yaml", "-o", "out"]);
    assert!(stderr(&loud).contains("wrote out/"), "{}", stderr(&loud));
    let hushed = run(
        project.path(),
        &["gen", "k8s", "fine.yaml", "-o", "out2", "-q"],
    );
    assert_eq!(
        (hushed.status.code(), stderr(&hushed).as_str()),
        (Some(0), "")
    );
    let lost = run(project.path(), &["check", "-qq", "missing.yaml"]);
    assert_eq!(lost.status.code(), Some(2));
    assert!(stderr(&lost).starts_with("error: could not read missing.yaml"));
    let both = run(project.path(), &["check", "-q", "-v"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_reader_that_leaves_early_is_no_error_whatever_is_printed() {
    let project = project(&[("lifecycle.yaml", &manifest("shop", "45s"))]);
    let commands: [&[&str]; 9] = [
        &["check"],
        &["check", "--format", "json"],
        &["check", "--format", "sarif"],
        &["check", "--format", "junit"],
        &["check", "-A", "all", "--format", "github"],
        &["schema", "report"],
        &["completions", "bash"],
        &["man"],
        &["explain"],
    ];
    for args in commands {
        let mut child = lifecycle(project.path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

fn completions(shell: &str) -> String {
    let output = run(Path::new("."), &["completions", shell]);
    assert!(output.status.success());
    stdout(&output)
}

#[test]
fn every_shell_has_completions_and_its_own_reader_takes_them() {
    for shell in SHELLS {
        let script = completions(shell);
        assert!(
            script.contains("sarif") && script.contains("lifecycle"),
            "{shell}"
        );
        let check = match shell {
            "bash" | "zsh" => "-n",
            "fish" => "--no-execute",
            _ => continue,
        };
        if !is_there(shell) {
            skipped(&format!("there is no {shell} to read its completions"));
            continue;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &script).unwrap();
        let read = Command::new(shell)
            .arg(check)
            .arg(file.path())
            .output()
            .unwrap();
        assert!(read.status.success(), "{shell}: {}", stderr(&read));
    }
}

/// Asks bash itself, as a Tab would.
fn bash_offers(line: &str) -> Vec<String> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if line.ends_with(' ') {
        words.push("");
    }
    let current = words.len() - 1;
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={current}\n_lifecycle lifecycle '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        completions("bash"),
        quoted.join(" "),
        words[current],
        words[current - 1],
    );
    let mut bash = Command::new("bash")
        .args(["--norc", "--noprofile", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_formats() {
    if !is_there("bash") {
        skipped("there is no bash to complete in");
        return;
    }
    assert_eq!(bash_offers("lifecycle che"), ["check"]);
    assert_eq!(bash_offers("lifecycle check --show"), ["--show-allowed"]);
    assert_eq!(
        bash_offers("lifecycle check --format "),
        ["human", "json", "sarif", "github", "junit"]
    );
    assert_eq!(bash_offers("lifecycle completions z"), ["zsh"]);
    assert_eq!(bash_offers("lifecycle gen ec"), ["ecs"]);
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let project = project(&[]);
    let written = run(project.path(), &["man", "-o", "man"]);
    assert!(written.status.success(), "{}", stderr(&written));
    let mut names: Vec<String> = std::fs::read_dir(project.path().join("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in [
        "lifecycle.1",
        "lifecycle-check.1",
        "lifecycle-gen.1",
        "lifecycle-man.1",
    ] {
        assert!(
            names.iter().any(|it| it == name),
            "{name} is not in {names:?}"
        );
    }
    let printed = run(project.path(), &["man"]);
    let stored = std::fs::read(project.path().join("man/lifecycle.1")).unwrap();
    assert_eq!(printed.stdout, stored);
    let help = stdout(&run(project.path(), &["--help"]));
    let commands = help
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    for command in commands.filter(|it| !it.starts_with('-') && *it != "help") {
        assert!(
            names.contains(&format!("lifecycle-{command}.1")),
            "{command} has no page"
        );
    }
    if !is_there("groff") {
        skipped("there is no groff to render manual pages");
        return;
    }
    for name in &names {
        let rendered = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-P-cbou"])
            .arg(project.path().join("man").join(name))
            .output()
            .unwrap();
        assert_eq!(stderr(&rendered), "", "{name}");
        let text = stdout(&rendered);
        for heading in ["NAME", "SYNOPSIS", "OPTIONS"] {
            assert!(text.contains(heading), "{name} has no {heading}");
        }
    }
}

/// Lines of the documented jobs that begin with `lifecycle check`.
fn documented(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(support::root().join(file)).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let jobs = blocks.filter_map(|block| block.strip_prefix("yaml\n"));
    let lines = jobs.flat_map(str::lines).map(|line| {
        let line = line.trim().trim_start_matches("- ");
        line.strip_prefix("run: ").unwrap_or(line)
    });
    lines
        .filter(|line| line.starts_with("lifecycle check"))
        .map(str::to_owned)
        .collect()
}

/// What stands in a session of the page, the book's own tests follow.
#[test]
fn what_is_documented_for_ci_runs() {
    if !is_there("bash") {
        skipped("there is no bash to run the documented commands in");
        return;
    }
    let text = manifest("shop", "45s");
    let project = project(&[
        ("services/a/lifecycle.yaml", &text),
        ("libs/b/lifecycle.yaml", &text),
    ]);
    let bin = Path::new(env!("CARGO_BIN_EXE_lifecycle")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let commands = documented("docs/ci.md");
    assert!(commands.len() >= 2, "{commands:?}");
    for command in commands {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(project.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", stderr(&output));
    }
    assert!(project.path().join("lifecycle.xml").is_file());
}
