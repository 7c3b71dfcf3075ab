//! Instructions a request, counted by callgrind: what no noise of the machine changes.
//!
//! Each peer runs under valgrind twice, for few requests and for many; the difference is what a
//! request costs in the program itself. The kernel's part is not seen.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::Client;
use crate::figures::Table;
use crate::peer::{Peer, program};

const FEW: u64 = 500;
const MANY: u64 = 4500;

/// The files whose code counts a request in and out again.
const GUARD: [&str; 2] = ["src/http/track.rs", "src/http/slot.rs"];

pub fn instructions(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nSKIPPED: there is no valgrind to count instructions with");
        return Ok(());
    }
    Table::begin(
        "Instructions a request on one connection, by callgrind",
        &["", "instructions", "of axum's", "of them the guard's"],
    );
    let folder = std::env::temp_dir().join(format!("lifecycle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let [beside, _] = count("axum", runtime, &folder)?;
    for name in &choice.peers {
        let [all, guard] = count(name, runtime, &folder)?;
        let guard = match name.as_str() {
            "lifecycle" => format!("{guard:.0}, {:.2} %", guard / all * 100.0),
            _ => String::new(),
        };
        Table::row(&[
            name.clone(),
            format!("{all:.0}"),
            format!("{:.3}", all / beside),
            guard,
        ]);
    }
    println!(
        "\nBy function: `callgrind_annotate {}/NAME`",
        folder.display()
    );
    Ok(())
}

/// Instructions a request, and how many of them are the guard's.
fn count(name: &str, runtime: &Runtime, folder: &Path) -> anyhow::Result<[f64; 2]> {
    let mut totals = [[0.0; 2]; 2];
    for (total, requests) in totals.iter_mut().zip([FEW, MANY]) {
        let counted = folder.join(name);
        let mut command = Command::new("valgrind");
        command
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", counted.display()))
            .arg(program(name)?)
            // One worker: with more, those that look for work in vain are counted too.
            .env("TOKIO_WORKER_THREADS", "1");
        let peer = Peer::spawn(&mut command).with_context(|| format!("{name} starts"))?;
        runtime.block_on(async {
            let mut client = Client::connect(peer.address).await?;
            for _ in 0..requests {
                client.ask("/").await?;
            }
            anyhow::Ok(())
        })?;
        peer.stop()?;
        *total = sums(&std::fs::read_to_string(&counted)?);
    }
    let a_request = |which: usize| (totals[1][which] - totals[0][which]) / (MANY - FEW) as f64;
    Ok([a_request(0), a_request(1)])
}

/// All instructions in callgrind's file, and those of the guard. A function's file is named once by
/// number and path, `fl=(7) /src/lib.rs`, and then by number; code that was inlined has its own.
fn sums(written: &str) -> [f64; 2] {
    let (mut all, mut guard) = (0.0, 0.0);
    let mut files: HashMap<&str, &str> = HashMap::new();
    let mut file = "";
    let mut lines = written.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("calls=") {
            // What the function that is called costs is counted there.
            lines.next();
        } else if let Some((key, value)) = line.split_once('=') {
            let (number, path) = value.split_once(' ').unwrap_or((value, ""));
            // `cfi` and `cfl`, the file of what is called, share the numbers.
            if !path.is_empty() && ["fl", "fi", "fe", "cfi", "cfl"].contains(&key) {
                files.insert(number, path);
            }
            if ["fl", "fi", "fe"].contains(&key) {
                file = files.get(number).copied().unwrap_or_default();
            }
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            let cost: f64 = cost.unwrap_or_default();
            all += cost;
            if GUARD.iter().any(|path| file.ends_with(path)) {
                guard += cost;
            }
        }
    }
    [all, guard]
}
