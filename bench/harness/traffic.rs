//! SIGTERM under traffic, and just before it.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::sleep_until;

use crate::Choice;
use crate::client::{Client, Outcome, ask_until_refused};
use crate::figures::{Table, spread};
use crate::peer::Peer;

const KEPT_ALIVE: usize = 64;
const FRESH: usize = 8;
/// Until every client is in its loop, and every peer has all it starts with.
const LOAD: Duration = Duration::from_millis(300);

pub fn saturation(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    Table::begin(
        "SIGTERM at saturation: 64 kept-alive clients and 8 on fresh connections, each in a closed loop",
        &["", "broken, of 72 clients", "in all rounds", "exit, ms", ""],
    );
    for name in choice.peers.iter().filter(|name| *name != "hyper") {
        let (mut broken, mut took) = (vec![], vec![]);
        let mut ends = String::new();
        for _ in 0..choice.rounds {
            let peer = Peer::start(name)?;
            let address = peer.address;
            let clients: Vec<_> = (0..KEPT_ALIVE + FRESH)
                .map(|client| runtime.spawn(ask_until_refused(address, client < KEPT_ALIVE)))
                .collect();
            std::thread::sleep(LOAD);
            let ended = peer.stop()?;
            let mut all = Outcome::default();
            for client in clients {
                all += runtime.block_on(client)?;
            }
            anyhow::ensure!(all.served > 1000, "{name} was not under load: {all:?}");
            broken.push(all.broken as f64);
            took.push(ended.took.as_secs_f64() * 1e3);
            ends = ended.to_string();
        }
        Table::row(&[
            name.clone(),
            spread(&broken, 0),
            format!("{:.0}", broken.iter().sum::<f64>()),
            spread(&took, 1),
            ends,
        ]);
    }
    Ok(())
}

/// One a millisecond.
const LATE: u32 = 500;

pub fn lag(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    Table::begin(
        "Routing lag: 500 requests on fresh connections in the half second after SIGTERM, and one at its end",
        &[
            "",
            "served",
            "of which at its end",
            "broken",
            "exit, ms",
            "",
        ],
    );
    let settled = ["lifecycle-settled".to_owned()];
    let peers = choice.peers.iter().filter(|name| *name != "hyper");
    for name in peers.chain(&settled) {
        let rounds = choice.rounds.div_ceil(4);
        let (mut all, mut last) = (Outcome::default(), 0);
        let mut took = vec![];
        let mut ends = String::new();
        for _ in 0..rounds {
            let peer = Peer::start(name)?;
            let address = peer.address;
            // Some listen before they have taken the signal.
            std::thread::sleep(LOAD);
            let begun = peer.terminate()?;
            let clients = runtime.spawn(async move {
                let mut asked = Vec::new();
                for late in 0..=LATE {
                    sleep_until((begun + Duration::from_millis(late.into())).into()).await;
                    asked.push(tokio::spawn(once(address)));
                }
                let mut outcomes = Vec::new();
                for one in asked {
                    outcomes.extend(one.await);
                }
                outcomes
            });
            let ended = peer.ended(begun)?;
            let outcomes = runtime.block_on(clients)?;
            last += outcomes.last().map_or(0, |outcome| outcome.served);
            for outcome in outcomes {
                all += outcome;
            }
            took.push(ended.took.as_secs_f64() * 1e3);
            ends = ended.to_string();
        }
        Table::row(&[
            name.clone(),
            format!("{} of {}", all.served, rounds * (LATE as usize + 1)),
            format!("{last} of {rounds}"),
            all.broken.to_string(),
            spread(&took, 1),
            ends,
        ]);
    }
    Ok(())
}

async fn once(address: std::net::SocketAddr) -> Outcome {
    let mut outcome = Outcome::default();
    let Ok(mut client) = Client::connect(address).await else {
        outcome.refused = 1;
        return outcome;
    };
    let answer = async {
        client.send("/", "Connection: close\r\n\r\n").await?;
        client.answer().await
    };
    match answer.await {
        Ok(answer) if answer.status == 200 => outcome.served = 1,
        Ok(_) => outcome.refused = 1,
        Err(_) => outcome.broken = 1,
    }
    outcome
}
