//! Runs the shutdown that `lifecycle.yaml` declares.

mod cancellation;
mod control;
mod environment;
mod executor;
mod health;
#[cfg(feature = "http")]
mod http;
mod lifecycle;
pub mod plan;
mod report;
mod resource;
mod runtime;
mod session;
mod signals;
mod watchdog;
mod wiring;
mod work;

pub use cancellation::Cancellation;
pub use health::{Health, health};
#[cfg(feature = "http")]
pub use http::{HttpServer, RunningServer};
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
pub use wiring::{Resource, Resources, Wiring};
