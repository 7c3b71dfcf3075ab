//! Runs the shutdown that `lifecycle.yaml` declares.

mod cancellation;
pub mod plan;
mod wiring;
mod work;

pub use cancellation::Cancellation;
pub use wiring::{Resource, Resources, Wiring, WiringError};
