//! The health server: answers probes on a port and a thread of its own, within fixed bounds.
//!
//! Its own thread, since it has to answer when every worker of the service's runtime is blocked; that
//! is what a liveness probe is there to find out.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::AsyncWrite as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Health;
use super::answer::{HEAD_LIMIT, answer, head_end, response};
use crate::plan;
use crate::tasks::{self, Tasks};

/// Connections held at once. A probe takes milliseconds, so when there are more, the oldest is the
/// one that is up to no good, and it goes.
const CONNECTIONS: usize = 64;
/// From accepting a connection to the last byte of its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the client has to take the answer and close, and how much more it may send meanwhile.
/// Closing while it still sends would reset the connection and could destroy the answer.
const GOODBYE: Duration = Duration::from_secs(1);
const LEFTOVERS: usize = 64 * 1024;

/// How long the server may take to go.
const FAREWELL: Duration = Duration::from_millis(100);

/// A running health server; it goes when this is dropped.
pub(crate) struct Server {
    running: Option<oneshot::Sender<()>>,
    gone: mpsc::Receiver<()>,
}

impl Server {
    /// Listens on `port` on all addresses, and answers from a thread of its own.
    pub(crate) fn start(port: u16, paths: plan::Health, health: Health) -> io::Result<Self> {
        let listener = bind(port)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _on = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (running, ended) = oneshot::channel::<()>();
        let (going, gone) = mpsc::channel();
        tasks::thread("lifecycle-health", move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, paths, health) => {}
                    _ = ended => {}
                }
            });
            drop(runtime);
            drop(going);
        })?;
        Ok(Self {
            running: Some(running),
            gone,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.take();
        // The port is free when this returns, unless a log subscriber keeps the thread.
        let _ = self.gone.recv_timeout(FAREWELL);
    }
}

/// Listens on `port` on all addresses, IPv6 and IPv4 where the host has both.
fn bind(port: u16) -> io::Result<std::net::TcpListener> {
    let bound = match std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            // A host without IPv6.
            std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        }
        bound => bound,
    }?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}

/// Answers probes until it is dropped, and its connections with it.
async fn serve(listener: TcpListener, paths: plan::Health, health: Health) {
    let mut connections = Tasks::default();
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
            Some(_) = connections.next() => {
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
        let conversation = async move {
            // A probe that gives up tells nobody anything.
            let _ = converse(stream, &paths, &health).await;
            Ok(())
        };
        order.push_back(connections.spawn(0, conversation));
    }
}

async fn converse(mut stream: TcpStream, paths: &plan::Health, health: &Health) -> io::Result<()> {
    let mut answering = false;
    let told = timeout(PATIENCE, async {
        let response = match read_head(&stream).await? {
            Head::Complete(head) => answer(&head, paths, health),
            Head::TooLarge => response(431, "Request Header Fields Too Large", "", true),
            Head::Closed => return Ok(false),
        };
        answering = true;
        write_all(&stream, &response).await?;
        Ok::<_, io::Error>(true)
    });
    match told.await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Ok(()),
        Ok(Err(error)) => return Err(error),
        // It has the beginning of an answer, and would take another for its rest.
        Err(_) if answering => return Ok(()),
        Err(_) => {
            let late = response(408, "Request Timeout", "", true);
            timeout(GOODBYE, write_all(&stream, &late)).await??;
        }
    }
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await?;
    let _ = timeout(GOODBYE, discard(&stream)).await;
    Ok(())
}

enum Head {
    Complete(Vec<u8>),
    TooLarge,
    Closed,
}

/// What has come, without tokio's `io-util`: for these few lines alone every service would compile it.
async fn read(stream: &TcpStream, part: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(part) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

async fn write_all(stream: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_head(stream: &TcpStream) -> io::Result<Head> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        let read = read(stream, &mut part).await?;
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

async fn discard(stream: &TcpStream) -> io::Result<()> {
    let mut part = [0; 1024];
    let mut left = LEFTOVERS;
    while left > 0 {
        let read = read(stream, &mut part).await?;
        if read == 0 {
            break;
        }
        left = left.saturating_sub(read);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::control::Control;

    fn serving() -> SocketAddr {
        serving_for(Health::default())
    }

    fn serving_for(health: Health) -> SocketAddr {
        let listener = TcpListener::from_std(bind(0).expect("a port")).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let paths = plan::Health {
            port: Some(port),
            ready: "/ready".into(),
            live: "/live".into(),
        };
        tokio::spawn(serve(listener, paths, health));
        (Ipv4Addr::LOCALHOST, port).into()
    }

    async fn converse_with(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(request).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn it_answers_and_closes() {
        let address = serving();
        let answer = converse_with(address, b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_in_pieces_is_put_together() {
        let address = serving();
        let mut stream = TcpStream::connect(address).await.expect("connected");
        for piece in ["GET /re", "ady HTTP/1.1\r\nHost: a\r", "\n\r", "\n"] {
            stream.write_all(piece.as_bytes()).await.expect("sent");
            stream.flush().await.expect("sent");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused_and_the_answer_arrives() {
        let address = serving();
        let mut request = b"GET /live HTTP/1.1\r\nX: ".to_vec();
        request.resize(3 * HEAD_LIMIT, b'x');
        let answer = converse_with(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    #[tokio::test]
    async fn connections_that_say_nothing_give_way() {
        let address = serving();
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS + 10 {
            silent.push(TcpStream::connect(address).await.expect("connected"));
        }
        let answer = converse_with(address, b"GET /live HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let read = silent[0].read(&mut [0; 1]).await;
        assert!(!matches!(read, Ok(1..)), "the oldest was dropped");
    }

    #[tokio::test]
    async fn a_body_is_not_waited_for_and_the_answer_arrives() {
        let address = serving();
        let mut request =
            b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n".to_vec();
        request.resize(LEFTOVERS / 2, b'x');
        let answer = converse_with(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }

    #[tokio::test]
    async fn one_that_sends_without_end_is_cut() {
        let address = serving();
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(head).await.expect("sent");
        let part = [b'x'; 1024];
        // What the kernels hold between the two comes on top of what is read.
        let most = 64 << 20;
        let mut sent = 0;
        while stream.write_all(&part).await.is_ok() {
            sent += part.len();
            assert!(sent < most, "nobody cuts it");
        }
    }

    /// A byte every second is never a pause that is too long, and must not keep a connection for ever.
    #[tokio::test(start_paused = true)]
    async fn one_that_sends_bit_by_bit_has_no_longer_than_any_other() {
        let address = serving();
        let begin = tokio::time::Instant::now();
        let (mut from, mut to) = TcpStream::connect(address)
            .await
            .expect("connected")
            .into_split();
        let dripping = async {
            while to.write_all(b"G").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let mut answer = String::new();
        tokio::select! {
            () = dripping => {}
            read = from.read_to_string(&mut answer) => drop(read),
        }
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(
            begin.elapsed() < PATIENCE + 3 * GOODBYE,
            "{:?}",
            begin.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_told_so_in_the_end() {
        let address = serving();
        // The paused clock moves on as soon as everybody waits.
        let answer = converse_with(address, b"GET /live").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }

    /// A service whose status is more than the kernels hold between the two.
    fn talkative() -> Arc<Control> {
        let timeline = plan::Timeline {
            platform: "unmanaged".into(),
            settle: Duration::ZERO,
            timeouts: Vec::new().into(),
            unwind: Duration::ZERO,
            deadline: GOODBYE,
            grace: GOODBYE,
            kill: GOODBYE,
        };
        let plan = plan::Plan {
            service: "s".repeat(16 << 20).into(),
            digest: "0".into(),
            health: None,
            keep_alive: None,
            drift: plan::Drift::Warn,
            steps: Vec::new().into(),
            timelines: Vec::new().into(),
            unmanaged: timeline.clone(),
        };
        let health = Health::default();
        let control = Control::new(plan.into(), None, timeline, health, None);
        let control = Arc::new(control);
        control.health.attach(&control);
        control
    }

    #[tokio::test]
    async fn one_that_does_not_read_its_answer_is_cut_and_told_nothing_else() {
        let control = talkative();
        let whole = control.status().to_json().len();
        let address = serving_for(control.health.clone());
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = b"GET /lifecycle HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(head).await.expect("sent");
        stream.readable().await.expect("the answer begins");
        tokio::time::pause();
        // What it reads now was sent before; and it would still be told that it is late.
        tokio::time::sleep(PATIENCE + GOODBYE / 2).await;
        tokio::time::resume();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("cut");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(answer.len() < whole, "it had no longer than any other");
        let end = &answer[answer.len() - 100..];
        assert!(end.iter().all(|it| *it == b's'), "{end:?}");
    }
}
