//! Instructions a request, counted by callgrind: what no noise of the machine changes.
//!
//! Each peer runs under valgrind twice, for few requests and for many; the difference is what a
//! request costs in the program itself. The kernel's part is not seen.

use std::process::Command;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::Client;
use crate::figures::Table;
use crate::peer::{Peer, program};

const FEW: u64 = 500;
const MANY: u64 = 4500;

pub fn instructions(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nSKIPPED: there is no valgrind to count instructions with");
        return Ok(());
    }
    Table::begin(
        "Instructions a request on one connection, by callgrind",
        &["", "instructions", "of axum's"],
    );
    let folder = tempfile()?;
    let beside = count("axum", runtime, &folder)?;
    for name in &choice.peers {
        let ours = count(name, runtime, &folder)?;
        Table::row(&[
            name.clone(),
            format!("{ours:.0}"),
            format!("{:.3}", ours / beside),
        ]);
    }
    println!(
        "\nBy function: `callgrind_annotate {}/NAME`",
        folder.display()
    );
    Ok(())
}

fn tempfile() -> anyhow::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("lifecycle-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn count(name: &str, runtime: &Runtime, folder: &std::path::Path) -> anyhow::Result<f64> {
    let mut totals = [0.0; 2];
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
        let written = std::fs::read_to_string(&counted)?;
        let line = |it: &&str| it.starts_with("summary: ") || it.starts_with("totals: ");
        let line = written.lines().rfind(line).context("callgrind's sum")?;
        *total = line.split(' ').nth(1).unwrap_or_default().parse()?;
    }
    Ok((totals[1] - totals[0]) / (MANY - FEW) as f64)
}
