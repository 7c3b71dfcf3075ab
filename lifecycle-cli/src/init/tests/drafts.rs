//! Drafts and deployed files of every kind, for properties.

use std::time::Duration;

use lifecycle_manifest::platform::{
    Concurrency, Controller, LaunchType, Mesh, Replacement, SecurityContext, Selector, Share, Spot,
    Successor,
};
use lifecycle_manifest::{Kind, Platform};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::draft::{
    Common, Draft, Ecs, Health, HealthCheck, Job, Kubernetes, LoadBalancer, Name, Path, PreStop,
    Proxy, Resource, Rolling, Sidecar, Slot,
};
use super::super::shown::{self, Other};

pub(super) fn text() -> impl Strategy<Value = String> {
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
    let image = option::of((text(), vec(text(), 0..3), vec(text(), 0..3)));
    let sidecar =
        (name(), time(), any::<bool>(), image).prop_map(|(name, timeout, native, image)| {
            let (image, command, args) = match image {
                Some((image, command, args)) => (Some(image), command, args),
                None => (None, Vec::new(), Vec::new()),
            };
            Sidecar {
                name,
                timeout,
                native,
                image,
                command,
                args,
            }
        });
    let contexts = SecurityContext::WORDS.iter().map(|(_, it)| *it);
    let security = prop::sample::select(contexts.collect::<Vec<_>>());
    let label = ("[a-z]{1,6}(/[A-Za-z0-9]{1,6})?", "[A-Za-z0-9]{0,6}");
    let selector = prop::collection::btree_map(label.0, label.1, 1..3)
        .prop_map(|labels| Selector::of(labels.into_iter().collect()).expect("labels"));
    (
        common(),
        slot(0_u32..=10_000),
        slot(name()),
        slot(pre_stop.boxed()),
        slot(vec(sidecar, 1..3)),
        slot(proxy.boxed()),
        slot(prop::sample::select(vec![Spot::Aws, Spot::Gke])),
        (
            slot(time()),
            slot(some_time()),
            workload(),
            (slot(security), slot(selector)),
        ),
    )
        .prop_map(
            |(
                common,
                mut replicas,
                namespace,
                pre_stop,
                sidecars,
                mesh,
                spot,
                (
                    load_balancer,
                    liveness_grace,
                    (workload, rollout, job),
                    (security_context, mut selector),
                ),
            )| {
                if !workload.value.unwrap_or_default().has_replicas() {
                    replicas = Slot::default();
                }
                if workload.value.unwrap_or_default().finishes() {
                    selector = Slot::default();
                }
                Kubernetes {
                    common,
                    workload,
                    rollout,
                    job,
                    replicas,
                    namespace,
                    pre_stop,
                    sidecars,
                    mesh,
                    spot,
                    load_balancer,
                    liveness_grace,
                    security_context,
                    selector,
                }
            },
        )
}

/// A workload with keys that it has.
fn workload() -> impl Strategy<Value = (Slot<Controller>, Slot<Rolling>, Slot<Job>)> {
    let controllers: Vec<Controller> = Controller::WORDS.iter().map(|(_, it)| *it).collect();
    let share = prop_oneof![
        (1_u32..=10_000).prop_map(Share::Pods),
        (1_u32..=100).prop_map(Share::Percent),
    ];
    let rolling = (
        option::of(share.clone()),
        option::of(share),
        option::of(time()),
        any::<bool>(),
    );
    let schedules = vec![
        "30 3 * * *",
        "*/5 0-6,22 1 jan mon-fri",
        "@daily",
        "@every 1h",
    ];
    let successors: Vec<Successor> = Successor::WORDS.iter().map(|(_, it)| *it).collect();
    let policies: Vec<Concurrency> = Concurrency::WORDS.iter().map(|(_, it)| *it).collect();
    let job = (
        prop::sample::select(schedules),
        option::of(some_time()),
        option::of(prop::sample::select(successors)),
        option::of(prop::sample::select(policies)),
    );
    (prop::sample::select(controllers), rolling, job).prop_map(
        |(controller, (max_surge, max_unavailable, min_ready, other), job)| {
            let of_deployments = controller == Controller::Deployment;
            let rolling = Rolling {
                strategy: other.then_some(match of_deployments {
                    true => Replacement::Recreate,
                    false => Replacement::OnDelete,
                }),
                max_surge: max_surge.filter(|_| controller != Controller::StatefulSet),
                max_unavailable,
                min_ready,
                progress_deadline: min_ready
                    .filter(|_| of_deployments)
                    .map(|time| time / 2 + Duration::from_secs(1)),
            };
            let by_the_clock = controller == Controller::CronJob;
            let (schedule, deadline, replacement, concurrency) = job;
            let job = Job {
                schedule: by_the_clock.then(|| schedule.to_owned()),
                deadline,
                replacement,
                concurrency: concurrency.filter(|_| by_the_clock),
            };
            let finishes = controller.finishes();
            (
                Slot::of(controller),
                if finishes {
                    Slot::default()
                } else {
                    Slot::of(rolling)
                },
                if finishes {
                    Slot::of(job)
                } else {
                    Slot::default()
                },
            )
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

/// Any of the platforms with plain keys, any of those keys with the value that is shown of it.
fn others() -> impl Strategy<Value = Vec<Other>> {
    let entries: Vec<_> = shown::ALL
        .iter()
        .map(|shown| {
            let written = vec(option::of(option::of(text())), shown.lines.len());
            option::of((common(), written)).prop_map(|chosen| {
                let (mut common, written) = chosen?;
                if !Platform::facts_of(shown.key).is_some_and(|facts| facts.runs_images) {
                    common.image = Slot::default();
                }
                let lines = shown.lines.iter().zip(written);
                let values = lines.filter_map(|(line, note)| {
                    let value = Some(line.example.to_owned());
                    Some((line.key, Slot { value, note: note? }))
                });
                Some(Other {
                    key: shown.key,
                    common,
                    values: values.collect(),
                })
            })
        })
        .collect();
    entries.prop_map(|entries| entries.into_iter().flatten().collect())
}

prop_compose! {
    pub(super) fn drafts()(
        origin in vec(text(), 0..3),
        generated in any::<bool>(),
        service in (name(), option::of(text())),
        times in (slot(time()), slot(some_time())),
        health in slot(health()).boxed(),
        resources in resources().boxed(),
        kubernetes in option::of(kubernetes()).boxed(),
        ecs in option::of(ecs()).boxed(),
        others in others().boxed(),
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
            others,
        };
        let first = draft.resources[0].name.clone();
        for (_, common) in draft.commons() {
            common.timeouts = vec![(first.clone(), shorter)];
        }
        draft
    }
}

/// A file of the corpus with some of its lines gone, doubled, or holding something else.
pub(super) fn damaged() -> impl Strategy<Value = String> {
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
