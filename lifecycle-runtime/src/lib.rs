//! Runs the shutdown that `lifecycle.yaml` declares.

pub mod plan;
mod work;
