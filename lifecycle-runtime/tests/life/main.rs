//! The whole life of a real process as seen from outside: probes, status, signals, the service
//! manager. The child is this very program, started again with a scenario in its environment.

mod child;
#[path = "../common/mod.rs"]
mod common;
mod liveness;
#[path = "../common/running.rs"]
mod running;
mod status;

/// Not a test: what the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    if let Ok(name) = std::env::var("SCENARIO") {
        running::exit(child::run(&name));
    }
}
