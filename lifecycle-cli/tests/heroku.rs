//! A generated Procfile, run as a dyno runs it: its command is given to a shell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

/// Words that mean something to a shell. A Procfile's command is one line: none of them has a line break.
const WORDS: [&str; 20] = [
    "plain", "a b", "  two  ", "$HOME", "${HOME}", "$(id)", "`id`", "it's", "\"q\"", "\\", "a\\b",
    ";", "&& false", "| cat", ">x", "*", "~", "#no", "!", "é🛒",
];

fn manifest(exec: &str) -> String {
    format!(
        "lifecycle: 1\nservice: shop\nresources:\n  work: {{ kind: task, timeout: 20s }}\nplatforms:\n  heroku: {{ exec: {exec} }}\n"
    )
}

#[test]
fn a_shell_runs_the_program_with_every_word_and_every_variable() {
    let mut exec = vec!["/usr/bin/printf", "%s\\n"];
    exec.extend(WORDS);
    let text = manifest(&serde_json::to_string(&exec).unwrap());
    let project = support::project(&[("lifecycle.yaml", &text)]);
    let generated = support::run(project.path(), &["gen", "heroku", "-o", "out"]);
    assert!(
        generated.status.success(),
        "{}",
        support::answer(&generated)
    );
    let procfile = std::fs::read_to_string(project.path().join("out/Procfile")).unwrap();
    let command = procfile
        .lines()
        .find_map(|line| line.strip_prefix("worker: "))
        .unwrap();
    let ran = Command::new("sh").args(["-c", command]).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(said.lines().collect::<Vec<_>>(), WORDS, "{procfile}");
    // What the program is told, by the program that tells it.
    let told = command.replace("/usr/bin/printf", "/usr/bin/env #");
    let told = Command::new("sh").args(["-c", &told]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    for variable in [
        "LIFECYCLE_PLATFORM=heroku",
        "LIFECYCLE_GRACE_MS=30000",
        "LIFECYCLE_DIGEST=",
    ] {
        assert!(
            told.lines().any(|line| line.starts_with(variable)),
            "{told}"
        );
    }
    let compared = support::run(
        project.path(),
        &["check", "lifecycle.yaml", "--against", "out"],
    );
    let answer = support::answer(&compared);
    assert!(
        compared.status.success() && !answer.contains("[LC7"),
        "{answer}"
    );
    assert!(
        answer.contains("process type worker") && answer.contains("application shop"),
        "{answer}"
    );

    // The script is a shell's as well, and hands over the same variables.
    let patched = support::run(project.path(), &["gen", "heroku", "--patch", "-o", "patch"]);
    assert!(patched.status.success(), "{}", support::answer(&patched));
    let script = std::fs::read_to_string(project.path().join("patch/config-vars.sh")).unwrap();
    let heard = script.replace("heroku config:set", "printf '%s\\n'");
    let heard = Command::new("sh").args(["-c", &heard]).output().unwrap();
    let heard = String::from_utf8(heard.stdout).unwrap();
    assert!(
        heard.starts_with("LIFECYCLE_PLATFORM=heroku\nLIFECYCLE_DIGEST="),
        "{heard}"
    );
    assert!(heard.ends_with("\nLIFECYCLE_GRACE_MS=30000\n"), "{heard}");
}

#[test]
fn a_line_break_in_a_word_is_refused() {
    let project = support::project(&[("lifecycle.yaml", &manifest("[./shop, \"a\\nb\"]"))]);
    let refused = support::run(project.path(), &["gen", "heroku"]);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "{}",
        support::answer(&refused)
    );
    assert!(
        support::stderr(&refused).contains("one line"),
        "{}",
        support::stderr(&refused)
    );
}
