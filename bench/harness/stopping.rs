//! SIGTERM to exit with nothing in flight.

use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::{Client, idle};
use crate::figures::{Table, spread};
use crate::peer::Peer;

pub fn stop(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    for (connections, rounds) in [
        (0, choice.rounds),
        (100, choice.rounds),
        (10_000, choice.rounds.div_ceil(4)),
    ] {
        Table::begin(
            &format!("SIGTERM to exit with {connections} idle kept-alive connections"),
            &["", "ms", ""],
        );
        for name in &choice.peers {
            let mut took = vec![];
            let mut ends = String::new();
            for _ in 0..rounds {
                let peer = Peer::start(name)?;
                let clients = runtime.block_on(idle(peer.address, connections))?;
                // Held as they are: this process would use the processors to notice each farewell.
                let silent = |client: Client| client.stream.into_std();
                let clients = clients.into_iter().map(silent);
                let clients = clients.collect::<std::io::Result<Vec<_>>>()?;
                // What came before it is over, and is not measured.
                std::thread::sleep(std::time::Duration::from_millis(20));
                let ended = peer.stop()?;
                took.push(ended.took.as_secs_f64() * 1e3);
                ends = ended.to_string();
                drop(clients);
            }
            Table::row(&[name.clone(), spread(&took, 1), ends]);
        }
    }
    Ok(())
}
