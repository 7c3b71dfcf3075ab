//! Support shared by the suites and the programs beside this file.

mod skipped;

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the peers listen, as `peers/lifecycle.yaml` says.
pub const PEER_PORT: u16 = 18_080;

/// Where this peer listens: what `PORT` says, as a rolling drill tells it, or [`PEER_PORT`].
pub fn peer_port() -> u16 {
    let told = std::env::var("PORT").ok();
    told.and_then(|port| port.parse().ok()).unwrap_or(PEER_PORT)
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds a program of the workspace, in the profile of the tests, and says where it is.
///
/// # Panics
///
/// When it does not build.
pub fn program(package: &str, name: &str) -> PathBuf {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", package, "--bin", name])
        .args(["--message-format", "json-render-diagnostics"])
        .args(if cfg!(debug_assertions) {
            None
        } else {
            Some("--release")
        })
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{package} does not build");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the program it built")
}

/// Says past the harness that something was not tested; fails where that is insisted on.
///
/// # Panics
///
/// Where `LIFECYCLE_NO_SKIPS` insists on what is missing.
pub fn skipped(what: &str) {
    skipped::skipped(what);
}
