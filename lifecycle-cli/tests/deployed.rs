//! The corpus of deployed files, `tests/deployed/*`: shapes as they are met in the world. Whatever
//! stands in them is read without a fault, the same from YAML and from JSON, with places that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::{Analysis, Options};
use serde::Deserialize as _;

fn corpus() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/deployed");
    let entries = std::fs::read_dir(root).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

#[test]
fn every_file_is_read_without_a_fault_and_holds_something() {
    let corpus = corpus();
    assert!(corpus.len() >= 26, "{} files", corpus.len());
    for (path, text) in corpus {
        let deployed = Deployed::named(path.to_str().unwrap(), &text);
        assert!(
            deployed.errors.is_empty(),
            "{}: {:?}",
            path.display(),
            deployed.errors
        );
        assert!(!deployed.is_empty(), "{}", path.display());
        for workload in &deployed.workloads {
            let places = workload.containers.iter().map(|container| &container.route);
            for route in places.chain([&workload.route, &workload.spec]) {
                let there = deployed.document.get(route).is_some();
                assert!(there, "{}: {route}", path.display());
            }
        }
    }
}

#[test]
fn yaml_and_json_mean_the_same() {
    // Its numbers are YAML 1.1's, which the reader here takes for text.
    const ANOTHER_YAML: &str = "odd-yaml-1-1.yaml";
    // Its tags are functions, which the reader here makes other keys of.
    const TAGS: &str = "ecs-cloudformation.yaml";
    let mut compared = 0;
    for (path, text) in corpus() {
        if path.ends_with(ANOTHER_YAML) || path.ends_with(TAGS) {
            continue;
        }
        let text = text.trim_start_matches('\u{feff}');
        let mut documents = Vec::new();
        for document in serde_yaml::Deserializer::from_str(text) {
            let Ok(mut value) = serde_yaml::Value::deserialize(document) else {
                break;
            };
            value.apply_merge().unwrap();
            if value.is_null() {
                continue;
            }
            // Values that JSON does not have, such as a key that is no text, are left out.
            documents.extend(serde_json::to_value(&value).ok());
        }
        let read = Deserialized::of(text);
        let written = |indented: bool| -> String {
            let write = |document: &serde_json::Value| match indented {
                true => serde_json::to_string_pretty(document)
                    .unwrap()
                    .replace("  ", "\t"),
                false => serde_json::to_string(document).unwrap(),
            };
            documents.iter().map(write).collect::<Vec<_>>().join("\n")
        };
        if documents.len() != read.documents {
            continue;
        }
        compared += 1;
        for json in [written(true), written(false)] {
            let again = Deserialized::of(&json).shown;
            let diff = similar::TextDiff::from_lines(&read.shown, &again);
            let same = again == read.shown;
            assert!(
                same,
                "{}
{}",
                path.display(),
                diff.unified_diff()
            );
        }
    }
    assert!(compared >= 20, "{compared} files were compared");
}

/// What a text says, by its routes and values.
struct Deserialized {
    documents: usize,
    shown: String,
}

impl Deserialized {
    fn of(text: &str) -> Self {
        let read = Deployed::read(text);
        let documents = match &read.document.root.value {
            lifecycle_manifest::text::Value::Sequence(documents) => documents.len(),
            _ => 0,
        };
        Self {
            documents,
            shown: format!(
                "{:#?}{:#?}{:#?}{:#?}",
                read.workloads, read.services, read.ecs_services, read.target_groups
            ),
        }
    }
}

#[test]
fn what_a_file_shows_by_itself_is_shown_at_places_within_it() {
    for (path, text) in corpus() {
        let options = Options {
            deployed: [Deployed::named(path.to_str().unwrap(), &text)]
                .into_iter()
                .collect(),
            ..Options::default()
        };
        for finding in Analysis::of_deployed(&options).findings {
            let labels = std::iter::once(&finding.primary).chain(&finding.related);
            for label in labels {
                let span = label.place.span(&options.deployed[0].document);
                let shown = options.deployed[0].source().slice(span);
                assert!(!shown.is_empty(), "{}: {}", path.display(), finding.message);
            }
        }
    }
}

#[test]
fn what_gen_writes_is_what_check_compares_with() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/checkout-api");
    let check =
        |args: &[&str]| support::run(&example, &[&["check", "--color", "never"], args].concat());
    for against in ["deploy", "deploy/k8s", "deploy/ecs"] {
        let output = check(&["--against", against]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{against}: {text}");
        assert!(text.contains("compared with"), "{against}: {text}");
        assert!(text.contains("nothing to object to"), "{against}: {text}");
    }
    let twice = check(&["-", "--against", "-"]);
    assert_eq!(twice.status.code(), Some(2));
    let message = String::from_utf8_lossy(&twice.stderr);
    assert!(
        message.contains("standard input can be read once"),
        "{message}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever is done to a file, it is read as far as it goes, and shown at places within it.
    #[test]
    fn broken_files_are_survived(
        which in proptest::prelude::any::<proptest::sample::Index>(),
        cut in proptest::prelude::any::<proptest::sample::Index>(),
        with in "(|[{}\\[\\]:,&*!|>'\"#\t -]{1,3}|\n---\n|-1|99999999999999999999|null|&a \\*a)",
        drop in 0_usize..40,
    ) {
        let corpus = corpus();
        let text = &corpus[which.index(corpus.len())].1;
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = cut.index(starts.len());
        let rest = starts.get(at + drop).map_or("", |&from| &text[from..]);
        let text = format!("{}{with}{rest}", &text[..starts[at]]);
        let options = Options {
            deployed: [Deployed::named("x", &text)].into_iter().collect(),
            ..Options::default()
        };
        for finding in Analysis::of_deployed(&options).findings {
            let deployed = &options.deployed[0];
            let span = finding.primary.place.span(&deployed.document);
            proptest::prop_assert!(span.end <= deployed.source().text().len());
        }
        let manifest = "lifecycle: 1\nservice: shop\ntraffic: { health: { port: 9090 } }\nresources:\n  http: { kind: http-server, port: 8080, timeout: 5s }\nplatforms:\n  kubernetes: {}\n  ecs: { load_balancer: {} }\n";
        let _ = Analysis::with(manifest, &options);
    }
}
