//! Manifests as plain data: what a person means before it is YAML.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use crate::yaml::{Yaml, map, text};

/// Kinds and their phases, as the design lists them.
pub(crate) const KINDS: [(&str, usize); 17] = [
    ("http-server", 0),
    ("grpc-server", 0),
    ("websocket", 0),
    ("stream", 0),
    ("queue-consumer", 0),
    ("scheduler", 0),
    ("task", 0),
    ("critical-section", 0),
    ("blocking-work", 0),
    ("child-process", 0),
    ("telemetry", 1),
    ("audit-log", 1),
    ("message-broker", 2),
    ("cache", 2),
    ("database", 2),
    ("file", 2),
    ("custom", 2),
];

/// Phases by their number.
pub(crate) const PHASES: [&str; 3] = ["drain", "flush", "close"];

/// A manifest; times are milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) reserve: Option<u64>,
    pub(crate) unwind: Option<u64>,
    pub(crate) settle: Option<u64>,
    pub(crate) keep_alive: Option<u64>,
    pub(crate) longest_request: Option<u64>,
    pub(crate) period: Option<u64>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) kubernetes: Option<Kubernetes>,
    pub(crate) ecs: Option<Ecs>,
    /// With the time of a hook before the signal.
    pub(crate) compose: Option<(Common, Option<u64>)>,
    /// One entry of [`PLAIN`] at most, by its number.
    pub(crate) plain: Option<(usize, Common)>,
}

/// What a platform makes of an entry that has none of its own keys, written down by hand.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) key: &'static str,
    /// When nothing is written, and the step in which it counts.
    pub(crate) grace: u64,
    pub(crate) unit: u64,
    pub(crate) cap: Option<u64>,
    /// There is nothing to write.
    pub(crate) fixed: bool,
    pub(crate) settle: Settle,
}

/// Who waits until routing has noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    /// The program, for as long as is written; nobody otherwise.
    AsWritten,
    /// The program.
    Program,
    /// The platform, before the signal and outside of the grace period.
    Platform,
}

const fn plain(key: &'static str, grace: u64, unit: u64, settle: Settle) -> Plain {
    Plain {
        key,
        grace,
        unit,
        cap: None,
        fixed: false,
        settle,
    }
}

impl Plain {
    const fn at_most(self, cap: u64) -> Self {
        Self {
            cap: Some(cap),
            ..self
        }
    }

    const fn fixed(self) -> Self {
        let cap = self.grace;
        Self {
            fixed: true,
            ..self.at_most(cap)
        }
    }
}

/// Every platform but Kubernetes, ECS and Compose, which have entries of their own above.
pub(crate) const PLAIN: &[Plain] = &[
    plain("cloud_run", 10_000, 1_000, Settle::AsWritten).fixed(),
    plain("azure_container_apps", 30_000, 1_000, Settle::Program),
    plain("docker", 10_000, 1_000, Settle::AsWritten),
    plain("systemd", 90_000, 1, Settle::Program),
    plain("heroku", 30_000, 1_000, Settle::Program).fixed(),
    plain("nomad", 5_000, 1_000, Settle::Platform).at_most(30_000),
    plain("fly", 5_000, 1_000, Settle::Program).at_most(300_000),
    plain("pm2", 1_600, 1, Settle::AsWritten),
];

#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) kind: usize,
    pub(crate) phase: Option<usize>,
    pub(crate) timeout: u64,
    /// Indices of other resources.
    pub(crate) after: Option<Vec<usize>>,
    pub(crate) uses: Vec<usize>,
    pub(crate) best_effort: Option<bool>,
    pub(crate) lease: Option<u64>,
    pub(crate) spread: Option<u64>,
    pub(crate) restarts: Option<bool>,
    pub(crate) jobs: Jobs,
}

/// What a queue consumer says of its jobs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jobs {
    longest: Option<u64>,
    prefetch: Option<u32>,
    poll: Option<u64>,
    renews_lease: Option<bool>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    pub(crate) grace: Option<u64>,
    pub(crate) app_settle: Option<u64>,
    /// One a resource.
    pub(crate) timeouts: Vec<Option<u64>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Kubernetes {
    pub(crate) common: Common,
    pub(crate) pre_stop: Option<u64>,
    pub(crate) old: bool,
    pub(crate) sidecars: Vec<(u64, Option<bool>)>,
    /// The mesh is Istio, and what is said of its proxy.
    mesh: Option<(bool, Option<bool>, Option<u64>)>,
    liveness_grace: Option<u64>,
    /// Karpenter's, the node's own, Spot's.
    limits: [Option<u64>; 3],
}

#[derive(Debug, Clone)]
pub(crate) struct Ecs {
    pub(crate) common: Common,
    pub ec2: bool,
    pub(crate) spot: Option<bool>,
    pub(crate) balancer: Option<Balancer>,
    sidecars: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Balancer {
    pub(crate) delay: Option<u64>,
}

impl Resource {
    pub(crate) fn phase(&self) -> usize {
        self.phase.unwrap_or(KINDS[self.kind].1)
    }

    pub(crate) fn takes_traffic(&self) -> bool {
        self.kind < 4
    }
}

/// The name of a resource.
pub(crate) fn name(at: usize) -> String {
    format!("r{at}")
}

fn time(most: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (1..=most / 1_000).prop_map(|seconds| seconds * 1_000),
        1 => 1..=most,
    ]
}

fn resource(count: usize) -> impl Strategy<Value = Resource> {
    (
        0..KINDS.len(),
        weighted(0.2, 0..3_usize),
        time(40_000),
        weighted(0.3, vec(0..count, 0..3)),
        vec(0..count, 0..2),
        of(any::<bool>()),
        of(time(60_000)),
        (weighted(0.3, time(40_000)), weighted(0.3, any::<bool>())),
        jobs(),
    )
        .prop_map(
            |(kind, phase, timeout, after, uses, best_effort, lease, (spread, restarts), jobs)| {
                let name = KINDS[kind].0;
                let claims = name == "queue-consumer";
                let runs = claims || matches!(name, "task" | "child-process");
                let sessions = matches!(name, "websocket" | "stream");
                Resource {
                    kind,
                    phase,
                    timeout,
                    after,
                    uses,
                    best_effort,
                    lease: lease.filter(|_| claims),
                    spread: spread.filter(|_| sessions),
                    restarts: restarts.filter(|_| runs),
                    jobs: if claims { jobs } else { Jobs::default() },
                }
            },
        )
}

fn jobs() -> impl Strategy<Value = Jobs> {
    (
        of(time(50_000)),
        of(1..20_u32),
        of(time(20_000)),
        weighted(0.3, any::<bool>()),
    )
        .prop_map(|(longest, prefetch, poll, renews_lease)| Jobs {
            longest,
            prefetch,
            poll,
            renews_lease,
        })
}

/// Resources that may wait for one another in circles.
pub(crate) fn resources(most: usize) -> impl Strategy<Value = Vec<Resource>> {
    (1..=most)
        .prop_flat_map(|count| vec(resource(count), count))
        .prop_map(|mut resources| {
            for (at, resource) in resources.iter_mut().enumerate() {
                resource.uses.retain(|&other| other != at);
                if let Some(after) = &mut resource.after {
                    after.retain(|&other| other != at);
                }
            }
            resources
        })
}

/// Resources whose written waits run one way only.
fn ordered(most: usize) -> impl Strategy<Value = Vec<Resource>> {
    resources(most).prop_map(|mut resources| {
        for (at, resource) in resources.iter_mut().enumerate() {
            resource.uses.retain(|&other| other > at);
            if let Some(after) = &mut resource.after {
                after.retain(|&other| other < at);
            }
        }
        resources
    })
}

fn common(count: usize) -> impl Strategy<Value = Common> {
    (
        weighted(0.7, time(200_000)),
        weighted(0.2, time(10_000)),
        vec(weighted(0.2, time(20_000)), count),
    )
        .prop_map(|(grace, app_settle, timeouts)| Common {
            grace,
            app_settle,
            timeouts,
        })
}

fn kubernetes(count: usize) -> impl Strategy<Value = Kubernetes> {
    let sidecar = (time(10_000), of(any::<bool>()));
    (
        common(count),
        weighted(0.4, prop_oneof![Just(0), time(40_000)]),
        weighted(0.2, Just(())),
        vec(sidecar, 0..3),
        weighted(0.3, (any::<bool>(), of(any::<bool>()), of(time(60_000)))),
        weighted(0.3, time(90_000)),
        [
            weighted(0.2, time(200_000)),
            weighted(0.2, time(90_000)),
            weighted(0.2, time(120_000)),
        ],
    )
        .prop_map(
            |(common, pre_stop, old, sidecars, mesh, liveness_grace, limits)| Kubernetes {
                common,
                pre_stop,
                old: old.is_some(),
                sidecars,
                mesh,
                liveness_grace,
                limits,
            },
        )
}

fn ecs(count: usize) -> impl Strategy<Value = Ecs> {
    (
        common(count),
        any::<bool>(),
        weighted(0.3, any::<bool>()),
        weighted(
            0.6,
            weighted(0.8, time(90_000)).prop_map(|delay| Balancer { delay }),
        ),
        vec(time(130_000), 0..3),
    )
        .prop_map(|(common, ec2, spot, balancer, sidecars)| Ecs {
            common,
            ec2,
            spot,
            balancer,
            sidecars,
        })
}

/// Manifests without circles.
pub(crate) fn manifest() -> impl Strategy<Value = Model> {
    ordered(6).prop_flat_map(|resources| {
        let count = resources.len();
        (
            (
                weighted(0.4, time(10_000)),
                weighted(0.4, 0..2_000_u64),
                weighted(0.5, prop_oneof![Just(0), time(15_000)]),
                weighted(0.3, time(90_000)),
                weighted(0.3, time(90_000)),
                weighted(0.4, (1..=5_u64).prop_map(|seconds| seconds * 1_000)),
            ),
            Just(resources),
            // Boxed, as all of them side by side are more than a thread's stack holds.
            weighted(0.8, kubernetes(count)).boxed(),
            weighted(0.7, ecs(count)).boxed(),
            weighted(0.3, (common(count), weighted(0.5, time(10_000)))).boxed(),
            weighted(0.7, (0..PLAIN.len(), common(count))).boxed(),
        )
            .prop_map(|(numbers, resources, kubernetes, ecs, compose, plain)| {
                let (reserve, unwind, settle, keep_alive, longest_request, period) = numbers;
                Model {
                    reserve,
                    unwind,
                    settle,
                    keep_alive,
                    longest_request,
                    period,
                    resources,
                    kubernetes,
                    ecs,
                    compose,
                    plain: plain.map(|(at, common)| {
                        let grace = common.grace.filter(|_| !PLAIN[at].fixed);
                        (at, Common { grace, ..common })
                    }),
                }
            })
    })
}

/// Bytes that decide a style.
pub(crate) fn style() -> impl Strategy<Value = crate::yaml::Style> {
    vec(any::<u8>(), 0..400).prop_map(crate::yaml::Style::new)
}

/// The manifest as a tree.
pub(crate) fn tree(model: &Model) -> Yaml {
    let millis = |time: Option<u64>| time.map(Yaml::Millis);
    map([
        ("lifecycle", Some(text(1))),
        ("service", Some(text("shop"))),
        (
            "budget",
            Some(map([
                ("reserve", millis(model.reserve)),
                ("unwind", millis(model.unwind)),
            ])),
        ),
        (
            "traffic",
            Some(map([
                ("settle", millis(model.settle)),
                ("keep_alive", millis(model.keep_alive)),
                ("longest_request", millis(model.longest_request)),
                (
                    "health",
                    model.period.map(|period| {
                        map([
                            ("port", Some(text(9090))),
                            ("period", Some(Yaml::Millis(period))),
                        ])
                    }),
                ),
            ])),
        ),
        ("resources", Some(resources_tree(&model.resources))),
        ("platforms", Some(platforms_tree(model))),
    ])
}

fn platforms_tree(model: &Model) -> Yaml {
    let mut platforms = Vec::new();
    if let Some(kubernetes) = &model.kubernetes {
        platforms.push(("kubernetes".to_owned(), kubernetes_tree(kubernetes)));
    }
    if let Some(ecs) = &model.ecs {
        platforms.push(("ecs".to_owned(), ecs_tree(ecs)));
    }
    if let Some(compose) = &model.compose {
        platforms.push(("compose".to_owned(), compose_tree(compose)));
    }
    if let Some((at, common)) = &model.plain {
        platforms.push((PLAIN[*at].key.to_owned(), Yaml::Map(common_tree(common))));
    }
    Yaml::Map(platforms)
}

fn compose_tree((common, hook): &(Common, Option<u64>)) -> Yaml {
    let mut entries = common_tree(common);
    entries.extend(hook.map(|time| {
        let hook = map([
            ("exec", Some(Yaml::List(vec![text("./leave")]))),
            ("timeout", Some(Yaml::Millis(time))),
        ]);
        ("pre_stop".to_owned(), hook)
    }));
    Yaml::Map(entries)
}

/// The `resources` of a tree.
pub(crate) fn resources_tree(resources: &[Resource]) -> Yaml {
    let names = |indices: &[usize]| Yaml::List(indices.iter().map(|&at| text(name(at))).collect());
    let entry = |resource: &Resource| {
        map([
            ("kind", Some(text(KINDS[resource.kind].0))),
            ("timeout", Some(Yaml::Millis(resource.timeout))),
            ("phase", resource.phase.map(|phase| text(PHASES[phase]))),
            ("after", resource.after.as_deref().map(names)),
            (
                "uses",
                Some(names(&resource.uses)).filter(|_| !resource.uses.is_empty()),
            ),
            ("best_effort", resource.best_effort.map(text)),
            ("lease", resource.lease.map(Yaml::Millis)),
            ("spread", resource.spread.map(Yaml::Millis)),
            (
                "on_failure",
                resource
                    .restarts
                    .map(|it| text(if it { "restart" } else { "stop" })),
            ),
            ("longest_job", resource.jobs.longest.map(Yaml::Millis)),
            ("prefetch", resource.jobs.prefetch.map(text)),
            ("poll", resource.jobs.poll.map(Yaml::Millis)),
            ("renews_lease", resource.jobs.renews_lease.map(text)),
        ])
    };
    Yaml::Map(
        resources
            .iter()
            .enumerate()
            .map(|(at, resource)| (name(at), entry(resource)))
            .collect(),
    )
}

fn common_tree(common: &Common) -> Vec<(String, Yaml)> {
    let timeouts: Vec<(String, Yaml)> = common
        .timeouts
        .iter()
        .enumerate()
        .filter_map(|(at, timeout)| Some((name(at), Yaml::Millis((*timeout)?))))
        .collect();
    [
        ("grace_period", common.grace.map(Yaml::Millis)),
        ("app_settle", common.app_settle.map(Yaml::Millis)),
        (
            "timeouts",
            (!timeouts.is_empty()).then_some(Yaml::Map(timeouts)),
        ),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

fn kubernetes_tree(kubernetes: &Kubernetes) -> Yaml {
    let mut entries = common_tree(&kubernetes.common);
    if let Some(pre_stop) = kubernetes.pre_stop {
        entries.push(("pre_stop".to_owned(), Yaml::Millis(pre_stop)));
    }
    if kubernetes.old {
        entries.push(("version".to_owned(), text("1.29")));
    }
    let sidecars = kubernetes.sidecars.iter().enumerate();
    let sidecars: Vec<Yaml> = sidecars
        .map(|(at, (timeout, native))| {
            map([
                ("name", Some(text(format!("proxy{at}")))),
                ("timeout", Some(Yaml::Millis(*timeout))),
                ("native", native.map(text)),
            ])
        })
        .collect();
    if !sidecars.is_empty() {
        entries.push(("sidecars".to_owned(), Yaml::List(sidecars)));
    }
    if let Some((istio, native, drain)) = kubernetes.mesh {
        let name = text(if istio { "istio" } else { "linkerd" });
        let mesh = match (native, drain) {
            (None, None) => name,
            _ => map([
                ("name", Some(name)),
                ("native", native.map(text)),
                ("drain", drain.map(Yaml::Millis)),
            ]),
        };
        entries.push(("mesh".to_owned(), mesh));
    }
    if let Some(grace) = kubernetes.liveness_grace {
        entries.push(("liveness_grace_period".to_owned(), Yaml::Millis(grace)));
    }
    let [karpenter, node_shutdown, spot_notice] = kubernetes.limits.map(|it| it.map(Yaml::Millis));
    if kubernetes.limits.iter().any(Option::is_some) {
        let limits = map([
            ("karpenter", karpenter),
            ("node_shutdown", node_shutdown),
            ("spot_notice", spot_notice),
        ]);
        entries.push(("limits".to_owned(), limits));
    }
    Yaml::Map(entries)
}

fn ecs_tree(ecs: &Ecs) -> Yaml {
    let mut entries = common_tree(&ecs.common);
    if ecs.ec2 {
        entries.push(("launch_type".to_owned(), text("ec2")));
    }
    if let Some(spot) = ecs.spot {
        entries.push(("spot".to_owned(), text(spot)));
    }
    if let Some(Balancer { delay }) = &ecs.balancer {
        let balancer = map([("deregistration_delay", delay.map(Yaml::Millis))]);
        entries.push(("load_balancer".to_owned(), balancer));
    }
    let sidecars = ecs.sidecars.iter().enumerate();
    let sidecars: Vec<Yaml> = sidecars
        .map(|(at, &timeout)| {
            map([
                ("name", Some(text(format!("proxy{at}")))),
                ("timeout", Some(Yaml::Millis(timeout))),
            ])
        })
        .collect();
    if !sidecars.is_empty() {
        entries.push(("sidecars".to_owned(), Yaml::List(sidecars)));
    }
    Yaml::Map(entries)
}
