//! Runs the shutdown that `lifecycle.yaml` declares: readiness, drain, flush and close in the order
//! of the plan, each step within its own time, and an end before the platform's SIGKILL.
//!
//! The crate knows nothing of YAML and computes no number. `#[lifecycle::main]` compiles the manifest
//! into a [`plan::Plan`]; this crate follows it. The package is called `lifecycle-runtime`, and a
//! service takes it by the library's name:
//!
//! ```toml
//! [dependencies]
//! lifecycle = { package = "lifecycle-runtime", git = "https://github.com/lifecycle-rs/lifecycle" }
//! ```
//!
//! Resources are wired by returning them from `main`:
//!
//! ```ignore
//! #[lifecycle::main]
//! async fn main() -> anyhow::Result<Resources> {
//!     let db = SqlitePool::connect(&database_url()).await?;
//!     let listener = TcpListener::bind("0.0.0.0:8080").await?;
//!     Ok(Resources {
//!         http: HttpServer::new(listener, router(db.clone())),
//!         orders_db: Database::new(move || async move { db.close().await }),
//!     })
//! }
//! ```
//!
//! # Without the macro
//!
//! [`Lifecycle`] does the same inside a tokio runtime of your own, with a plan written by hand:
//!
//! ```
//! use std::borrow::Cow;
//! use std::time::Duration;
//!
//! use lifecycle::plan::{Drift, Kind, OnFailure, Phase, Plan, Step, Timeline};
//! use lifecycle::{Database, Lifecycle, Task};
//!
//! static PLAN: Plan = Plan {
//!     service: Cow::Borrowed("thumbnails"),
//!     digest: Cow::Borrowed("0123456789abcdef"),
//!     health: None,
//!     keep_alive: None,
//!     drift: Drift::Warn,
//!     steps: Cow::Borrowed(&[
//!         Step {
//!             name: Cow::Borrowed("resizer"),
//!             kind: Kind::Task,
//!             phase: Phase::Drain,
//!             waits_for: Cow::Borrowed(&[]),
//!             best_effort: false,
//!             lease: None,
//!             spread: None,
//!             on_failure: OnFailure::Stop,
//!         },
//!         Step {
//!             name: Cow::Borrowed("index"),
//!             kind: Kind::Database,
//!             phase: Phase::Close,
//!             waits_for: Cow::Borrowed(&[0]), // after `resizer`
//!             best_effort: false,
//!             lease: None,
//!             spread: None,
//!             on_failure: OnFailure::Stop,
//!         },
//!     ]),
//!     timelines: Cow::Borrowed(&[]),
//!     unmanaged: Timeline {
//!         platform: Cow::Borrowed("unmanaged"),
//!         settle: Duration::ZERO,
//!         timeouts: Cow::Borrowed(&[Duration::from_secs(10), Duration::from_secs(5)]),
//!         unwind: Duration::from_millis(250),
//!         deadline: Duration::from_secs(18),
//!         grace: Duration::from_secs(20),
//!         kill: Duration::from_secs(20),
//!     },
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = Lifecycle::new(&PLAN)
//!     .with(
//!         "resizer",
//!         Task::new(|stopping| async move {
//!             // … until:
//!             stopping.requested().await;
//!         }),
//!     )
//!     .with("index", Database::new(|| async { Ok::<_, std::io::Error>(()) }))
//!     // Leaves signals and process alone, as a test wants it.
//!     .embedded();
//!
//! let stop = service.stop_handle();
//! stop.stop("the example is over");
//! let report = service.run().await;
//! assert_eq!(report.exit_code(), 0);
//! # }
//! ```
//!
//! A service's `main` ends with `Lifecycle::new(&PLAN)….run().await.into()`, which is the
//! [`ExitCode`](std::process::ExitCode) of what happened.
//!
//! # The resources
//!
//! | kind in the manifest | type | what it is given |
//! |---|---|---|
//! | `http-server` | [`HttpServer`] | a listener and a service (feature `http`), or another framework's server |
//! | `queue-consumer` | [`QueueConsumer`] | a [`Source`] of jobs and a handler, or a loop with [`Claims`] |
//! | `scheduler` | [`Scheduler`] | jobs, each with its [`Schedule`] |
//! | `grpc-server` | [`GrpcServer`] | a listener and a service (feature `grpc`), or any server with a stop handle |
//! | `task` | [`Task`] | [`Stopping`]: `requested`, `cancelled`, `working`, `spawn`; handlers get [`Tasks`] |
//! | `critical-section` | [`CriticalSection`] | nothing; handlers pass through its handle, [`Gate`] |
//! | `blocking-work` | [`BlockingWork`] | nothing; handlers begin work through its handle, [`Blocking`] |
//! | `child-process` | `ChildProcess` (feature `process`) | a command, or nothing; handlers start programs through its handle |
//! | `websocket`, `stream` | [`WebSockets`], [`Streams`] | nothing; handlers get a [`Session`] from its handle, [`Sessions`] |
//! | `telemetry` | [`Telemetry`], of one or more [`Exporter`]s | a flush, and what comes at the very end |
//! | `audit-log`, `message-broker`, `cache`, `database`, `file`, `custom` | [`AuditLog`], [`MessageBroker`], [`Cache`], [`Database`], [`File`], [`Custom`] | a closing call, async or `blocking` |
//!
//! # The manual
//!
//! The life of a service:
//!
//! - [What happens at each moment](manual::moments), from the start of the process to its exit code.
//! - [Health](manual::health): readiness, liveness, status, and the program as its own probe.
//! - [Signals](manual::signals), [exit codes](manual::exit_codes) and [the
//!   environment](manual::environment).
//! - [The report](manual::report), and the same facts in the log and as metrics.
//! - [systemd](manual::systemd): what a service manager is told.
//! - AWS, in the module `aws` of that feature: Spot interruptions and ECS tasks.
//! - [Testing](manual::testing): a termination in a test of your own, and faults for a drill.
//!
//! What it holds:
//!
//! - [HTTP servers](manual::http): listeners, TLS, what is bounded, handlers that stop well; and with
//!   actix-web the crate `lifecycle-actix`.
//! - [gRPC servers](manual::grpc): the health protocol, GOAWAY, calls that finish.
//! - [WebSockets](manual::websockets) and [streams](manual::streams): sessions are told to leave one by
//!   one, waited for, and ended.
//! - [Queue consumers](manual::consumers): what is claimed, renewed, finished and handed back.
//! - [Tasks](manual::tasks) and [schedules](manual::schedules): named, never silent, started again.
//! - [Critical sections](manual::critical_sections): what must not be begun any more, nor cut off.
//! - [Blocking work](manual::blocking_work) and [child processes](manual::child_processes), also as a
//!   container's first process.
//! - [Telemetry](manual::telemetry): traces, metrics and logs, also those of the last moment.
//! - [Clients and files](manual::clients): pools, brokers, caches, and whatever only has an end.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `macros` (default) | `#[lifecycle::main]` |
//! | `http` (default) | [`HttpServer`] for HTTP/1 and any tower service |
//! | `http2` | HTTP/2 on the same listener |
//! | `grpc` | `GrpcServer::new` for tonic and any tower service over gRPC's bodies; no crate beyond those of `http2` |
//! | `tls` | TLS by rustls, with the cryptography that the service chooses |
//! | `socket-activation` | listeners that systemd hands over |
//! | `futures` | `Session::socket` and `Session::stream`, for what is a `Stream` or a `Sink`; no further crate |
//! | `aws` | Spot interruption notices and ECS task metadata, where they are asked for; no further crate |
//! | `process` | `ChildProcess`, and the duties of a container's first process |
//! | `testing` | `lifecycle::testing`: a termination played in a test of your own |
//! | `faults` | `LIFECYCLE_FAULTS`: faults in a real process, for drills |
//! | `metrics` | the facts of a shutdown through the `metrics` facade |

#[cfg(feature = "aws")]
pub mod aws;
mod cancellation;
mod control;
mod environment;
mod exchange;
mod executor;
#[cfg_attr(
    not(any(feature = "faults", feature = "testing")),
    path = "no_faults.rs"
)]
#[allow(
    unreachable_pub,
    reason = "reached through `testing`, where that is built"
)]
mod faults;
#[cfg(any(fuzzing, clippy))]
pub mod fuzz;
mod grpc;
mod handshake;
mod health;
mod http;
#[cfg(all(target_os = "linux", feature = "process"))]
mod init;
mod lifecycle;
#[cfg(any(doc, doctest))]
pub mod manual;
#[cfg_attr(not(feature = "metrics"), path = "no_metrics.rs")]
mod metrics;
pub mod plan;
mod probe;
mod report;
mod resource;
mod runtime;
mod session;
mod signals;
mod status;
mod sync;
mod systemd;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod watchdog;
mod wiring;
mod work;

pub use cancellation::Cancellation;
pub use grpc::GrpcServer;
#[doc(hidden)]
pub use handshake::BEGIN_NO_HANDSHAKE;
pub use health::{Health, health};
pub use http::HttpServer;
#[cfg(feature = "http")]
pub use http::{Listener, Peer, RunningServer};
#[cfg(all(target_os = "linux", feature = "process"))]
pub use init::init;
pub use lifecycle::{Lifecycle, StopHandle, stop};
#[cfg(feature = "macros")]
/// # Example
///
/// ```
/// mod shop {
///     lifecycle::include_plan!("tests/macros/shop.yaml");
/// }
///
/// let plan = shop::Resources::plan();
/// assert_eq!((&*plan.service, plan.steps.len()), ("shop", 2));
/// ```
pub use lifecycle_macros::include_plan;
#[cfg(feature = "macros")]
/// # Example
///
/// ```no_run
/// use lifecycle::{Database, Task};
///
/// #[lifecycle::main(manifest = "tests/macros/shop.yaml", flavor = "current_thread")]
/// async fn main() -> Resources {
///     Resources {
///         jobs: Task::new(|stopping| async move { stopping.requested().await }),
///         orders_db: Database::new(|| async { /* close it */ }),
///     }
/// }
/// ```
pub use lifecycle_macros::main;
pub use report::{Outcome, PhaseReport, Report, StepOutcome, StepReport};
pub use resource::{
    AuditLog, Blocking, BlockingWork, Cache, Claimed, Claims, Closed, CriticalSection, Custom,
    Database, Demand, Ending, Exporter, Farewell, File, Gate, Inside, Job, Lost, MessageBroker,
    NotRenewed, QueueConsumer, QueueConsumerBuilder, Restarts, Schedule, Scheduler, Session,
    Sessions, Source, StopFlag, Stopping, Stops, Streams, Task, Tasks, Telemetry, Ticket,
    WebSockets, Working,
};
#[cfg(all(unix, feature = "process"))]
pub use resource::{Child, ChildProcess, Children, NotStarted, StopSignal};
#[cfg(feature = "http")]
pub use resource::{Origin, SessionBody};
#[cfg(feature = "futures")]
pub use resource::{SessionSocket, SessionStream};
pub use runtime::{MainResult, Runtime};
pub use signals::Signal;
pub use status::{ResourceState, ResourceStatus, State, Status, status};
pub use wiring::{Resource, Resources, Wiring};
