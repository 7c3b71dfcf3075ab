//! The cases that are files, by the library alone: the same findings, digest and sums as in the answers
//! of the program, which `lifecycle-cli/tests/cases.rs` and `against.rs` hold whole and write anew.
//!
//! Whoever changes a rule hears of it here in seconds, without the program being built.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lifecycle_manifest::duration::human;
use lifecycle_manifest::render::{self, Style, Texts};
use lifecycle_manifest::{Analysis, Options};

#[test]
fn every_case_has_the_findings_and_sums_beside_it() {
    let root = workspace().join("tests/cases");
    let mut wrong = String::new();
    let mut count = 0;
    for file in inside(&root).flat_map(|area| inside(&area).collect::<Vec<_>>()) {
        if file.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        count += 1;
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let analysis = Analysis::of_bytes(&std::fs::read(&file).unwrap());
        let said = Said::of(name, &analysis, &Options::default());
        let answer = std::fs::read_to_string(file.with_extension("stdout")).unwrap();
        said.compare(name, &answer, &mut wrong);
    }
    assert!(count > 0, "no cases in {}", root.display());
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is deployed, beside one manifest or alone. Several manifests and what is piped are the
/// program's own.
#[cfg(feature = "deployed")]
#[test]
fn every_case_of_drift_has_the_findings_and_sums_beside_it() {
    use lifecycle_manifest::deployed::Deployed;

    let root = workspace().join("tests/against");
    let mut wrong = String::new();
    let (mut beside, mut alone) = (0, 0);
    for case in inside(&root).filter(|path| path.is_dir()) {
        let (mut deployed, mut manifest, mut answer) = (Vec::new(), None, String::new());
        let mut is_the_programs = false;
        for file in inside(&case) {
            let name = file.file_name().unwrap().to_str().unwrap();
            if name.starts_with("deployed") {
                deployed.extend(files(&file).iter().map(|file| {
                    let name = file.strip_prefix(&case).unwrap().to_str().unwrap();
                    let bytes = std::fs::read(file).unwrap();
                    Deployed::named(name, &String::from_utf8_lossy(&bytes))
                }));
                continue;
            }
            match std::fs::read(&file) {
                Err(_) => is_the_programs = true,
                Ok(bytes) if name == "lifecycle.yaml" => manifest = Some(bytes),
                Ok(bytes) if name == "expected.stdout" => {
                    answer = String::from_utf8(bytes).unwrap();
                }
                Ok(_) => is_the_programs |= name.starts_with("stdin"),
            }
        }
        if is_the_programs {
            continue;
        }
        Deployed::join(&mut deployed);
        let options = Options {
            deployed: deployed.into(),
            ..Options::default()
        };
        let said = match manifest {
            Some(bytes) => {
                beside += 1;
                let analysis = Analysis::with_bytes(&bytes, &options);
                let mut said = Said::of("lifecycle.yaml", &analysis, &options);
                // Said once, after any number of manifests.
                let unreadable = Analysis::of_unreadable(&options);
                said.has_errors |= unreadable.has_errors();
                said.after.extend(findings("", &unreadable, &options));
                said
            }
            None => {
                alone += 1;
                Said::of("", &Analysis::of_deployed(&options), &options)
            }
        };
        let title = case.file_name().unwrap().to_str().unwrap();
        said.compare(title, &answer, &mut wrong);
    }
    assert!(beside > 0 && alone > 0, "no cases in {}", root.display());
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the library says of a manifest, in the order in which the program says it.
struct Said {
    has_errors: bool,
    /// The findings, with the line of the plan after them.
    opening: String,
    /// Sums, and what else follows; between them are words of the program.
    after: Vec<String>,
}

impl Said {
    fn of(name: &str, analysis: &Analysis, options: &Options) -> Self {
        let mut opening = findings(name, analysis, options).concat();
        let mut after = Vec::new();
        if let Some(resolved) = &analysis.resolved {
            let (service, digest) = (&resolved.plan.service, &resolved.digest);
            let _ = writeln!(opening, "{service} ({name}, plan {digest})");
            for line in &resolved.timelines {
                let (needed, grace) = (human(line.needed()), line.grace());
                let limit = human(grace.value);
                after.push(format!("needs {needed} of {limit} ({}), ", grace.origin));
                let cap = line.terms.cap.as_ref();
                let refused = cap.is_some_and(|cap| grace.value > cap.limit);
                match line.spare() {
                    _ if refused => {}
                    Some(spare) => after.push(format!("{} to spare\n", human(spare))),
                    None => after.push(format!("{} missing\n", human(line.missing()))),
                }
                after.push(format!("  {}\n", line.sum()));
            }
        }
        Self {
            has_errors: analysis.has_errors(),
            opening,
            after,
        }
    }

    fn compare(&self, title: &str, answer: &str, wrong: &mut String) {
        let opening = format!("exit: {}\n{}", i32::from(self.has_errors), self.opening);
        let Some(mut rest) = answer.strip_prefix(opening.as_str()) else {
            let _ = writeln!(wrong, "{title} does not begin so:\n{opening}");
            return;
        };
        for part in &self.after {
            let Some(at) = rest.find(part.as_str()) else {
                let _ = writeln!(wrong, "{title} does not have this, or not there: {part}");
                return;
            };
            rest = &rest[at + part.len()..];
        }
        if ["= see: ", ": needs "].iter().any(|it| rest.contains(it)) {
            let _ = writeln!(wrong, "{title} has more than is said: {rest}");
        }
    }
}

fn findings(name: &str, analysis: &Analysis, options: &Options) -> Vec<String> {
    let mut texts = Texts::of(analysis, name);
    #[cfg(feature = "deployed")]
    for file in options.deployed.iter() {
        texts.deployed.push(file.text());
    }
    #[cfg(not(feature = "deployed"))]
    let _ = (options, &mut texts);
    let findings = analysis.findings.iter();
    findings
        .map(|finding| render::finding(&texts, finding, Style::Plain) + "\n")
        .collect()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What is in a directory, in order; nothing in a file.
fn inside(path: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found.into_iter()
}

/// A file, or every file in a directory.
#[cfg(feature = "deployed")]
fn files(path: &Path) -> Vec<PathBuf> {
    match path.is_dir() {
        true => inside(path).flat_map(|path| files(&path)).collect(),
        false => vec![path.to_owned()],
    }
}
