//! How others come by the program: the GitHub Action and the hooks of pre-commit, their steps run as their
//! runners run them, and the archive of a release.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `check-jsonschema` and `pre-commit`; what it is
//! needed for says that it was skipped without. The container image is made in `tests/containers`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value;
use support::{answer, manifest, project, root, skipped, stderr, stdout};

/// One that fits, and one that does not.
const FITS: &str = "45s";
const TOO_SHORT: &str = "10s";

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_lifecycle"))
}

/// The PATH with the program, or without any `lifecycle`.
fn path(with_program: bool) -> OsString {
    let own = program().parent().unwrap().to_owned();
    let own = with_program.then_some(own);
    let inherited = std::env::var_os("PATH").unwrap();
    let others = std::env::split_paths(&inherited).filter(|it| !it.join("lifecycle").exists());
    std::env::join_paths(own.into_iter().chain(others)).unwrap()
}

fn action() -> Value {
    let text = std::fs::read_to_string(root().join("action.yml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// What came of an action's steps.
struct Ran {
    /// The exit code of the first step that failed.
    code: i32,
    log: String,
    outputs: BTreeMap<String, String>,
}

/// Runs the steps of `action.yml` in a directory, as a runner does: expressions are put in, each step is
/// a script of its own for `bash -e -o pipefail`, and files carry the PATH and the outputs on.
fn play(directory: &Path, inputs: &[(&str, &str)], with_program: bool) -> Ran {
    let action = action();
    let declared = action["inputs"].as_mapping().unwrap();
    for (name, _) in inputs {
        assert!(declared.contains_key(*name), "there is no input {name}");
    }
    let temporary = tempfile::tempdir().unwrap();
    let at = |name: &str| temporary.path().join(name);
    let value_of = |expression: &str| match expression.split_once('.').unwrap() {
        ("inputs", name) => {
            let given = inputs.iter().find(|(given, _)| *given == name);
            let default = declared[name]["default"].as_str().unwrap();
            given.map_or(default, |(_, value)| value).to_owned()
        }
        ("github", "action_path") => root().display().to_string(),
        other => panic!("{other:?} means nothing to this test"),
    };
    let filled = |text: &str| {
        let mut parts = text.split("${{");
        let mut filled = parts.next().unwrap().to_owned();
        for part in parts {
            let (expression, after) = part.split_once("}}").unwrap();
            filled += &value_of(expression.trim());
            filled += after;
        }
        filled
    };
    let mut ran = Ran {
        code: 0,
        log: String::new(),
        outputs: BTreeMap::new(),
    };
    let mut path = path(with_program);
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        assert_eq!(step["shell"], "bash");
        let run = step["run"].as_str().unwrap();
        assert!(
            !run.contains("${{"),
            "what is put into a script is run by it: {run}"
        );
        std::fs::write(at("step.sh"), run).unwrap();
        std::fs::write(at("path"), "").unwrap();
        std::fs::write(at("output"), "").unwrap();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(at("step.sh"))
            .current_dir(directory)
            .env("PATH", &path)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_PATH", at("path"))
            .env("GITHUB_OUTPUT", at("output"))
            .env("RUNNER_TEMP", temporary.path());
        for (name, value) in step["env"].as_mapping().unwrap() {
            command.env(name.as_str().unwrap(), filled(value.as_str().unwrap()));
        }
        let output = command.output().unwrap();
        ran.log += &stdout(&output);
        ran.log += &stderr(&output);
        let written = std::fs::read_to_string(at("output")).unwrap();
        let pairs = written.lines().map(|line| line.split_once('=').unwrap());
        ran.outputs
            .extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for line in std::fs::read_to_string(at("path")).unwrap().lines() {
            let before = std::iter::once(PathBuf::from(line));
            path = std::env::join_paths(before.chain(std::env::split_paths(&path))).unwrap();
        }
        if !output.status.success() {
            ran.code = output.status.code().unwrap();
            return ran;
        }
    }
    ran
}

#[test]
fn the_action_checks_and_annotates() {
    let project = project(&[
        ("a service/lifecycle.yaml", &manifest("shop", FITS)),
        ("b/lifecycle.yaml", &manifest("cart", TOO_SHORT)),
    ]);
    let clean = play(project.path(), &[("paths", "a service")], true);
    assert_eq!(clean.code, 0, "{}", clean.log);
    assert_eq!(clean.outputs["findings"], "false");
    let found = play(project.path(), &[], true);
    assert_eq!(found.code, 1, "{}", found.log);
    assert_eq!(found.outputs["findings"], "true");
    let annotation = "::error file=b/lifecycle.yaml,line=";
    assert!(found.log.contains(annotation), "{}", found.log);
    assert!(found.log.contains("error[LC101]"), "{}", found.log);
    let lost = play(project.path(), &[("paths", "nowhere")], true);
    assert_eq!(lost.code, 2, "{}", lost.log);
    assert_eq!(lost.outputs["findings"], "false");
}

#[test]
fn the_action_writes_sarif_denies_warnings_and_compares() {
    let wasteful = manifest("shop", "10m");
    let deployed = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: shop }\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 20\n      containers: [{ name: shop, image: x }]\n";
    let project = project(&[
        ("lifecycle.yaml", &wasteful),
        ("deploy/shop.yaml", deployed),
    ]);
    let warned = play(project.path(), &[], true);
    assert_eq!(warned.code, 0, "{}", warned.log);
    let inputs = [("deny-warnings", "true"), ("sarif", "out.sarif")];
    let denied = play(project.path(), &inputs, true);
    assert_eq!(denied.code, 1, "{}", denied.log);
    assert!(denied.log.contains("::error "), "{}", denied.log);
    let sarif = std::fs::read(project.path().join("out.sarif")).unwrap();
    let sarif: serde_json::Value = serde_json::from_slice(&sarif).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "LC105");
    let drift = play(project.path(), &[("against", "deploy\n")], true);
    assert_eq!(drift.code, 1, "{}", drift.log);
    assert!(drift.log.contains("LC701"), "{}", drift.log);
}

#[test]
fn the_action_looks_at_what_is_generated() {
    let text = manifest("shop", FITS) + "generate: { output: deploy }\n";
    let project = project(&[("shop/lifecycle.yaml", &text)]);
    let inputs = [("generated", "shop/lifecycle.yaml\n")];
    let stale = play(project.path(), &inputs, true);
    assert_eq!(stale.code, 1, "{}", stale.log);
    let written = support::run(project.path(), &["gen", "shop/lifecycle.yaml"]);
    assert!(written.status.success(), "{}", answer(&written));
    let fresh = play(project.path(), &inputs, true);
    assert_eq!(fresh.code, 0, "{}", fresh.log);
}

#[test]
fn an_input_is_no_script_and_a_program_that_is_not_there_is_said() {
    let project = project(&[("lifecycle.yaml", &manifest("shop", FITS))]);
    let evil = "$(touch broken); `touch broken`\n\"; touch broken; \"\n--fix";
    for name in ["paths", "against", "generated"] {
        let ran = play(project.path(), &[(name, evil)], true);
        assert_ne!(ran.code, 0, "{name}: {}", ran.log);
        assert!(!project.path().join("broken").exists(), "{name}");
    }
    let ran = play(project.path(), &[("install", "never")], false);
    assert_eq!(ran.code, 2, "{}", ran.log);
    assert!(
        ran.log.contains("::error::there is no lifecycle"),
        "{}",
        ran.log
    );
    // What is built otherwise is there to be built.
    let install = action()["runs"]["steps"][0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        install.contains("--path \"$ACTION/lifecycle-cli\""),
        "{install}"
    );
    assert!(root().join("lifecycle-cli/Cargo.toml").is_file());
}

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON");
    if python.is_none() {
        skipped("LIFECYCLE_CONFORMANCE_PYTHON is not set: nobody reads the action and the hooks");
    }
    python.map(PathBuf::from)
}

fn good(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", answer(&output));
    output
}

/// The fenced blocks of a page in a language that begin with a word.
fn blocks(page: &str, begin: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix("yaml\n"));
    let blocks = blocks.filter(|block| block.starts_with(begin));
    blocks.map(str::to_owned).collect()
}

#[test]
fn the_action_and_the_documented_workflows_keep_to_githubs_schema() {
    let Some(python) = python() else { return };
    let check = |schema: &str, file: &Path| {
        let mut command = Command::new(&python);
        command.args(["-m", "check_jsonschema", "--builtin-schema", schema]);
        good(command.arg(file));
    };
    check("vendor.github-actions", &root().join("action.yml"));
    let workflows = blocks("docs/ci.md", "name:");
    assert!(workflows.len() >= 2, "{workflows:?}");
    for workflow in workflows {
        let directory = project(&[("workflow.yml", &workflow)]);
        check(
            "vendor.github-workflows",
            &directory.path().join("workflow.yml"),
        );
        // What it gives the action, the action takes.
        let workflow: Value = serde_yaml::from_str(&workflow).unwrap();
        for (_, job) in workflow["jobs"].as_mapping().unwrap() {
            for step in job["steps"].as_sequence().unwrap() {
                let uses = step.get("uses").and_then(Value::as_str).unwrap_or("");
                let given = step.get("with").and_then(Value::as_mapping);
                let Some(given) = given.filter(|_| uses.starts_with("lifecycle-rs/")) else {
                    continue;
                };
                for name in given.keys() {
                    let name = name.as_str().unwrap();
                    assert!(action()["inputs"].get(name).is_some(), "no input {name}");
                }
            }
        }
    }
}

#[test]
fn the_documented_job_keeps_to_gitlabs_schema() {
    let Some(python) = python() else { return };
    let jobs = blocks("docs/ci.md", "shutdown-budget:");
    let [job] = jobs.as_slice() else {
        panic!("{jobs:?}")
    };
    let check = |job: &str| {
        let directory = project(&[(".gitlab-ci.yml", job)]);
        Command::new(&python)
            .args(["-m", "check_jsonschema"])
            .args(["--builtin-schema", "vendor.gitlab-ci"])
            .args(["--data-transform", "gitlab-ci"])
            .arg(directory.path().join(".gitlab-ci.yml"))
            .output()
            .unwrap()
    };
    let read = check(job);
    assert!(read.status.success(), "{}", answer(&read));
    let misspelt = check(&job.replace("reports:", "reported:"));
    assert!(!misspelt.status.success(), "{}", answer(&misspelt));
}

/// A repository of Git with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let project = project(files);
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let mut command = Command::new("git");
        command.args(who).args(arguments);
        good(command.current_dir(project.path()))
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "all of it"]);
    project
}

#[test]
fn pre_commit_runs_the_hooks() {
    let Some(python) = python() else { return };
    let hooks = std::fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let ours = repository(&[(".pre-commit-hooks.yaml", &hooks)]);
    let head = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(ours.path())
        .output();
    let head = stdout(&head.unwrap());
    let config = format!(
        "repos:\n  - repo: {}\n    rev: {}\n    hooks:\n      - id: lifecycle-check\n      - id: lifecycle-gen\n",
        ours.path().display(),
        head.trim()
    );
    let fits = manifest("shop", FITS) + "generate: { output: deploy }\n";
    let theirs = repository(&[
        (".pre-commit-config.yaml", &config),
        ("lifecycle.yaml", &fits),
        ("other/lifecycle.yml", &manifest("cart", TOO_SHORT)),
        ("other/values.yaml", "no: manifest\n"),
    ]);
    let store = tempfile::tempdir().unwrap();
    let pre_commit = |arguments: &[&str]| {
        Command::new(&python)
            .args(["-m", "pre_commit"])
            .args(arguments)
            .current_dir(theirs.path())
            .env("PATH", path(true))
            .env("PRE_COMMIT_HOME", store.path())
            .env_remove("GITHUB_ACTIONS")
            .output()
            .unwrap()
    };
    let hooks = ours.path().join(".pre-commit-hooks.yaml");
    let valid = pre_commit(&["validate-manifest", hooks.to_str().unwrap()]);
    assert!(valid.status.success(), "{}", answer(&valid));
    let failed = pre_commit(&["run", "--all-files"]);
    let log = answer(&failed);
    assert_eq!(failed.status.code(), Some(1), "{log}");
    assert!(
        log.contains("other/lifecycle.yml:") && log.contains("LC101"),
        "{log}"
    );
    assert!(!log.contains("values.yaml"), "{log}");
    // The other hook has something to say too: nothing has been generated.
    assert!(log.contains("deploy/k8s/deployment.yaml"), "{log}");
    let written = support::run(theirs.path(), &["gen"]);
    assert!(written.status.success(), "{}", answer(&written));
    std::fs::remove_file(theirs.path().join("other/lifecycle.yml")).unwrap();
    good(
        Command::new("git")
            .args(["add", "--all"])
            .current_dir(theirs.path()),
    );
    let passed = pre_commit(&["run", "--all-files"]);
    assert!(passed.status.success(), "{}", answer(&passed));
}

/// `.ci/release` with a program, into a directory.
fn release(program: &Path, directory: &Path) -> Output {
    Command::new(root().join(".ci/release"))
        .arg("--program")
        .arg(program)
        .arg("--output")
        .arg(directory)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap()
}

#[test]
fn an_archive_has_all_that_belongs_to_the_program_and_is_the_same_twice() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // As a release has it: what a debugger wants is five times the program.
    let place = tempfile::tempdir().unwrap();
    let stripped = place.path().join("lifecycle");
    good(
        Command::new("strip")
            .arg("-o")
            .arg(&stripped)
            .arg(program()),
    );
    for directory in [&one, &two] {
        let packed = release(&stripped, directory.path());
        assert!(packed.status.success(), "{}", answer(&packed));
        let sums = ["--check", "--quiet", "SHA256SUMS"];
        good(
            Command::new("sha256sum")
                .args(sums)
                .current_dir(directory.path()),
        );
    }
    let sums = |directory: &tempfile::TempDir| {
        std::fs::read_to_string(directory.path().join("SHA256SUMS")).unwrap()
    };
    assert_eq!(sums(&one), sums(&two), "the same program, other bytes");
    let sums = sums(&one);
    let archive = sums.split_whitespace().nth(1).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        archive.starts_with(&format!("lifecycle-{version}-")),
        "{archive}"
    );
    good(
        Command::new("tar")
            .args(["-xf", archive])
            .current_dir(one.path()),
    );
    let files = one.path().join(archive.strip_suffix(".tar.gz").unwrap());
    let told = good(Command::new(files.join("lifecycle")).arg("--version"));
    assert_eq!(stdout(&told), format!("lifecycle {version}\n"));
    let completions = files.join("completions");
    let shells = [
        ("bash", "lifecycle.bash"),
        ("zsh", "_lifecycle"),
        ("fish", "lifecycle.fish"),
        ("elvish", "lifecycle.elv"),
        ("powershell", "_lifecycle.ps1"),
    ];
    for (shell, file) in shells {
        let printed = support::run(&root(), &["completions", shell]).stdout;
        assert_eq!(
            std::fs::read(completions.join(file)).unwrap(),
            printed,
            "{shell}"
        );
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        assert!(files.join(file).is_file(), "{file}");
    }
    let pages = |directory: &Path| -> BTreeMap<_, _> {
        let pages = std::fs::read_dir(directory).unwrap();
        pages
            .map(|page| page.unwrap())
            .map(|page| (page.file_name(), std::fs::read(page.path()).unwrap()))
            .collect()
    };
    let written = place.path().join("man");
    support::run(place.path(), &["man", "-o", "man"]);
    let (packed, written) = (pages(&files.join("man1")), pages(&written));
    assert!(written.contains_key(OsStr::new("lifecycle-check.1")));
    assert!(packed == written, "{:?}", packed.keys());
}

#[test]
fn what_a_release_needs_and_is_not_there_is_said_before_anything_is_built() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(root().join(".ci/release"))
        .arg("--output")
        .arg(directory.path())
        .arg("sparc64-unknown-linux-gnu")
        .env("PATH", path(false))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", answer(&output));
    let said = stderr(&output);
    assert!(
        said.contains("rustup target add sparc64-unknown-linux-gnu"),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
