//! `check --fix` on files: `tests/fixes/<name>.yaml`, beside it `<name>.fixed.yaml` with what safe
//! fixes make of it, and `<name>.unsafe.yaml` where unsafe ones make more. `LIFECYCLE_BLESS=1`
//! writes them anew; the diff is read before it is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn lifecycle(directory: &Path, args: &[&str]) -> Output {
    support::lifecycle(directory)
        .args(["check", "--color", "never"])
        .args(args)
        .output()
        .unwrap()
}

fn fixes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixes")
}

/// What these flags make of a file, in a directory of its own.
fn fixed(case: &Path, flags: &[&str]) -> (Vec<u8>, Output) {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("lifecycle.yaml");
    std::fs::copy(case, &copy).unwrap();
    let output = lifecycle(directory.path(), &[flags, &["lifecycle.yaml"]].concat());
    (std::fs::read(&copy).unwrap(), output)
}

#[test]
fn every_file_is_mended_as_the_file_beside_it_says() {
    let bless = support::blessing();
    let mut failures = String::new();
    let mut count = 0;
    for entry in std::fs::read_dir(fixes()).unwrap() {
        let case = entry.unwrap().path();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name
            .strip_suffix(".yaml")
            .filter(|stem| !stem.contains('.'))
        else {
            continue;
        };
        count += 1;
        let before = std::fs::read(&case).unwrap();
        let (safe, _) = fixed(&case, &["--fix"]);
        let (all, _) = fixed(&case, &["--fix", "--unsafe-fixes"]);
        for (ending, text, base) in [("fixed", &safe, &before), ("unsafe", &all, &safe)] {
            let beside = case.with_file_name(format!("{stem}.{ending}.yaml"));
            let expected = std::fs::read(&beside).ok();
            let wanted = (text != base).then(|| text.clone());
            if expected == wanted {
                continue;
            }
            match (bless, &wanted) {
                (true, Some(text)) => std::fs::write(&beside, text).unwrap(),
                (true, None) => std::fs::remove_file(&beside).unwrap(),
                (false, _) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    let _ = writeln!(failures, "{name} ({ending}) becomes\n{text}");
                }
            }
        }
        // Once mended, there is nothing more to mend.
        let directory = tempfile::tempdir().unwrap();
        let again = directory.path().join("lifecycle.yaml");
        std::fs::write(&again, &all).unwrap();
        let output = lifecycle(directory.path(), &["--diff", "--unsafe-fixes", "."]);
        if !output.stdout.is_empty() {
            let diff = String::from_utf8_lossy(&output.stdout).into_owned();
            let _ = writeln!(failures, "{name} is mended further:\n{diff}");
        }
    }
    assert!(count > 8, "only {count} files");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_other_byte_stays() {
    for name in [
        "grace-written",
        "crlf-and-byte-order-mark",
        "no-newline-at-the-end",
    ] {
        let case = fixes().join(format!("{name}.yaml"));
        let before = std::fs::read(&case).unwrap();
        let (after, _) = fixed(&case, &["--fix"]);
        let common = before
            .iter()
            .zip(&after)
            .take_while(|(a, b)| a == b)
            .count();
        let rest = |bytes: &[u8]| bytes[common..].iter().rev().copied().collect::<Vec<_>>();
        let tail = rest(&before)
            .iter()
            .zip(rest(&after))
            .take_while(|(a, b)| **a == *b)
            .count();
        assert!(after.len() > common + tail, "{name}: nothing was changed");
        let removed = before.len() - common - tail;
        assert!(removed <= 3, "{name}: {removed} bytes are gone");
    }
}

#[test]
fn the_exit_code_is_that_of_what_is_left() {
    let code = |name: &str, flags: &[&str]| fixed(&fixes().join(name), flags).1.status.code();
    assert_eq!(code("grace-written.yaml", &[]), Some(1));
    assert_eq!(code("grace-written.yaml", &["--fix"]), Some(0));
    assert_eq!(
        code("beyond-mending.yaml", &["--fix", "--unsafe-fixes"]),
        Some(1)
    );
    assert_eq!(code("clean.yaml", &["--fix"]), Some(0));
    assert_eq!(
        code("grace-written.yaml", &["--unsafe-fixes"]),
        Some(2),
        "needs --fix"
    );
}

#[test]
fn a_diff_is_shown_and_nothing_is_written() {
    let case = fixes().join("grace-written.yaml");
    let (after, output) = fixed(&case, &["--diff"]);
    assert_eq!(after, std::fs::read(&case).unwrap());
    assert_eq!(output.status.code(), Some(1));
    let diff = String::from_utf8(output.stdout).unwrap();
    assert!(
        diff.contains("-    grace_period:   30s    # what the chart had\n"),
        "{diff}"
    );
    assert!(
        diff.contains("+    grace_period:   71s    # what the chart had\n"),
        "{diff}"
    );
    let (_, output) = fixed(&fixes().join("clean.yaml"), &["--diff"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn a_diff_is_what_patch_reads() {
    if Command::new("patch").arg("--version").output().is_err() {
        support::skipped("there is no `patch` here");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lifecycle.yaml");
    std::fs::copy(fixes().join("grace-unset.yaml"), &file).unwrap();
    let diff = lifecycle(directory.path(), &["--diff", "lifecycle.yaml"]).stdout;
    std::fs::write(directory.path().join("fix.patch"), diff).unwrap();
    let patched = Command::new("patch")
        .args(["-p0", "-i", "fix.patch"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(patched.status.success(), "{patched:?}");
    let expected = std::fs::read(fixes().join("grace-unset.fixed.yaml")).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), expected);
}

#[test]
fn standard_input_comes_out_mended() {
    let case = std::fs::read(fixes().join("grace-written.yaml")).unwrap();
    let output = support::given(&fixes(), &["check", "--fix", "-"], &case);
    let expected = std::fs::read(fixes().join("grace-written.fixed.yaml")).unwrap();
    assert_eq!(output.stdout, expected);
    assert_eq!(output.status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_mode_stays_a_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().join("real.yaml");
    let link = directory.path().join("lifecycle.yaml");
    std::fs::copy(fixes().join("grace-written.yaml"), &real).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.yaml", &link).unwrap();
    let output = lifecycle(directory.path(), &["--fix", "lifecycle.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("71s"));
    assert_eq!(
        std::fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing else is left behind: {left:?}");
}

#[test]
fn levels_hold_while_fixing_and_in_their_order() {
    let case = fixes().join("grace-written.yaml");
    let (after, output) = fixed(&case, &["--fix", "-A", "LC101"]);
    assert_eq!(
        after,
        std::fs::read(&case).unwrap(),
        "what is allowed is not mended"
    );
    assert_eq!(output.status.code(), Some(0));
    let code = |flags: &[&str]| fixed(&case, flags).1.status.code();
    assert_eq!(code(&["-W", "grace-too-short"]), Some(0));
    assert_eq!(code(&["-A", "all", "-D", "grace-too-short"]), Some(1));
    assert_eq!(code(&["-D", "grace-too-short", "-A", "all"]), Some(0));
    assert_eq!(code(&["-A", "nothing-like-it"]), Some(2));
    assert_eq!(code(&["-A", "syntax"]), Some(2), "it has no level");
}
