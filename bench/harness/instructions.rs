//! Instructions and allocations a request, and of a life without any, counted by callgrind: what no noise
//! of the machine changes.
//!
//! Each peer runs under valgrind for few requests and for many; the difference is what a request costs in
//! the program itself. The kernel's part is not seen. Once more it starts, is asked nothing, and stops.

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
        &[
            "",
            "instructions",
            "of axum's",
            "of them the guard's",
            "allocations",
            "start to exit",
            "its allocations",
        ],
    );
    let folder = std::env::temp_dir().join(format!("lifecycle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let beside = a_request("axum", runtime, &folder)?;
    for name in &choice.peers {
        let one = a_request(name, runtime, &folder)?;
        let life = count(name, runtime, &folder, 0)?;
        let guard = match name.as_str() {
            "lifecycle" => format!("{:.0}, {:.2} %", one.guard, one.guard / one.all * 100.0),
            _ => String::new(),
        };
        Table::row(&[
            name.clone(),
            format!("{:.0}", one.all),
            format!("{:.3}", one.all / beside.all),
            guard,
            format!("{:.1}", one.allocations),
            format!("{:.0}", life.all),
            format!("{:.0}", life.allocations),
        ]);
    }
    println!(
        "\nBy function: `callgrind_annotate {}/NAME-REQUESTS`, after {MANY} requests or 0",
        folder.display()
    );
    Ok(())
}

/// What callgrind has counted.
#[derive(Default)]
struct Counts {
    /// Instructions.
    all: f64,
    /// Those of what counts a request in and out again.
    guard: f64,
    /// Calls of the C library's allocator; one that makes an allocation larger is one too.
    allocations: f64,
}

/// What one request more costs.
fn a_request(name: &str, runtime: &Runtime, folder: &Path) -> anyhow::Result<Counts> {
    let few = count(name, runtime, folder, FEW)?;
    let many = count(name, runtime, folder, MANY)?;
    let one = |few: f64, many: f64| (many - few) / (MANY - FEW) as f64;
    Ok(Counts {
        all: one(few.all, many.all),
        guard: one(few.guard, many.guard),
        allocations: one(few.allocations, many.allocations),
    })
}

/// What a program counts from its start to its exit, with so many requests on one connection.
fn count(name: &str, runtime: &Runtime, folder: &Path, requests: u64) -> anyhow::Result<Counts> {
    let counted = folder.join(format!("{name}-{requests}"));
    let mut command = Command::new("valgrind");
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(program(name)?)
        // One worker: with more, those that look for work in vain are counted too.
        .env("TOKIO_WORKER_THREADS", "1");
    let peer = Peer::spawn(&mut command).with_context(|| format!("{name} starts"))?;
    if requests > 0 {
        runtime.block_on(async {
            let mut client = Client::connect(peer.address).await?;
            for _ in 0..requests {
                client.ask("/").await?;
            }
            anyhow::Ok(())
        })?;
    }
    peer.stop()?;
    Ok(sums(&std::fs::read_to_string(&counted)?))
}

const ALLOCATORS: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];

/// The sums of callgrind's file. Files and functions are named once by number and name,
/// `fl=(7) /src/lib.rs`, and then by number; code that was inlined has its own.
fn sums(written: &str) -> Counts {
    let mut counts = Counts::default();
    let (mut files, mut functions) = (HashMap::new(), HashMap::new());
    let (mut file, mut called) = ("", "");
    let mut lines = written.lines();
    while let Some(line) = lines.next() {
        if let Some(calls) = line.strip_prefix("calls=") {
            if ALLOCATORS.contains(&called) {
                let times = calls.split(' ').next().and_then(|it| it.parse().ok());
                counts.allocations += times.unwrap_or(0.0);
            }
            // What the function that is called costs is counted there.
            lines.next();
        } else if let Some((key, value)) = line.split_once('=') {
            // `cfi` and `cfl`, the file of what is called, share the numbers; so does its name, `cfn`.
            match key {
                "fl" | "fi" | "fe" => file = named(&mut files, value),
                "cfi" | "cfl" => _ = named(&mut files, value),
                "fn" => _ = named(&mut functions, value),
                "cfn" => called = named(&mut functions, value),
                _ => {}
            }
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            let cost: f64 = cost.unwrap_or_default();
            counts.all += cost;
            if GUARD.iter().any(|path| file.ends_with(path)) {
                counts.guard += cost;
            }
        }
    }
    counts
}

/// The name that a number stands for, said here or before.
fn named<'a>(names: &mut HashMap<&'a str, &'a str>, value: &'a str) -> &'a str {
    match value.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(value).copied().unwrap_or_default(),
    }
}
