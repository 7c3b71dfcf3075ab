//! SIGTERM under traffic, and with idle connections, over HTTP/2 with prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::Choice;
use crate::client::Outcome;
use crate::figures::{Table, spread};
use crate::peer::Peer;

/// Those of the peers that speak it.
const PEERS: [&str; 3] = ["axum-graceful", "hyper-util", "lifecycle"];
const CONNECTIONS: usize = 8;
const STREAMS: usize = 8;
const LOAD: Duration = Duration::from_millis(300);

type Sender = SendRequest<Empty<Bytes>>;

pub fn http2(choice: &Choice, runtime: &Runtime) -> anyhow::Result<()> {
    let peers = || {
        choice
            .peers
            .iter()
            .filter(|name| PEERS.contains(&name.as_str()))
    };
    Table::begin(
        "HTTP/2: SIGTERM at saturation, 8 connections with 8 streams each in a closed loop",
        &["", "broken, of 64 streams", "in all rounds", "exit, ms", ""],
    );
    for name in peers() {
        let (mut broken, mut took) = (vec![], vec![]);
        let mut ends = String::new();
        for _ in 0..choice.rounds {
            let peer = Peer::start(name)?;
            let address = peer.address;
            let clients: Vec<_> = (0..CONNECTIONS)
                .map(|_| runtime.spawn(ask_until_refused(address)))
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
        let sum = format!("{:.0}", broken.iter().sum::<f64>());
        Table::row(&[
            name.clone(),
            spread(&broken, 0),
            sum,
            spread(&took, 1),
            ends,
        ]);
    }
    Table::begin(
        "HTTP/2: SIGTERM to exit with 100 idle connections",
        &["", "ms", ""],
    );
    for name in peers() {
        let mut took = vec![];
        let mut ends = String::new();
        for _ in 0..choice.rounds {
            let peer = Peer::start(name)?;
            let clients = runtime.block_on(async {
                let mut clients = Vec::new();
                for _ in 0..100 {
                    let mut client = connect(peer.address).await?;
                    ask(&mut client).await?;
                    clients.push(client);
                }
                anyhow::Ok(clients)
            })?;
            std::thread::sleep(Duration::from_millis(20));
            let ended = peer.stop()?;
            took.push(ended.took.as_secs_f64() * 1e3);
            ends = ended.to_string();
            drop(clients);
        }
        Table::row(&[name.clone(), spread(&took, 1), ends]);
    }
    Ok(())
}

async fn connect(address: SocketAddr) -> anyhow::Result<Sender> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Whether a whole answer came, and was what was asked for.
async fn ask(sender: &mut Sender) -> hyper::Result<bool> {
    let mut request = hyper::Request::new(Empty::new());
    *request.uri_mut() = hyper::Uri::from_static("http://localhost/");
    let answer = sender.send_request(request).await?;
    let served = answer.status().is_success();
    answer.into_body().collect().await?;
    Ok(served)
}

/// One connection and its streams, and another one whenever it is told to go, until nobody listens.
async fn ask_until_refused(address: SocketAddr) -> Outcome {
    let mut all = Outcome::default();
    while let Ok(sender) = connect(address).await {
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| tokio::spawn(ask_until_closed(sender.clone())))
            .collect();
        drop(sender);
        for stream in streams {
            if let Ok(outcome) = stream.await {
                all += outcome;
            }
        }
    }
    all
}

async fn ask_until_closed(mut sender: Sender) -> Outcome {
    let mut outcome = Outcome::default();
    // Ready: the connection takes requests. One that was told to go takes none, and none is lost.
    while sender.ready().await.is_ok() {
        match ask(&mut sender).await {
            Ok(true) => outcome.served += 1,
            Ok(false) => outcome.refused += 1,
            // Never written, or beyond the last stream that GOAWAY named: safe to ask elsewhere.
            Err(error) if error.is_canceled() || is_refused(&error) => outcome.refused += 1,
            Err(_) => outcome.broken += 1,
        }
    }
    outcome
}

/// The server has named the last stream that it serves, and this one came after it.
fn is_refused(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let Some(error) = source.and_then(|source| source.downcast_ref::<h2::Error>()) else {
        return false;
    };
    let after_the_last = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (after_the_last || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}
