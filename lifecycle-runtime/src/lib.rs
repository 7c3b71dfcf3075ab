//! Runs the shutdown that `lifecycle.yaml` declares.

mod cancellation;
#[cfg(feature = "http")]
mod http;
pub mod plan;
mod wiring;
mod work;

pub use cancellation::Cancellation;
#[cfg(feature = "http")]
pub use http::{HttpServer, RunningServer};
pub use wiring::{Resource, Resources, Wiring, WiringError};
