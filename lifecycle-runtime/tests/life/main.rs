//! The whole life of a real process as seen from outside: probes, status, signals, the service
//! manager. The child is this very program, started again with a scenario in its environment.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "aws")]
mod aws;
mod child;
#[path = "../common/mod.rs"]
mod common;
mod liveness;
#[cfg(target_os = "linux")]
mod nspawn;
mod platform;
#[path = "../common/running.rs"]
mod running;
mod said;
mod signals;
mod startup;
mod status;
#[cfg(target_os = "linux")]
mod systemd;
mod terminal;

/// Not a test: what the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    if let Ok(name) = std::env::var("SCENARIO") {
        running::exit(child::run(&name));
    }
}
