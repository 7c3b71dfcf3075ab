//! SIGKILL at every system call that comes after the first one that changes anything: the call is not
//! made, so that what is seen is what lies between two steps, and no sleep has to hit it.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use super::{TOO_SHORT, TRACES, ended, fitting, has, lay, support, tree};

/// What can change a file or a directory, and what says that something was changed.
const CALLS: &str = "openat,open,creat,mkdir,mkdirat,write,writev,pwrite64,fsync,fdatasync,fchmod,\
ftruncate,flock,close,rename,renameat,renameat2,link,linkat,symlinkat,unlink,unlinkat,rmdir";

type Tree = BTreeMap<String, Vec<u8>>;

/// What is run where.
struct Case<'a> {
    before: Tree,
    args: &'a [&'a str],
    exit: i32,
    /// How many calls there are at least to be killed at.
    least: usize,
}

impl Case<'_> {
    fn traced(&self, directory: &Path, more: &[&str]) -> std::process::Output {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-qq", "-o", "../trace"])
            .arg(format!("--trace={CALLS}"))
            .args(more)
            .arg(env!("CARGO_BIN_EXE_lifecycle"))
            .args(self.args)
            .env_remove("GITHUB_ACTIONS")
            .current_dir(directory);
        command.output().unwrap()
    }

    /// The calls from the first on that changes anything: each its name, and the how manieth it is.
    fn calls(&self, directory: &Path) -> Vec<(String, usize)> {
        ended(&self.traced(directory, &[]), self.exit);
        let trace = std::fs::read_to_string(directory.join("../trace")).unwrap();
        let mut counts = BTreeMap::<String, usize>::new();
        let mut calls = Vec::new();
        let mut has_begun = false;
        for line in trace.lines() {
            // `1234  openat(AT_FDCWD, …`
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let Some((name, rest)) = call.trim_start().split_once('(') else {
                continue;
            };
            // `<... write resumed>` is the end of one that was counted.
            if name.starts_with('<') {
                continue;
            }
            let count = counts.entry(name.to_owned()).or_default();
            *count += 1;
            let changes = rest.contains("O_CREAT") || !matches!(name, "openat" | "close" | "write");
            has_begun |= changes;
            if has_begun {
                calls.push((name.to_owned(), *count));
            }
        }
        calls
    }

    /// Kills it everywhere, and after each time looks and runs it once more, undisturbed.
    fn holds(&self) {
        if !has("strace", TRACES, "killed at every step") {
            return;
        }
        let workshop = tempfile::tempdir().unwrap();
        let directory = workshop.path().join("work");
        let begin = || {
            let _first = std::fs::remove_dir_all(&directory);
            std::fs::create_dir(&directory).unwrap();
            lay(&self.before, &directory);
        };
        begin();
        let calls = self.calls(&directory);
        let after = tree(&directory);
        assert_ne!(after, self.before, "{:?} changes nothing", self.args);
        assert!(calls.len() >= self.least, "{:?}: {calls:?}", self.args);
        let mut unfinished = 0;
        for (name, count) in calls {
            begin();
            let inject = format!("--inject={name}:signal=KILL:when={count}");
            let output = self.traced(&directory, &[&inject]);
            let at = format!("{:?} killed at {name} {count}", self.args);
            assert_eq!(output.status.signal(), Some(9), "{at}: {output:?}");
            let now = tree(&directory);
            self.is_old_or_new(&now, &after, &at);
            if now.keys().any(|name| is_unfinished(name)) {
                unfinished += 1;
                if unfinished == 1 {
                    no_other_command_sees_it(&directory, &at);
                }
            }
            // What it did not come to say is said now: `init` finds what it wrote, `--fix` nothing to fix.
            let again = support::run(&directory, self.args);
            let is_done = tree(&directory) == after;
            assert!(is_done, "{at}, and again: {}", support::answer(&again));
        }
        assert!(
            unfinished > 0,
            "{:?} was never caught in the act",
            self.args
        );
    }

    /// Each file is the old one or the new one, whole; anything else can be mistaken for nothing.
    fn is_old_or_new(&self, now: &Tree, after: &Tree, at: &str) {
        for (name, bytes) in now {
            if is_unfinished(name) {
                continue;
            }
            let known = [self.before.get(name), after.get(name)];
            assert!(known.contains(&Some(bytes)), "{at}: {name} is neither");
        }
        for (name, bytes) in &self.before {
            let stays = after.contains_key(name);
            assert!(!stays || now.contains_key(name), "{at}: {name} has gone");
            assert!(!bytes.is_empty(), "{name} would hide that it was emptied");
        }
    }
}

/// It is what a killed run leaves behind.
fn is_unfinished(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap();
    let middle = file.strip_prefix(".lifecycle-");
    middle.is_some_and(|rest| rest.strip_suffix(".tmp").is_some())
}

/// What is left behind is taken for no manifest, for no deployed file, and for no file of the tree.
fn no_other_command_sees_it(directory: &Path, at: &str) {
    for args in [
        &["check", "."][..],
        &["check", "--against", "."],
        &["gen", "-o", "deploy", "--check"],
    ] {
        let words = support::answer(&support::run(directory, args));
        assert!(!words.contains(".lifecycle-"), "{at}: {args:?}: {words}");
        assert!(!words.contains("2 manifests"), "{at}: {args:?}: {words}");
    }
}

fn manifest(text: &str) -> Tree {
    BTreeMap::from([("lifecycle.yaml".to_owned(), text.as_bytes().to_vec())])
}

/// What `gen` writes of a manifest.
fn generated(text: &str) -> Tree {
    let directory = tempfile::tempdir().unwrap();
    lay(&manifest(text), directory.path());
    ended(&support::run(directory.path(), &["gen", "-o", "deploy"]), 0);
    tree(directory.path())
}

#[test]
fn gen_over_older_files_one_of_which_has_to_go() {
    let mut before = generated(&fitting());
    // Another image, and no port any more: all files change, and the Service goes.
    let text = fitting().replace("image: x", "image: y");
    let text = text
        .replace("port: 8080, ", "")
        .replace("load_balancer: {}", "");
    before.extend(manifest(&text));
    let case = Case {
        before,
        args: &["gen", "-o", "deploy"],
        exit: 0,
        least: 20,
    };
    case.holds();
}

#[test]
fn gen_where_nothing_was() {
    let case = Case {
        before: manifest(&fitting()),
        args: &["gen", "-o", "deploy"],
        exit: 0,
        least: 40,
    };
    case.holds();
}

#[test]
fn a_fix() {
    let case = Case {
        before: manifest(TOO_SHORT),
        args: &["check", "--fix"],
        exit: 0,
        least: 6,
    };
    case.holds();
}

#[test]
fn a_first_manifest_and_one_that_takes_the_place_of_another() {
    let nothing = BTreeMap::from([("README".to_owned(), b"here".to_vec())]);
    let first = Case {
        before: nothing,
        args: &["init", "--service", "shop"],
        exit: 0,
        least: 6,
    };
    first.holds();
    let other = Case {
        before: manifest(TOO_SHORT),
        args: &["init", "--force", "--service", "shop"],
        exit: 0,
        least: 6,
    };
    other.holds();
}

/// So are the records of drills, schemas and pages written.
#[test]
fn a_report_over_an_older_one() {
    let mut before = manifest(&fitting());
    before.insert("report.json".to_owned(), b"{}\n".to_vec());
    let case = Case {
        before,
        args: &["check", "--format", "json=report.json"],
        exit: 0,
        least: 6,
    };
    case.holds();
}
