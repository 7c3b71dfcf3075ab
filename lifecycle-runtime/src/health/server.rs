//! The health server: answers probes on a port of its own, within fixed bounds.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::Health;
use super::answer::{HEAD_LIMIT, answer, head_end, response};
use crate::plan;

/// Connections held at once. A probe takes milliseconds, so when there are more, the oldest is the
/// one that is up to no good, and it goes.
const CONNECTIONS: usize = 64;
/// From accepting a connection to the last byte of its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the client has to take the answer and close, and how much more it may send meanwhile.
/// Closing while it still sends would reset the connection and could destroy the answer.
const GOODBYE: Duration = Duration::from_secs(1);
const LEFTOVERS: usize = 64 * 1024;

/// Listens on `port` on all addresses, IPv6 and IPv4 where the host has both.
pub(crate) async fn bind(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A host without IPv6.
        Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
    }
}

/// Answers probes until it is dropped, and its connections with it.
pub(crate) async fn serve(listener: TcpListener, paths: plan::Health, health: Health) {
    let mut connections = JoinSet::new();
    let mut order: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: it passes, and spinning would not help.
                    tracing::warn!(%error, "the health server could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => {
                order.retain(|connection| !connection.is_finished());
                continue;
            }
        };
        if order.len() >= CONNECTIONS
            && let Some(oldest) = order.pop_front()
        {
            oldest.abort();
        }
        let (paths, health) = (paths.clone(), health.clone());
        order.push_back(connections.spawn(async move {
            // A probe that gives up tells nobody anything.
            let _ = converse(stream, &paths, &health).await;
        }));
    }
}

async fn converse(mut stream: TcpStream, paths: &plan::Health, health: &Health) -> io::Result<()> {
    let told = timeout(PATIENCE, async {
        let response = match read_head(&mut stream).await? {
            Head::Complete(head) => answer(&head, paths, health),
            Head::TooLarge => response(431, "Request Header Fields Too Large", "", true),
            Head::Closed => return Ok(false),
        };
        stream.write_all(&response).await?;
        Ok::<_, io::Error>(true)
    });
    match told.await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Ok(()),
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let late = response(408, "Request Timeout", "", true);
            timeout(GOODBYE, stream.write_all(&late)).await??;
        }
    }
    stream.shutdown().await?;
    let _ = timeout(GOODBYE, discard(&mut stream)).await;
    Ok(())
}

enum Head {
    Complete(Vec<u8>),
    TooLarge,
    Closed,
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Head> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        let read = stream.read(&mut part).await?;
        if read == 0 {
            return Ok(Head::Closed);
        }
        head.extend_from_slice(&part[..read]);
        if let Some(end) = head_end(&head) {
            head.truncate(end);
            return Ok(Head::Complete(head));
        }
        if head.len() >= HEAD_LIMIT {
            return Ok(Head::TooLarge);
        }
    }
}

async fn discard(stream: &mut TcpStream) -> io::Result<()> {
    let mut part = [0; 1024];
    let mut left = LEFTOVERS;
    while left > 0 {
        let read = stream.read(&mut part).await?;
        if read == 0 {
            break;
        }
        left = left.saturating_sub(read);
    }
    Ok(())
}
