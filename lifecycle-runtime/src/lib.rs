//! Runs the shutdown that `lifecycle.yaml` declares: readiness, drain, flush and close in the order
//! of the plan, each step within its own time, and an end before the platform's SIGKILL.
//!
//! The crate knows nothing of YAML and computes no number. `#[lifecycle::main]` compiles the manifest
//! into a [`plan::Plan`]; this crate follows it. Resources are wired by returning them from `main`:
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
//! | `http-server` | `HttpServer` (feature `http`) | a listener and a service |
//! | `queue-consumer` | [`QueueConsumer`] | [`Claims`]: `next`, `working`, `cancelled` |
//! | `scheduler` | [`Scheduler`] | a period and a job |
//! | `task`, `grpc-server`, `websocket`, `stream` | [`Task`], [`GrpcServer`], [`WebSockets`], [`Streams`] | [`Stopping`]: `requested`, `cancelled`, `working` |
//! | `telemetry`, `audit-log`, `message-broker`, `cache`, `database`, `file`, `custom` | [`Telemetry`], [`AuditLog`], [`MessageBroker`], [`Cache`], [`Database`], [`File`], [`Custom`] | a closing call, async or `blocking` |
//!
//! # What happens, moment by moment
//!
//! **Before `main`.** The environment is read and compared with the plan (below), SIGTERM and SIGINT
//! are taken by a thread of their own, and the health server listens: liveness 200, readiness 503.
//!
//! **While `main` runs.** A signal drops its future where it waits, and the process exits with 0:
//! nothing was wired, so nothing can be lost. A `main` that blocks its thread gets one second. An
//! error or a panic of `main` is printed and reported, and the exit code is 1.
//!
//! **When `main` has returned.** The resources start in the reverse of the order in which they stop:
//! what others use first. One with a start-up probe (`started_when`) is up when the probe says so, and
//! what uses it starts then; the others start side by side. When all are up, readiness turns 200. A
//! probe that says no for too long, or panics, is a start that failed: what had started is stopped in
//! order, and the exit code is 1. A signal in the middle of this stops in order what `main` has
//! returned, without settling, because no traffic has come yet.
//!
//! **While it runs.** A resource that ends with an error or a panic stops the service in order, with exit code 80, unless
//! it is `best_effort`. One that ends well has just ended; when all that served have, so that only
//! closing is left, the service stops and exits with 0.
//!
//! **The signal.** Readiness turns 503 at once, and stays; liveness stays 200 to the end. The watchdog
//! gets the plan's deadline.
//!
//! **Settle.** For as long as routing needs to notice, the service serves on, and HTTP answers ask
//! their clients to go elsewhere. A platform that waits before it sends the signal has paid for this
//! already, and the time is zero. A service that stops for a reason of its own was announced by
//! nobody, and always settles by itself.
//!
//! **The steps.** Each begins when all those it waits for have ended, side by side with the others. It
//! stops its intake, finishes what is in flight, and has its whole timeout for that, whatever became
//! of other steps. At the timeout what is left is named for the report and cancelled; it has the
//! `unwind` time to let go, and then it is dropped. An error, a panic or a timeout ends this step and
//! no other.
//!
//! **The end.** The report is written, logged as one event of the target `lifecycle::report`, and the
//! process exits with the code of the worst that happened.
//!
//! **The watchdog.** At the deadline, a little after the last step's window and before the platform's
//! SIGKILL, a plain thread writes what is known and ends the process. It works when every async worker
//! is blocked, and also while a `main` that has its exit code does not return. It does not wait for
//! exit handlers, and for the report no longer than a quarter of a second.
//!
//! # Health
//!
//! With a health port in the plan, `traffic.health.port`, a small server answers on all addresses.
//! Readiness is 200 while everything is up, and 503 before that and from the signal on. Without a port,
//! [`health()`] tells the same, for the service to answer on a server of its own.
//!
//! ## Liveness
//!
//! Liveness is wired to a heartbeat. A plain thread asks the service's async runtime for a sign of life
//! once a second, and a task answers. When no worker has come round to that task for 30 s
//! ([`Runtime::wedged_after`] and [`Lifecycle::wedged_after`] set another time), every worker is
//! blocked: liveness turns 503, an error is logged, and the platform restarts the service. The health
//! server is on a thread of its own and answers all the same. One worker that is free is enough for a
//! beat, and so is a runtime that is only slow; where the runtime comes back, so does liveness. The
//! time is counted in questions that were asked, so a suspended machine or a debugger that holds the
//! process raises no alarm.
//!
//! Before readiness is first 200, liveness is 200 whatever happens: a `main` on a runtime of one thread
//! may well block it, and how long a start may take is for the platform to say (`startupProbe`,
//! `TimeoutStartSec`). From the stop signal on it is 200 as well, since a platform that gave up on the
//! service now would cut its shutdown short; what hangs then is the watchdog's matter.
//!
//! ## Status
//!
//! The health server also says what the service is doing: `GET /lifecycle` answers with a JSON object
//! ([`Status`] has its facts), and with a table for people when it is asked for plain text, by
//! `/lifecycle?text` or `Accept: text/plain`:
//!
//! ```text
//! $ curl -s localhost:9090/lifecycle?text
//! shop: stopping for 2.1s; SIGTERM; 12s to the deadline; kubernetes, plan 00112233aabbccdd
//! RESOURCE   KIND            STATE     FOR     IN FLIGHT  OLDEST  WHAT
//! http       http-server     stopping  2.1s    2          4.8s    GET /reports/17, POST /orders
//! emails     queue-consumer  done      1.9s    0
//! orders-db  database        running   3h 12m  0
//! ```
//!
//! It works before readiness, throughout the shutdown, and when every worker is blocked. Paths of
//! requests and ids of jobs are in it, so the health port must not be reachable from outside: no
//! public Service, no ingress, no published port. [`status()`] is the same as a value, for tests and
//! for a route of your own.
//!
//! ## The program as its own probe
//!
//! Some platforms, ECS among them, check health by a command inside the container, and a bare image
//! has neither a shell nor `wget` to run. So a program that is built with `#[lifecycle::main]`, or
//! calls [`Runtime::run`], is that command as well:
//!
//! ```json
//! ["CMD", "/proc/1/exe", "--lifecycle-probe", "live"]
//! ```
//!
//! With `--lifecycle-probe` as its first argument it serves nothing and runs no `main`. It asks
//! 127.0.0.1 on the plan's health port for `live` or `ready`, whichever is the second argument, and
//! exits within a second: with 0 for an answer of 200, with 1 for any other, for none, and for a plan
//! without a health port, with 2 for another word. What is not 0 says why in a line on stderr.
//!
//! `/proc/1/exe` is the program if it is the container's first process. Write its path instead where
//! an init or a shell stays in front of it, where the container shares another's process namespace,
//! and where the file grants capabilities (`setcap`), since Linux then keeps `/proc/1/exe` from anyone
//! but root. [`Lifecycle`] does not look at arguments: they are its caller's.
//!
//! # Exit codes
//!
//! | code | |
//! |---|---|
//! | 0 | clean, or stopped before it had started |
//! | 1 | it did not start: `main` failed, the deployment was refused, the health port was taken |
//! | 80 | work was abandoned: a draining step timed out or ended badly, or a flushing one timed out |
//! | 81 | all work was done, but something could not be flushed or closed |
//! | 82 | ended by force: the watchdog's deadline, or a second SIGINT |
//!
//! Of several the worst counts: 82, 80, 81, 0. A `best_effort` step never changes the code.
//!
//! # Further signals
//!
//! SIGTERM and SIGINT start the same shutdown, with one difference: a SIGINT at a terminal, with no
//! platform in the environment, is a Ctrl-C. Nobody routes traffic there, and somebody waits: there is
//! no settle, and each step has at most three seconds. After that a further SIGTERM changes nothing: platforms
//! repeat themselves. A SIGINT is somebody at a keyboard who does not want to wait: the process leaves
//! at once, with a report and exit code 82. Two SIGINT within 50 ms are one press of Ctrl-C that came
//! twice, from the terminal and from a parent that passed its own on.
//!
//! # The environment
//!
//! Generated manifests set these; an empty one counts as unset.
//!
//! | variable | |
//! |---|---|
//! | `LIFECYCLE_PLATFORM` | whose timeline to run by; unset: the program settles by itself |
//! | `LIFECYCLE_DIGEST` | the plan that the deployment was generated from |
//! | `LIFECYCLE_GRACE_MS` | the deployment's grace period |
//! | `LIFECYCLE_REPORT` | where the report goes as JSON, at most 4096 bytes; on Kubernetes `/dev/termination-log` |
//!
//! A digest, a grace period or a platform that the program was not built for is drift. The plan says
//! whether the service warns, once `main` has returned and its log is up, or does not start.
//!
//! # Features
//!
//! `macros` (default): `#[lifecycle::main]`. `http` (default): `HttpServer` for HTTP/1 and any tower
//! service. `http2`: HTTP/2 on the same listener.

mod cancellation;
mod control;
mod environment;
mod executor;
mod health;
mod http;
mod lifecycle;
pub mod plan;
mod probe;
mod report;
mod resource;
mod runtime;
mod session;
mod signals;
mod status;
mod sync;
mod watchdog;
mod wiring;
mod work;

pub use cancellation::Cancellation;
pub use health::{Health, health};
pub use http::HttpServer;
#[cfg(feature = "http")]
pub use http::RunningServer;
pub use lifecycle::{Lifecycle, StopHandle, stop};
#[cfg(feature = "macros")]
pub use lifecycle_macros::main;
pub use report::{Outcome, PhaseReport, Report, StepOutcome, StepReport};
pub use resource::{
    AuditLog, Cache, Claims, Custom, Database, Ending, File, GrpcServer, MessageBroker,
    QueueConsumer, Scheduler, Stopping, Streams, Task, Telemetry, WebSockets, Working,
};
pub use runtime::{MainResult, Runtime};
pub use signals::Signal;
pub use status::{ResourceState, ResourceStatus, State, Status, status};
pub use wiring::{Resource, Resources, Wiring};
