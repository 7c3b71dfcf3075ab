//! What a connection that idles costs in memory.

use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::idle;
use crate::figures::{Table, spread};
use crate::peer::Peer;

const CONNECTIONS: usize = 10_000;

pub fn memory(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    Table::begin(
        "Resident memory a kept-alive connection, with 10,000 of them",
        &["", "bytes"],
    );
    for name in &choice.peers {
        let mut bytes = vec![];
        for _ in 0..choice.rounds.div_ceil(4) {
            let peer = Peer::start(name)?;
            // What the first requests bring in belongs to none of those that are counted.
            drop(runtime.block_on(idle(peer.address, 100))?);
            let before = resident(peer.id())?;
            let clients = runtime.block_on(idle(peer.address, CONNECTIONS))?;
            let after = resident(peer.id())?;
            bytes.push((after - before) as f64 / CONNECTIONS as f64);
            drop(clients);
        }
        Table::row(&[name.clone(), spread(&bytes, 0)]);
    }
    Ok(())
}

/// Bytes of a process in memory.
fn resident(process: u32) -> anyhow::Result<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages: u64 = pages.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}
