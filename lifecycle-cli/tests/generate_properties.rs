//! What holds of every generated file of every target, over manifests nobody has written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "another suite uses the rest")]
#[path = "../../lifecycle-manifest/tests/properties/model.rs"]
mod model;
mod support;
#[allow(dead_code, reason = "another suite uses the rest")]
#[path = "../../lifecycle-manifest/tests/properties/yaml.rs"]
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lifecycle_manifest::deployed::Deployed;
use lifecycle_manifest::{Analysis, Options, Platform};
use proptest::prelude::*;

/// Every file below a directory, by its path.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => next.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    tree.insert(path, bytes);
                }
            }
        }
    }
    tree
}

fn fits(manifest: &str) -> bool {
    let analysis = Analysis::with(manifest, &Options::default());
    analysis.resolved.is_some() && !analysis.has_errors()
}

/// The manifest with as many of the platforms as it fits on, or nothing where it fits on none.
fn accepted(model: &model::Model) -> Option<String> {
    let yaml::Yaml::Map(mut entries) = model::tree(model) else {
        return None;
    };
    let place = entries.iter().position(|(key, _)| key == "platforms")?;
    let (_, platforms) = entries.remove(place);
    let yaml::Yaml::Map(platforms) = platforms else {
        return None;
    };
    let text = |platforms: &[(String, yaml::Yaml)]| {
        let mut entries = entries.clone();
        let platforms = yaml::Yaml::Map(platforms.to_vec());
        entries.push(("platforms".to_owned(), platforms));
        yaml::write(&yaml::Yaml::Map(entries), yaml::Style::new(Vec::new())).text
    };
    let named: BTreeSet<&str> = platforms.iter().map(|(key, _)| key.as_str()).collect();
    let plain = Platform::KEYS.iter().filter(|key| !named.contains(*key));
    let plain = plain.map(|key| ((*key).to_owned(), yaml::Yaml::Map(Vec::new())));
    let mut kept = Vec::new();
    for platform in platforms.iter().cloned().chain(plain) {
        kept.push(platform);
        if !fits(&text(&kept)) {
            kept.pop();
        }
    }
    (!kept.is_empty()).then(|| text(&kept))
}

/// Runs it, and expects it to be content.
fn done(project: &Path, args: &[&str]) -> Result<(), TestCaseError> {
    let output = support::run(project, args);
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    let words = String::from_utf8_lossy(&words);
    let manifest = std::fs::read_to_string(project.join("lifecycle.yaml")).unwrap();
    prop_assert!(output.status.success(), "{args:?}\n{words}\n{manifest}");
    Ok(())
}

/// It is in a language that deployed files are read in.
fn is_read(path: &Path) -> bool {
    let name = path.to_str().unwrap();
    let mut endings = [".yaml", ".yml", ".json"]
        .into_iter()
        .chain(Deployed::endings());
    endings.any(|ending| name.ends_with(ending))
}

/// What a check finds to differ from the manifest.
fn drift(project: &Path, against: &str) -> Vec<String> {
    let args = ["check", "--format", "json", "--against", against];
    let output = support::run(project, &args);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| {
            let code = finding["code"].as_str().unwrap();
            // What may not be read, and what is read as something else. Sidecars are not generated:
            // the manifest knows no images of theirs.
            let drift = code.starts_with("LC7") && code != "LC705";
            drift || ["LC801", "LC802", "LC803"].contains(&code)
        })
        .map(|finding| format!("{} {}", finding["code"], finding["message"]))
        .collect()
}

fn folders(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

/// On every platform, with its defaults.
fn everywhere() -> String {
    let platform = |key: &&str| format!("  {key}: {{}}\n");
    let platforms: String = Platform::KEYS.iter().map(platform).collect();
    format!(
        "lifecycle: 1\nservice: shop\ntraffic: {{ settle: 200ms, health: {{ port: 9090, period: 1s }} }}\nresources:\n  \
         http: {{ kind: http-server, port: 8080, timeout: 500ms }}\nplatforms:\n{platforms}"
    )
}

#[test]
fn whole_files_leave_the_patches_beside_them_and_both_are_written_again() {
    let project = tempfile::tempdir().unwrap();
    let project = project.path();
    std::fs::write(project.join("lifecycle.yaml"), everywhere()).unwrap();
    let whole = ["gen", "--image", "x", "-o", "deploy"];
    let patch = [&whole[..], &["--patch"]].concat();
    done(project, &patch).unwrap();
    let patches = tree(&project.join("deploy"));
    done(project, &whole).unwrap();
    let both = tree(&project.join("deploy"));
    for (path, text) in &patches {
        assert_eq!(both.get(path), Some(text), "{}", path.display());
    }
    assert!(both.len() > patches.len());
    // Nobody's numbers are the same any more.
    let changed = everywhere().replace("500ms }", "600ms }");
    std::fs::write(project.join("lifecycle.yaml"), changed).unwrap();
    done(project, &patch).unwrap();
    done(project, &whole).unwrap();
    let again = tree(&project.join("deploy"));
    assert!(again.keys().eq(both.keys()));
    for target in folders(&project.join("deploy")) {
        let folder = project.join("deploy").join(&target);
        let mut files = again.iter().filter(|(path, _)| path.starts_with(&folder));
        assert!(files.any(|(path, text)| both[path] != *text), "{target}");
    }
}

#[test]
fn every_target_is_in_the_tree_under_its_own_name_and_says_so_in_its_files() {
    let project = tempfile::tempdir().unwrap();
    let project = project.path();
    std::fs::write(project.join("lifecycle.yaml"), everywhere()).unwrap();
    done(project, &["gen", "--image", "x", "-o", "deploy"]).unwrap();
    let targets = folders(&project.join("deploy"));
    assert!(targets.len() >= 7, "{targets:?}");
    for target in targets {
        let alone = format!("alone/{target}");
        done(project, &["gen", &target, "--image", "x", "-o", &alone]).unwrap();
        let in_tree = tree(&project.join("deploy").join(&target));
        let by_itself = tree(&project.join(&alone));
        assert!(in_tree.values().eq(by_itself.values()), "{target}");
        // By this it is known which of a folder's files are left over.
        let mark = format!("generated by lifecycle gen {target}");
        for (path, text) in in_tree {
            let text = String::from_utf8(text).unwrap();
            let has_no_room = path.ends_with("target-group-attributes.json");
            assert!(has_no_room || text.contains(&mark), "{}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Read back, it says what the manifest says; made again, it is the same to the byte.
    #[test]
    fn what_is_generated_is_what_the_manifest_says(model in model::manifest()) {
        let manifest = accepted(&model);
        prop_assume!(manifest.is_some());
        let manifest = manifest.unwrap_or_default();
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        std::fs::write(project.join("lifecycle.yaml"), &manifest).unwrap();
        // On a platform alone that nothing is generated for, there is nothing to hold.
        let image = ["gen", "--image", "example.com/shop:1"];
        prop_assume!(support::run(project, &[&image[..], &["--print-data"]].concat()).status.success());
        for more in [&["-o", "deploy"][..], &["-o", "patches", "--patch"]] {
            let generate = [&image[..], more].concat();
            // On some platforms there is nothing to patch.
            if more.len() > 2 && !support::run(project, &generate).status.success() {
                continue;
            }
            done(project, &generate)?;
            let first = tree(project);
            done(project, &generate)?;
            prop_assert_eq!(&tree(project), &first);
            done(project, &[&generate[..], &["--check"]].concat())?;
            for target in folders(&project.join(more[1])) {
                if !tree(&project.join(more[1]).join(&target)).keys().any(|path| is_read(path)) {
                    continue;
                }
                let mut found = drift(project, &format!("{}/{target}", more[1]));
                // A patch need not be a whole of which one could tell whose it is.
                found.retain(|it| more.len() == 2 || !it.contains("LC710"));
                prop_assert!(found.is_empty(), "{target}: {found:#?}\n{manifest}");
            }
        }
    }

    /// Whatever a text of the manifest holds, the files hold that same text.
    #[test]
    fn every_text_arrives_as_it_is(image in prop_oneof![
        any::<String>(),
        "[ -~]{1,40}",
        "[$%{}\"'\\\\#:&*!|>@`,\\[\\]~ \t\na-c-]{1,20}",
    ]) {
        let project = tempfile::tempdir().unwrap();
        let project = project.path();
        let written = serde_json::to_string(&image).unwrap();
        let platform = |key: &&str| format!("  {key}: {{ image: {written} }}\n");
        let manifest = |platforms: &str| format!(
            "lifecycle: 1\nservice: shop\nresources:\n  jobs: {{ kind: task, timeout: 500ms }}\nplatforms:\n{platforms}"
        );
        // What has no image is none of this test's, and what is refused is no text that arrives.
        let takes = |key: &&&str| fits(&manifest(&platform(key)));
        let platforms: String = Platform::KEYS.iter().filter(takes).map(platform).collect();
        prop_assume!(!platforms.is_empty());
        std::fs::write(project.join("lifecycle.yaml"), manifest(&platforms)).unwrap();
        done(project, &["gen", "-o", "deploy"])?;
        let mut seen = 0;
        for (path, bytes) in tree(&project.join("deploy")) {
            if !is_read(&path) {
                continue;
            }
            let deployed = Deployed::named(path.to_str().unwrap(), std::str::from_utf8(&bytes).unwrap());
            prop_assert!(deployed.errors.is_empty(), "{path:?}: {:?}", deployed.errors);
            for container in deployed.workloads.iter().flat_map(|it| &it.containers) {
                if let Some(here) = &container.image {
                    seen += 1;
                    // A line break at the end is the way it is written, to a reader.
                    let wanted = image.trim_end_matches('\n');
                    prop_assert_eq!(&here.value, wanted, "{}", path.display());
                }
            }
        }
        prop_assert!(seen >= 2, "{} files with an image", seen);
    }
}
