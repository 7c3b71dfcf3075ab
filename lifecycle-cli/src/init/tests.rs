mod drafts;

use std::collections::BTreeSet;

use lifecycle_manifest::{Analysis, Manifest, Platform, platform};
use proptest::prelude::*;

use super::draft::{Draft, Kubernetes, Name, PreStop, Slot};
use super::write;
use drafts::{damaged, drafts};

fn usual() -> Draft {
    let mut draft = Draft::new(Slot::of(Name::near("shop", "shop")));
    draft.resources = vec![write::usual_server()];
    draft.kubernetes = Some(Kubernetes::default());
    draft
}

/// The same on every platform there is.
fn everywhere() -> Draft {
    let mut draft = usual();
    for key in Platform::KEYS {
        draft.add(key);
    }
    draft
}

#[test]
fn the_usual_manifest_has_no_finding_and_nothing_but_the_least() {
    let text = write::manifest(&usual()).unwrap();
    let analysis = Analysis::of(&text);
    assert!(analysis.findings.is_empty(), "{:?}", analysis.findings);
    let active: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.is_empty())
        .collect();
    assert_eq!(
        active,
        [
            "lifecycle: 1",
            "service: shop",
            "budget:",
            "traffic:",
            "resources:",
            "  http: { kind: http-server, port: 8080, timeout: 15s }",
            "platforms:",
            "  kubernetes:",
            "lints:",
            "generate:",
            "drill:",
        ]
    );
}

/// Takes the `#` away from every key that is not written.
fn everything_written(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let bare = line.trim_start();
        let is_key = bare
            .strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        match is_key {
            true => line.replacen('#', "", 1),
            false => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_stands_behind_a_mark_can_be_written_as_it_stands() {
    let text = everything_written(&write::manifest(&everywhere()).unwrap());
    let analysis = Analysis::of(&text);
    let shape: Vec<&str> = analysis
        .findings
        .iter()
        .filter(|finding| finding.rule.code.starts_with("LC0"))
        // There is nothing to allow in it.
        .filter(|finding| finding.rule.name != "unused-allowance")
        .map(|finding| finding.message.as_str())
        .collect();
    assert!(shape.is_empty(), "{shape:?}\n{text}");
}

/// Reading the file teaches the format: a key that the schema has and the file does not show is
/// missing from the template.
#[test]
fn every_key_of_the_format_is_shown() {
    fn keys(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(entries) => {
                if let Some(properties) = entries.get("properties").and_then(|p| p.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                entries.values().for_each(|inner| keys(inner, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|inner| keys(inner, found)),
            _ => {}
        }
    }
    let schema = serde_json::to_value(lifecycle_manifest::schema::schema()).unwrap();
    let mut known = BTreeSet::new();
    keys(&schema, &mut known);
    assert!(known.len() > 40, "{known:?}");
    let text = write::manifest(&everywhere()).unwrap();
    let shown: BTreeSet<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let missing: Vec<&String> = known
        .iter()
        .filter(|key| !shown.contains(key.as_str()))
        // `lints` has a key a rule: `lifecycle explain` lists them.
        .filter(|key| lifecycle_manifest::rules::find(key).is_none())
        .collect();
    assert!(
        missing.is_empty(),
        "not in templates/init/lifecycle.yaml.j2: {missing:?}"
    );
}

/// The numbers that the template cannot be given are held to the ones that the reader has.
#[test]
fn defaults_that_are_shown_are_the_real_ones() {
    let text = write::manifest(&usual()).unwrap();
    for line in [
        "#reserve: 5s",
        "#unwind: 250ms",
        "#settle: 5s",
        "health: { port: 9090, ready: /health/ready, live: /health/live, period: 2s, failures: 1 }",
    ] {
        assert!(text.contains(line), "{line}");
    }
    assert!(text.contains("Kubernetes' default is 30s"), "{text}");
}

/// Every text of a draft that stands in the file, beside what was read of it.
fn pairs<'a>(draft: &'a Draft, manifest: &'a Manifest) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    fn one<'x>(
        slot: &'x Slot<String>,
        read: Option<&'x lifecycle_manifest::Written<String>>,
    ) -> (Option<&'x str>, Option<&'x str>) {
        (
            slot.value.as_deref(),
            read.map(|written| written.value.as_str()),
        )
    }
    let mut pairs = vec![(
        draft.service.value.as_ref().map(Name::as_str),
        Some(manifest.service.value.as_str()),
    )];
    let active = draft.resources.iter().filter(|resource| resource.active);
    pairs.extend(
        active
            .zip(&manifest.resources)
            .map(|(drafted, read)| (Some(drafted.name.as_str()), Some(read.name.as_str()))),
    );
    for platform in manifest.platforms.iter() {
        #[allow(
            clippy::match_wildcard_for_single_variants,
            reason = "all others are alike"
        )]
        match platform {
            Platform::Kubernetes(read) => {
                let Some(drafted) = &draft.kubernetes else {
                    continue;
                };
                pairs.push(one(&drafted.common.image, read.common.image.as_ref()));
                if let (
                    Some(PreStop::Exec { command, .. }),
                    Some(platform::PreStop::Exec { command: words, .. }),
                ) = (&drafted.pre_stop.value, &read.pre_stop)
                {
                    assert_eq!(command.len(), words.len());
                    let both = command.iter().zip(words);
                    pairs.extend(both.map(|(a, b)| (Some(a.as_str()), Some(b.value.as_str()))));
                }
            }
            Platform::Ecs(read) => {
                let Some(drafted) = &draft.ecs else { continue };
                pairs.push(one(&drafted.common.image, read.common.image.as_ref()));
                pairs.push(one(&drafted.cluster, read.cluster.as_ref()));
                pairs.push(one(
                    &drafted.execution_role_arn,
                    read.execution_role_arn.as_ref(),
                ));
                for (slot, list) in [
                    (&drafted.subnets, &read.subnets),
                    (&drafted.security_groups, &read.security_groups),
                ] {
                    let drafted = slot.value.as_deref().unwrap_or_default();
                    assert_eq!(drafted.len(), list.len());
                    let both = drafted.iter().zip(list);
                    pairs.extend(both.map(|(a, b)| (Some(a.as_str()), Some(b.value.as_str()))));
                }
            }
            other => {
                let mut others = draft.others.iter();
                let Some(drafted) = others.find(|drafted| drafted.key == other.key()) else {
                    continue;
                };
                pairs.push(one(&drafted.common.image, other.common().image.as_ref()));
            }
        }
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_draft_is_read_back_as_what_it_was(draft in drafts()) {
        let text = write::manifest(&draft).unwrap();
        let analysis = Analysis::of(&text);
        let shape: Vec<&str> = analysis
            .findings
            .iter()
            .filter(|finding| finding.rule.code.starts_with("LC0"))
            .map(|finding| finding.message.as_str())
            .collect();
        prop_assert!(shape.is_empty(), "{shape:?}\n{text}");
        let resolved = analysis.resolved.as_ref();
        prop_assert!(resolved.is_some(), "{text}");
        let manifest = &resolved.unwrap().manifest;
        for (drafted, read) in pairs(&draft, manifest) {
            prop_assert_eq!(drafted, read, "{}", text);
        }
        let platforms = usize::from(draft.kubernetes.is_some()) + usize::from(draft.ecs.is_some());
        prop_assert_eq!(manifest.platforms.iter().count(), platforms + draft.others.len());
    }

    #[test]
    fn any_text_has_a_legal_name_near_it(text in any::<String>()) {
        let name = Name::near(&text, "name");
        prop_assert!(lifecycle_manifest::is_label(name.as_str()));
    }
}

#[test]
fn names_of_packages_and_directories_become_names() {
    for (text, name) in [
        ("Checkout_API", "checkout-api"),
        ("42-shop", "shop"),
        ("my.service", "my-service"),
        ("käse", "k-se"),
        ("", "name"),
        ("---", "name"),
    ] {
        assert_eq!(Name::near(text, "name").as_str(), name);
    }
    assert_eq!(
        super::package_name(
            "[workspace]\nname = \"no\"\n[package]\n# c\nname = \"shop\" # x\n[lib]\nname = \"z\"\n"
        ),
        Some("shop".to_owned())
    );
    assert_eq!(
        super::package_name("[package]\nname.workspace = true\n"),
        None
    );
}

#[test]
fn resources_are_asked_for_by_name_and_kind() {
    assert!(super::resource("db=database:5s").is_ok());
    for (text, says) in [
        ("db", "NAME=KIND"),
        ("Db=database", "cannot be a name"),
        ("db=databse", "did you mean `database`?"),
        ("db=nothing-like-it", "it can be http-server"),
        ("db=database:5", "unit"),
        ("db=database:0s", "zero"),
    ] {
        let error = super::resource(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whatever is deployed: either it is said why it cannot be described, or what is written is a
    /// manifest.
    #[test]
    fn whatever_can_be_described_is_described_in_the_format(text in damaged()) {
        let file = lifecycle_manifest::deployed::Deployed::named("deployment.yaml", &text);
        let sources = super::from::Source::all(&[file].into());
        let otherwise = Name::near("shop", "shop");
        if let Ok(draft) = super::from::draft(&sources, None, None, &otherwise) {
            let written = write::manifest(&draft).unwrap();
            let analysis = Analysis::of(&written);
            let shape: Vec<&str> = analysis
                .findings
                .iter()
                .filter(|finding| finding.rule.code.starts_with("LC0"))
                .map(|finding| finding.message.as_str())
                .collect();
            prop_assert!(shape.is_empty(), "{shape:?}\n{text}\n{written}");
            prop_assert!(analysis.resolved.is_some());
        }
    }
}
