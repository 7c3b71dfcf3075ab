//! SIGTERM to exit with one client, or one handler, that does not let go.

use std::time::Duration;

use anyhow::anyhow;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::Choice;
use crate::client::Client;
use crate::figures::Table;
use crate::peer::Peer;

#[derive(Clone, Copy)]
enum Case {
    /// Half a request on a new connection, or after a whole one.
    Half { kept_alive: bool },
    /// Asked for much, and takes nothing of it any more.
    StoppedReading,
    /// Takes a kilobyte of it every 20 ms.
    SlowReader,
    /// A body that goes on for ever, of which everything is taken.
    NeverEnding,
    /// A handler that does not return.
    Hanging,
}

const CASES: [(&str, Case); 6] = [
    (
        "half a request on a new connection",
        Case::Half { kept_alive: false },
    ),
    (
        "half a request on a kept-alive one",
        Case::Half { kept_alive: true },
    ),
    ("a client that stopped reading", Case::StoppedReading),
    ("a client that reads slowly", Case::SlowReader),
    ("a body that never ends", Case::NeverEnding),
    ("a handler that never ends", Case::Hanging),
];

pub fn stuck(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    let mut columns = vec![""];
    columns.extend(CASES.map(|(words, _)| words));
    Table::begin(
        "SIGTERM to exit with one that does not let go; who can bound the drain has 5 s for it",
        &columns,
    );
    for name in choice.peers.iter().filter(|name| *name != "hyper") {
        // Side by side: they wait, and take no processor from one another.
        let cells = std::thread::scope(|scope| {
            let cells = CASES.map(|(_, case)| scope.spawn(move || one(name, case, runtime)));
            cells.map(|cell| cell.join().map_err(|_| anyhow!("a case has panicked")))
        });
        let mut row = vec![name.clone()];
        for cell in cells {
            row.push(cell??);
        }
        Table::row(&row);
    }
    Ok(())
}

fn one(name: &str, case: Case, runtime: &Runtime) -> anyhow::Result<String> {
    let peer = Peer::start(name)?;
    let client = runtime.block_on(begin(peer.address, case))?;
    let client = runtime.spawn(go_on(client, case));
    std::thread::sleep(Duration::from_millis(100));
    let ended = peer.stop()?;
    client.abort();
    Ok(format!("{:.0} ms, {ended}", ended.took.as_secs_f64() * 1e3))
}

async fn begin(address: std::net::SocketAddr, case: Case) -> std::io::Result<Client> {
    let mut client = Client::connect(address).await?;
    match case {
        Case::Half { kept_alive } => {
            if kept_alive {
                client.ask("/").await?;
            }
            client.send("/", "X-Half: ").await?;
        }
        Case::StoppedReading | Case::SlowReader => client.send("/large", "\r\n").await?,
        Case::NeverEnding => client.send("/never", "\r\n").await?,
        Case::Hanging => client.send("/hang", "\r\n").await?,
    }
    Ok(client)
}

async fn go_on(mut client: Client, case: Case) -> std::io::Result<()> {
    let mut piece = [0; 1024];
    loop {
        match case {
            Case::StoppedReading | Case::Half { .. } | Case::Hanging => {
                sleep(Duration::from_mins(1)).await;
            }
            Case::SlowReader => {
                client.stream.read_exact(&mut piece).await?;
                sleep(Duration::from_millis(20)).await;
            }
            Case::NeverEnding => {
                if client.stream.read(&mut piece).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}
