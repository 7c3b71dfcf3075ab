//! Other programs that a service runs, on real processes: the signal passed on, waited for, killed,
//! never left behind; and the duties of a container's first process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(target_os = "linux")]

mod child;
#[path = "../common/mod.rs"]
mod common;
mod first;
mod forced;
mod programs;
#[path = "../common/running.rs"]
mod running;
mod short;

use std::path::Path;
use std::process::Command;

use common::ms;

/// Not a test: what the others start.
#[test]
#[ignore = "started by the other tests"]
fn subject() {
    if let Ok(name) = std::env::var("SCENARIO") {
        running::exit(child::run(&name));
    }
}

/// `sh` with this script.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether a process runs, and is no zombie.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        let state = stat
            .rsplit_once(") ")
            .map(|(_, fields)| fields.as_bytes()[0]);
        !matches!(state, Some(b'Z' | b'X') | None)
    })
}

/// Waits for the process to have gone.
async fn gone(pid: u32) {
    for _ in 0..1000 {
        if !runs(pid) {
            return;
        }
        tokio::time::sleep(ms(5)).await;
    }
    panic!("process {pid} was left behind");
}

/// Waits for a file with a whole line, and gives its words as numbers.
async fn numbers(path: &Path) -> Vec<u32> {
    for _ in 0..1000 {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text
                .split_whitespace()
                .map(|it| it.parse().unwrap())
                .collect();
        }
        tokio::time::sleep(ms(5)).await;
    }
    panic!("nothing was written to {}", path.display());
}
