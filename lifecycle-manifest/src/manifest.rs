//! The manifest, format 1: what a `lifecycle.yaml` says, and nothing that it does not.
//!
//! Every value is [`Written`]: it knows its route. Nothing here is defaulted; the
//! [`Plan`](crate::Plan) applies defaults last and remembers where each number came from.

use std::time::Duration;

use crate::kind::{Kind, Phase};
use crate::platform::Platforms;
use crate::text::Route;

/// A value that stands in the file, and where.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources: { db: { kind: database, timeout: 5s } }
/// ");
/// let service = analysis.resolved.unwrap().manifest.service;
/// assert_eq!((service.value.as_str(), service.route.to_string()), ("shop", "service".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub route: Route,
}

impl<T> Written<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Written<U> {
        Written {
            value: change(self.value),
            route: self.route,
        }
    }
}

/// A whole `lifecycle.yaml`.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   db: { kind: database, timeout: 5s }
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: {}
/// ");
/// let manifest = analysis.resolved.unwrap().manifest;
/// assert_eq!(manifest.service.value, "shop");
/// let names: Vec<&str> = manifest.resources.iter().map(|it| it.name.as_str()).collect();
/// assert_eq!(names, ["db", "http"]);
/// assert!(manifest.platforms.get("kubernetes").is_some());
/// assert_eq!(manifest.drift, None);
/// ```
#[derive(Debug, Clone)]
pub struct Manifest {
    /// `service`: the name used for the program, its manifests and its report.
    pub service: Written<String>,
    /// `drift`: what the program does when its deployment was generated from another plan.
    pub drift: Option<Written<Drift>>,
    /// `budget`.
    pub budget: Budget,
    /// `traffic`.
    pub traffic: Traffic,
    /// `resources`, in the order of the file.
    pub resources: Vec<Resource>,
    /// `platforms`, in the order of the file.
    pub platforms: Platforms,
    /// `drill`: how a rehearsal loads the service.
    pub drill: Option<Drill>,
    /// `generate`: where generated files go, and which are somebody's own.
    pub generate: Generate,
    /// `lints`: how bad findings are.
    pub lints: Vec<crate::lints::Lint>,
}

/// `drift`: what the program does when its deployment was generated from another plan.
///
/// ```
/// use lifecycle_manifest::{Analysis, Drift};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// drift: refuse
/// resources: { db: { kind: database, timeout: 5s } }
/// ");
/// assert_eq!(analysis.resolved.unwrap().plan.drift, Drift::Refuse);
/// assert_eq!(Drift::default().as_str(), "warn");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Drift {
    /// Say so in the log and go on.
    #[default]
    Warn,
    /// Do not start.
    Refuse,
}

impl Drift {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Warn, Self::Refuse];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// `budget`: what belongs to no single step.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// budget: { reserve: 3s }
/// resources: { db: { kind: database, timeout: 5s } }
/// ");
/// let budget = analysis.resolved.unwrap().manifest.budget;
/// assert_eq!(budget.reserve.unwrap().value, Duration::from_secs(3));
/// assert_eq!(budget.unwind, None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Budget {
    /// `reserve`: never planned for; what is left before SIGKILL.
    pub reserve: Option<Written<Duration>>,
    /// `unwind`: how long cancelled work has to let go after its step's timeout.
    pub unwind: Option<Written<Duration>>,
}

/// `traffic`: how requests reach the service.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { settle: 5s, longest_request: 20s }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 20s }
/// ");
/// let traffic = analysis.resolved.unwrap().manifest.traffic;
/// assert_eq!(traffic.settle.unwrap().value, Duration::from_secs(5));
/// assert_eq!(traffic.longest_request.unwrap().value, Duration::from_secs(20));
/// assert_eq!(traffic.keep_alive, None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// `settle`: how long routing needs to notice that this instance is leaving.
    pub settle: Option<Written<Duration>>,
    /// `longest_request`: what deregistration and drain must cover.
    pub longest_request: Option<Written<Duration>>,
    /// `keep_alive`: the server's idle keep-alive.
    pub keep_alive: Option<Written<Duration>>,
    /// `health`: where readiness and liveness are answered.
    pub health: Option<Health>,
}

/// `traffic.health`.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// traffic: { health: { port: 9090, ready: /ready } }
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// ");
/// let health = analysis.resolved.unwrap().manifest.traffic.health.unwrap();
/// assert_eq!(health.port.unwrap().value, 9090);
/// assert_eq!(health.ready.unwrap().value, "/ready");
/// assert_eq!(health.live, None);
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    /// Where the block stands.
    pub route: Route,
    /// `port`: a small server of the runtime's own; unset, the service answers on its own port.
    pub port: Option<Written<u16>>,
    /// `ready`: path of the readiness answer.
    pub ready: Option<Written<String>>,
    /// `live`: path of the liveness answer.
    pub live: Option<Written<String>>,
    /// `period`: how often the platform asks.
    pub period: Option<Written<Duration>>,
    /// `failures`: how many bad answers in a row it takes to be believed.
    pub failures: Option<Written<u32>>,
}

/// One entry of `resources`.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::{Analysis, Kind, Phase};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s, uses: [db] }
///   db: { kind: database, timeout: 5s, best_effort: true }
/// ");
/// let resources = analysis.resolved.unwrap().manifest.resources;
/// let [http, db] = &resources[..] else { panic!("{resources:?}") };
/// assert_eq!(http.uses[0].value, "db");
/// assert_eq!((db.kind.value, db.phase()), (Kind::Database, Phase::Close));
/// assert_eq!(db.timeout.value, Duration::from_secs(5));
/// ```
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Where the entry stands.
    pub route: Route,
    /// `kind`.
    pub kind: Written<Kind>,
    /// `phase`: overrides the kind's.
    pub phase: Option<Written<Phase>>,
    /// `timeout`: how long its step may take.
    pub timeout: Written<Duration>,
    /// `after`: exactly these must have ended before it begins.
    pub after: Option<Vec<Written<String>>>,
    /// `uses`: what it calls while it drains; those wait for it.
    pub uses: Vec<Written<String>>,
    /// `best_effort`: its timeout or failure is reported and does not change the exit code.
    pub best_effort: Option<Written<bool>>,
    /// `exclusive`: only one instance of the service may hold it at a time.
    pub exclusive: Option<Written<bool>>,
    /// `port`: where it listens.
    pub port: Option<Written<u16>>,
    /// `lease`: how long a claimed job stays claimed without renewal.
    pub lease: Option<Written<Duration>>,
    /// `spread`: over how long sessions are told to leave.
    pub spread: Option<Written<Duration>>,
    /// `on_failure`: what an error or a panic leads to while the service runs.
    pub on_failure: Option<Written<OnFailure>>,
    /// What else a queue consumer says of its jobs.
    pub jobs: Jobs,
}

/// `on_failure`: what an error or a panic of a resource leads to while the service runs. It decides
/// nothing about a shutdown.
///
/// ```
/// use lifecycle_manifest::{Analysis, OnFailure};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   mail: { kind: task, timeout: 5s, on_failure: restart }
///   sweep: { kind: task, timeout: 5s }
/// ");
/// let plan = analysis.resolved.unwrap().plan;
/// let on_failure: Vec<OnFailure> = plan.steps.iter().map(|step| step.on_failure).collect();
/// assert_eq!(on_failure, [OnFailure::Restart, OnFailure::Stop]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum OnFailure {
    /// The service stops in order, with a non-zero exit code.
    #[default]
    Stop,
    /// The resource is run again, after a pause.
    Restart,
}

impl OnFailure {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Stop, Self::Restart];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// What a queue consumer says of its jobs. It decides nothing about a shutdown; rules hold it
/// against the lease and the timeout.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   mails: { kind: queue-consumer, timeout: 20s, lease: 30s, longest_job: 15s, prefetch: 1 }
/// ");
/// let jobs = &analysis.resolved.unwrap().manifest.resources[0].jobs;
/// assert_eq!(jobs.longest.as_ref().map(|it| it.value.as_secs()), Some(15));
/// assert_eq!(jobs.prefetch.as_ref().map(|it| it.value), Some(1));
/// assert!(jobs.poll.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    /// `longest_job`: how long a job may take.
    pub longest: Option<Written<Duration>>,
    /// `prefetch`: how many claimed jobs are held at most, worked on one after another.
    pub prefetch: Option<Written<u32>>,
    /// `poll`: how long one receive waits for jobs, where it cannot be given up at the signal.
    pub poll: Option<Written<Duration>>,
    /// `renews_lease`: the consumer renews a job's lease while it works on it.
    pub renews_lease: Option<Written<bool>>,
}

impl Resource {
    /// Its phase: written, or its kind's.
    pub fn phase(&self) -> Phase {
        self.phase
            .as_ref()
            .map_or(self.kind.value.phase(), |phase| phase.value)
    }
}

/// `drill`: how a rehearsal starts and loads the service. It decides nothing about a shutdown.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   rate: 200
///   env: { LOG: debug }
///   requests: [GET /orders]
/// ");
/// let drill = analysis.resolved.unwrap().manifest.drill.unwrap();
/// assert_eq!(drill.rate.unwrap().value, 200);
/// assert_eq!(drill.env, [("LOG".to_owned(), "debug".to_owned())]);
/// assert_eq!(drill.requests[0].path, "/orders");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Drill {
    /// `rate`: requests a second.
    pub rate: Option<Written<u32>>,
    /// `env`: set for the process.
    pub env: Vec<(String, String)>,
    /// `connections`: how requests share them.
    pub connections: DrillConnections,
    /// `requests`: what is sent.
    pub requests: Vec<DrillRequest>,
    /// `expect`: what a rehearsal is held to.
    pub expect: DrillExpect,
}

/// `drill.expect`: what a rehearsal is held to, where it is not the default.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   expect: { lost: 2, exit_within: 10s }
/// ");
/// let expect = analysis.resolved.unwrap().manifest.drill.unwrap().expect;
/// assert_eq!(expect.lost.unwrap().value, 2);
/// assert_eq!(expect.exit_within.unwrap().value, Duration::from_secs(10));
/// assert_eq!(expect.exit_code, None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct DrillExpect {
    /// `lost`: requests that may be lost; none when not written.
    pub lost: Option<Written<u64>>,
    /// `server_errors`: requests that may be answered with a server error because of the stop; none
    /// when not written.
    pub server_errors: Option<Written<u64>>,
    /// `refused`: requests that may be refused from the stop on; any number, with a warning, when not
    /// written.
    pub refused: Option<Written<u64>>,
    /// `exit_code`: how the program leaves; 0 when not written.
    pub exit_code: Option<Written<u8>>,
    /// `exit_within`: from the signal to the end of the program; as planned, with a warning, when not
    /// written.
    pub exit_within: Option<Written<Duration>>,
    /// `readiness_within`: from the signal to the first no of readiness; 500ms when not written.
    pub readiness_within: Option<Written<Duration>>,
    /// `p99`: the slowest that 99 in 100 requests may be from the stop on; anything when not written.
    pub p99: Option<Written<Duration>>,
}

/// `drill.connections`: how requests share connections.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   connections: { kept_alive: 20, fresh: 10% }
/// ");
/// let connections = analysis.resolved.unwrap().manifest.drill.unwrap().connections;
/// assert_eq!(connections.kept_alive.unwrap().value, 20);
/// assert_eq!(connections.fresh.unwrap().value, 10);
/// ```
#[derive(Debug, Clone, Default)]
pub struct DrillConnections {
    /// `kept_alive`: how many are kept alive.
    pub kept_alive: Option<Written<u32>>,
    /// `fresh`: of a hundred requests, how many have a connection of their own.
    pub fresh: Option<Written<u8>>,
}

/// One entry of `drill.requests`.
///
/// ```
/// use lifecycle_manifest::{Analysis, DrillRequest};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   requests:
///     - POST /orders
///     - { path: /reports, slow: true }
/// ");
/// let requests = analysis.resolved.unwrap().manifest.drill.unwrap().requests;
/// assert_eq!(requests, [
///     DrillRequest {
///         method: Some("POST".to_owned()),
///         path: "/orders".to_owned(),
///         ..DrillRequest::default()
///     },
///     DrillRequest { path: "/reports".to_owned(), slow: true, ..DrillRequest::default() },
/// ]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrillRequest {
    /// `protocol`; plain HTTP when not written.
    pub protocol: DrillProtocol,
    /// `method`; `None` when not written.
    pub method: Option<String>,
    /// `path`.
    pub path: String,
    /// `headers`.
    pub headers: Vec<(String, String)>,
    /// `body` or `body_bytes`.
    pub body: DrillBody,
    /// `proto`: the file that describes a gRPC call's messages, from the manifest's own directory.
    pub proto: Option<String>,
    /// `weight`: how often beside the others; `None`, which is 1, when not written.
    pub weight: Option<u32>,
    /// `slow`: known to take long, and kept in flight when the signal comes.
    pub slow: bool,
    /// `send_over`: how long its body takes to be sent.
    pub send_over: Option<Duration>,
    /// `read_over`: how long its answer takes to be read.
    pub read_over: Option<Duration>,
    /// `clients`: how many keep it open.
    pub clients: Option<u32>,
    /// `every`: how often a client says the body on its socket.
    pub every: Option<Duration>,
}

/// What a request carries.
///
/// ```
/// use lifecycle_manifest::{Analysis, DrillBody};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   requests:
///     - { method: POST, path: /orders, body: '{}' }
///     - { method: PUT, path: /pictures, body_bytes: 4096 }
///     - GET /
/// ");
/// let requests = analysis.resolved.unwrap().manifest.drill.unwrap().requests;
/// let bodies: Vec<DrillBody> = requests.into_iter().map(|it| it.body).collect();
/// assert_eq!(bodies, [DrillBody::Text("{}".to_owned()), DrillBody::Bytes(4096), DrillBody::None]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DrillBody {
    /// Nothing.
    #[default]
    None,
    /// `body`: text, as it stands.
    Text(String),
    /// `body_bytes`: so many bytes of no meaning.
    Bytes(u32),
}

/// What a request of a drill is sent in.
///
/// ```
/// use lifecycle_manifest::{Analysis, DrillProtocol};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// drill:
///   requests: [GET /, http2 GET /orders]
/// ");
/// let requests = analysis.resolved.unwrap().manifest.drill.unwrap().requests;
/// let protocols: Vec<DrillProtocol> = requests.iter().map(|it| it.protocol).collect();
/// assert_eq!(protocols, [DrillProtocol::Http, DrillProtocol::Http2]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum DrillProtocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
    /// A gRPC call; with `clients`, a gRPC stream that they keep open.
    Grpc,
    /// A WebSocket that clients keep open.
    Websocket,
    /// An answer that goes on, such as server-sent events, and that clients keep open.
    Stream,
}

impl DrillProtocol {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Http,
        Self::Http2,
        Self::Grpc,
        Self::Websocket,
        Self::Stream,
    ];

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Websocket => "websocket",
            Self::Stream => "stream",
        }
    }
}

/// `generate`: what `lifecycle gen` does with its files. It decides nothing about a shutdown.
///
/// ```
/// use lifecycle_manifest::Analysis;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// generate: { output: deploy, own: [kubernetes/deployment.yaml] }
/// resources: { db: { kind: database, timeout: 5s } }
/// ");
/// let generate = analysis.resolved.unwrap().manifest.generate;
/// assert_eq!(generate.output.unwrap().value, "deploy");
/// assert_eq!(generate.own[0].value, "kubernetes/deployment.yaml");
/// assert_eq!(generate.templates, None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Generate {
    /// `output`: the directory of the tree, from the manifest's own.
    pub output: Option<Written<String>>,
    /// `templates`: a directory of templates that replace the built-in ones, from the manifest's own.
    pub templates: Option<Written<String>>,
    /// `own`: files that are somebody's own: neither written nor compared.
    pub own: Vec<Written<String>>,
}
