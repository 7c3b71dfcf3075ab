//! What `lifecycle check` costs: one manifest, a thousand of them, and a single large one.
//!
//! The real program is run, built as it is shipped. CPU time, user and system of all threads, is what
//! is compared: it depends little on who else uses the machine. Nothing here passes or fails.
//!
//!     cargo bench -p lifecycle-cli --bench check -- [runs]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on has failed"
)]

#[path = "../tests/load/mod.rs"]
mod load;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use load::{Cost, cost, manifest};

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` adds it for the standard harness.
    arguments.retain(|argument| argument != "--bench");
    let runs = match arguments.first() {
        Some(runs) => runs.parse().expect("a number of runs"),
        None => 20,
    };
    let inputs = tempfile::tempdir().unwrap();
    println!("lifecycle check: median of {runs} runs, CPU time of all threads\n");
    println!("{:44}{:>12}{:>12}", "", "CPU", "wall");
    small(inputs.path(), runs);
    many(inputs.path(), runs);
    large(inputs.path(), runs);
}

/// The program's start alone, and one manifest as people write them.
fn small(inputs: &Path, runs: usize) {
    let start = measure(runs * 5, || lifecycle(inputs, &["--version"]));
    row("start and end (--version)", start, "");
    let directory = inputs.join("one");
    write(&directory, &manifest(30));
    let one = measure(runs * 5, || lifecycle(&directory, &["check"]));
    row("30 resources, 150 edges", one, "");
}

/// A monorepo: a thousand services, each in a directory of its own.
fn many(inputs: &Path, runs: usize) {
    let directory = inputs.join("many");
    let text = manifest(30);
    for at in 0..1_000 {
        let service = directory.join(format!("team-{}/service-{at}", at % 40));
        write(&service, &text);
    }
    let all = measure(runs, || lifecycle(&directory, &["check", "."]));
    row("1,000 manifests of 30 resources", all, "");
}

/// One manifest, larger and larger: twice the resources are twice the work, if it is linear.
fn large(inputs: &Path, runs: usize) {
    let mut before = None;
    for resources in [1_250, 2_500, 5_000, 10_000] {
        let directory = inputs.join(format!("large-{resources}"));
        write(&directory, &manifest(resources));
        let cost = measure(runs, || lifecycle(&directory, &["check"]));
        let ratio = before.map_or(String::new(), |before: Duration| {
            let ratio = cost.cpu.as_secs_f64() / before.as_secs_f64();
            format!("{ratio:.2} times the line before")
        });
        let what = format!("{resources} resources, {} edges", resources * 5);
        row(&what, cost, &ratio);
        before = Some(cost.cpu);
    }
}

fn lifecycle(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifecycle"));
    command.args(arguments).current_dir(directory);
    command
}

fn write(directory: &Path, manifest: &str) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("lifecycle.yaml"), manifest).unwrap();
}

/// The median by CPU time, after one run that warms the file cache.
fn measure(runs: usize, command: impl Fn() -> Command) -> Cost {
    let run = || {
        let (cost, status) = cost(&mut command());
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
        cost
    };
    run();
    let mut costs: Vec<Cost> = (0..runs.max(1)).map(|_| run()).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

fn row(what: &str, cost: Cost, more: &str) {
    let (cpu, wall) = (millis(cost.cpu), millis(cost.wall));
    println!("{what:44}{cpu:>12}{wall:>12}  {more}");
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}
