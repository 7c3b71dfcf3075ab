//! The plan: steps and what each waits for, defaults applied, order found.
//!
//! Without `after`, a step waits for all steps of earlier phases; with `after`, for exactly those
//! named. Whatever a step `uses` waits for it besides. A default wait that contradicts a written one
//! gives way: a resource that something of an earlier phase waits for is pulled forward to that
//! phase, and keeps its default waits only for what is let go before it there.
//!
//! "All steps of a phase" is one [`Gate`], not an edge a pair, so that the plan of ten thousand
//! resources is as large as its manifest and not its square.

mod graph;

use std::time::Duration;

use crate::figure::{Figure, Origin};
use crate::kind::{Kind, Phase};
use crate::manifest::{Drift, Manifest, OnFailure, Resource};
use crate::text::Route;
use graph::Graph;

/// How long cancelled work has to let go when the manifest does not say.
pub const DEFAULT_UNWIND: Duration = Duration::from_millis(250);

/// A service's shutdown, in order.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   db: { kind: database, timeout: 2s }
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
/// assert_eq!(names, ["http", "db"]);
/// assert_eq!(plan.unwind.term(), "250ms unwind");
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// The service's name.
    pub service: String,
    /// The steps, each after all those it waits for; in the order of the file where that is free.
    pub steps: Vec<Step>,
    /// Sets of steps that are waited for together.
    pub gates: Vec<Gate>,
    /// How long cancelled work has to let go after its step's timeout.
    pub unwind: Figure,
    /// What to do about drift.
    pub drift: Drift,
    /// Where health is answered.
    pub health: Option<Health>,
    /// The order in which steps and gates can be gone through, for computing along the waits.
    order: Vec<On>,
}

/// One resource's end.
///
/// ```
/// use lifecycle_manifest::{Analysis, Kind, Phase};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   db: { kind: database, timeout: 2s }
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let db = &plan.steps[1];
/// assert_eq!((db.kind, db.phase), (Kind::Database, Phase::Close));
/// assert_eq!(db.timeout.term(), "2s db");
/// assert_eq!(db.route.to_string(), "resources.db");
/// assert!(!db.best_effort);
/// ```
#[derive(Debug, Clone)]
pub struct Step {
    /// The resource's name.
    pub name: String,
    /// Where the resource stands in the manifest.
    pub route: Route,
    /// Its kind.
    pub kind: Kind,
    /// Its phase.
    pub phase: Phase,
    /// Its timeout, unless a platform has one of its own.
    pub timeout: Figure,
    /// What must have ended before it begins.
    pub waits: Vec<Wait>,
    /// Its timeout or failure does not change the exit code.
    pub best_effort: bool,
    /// Where it listens.
    pub port: Option<u16>,
    /// How long a claimed job stays claimed.
    pub lease: Option<Duration>,
    /// Over how long sessions are told to leave.
    pub spread: Option<Duration>,
    /// What a failure leads to while the service runs.
    pub on_failure: OnFailure,
}

/// Something a step waits for, and why.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::plan::{On, Wait, Why};
/// use lifecycle_manifest::text::Route;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
///   db: { kind: database, timeout: 2s, after: [http] }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let after = Route::keys(["resources", "db", "after"]);
/// assert_eq!(plan.steps[1].waits, [Wait { on: On::Step(0), why: Why::After(after.index(0)) }]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What it waits for.
    pub on: On,
    /// Who said so.
    pub why: Why,
}

/// What can be waited for: indices into [`Plan::steps`] and [`Plan::gates`].
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::plan::On;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
///   db: { kind: database, timeout: 2s, after: [http] }
///   cache: { kind: cache, timeout: 1s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let on = |step: usize| plan.steps[step].waits[0].on;
/// assert_eq!((plan.steps[1].name.as_str(), on(1)), ("db", On::Step(0)));
/// // Without `after`, it waits for all that drains and flushes.
/// assert_eq!((plan.steps[2].name.as_str(), on(2)), ("cache", On::Gate(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// A step.
    Step(usize),
    /// All members of a gate.
    Gate(usize),
}

/// Why a step waits.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::plan::Why;
/// use lifecycle_manifest::text::Route;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s, uses: [db] }
///   db: { kind: database, timeout: 2s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let uses = Route::keys(["resources", "http", "uses"]);
/// assert_eq!(plan.steps[1].waits[0].why, Why::Uses(uses.index(0)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its `after` names the other; where.
    After(Route),
    /// The other `uses` it; where.
    Uses(Route),
    /// By the order of phases.
    Default,
}

impl Why {
    /// The word for messages.
    ///
    /// ```
    /// use lifecycle_manifest::plan::Why;
    /// use lifecycle_manifest::text::Route;
    /// let uses = Route::keys(["resources", "http", "uses"]).index(0);
    /// assert_eq!(Why::Uses(uses).as_str(), "uses");
    /// assert_eq!(Why::Default.as_str(), "default");
    /// ```
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::After(_) => "after",
            Self::Uses(_) => "uses",
            Self::Default => "default",
        }
    }
}

/// Steps that are waited for together.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
///   jobs: { kind: queue-consumer, timeout: 10s, lease: 60s }
///   traces: { kind: telemetry, timeout: 2s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// // `http` and `jobs`, for which `traces` waits.
/// assert_eq!(plan.gates[0].members, [0, 1]);
/// assert!(plan.gates[0].gates.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Gate {
    /// The steps.
    pub members: Vec<usize>,
    /// Gates that must have opened too.
    pub gates: Vec<usize>,
}

/// Where health is answered, defaults applied.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::plan::Health;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// traffic: { health: { ready: /ready, period: 5s } }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// assert_eq!(analysis.resolved.unwrap().plan.health, Some(Health {
///     port: None,
///     ready: "/ready".to_owned(),
///     live: "/health/live".to_owned(),
///     period: Duration::from_secs(5),
///     failures: 1,
/// }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The runtime's own server; `None`: the service answers on its own port.
    pub port: Option<u16>,
    /// Path of the readiness answer.
    pub ready: String,
    /// Path of the liveness answer.
    pub live: String,
    /// How often the platform asks.
    pub period: Duration,
    /// How many bad answers in a row it takes.
    pub failures: u32,
}

impl Health {
    /// The paths, period and failures when the manifest does not say.
    pub const DEFAULT_READY: &'static str = "/health/ready";
    /// See [`Self::DEFAULT_READY`].
    pub const DEFAULT_LIVE: &'static str = "/health/live";
    /// See [`Self::DEFAULT_READY`].
    pub const DEFAULT_PERIOD: Duration = Duration::from_secs(2);
    /// See [`Self::DEFAULT_READY`].
    pub const DEFAULT_FAILURES: u32 = 1;

    fn resolve(written: &crate::manifest::Health) -> Self {
        Self {
            port: written.port.as_ref().map(|port| port.value),
            ready: written
                .ready
                .as_ref()
                .map_or(Self::DEFAULT_READY, |p| &p.value)
                .to_owned(),
            live: written
                .live
                .as_ref()
                .map_or(Self::DEFAULT_LIVE, |p| &p.value)
                .to_owned(),
            period: written
                .period
                .as_ref()
                .map_or(Self::DEFAULT_PERIOD, |p| p.value),
            failures: written
                .failures
                .as_ref()
                .map_or(Self::DEFAULT_FAILURES, |f| f.value),
        }
    }

    /// From a fallen readiness to everybody who asks knowing it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lifecycle_manifest::plan::Health;
    ///
    /// let health = Health {
    ///     port: None,
    ///     ready: Health::DEFAULT_READY.to_owned(),
    ///     live: Health::DEFAULT_LIVE.to_owned(),
    ///     period: Duration::from_secs(5),
    ///     failures: 3,
    /// };
    /// assert_eq!(health.notice(), Duration::from_secs(15));
    /// ```
    pub fn notice(&self) -> Duration {
        self.period.saturating_mul(self.failures)
    }
}

/// Steps that wait for one another in a circle.
///
/// An [`Analysis`](crate::Analysis) makes a finding of it and no plan, so the circle here is put in
/// by hand:
///
/// ```
/// use lifecycle_manifest::text::Route;
/// use lifecycle_manifest::{Analysis, Plan, Written};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: orders
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
///   db: { kind: database, timeout: 2s, after: [http] }
/// ");
/// let mut manifest = analysis.resolved.unwrap().manifest;
/// let after = Route::keys(["resources", "http", "after"]).index(0);
/// let db = Written { value: "db".to_owned(), route: after.clone() };
/// manifest.resources[0].after = Some(vec![db]);
/// let (_, cycles) = Plan::resolve(&manifest);
/// let edges = cycles[0].edges.iter();
/// let edges: Vec<_> = edges.map(|edge| (edge.waiter.as_str(), edge.on.as_str())).collect();
/// assert_eq!(edges, [("http", "db"), ("db", "http")]);
/// ```
#[derive(Debug, Clone)]
pub struct Cycle {
    /// Each member with the wait that leads to the next; the last leads back to the first.
    pub edges: Vec<CycleEdge>,
}

/// One edge of a [`Cycle`].
///
/// ```
/// use lifecycle_manifest::plan::Why;
/// # use lifecycle_manifest::text::Route;
/// # use lifecycle_manifest::{Analysis, Plan, Written};
/// # let analysis = Analysis::of("\
/// # lifecycle: 1
/// # service: orders
/// # resources:
/// #   http: { kind: http-server, port: 8080, timeout: 15s }
/// #   db: { kind: database, timeout: 2s, after: [http] }
/// # ");
/// # let mut manifest = analysis.resolved.unwrap().manifest;
/// # let after = Route::keys(["resources", "http", "after"]).index(0);
/// # let db = Written { value: "db".to_owned(), route: after.clone() };
/// # manifest.resources[0].after = Some(vec![db]);
/// # let (_, cycles) = Plan::resolve(&manifest);
/// // `http` has `after: [db]`, and `db` has `after: [http]`.
/// let edge = &cycles[0].edges[0];
/// assert_eq!((edge.waiter.as_str(), edge.on.as_str()), ("http", "db"));
/// assert_eq!(edge.why, Why::After(after));
/// ```
#[derive(Debug, Clone)]
pub struct CycleEdge {
    /// The step that waits.
    pub waiter: String,
    /// The step it waits for.
    pub on: String,
    /// Why.
    pub why: Why,
}

impl Plan {
    /// Resolves a manifest. Where steps wait for one another in a circle, the circles come beside
    /// a plan in which their waits are left out: enough to look for other faults, and no more.
    ///
    /// ```
    /// use lifecycle_manifest::{Analysis, Plan};
    ///
    /// let analysis = Analysis::of("\
    /// lifecycle: 1
    /// service: orders
    /// resources:
    ///   db: { kind: database, timeout: 2s }
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// ");
    /// let manifest = analysis.resolved.unwrap().manifest;
    /// let (plan, cycles) = Plan::resolve(&manifest);
    /// assert_eq!(plan.steps[0].name, "http");
    /// assert_eq!(plan.steps[1].name, "db");
    /// assert!(cycles.is_empty());
    /// ```
    pub fn resolve(manifest: &Manifest) -> (Self, Vec<Cycle>) {
        let mut graph = Graph::new(&manifest.resources);
        let mut order = graph.sort();
        let cycles = if order.len() < graph.waits.len() + graph.gates.len() {
            let cycles = graph.cycles();
            graph.cut(&order);
            order = graph.sort();
            cycles
        } else {
            Vec::new()
        };
        (Self::assemble(manifest, &graph, &order), cycles)
    }

    /// Steps in the order found, indices renamed accordingly.
    fn assemble(manifest: &Manifest, graph: &Graph<'_>, order: &[On]) -> Self {
        let mut place = vec![0; manifest.resources.len()];
        let in_order = order.iter().filter_map(|on| match on {
            On::Step(old) => Some(*old),
            On::Gate(_) => None,
        });
        let in_order: Vec<usize> = in_order.collect();
        for (new, &old) in in_order.iter().enumerate() {
            place[old] = new;
        }
        let moved = |on: &On| match on {
            On::Step(old) => On::Step(place[*old]),
            On::Gate(gate) => On::Gate(*gate),
        };
        let steps = in_order
            .iter()
            .map(|&old| {
                let resource = &manifest.resources[old];
                Step {
                    name: resource.name.clone(),
                    route: resource.route.clone(),
                    kind: resource.kind.value,
                    phase: resource.phase(),
                    timeout: Figure::new(
                        resource.timeout.value,
                        resource.name.as_str(),
                        Origin::Written(resource.timeout.route.clone()),
                    ),
                    waits: graph.waits[old]
                        .iter()
                        .map(|wait| Wait {
                            on: moved(&wait.on),
                            why: wait.why.clone(),
                        })
                        .collect(),
                    best_effort: resource.best_effort.as_ref().is_some_and(|b| b.value),
                    port: resource.port.as_ref().map(|port| port.value),
                    lease: resource.lease.as_ref().map(|lease| lease.value),
                    spread: resource.spread.as_ref().map(|spread| spread.value),
                    on_failure: resource
                        .on_failure
                        .as_ref()
                        .map_or_else(OnFailure::default, |it| it.value),
                }
            })
            .collect();
        let gates = graph
            .gates
            .iter()
            .map(|gate| Gate {
                members: gate.members.iter().map(|&old| place[old]).collect(),
                gates: gate.gates.clone(),
            })
            .collect();
        let unwind = match &manifest.budget.unwind {
            Some(written) => Figure::new(
                written.value,
                "unwind",
                Origin::Written(written.route.clone()),
            ),
            None => Figure::new(DEFAULT_UNWIND, "unwind", Origin::FormatDefault),
        };
        Self {
            service: manifest.service.value.clone(),
            steps,
            gates,
            unwind,
            drift: manifest
                .drift
                .as_ref()
                .map(|drift| drift.value)
                .unwrap_or_default(),
            health: manifest.traffic.health.as_ref().map(Health::resolve),
            order: order.iter().map(moved).collect(),
        }
    }

    /// Steps and gates, each after all it waits for.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    /// use lifecycle_manifest::plan::On;
    ///
    /// let analysis = Analysis::of("\
    /// lifecycle: 1
    /// service: orders
    /// resources:
    ///   traces: { kind: telemetry, timeout: 2s }
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// ");
    /// let plan = analysis.resolved.unwrap().plan;
    /// assert_eq!(plan.order(), [On::Step(0), On::Gate(0), On::Step(1)]);
    /// ```
    pub fn order(&self) -> &[On] {
        &self.order
    }

    /// The steps that a step waits for, gates opened up, in order and without repetition.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    ///
    /// let analysis = Analysis::of("\
    /// lifecycle: 1
    /// service: orders
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    ///   traces: { kind: telemetry, timeout: 2s }
    ///   db: { kind: database, timeout: 2s }
    /// ");
    /// let plan = analysis.resolved.unwrap().plan;
    /// assert_eq!(plan.steps[2].name, "db");
    /// assert_eq!(plan.waits_for(2), [0, 1]);
    /// assert!(plan.waits_for(0).is_empty());
    /// ```
    pub fn waits_for(&self, step: usize) -> Vec<usize> {
        let mut steps = Vec::new();
        let mut gates: Vec<usize> = Vec::new();
        for wait in &self.steps[step].waits {
            match wait.on {
                On::Step(other) => steps.push(other),
                On::Gate(gate) => gates.push(gate),
            }
        }
        while let Some(gate) = gates.pop() {
            steps.extend(&self.gates[gate].members);
            gates.extend(&self.gates[gate].gates);
        }
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// For each step, whether it has ended whenever this one begins: what it waits for, and what that
    /// waits for. In time linear in the plan.
    pub(crate) fn ended_before(&self, step: usize) -> Vec<bool> {
        let mut ended = vec![false; self.steps.len()];
        let mut open = vec![false; self.gates.len()];
        let mut next: Vec<On> = self.steps[step].waits.iter().map(|wait| wait.on).collect();
        while let Some(on) = next.pop() {
            match on {
                On::Step(other) if !ended[other] => {
                    ended[other] = true;
                    next.extend(self.steps[other].waits.iter().map(|wait| wait.on));
                }
                On::Gate(gate) if !open[gate] => {
                    open[gate] = true;
                    next.extend(
                        self.gates[gate]
                            .members
                            .iter()
                            .map(|&member| On::Step(member)),
                    );
                    next.extend(self.gates[gate].gates.iter().map(|&inner| On::Gate(inner)));
                }
                _ => {}
            }
        }
        ended
    }

    /// The port that requests and, without a server of its own, health probes go to: the first HTTP
    /// server's in the order of the file, else the first port there is.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    ///
    /// let analysis = Analysis::of("\
    /// lifecycle: 1
    /// service: orders
    /// resources:
    ///   rpc: { kind: grpc-server, port: 50051, timeout: 15s }
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// ");
    /// let resolved = analysis.resolved.unwrap();
    /// assert_eq!(resolved.plan.main_port(&resolved.manifest), Some(8080));
    /// ```
    pub fn main_port(&self, manifest: &Manifest) -> Option<u16> {
        let port = |resource: &Resource| resource.port.as_ref().map(|port| port.value);
        let http = |resource: &&Resource| resource.kind.value == Kind::HttpServer;
        let resources = &manifest.resources;
        let first = resources.iter().filter(http).find_map(port);
        first.or_else(|| resources.iter().find_map(port))
    }

    /// The port that health probes go to; `None` where there is no health to ask for.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    ///
    /// let with = |traffic: &str| {
    ///     let analysis = Analysis::of(&format!("\
    /// lifecycle: 1
    /// service: orders
    /// traffic: {traffic}
    /// resources:
    ///   http: {{ kind: http-server, port: 8080, timeout: 15s }}
    /// "));
    ///     let resolved = analysis.resolved.unwrap();
    ///     resolved.plan.health_port(&resolved.manifest)
    /// };
    /// assert_eq!(with("{ health: { port: 9000 } }"), Some(9000));
    /// assert_eq!(with("{ health: { period: 5s } }"), Some(8080));
    /// assert_eq!(with("{ settle: 5s }"), None);
    /// ```
    pub fn health_port(&self, manifest: &Manifest) -> Option<u16> {
        self.health
            .as_ref()?
            .port
            .or_else(|| self.main_port(manifest))
    }
}
