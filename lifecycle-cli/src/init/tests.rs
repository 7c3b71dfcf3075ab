use std::collections::BTreeSet;
use std::time::Duration;

use lifecycle_manifest::platform::{self, LaunchType, Mesh, Spot};
use lifecycle_manifest::{Analysis, Kind, Manifest, Platform};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::draft::{
    CloudRun, Common, Draft, Ecs, Health, HealthCheck, Kubernetes, LoadBalancer, Name, Path,
    PreStop, Proxy, Resource, Sidecar, Slot,
};
use super::write;

fn usual() -> Draft {
    let mut draft = Draft::new(Slot::of(Name::near("shop", "shop")));
    draft.resources = vec![write::usual_server()];
    draft.kubernetes = Some(Kubernetes::default());
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
    let text = everything_written(&write::manifest(&usual()).unwrap());
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
    let text = write::manifest(&usual()).unwrap();
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

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,12}",
        any::<String>(),
        prop::sample::select(vec![
            "no",
            "on",
            "yes",
            "~",
            "null",
            "true",
            "1e3",
            "0o17",
            "12:30",
            "1_000",
            "- a",
            "a: b",
            "#c",
            "a #c",
            "",
            " ",
            "'",
            "\"",
            "\\",
            "a\nb",
            "a\r\nb",
            "\t",
            "{{ x }}",
            "{% if %}",
            "*a",
            "&a",
            "!t",
            "|",
            ">",
            "%",
            "@",
            "`",
            "---",
            "...",
            "\u{85}",
            "\u{2028}",
            "🚦",
            "lifecycle: allow(all) x",
            "# lifecycle: allow(all) x",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Text where the file holds one at all.
fn some_text() -> impl Strategy<Value = Slot<String>> {
    slot(text().prop_filter("an empty text is not written", |text| !text.is_empty()))
}

fn slot<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Slot<T>> {
    (option::of(value), option::of(text())).prop_map(|(value, note)| Slot { value, note })
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        text().prop_map(|text| Name::near(&text, "name")),
        prop::sample::select(vec![
            "no", "on", "yes", "y", "n", "true", "null", "off", "e1"
        ])
        .prop_map(|text| Name::near(text, "name")),
    ]
}

fn time() -> impl Strategy<Value = Duration> {
    (0_u64..=604_800_000).prop_map(Duration::from_millis)
}

fn some_time() -> impl Strategy<Value = Duration> {
    (1_u64..=604_800_000).prop_map(Duration::from_millis)
}

fn path() -> impl Strategy<Value = Path> {
    "/[!-\"$->@-~]{0,12}".prop_map(|text| Path::of(&text).unwrap())
}

fn health() -> impl Strategy<Value = Health> {
    (
        option::of(1_u16..),
        option::of(path()),
        option::of(path()),
        option::of((1_000_u64..=600_000).prop_map(Duration::from_millis)),
        option::of(1_u32..=1_000),
    )
        .prop_map(|(port, ready, live, period, failures)| Health {
            port,
            ready,
            live,
            period,
            failures,
        })
}

fn resources() -> impl Strategy<Value = Vec<Resource>> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let one = (
        text(),
        kind,
        time(),
        option::of(1_u16..),
        any::<(bool, bool)>(),
        option::of(text()),
    );
    vec(one, 1..6).prop_map(|all| {
        let mut resources: Vec<Resource> = Vec::new();
        for (at, (text, kind, timeout, port, (active, best_effort), note)) in
            all.into_iter().enumerate()
        {
            let name = Name::of_resource(&text, "thing", &resources);
            resources.push(Resource {
                timeout,
                port: port.filter(|_| kind.takes_traffic()),
                active: active || at == 0,
                best_effort,
                note,
                ..Resource::new(name, kind)
            });
        }
        resources
    })
}

fn common() -> impl Strategy<Value = Common> {
    (slot(time()), some_text()).prop_map(|(grace, image)| Common {
        grace,
        image,
        timeouts: Vec::new(),
    })
}

fn kubernetes() -> impl Strategy<Value = Kubernetes> {
    let pre_stop = prop_oneof![
        time().prop_map(PreStop::Sleep),
        (vec(text(), 1..4), some_time())
            .prop_map(|(command, timeout)| PreStop::Exec { command, timeout }),
        (path(), 1_u16.., some_time()).prop_map(|(path, port, timeout)| PreStop::Http {
            path,
            port,
            timeout
        }),
    ];
    let mesh = prop::sample::select(vec![Mesh::Istio, Mesh::Linkerd]);
    let proxy =
        (mesh, option::of(any::<bool>()), option::of(time())).prop_map(|(mesh, native, drain)| {
            Proxy {
                mesh,
                native,
                drain,
            }
        });
    let sidecar = (name(), time(), any::<bool>()).prop_map(|(name, timeout, native)| Sidecar {
        name,
        timeout,
        native,
    });
    (
        common(),
        slot(0_u32..=10_000),
        slot(name()),
        slot(pre_stop.boxed()),
        slot(vec(sidecar, 1..3)),
        slot(proxy.boxed()),
        slot(prop::sample::select(vec![Spot::Aws, Spot::Gke])),
        (slot(time()), slot(some_time())),
    )
        .prop_map(
            |(
                common,
                replicas,
                namespace,
                pre_stop,
                sidecars,
                mesh,
                spot,
                (load_balancer, liveness_grace),
            )| {
                Kubernetes {
                    common,
                    replicas,
                    namespace,
                    pre_stop,
                    sidecars,
                    mesh,
                    spot,
                    load_balancer,
                    liveness_grace,
                }
            },
        )
}

fn ecs() -> impl Strategy<Value = Ecs> {
    let balancer = (
        option::of((0_u64..=3_600).prop_map(Duration::from_secs)),
        option::of((1_u64..=4_000).prop_map(Duration::from_secs)),
        option::of(text()),
    )
        .prop_map(
            |(deregistration_delay, idle_timeout, target_group_arn)| LoadBalancer {
                deregistration_delay,
                idle_timeout,
                target_group_arn,
            },
        );
    let check = prop_oneof![
        Just(HealthCheck::Runtime),
        vec(text(), 1..3)
            .prop_map(|words| { HealthCheck::Command([vec!["CMD".to_owned()], words].concat()) }),
    ];
    let sizes = (
        slot(0_u32..=10_000),
        slot(128_u32..=196_608),
        slot(6_u32..=3_145_728),
    );
    let places = (
        some_text(),
        some_text(),
        slot(vec(text(), 1..3)),
        slot(vec(text(), 1..3)),
    );
    (
        common(),
        slot(prop::sample::select(vec![
            LaunchType::Fargate,
            LaunchType::Ec2,
        ])),
        slot(any::<bool>()),
        sizes,
        places,
        slot(balancer.boxed()),
        slot(check.boxed()),
        slot(vec((text(), some_time()), 1..3).boxed()),
    )
        .prop_map(
            |(common, launch_type, spot, sizes, places, load_balancer, health_check, sidecars)| {
                Ecs {
                    common,
                    launch_type,
                    spot,
                    desired_count: sizes.0,
                    cpu: sizes.1,
                    memory: sizes.2,
                    cluster: places.0,
                    execution_role_arn: places.1,
                    subnets: places.2,
                    security_groups: places.3,
                    load_balancer,
                    health_check,
                    sidecars,
                }
            },
        )
}

prop_compose! {
    fn drafts()(
        origin in vec(text(), 0..3),
        generated in any::<bool>(),
        service in (name(), option::of(text())),
        times in (slot(time()), slot(some_time())),
        health in slot(health()).boxed(),
        resources in resources().boxed(),
        kubernetes in option::of(kubernetes()).boxed(),
        ecs in option::of(ecs()).boxed(),
        cloud_run in option::of(common()).boxed(),
        shorter in time(),
    ) -> Draft {
        let mut draft = Draft {
            origin,
            service: Slot { value: Some(service.0), note: service.1 },
            generated,
            settle: times.0,
            keep_alive: times.1,
            health,
            resources,
            kubernetes,
            ecs,
            cloud_run: cloud_run.map(|common| CloudRun { common }),
        };
        let first = draft.resources[0].name.clone();
        for common in super::commons(&mut draft) {
            common.timeouts = vec![(first.clone(), shorter)];
        }
        draft
    }
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
        match platform {
            Platform::Kubernetes(read) => {
                let Some(drafted) = &draft.kubernetes else {
                    continue;
                };
                pairs.push(one(&drafted.common.image, read.image.as_ref()));
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
                pairs.push(one(&drafted.common.image, read.image.as_ref()));
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
            Platform::CloudRun(_) => {}
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
        let platforms = [draft.kubernetes.is_some(), draft.ecs.is_some(), draft.cloud_run.is_some()];
        prop_assert_eq!(manifest.platforms.iter().count(), platforms.iter().filter(|is| **is).count());
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
    ] {
        let error = super::resource(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

/// A file of the corpus with some of its lines gone, doubled, or holding something else.
fn damaged() -> impl Strategy<Value = String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/deployed");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect();
    let hurt = (any::<prop::sample::Index>(), 0..3_u8, text());
    (prop::sample::select(texts), vec(hurt, 0..6)).prop_map(|(whole, hurts)| {
        let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        for (at, how, text) in hurts {
            if lines.is_empty() {
                break;
            }
            let at = at.index(lines.len());
            match (how, lines[at].split_once(": ")) {
                (0, _) => drop(lines.remove(at)),
                (1, _) => lines.insert(at, lines[at].clone()),
                (_, Some((key, rest))) => {
                    let comma = if rest.ends_with(',') { "," } else { "" };
                    let value = crate::template::quote(&text);
                    lines[at] = format!("{key}: {value}{comma}");
                }
                (_, None) => lines[at] = text,
            }
        }
        lines.join("\n")
    })
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
