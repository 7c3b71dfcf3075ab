//! Balancing by connection: bytes go to one instance and back, whatever they mean, and what the
//! instance does to its connection is done to the client's.
//!
//! A packet filter such as kube-proxy's refuses a connection that its instance refuses. This balancer
//! has already accepted it then, and resets it: the client learns the same a moment later.

use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::reach;
use crate::peek::{has_left, peek};
use crate::rolling::router::{Backend, Counted, Fault, Router};
use crate::traffic::outcome::IDLE_CLOSE;

/// What is read at once.
const CHUNK: usize = 16 * 1024;
/// How long a client may take to notice that its instance has closed the connection.
const NOTICING: Duration = Duration::from_secs(1);

/// How one direction of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

/// What became of a connection to an instance.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    /// The client's is over too.
    Both,
    /// The instance had closed it, at rest, before these bytes of the client's next request could be
    /// passed on.
    Stale(Vec<u8>),
}

/// Carries one connection to its end.
///
/// A client of kube-proxy's has the instance itself at the other end of its connection, sees in the same
/// moment that it was closed at rest, and takes another one. This balancer stands between, and tells it
/// later, by as much as the machine is busy. So for a client that `looks` before it writes, a request
/// that meets a connection at rest which the instance had closed already goes where its next connection
/// would have gone.
pub(super) async fn carry(mut client: TcpStream, router: Arc<Router>, looks: bool) {
    let mut first = Vec::new();
    loop {
        let (backend, server) = match instance(&router).await {
            Ok(instance) => instance,
            Err((backend, fault)) => {
                router.fault(backend.as_deref(), fault);
                return reset(&client);
            }
        };
        let _open = backend.counted(|it| &it.open);
        backend.taken.fetch_add(1, SeqCst);
        let talk = Talk {
            backend: &backend,
            said: Mutex::default(),
            looks,
        };
        match talk.carry(&mut client, server, &first, &router).await {
            Over::Both => return,
            Over::Stale(bytes) => first = bytes,
        }
    }
}

/// The instance whose turn it is, and a connection to it.
async fn instance(
    router: &Router,
) -> Result<(Arc<Backend>, TcpStream), (Option<Arc<Backend>>, Fault)> {
    loop {
        let Some(backend) = router.pick() else {
            return Err((None, Fault::NoInstance));
        };
        let chosen_in_time = !backend.has_left();
        match reach(backend.address).await {
            Ok(server) => return Ok((backend, server)),
            // Late by the balancer's own fault: nobody is to blame.
            Err(Fault::NobodyListened) if chosen_in_time && backend.has_left() => {}
            Err(fault) => return Err((Some(backend), fault)),
        }
    }
}

/// Closes a connection so that the other side sees that it was not heard.
fn reset(stream: &TcpStream) {
    // Where it is refused, the connection is closed instead, and the client sees that.
    let _closed_instead = stream.set_zero_linger();
}

/// Who has said what, as far as bytes tell it.
struct Talk<'a> {
    backend: &'a Arc<Backend>,
    said: Mutex<Said>,
    /// The client looks whether its connection was closed before it sends the next request.
    looks: bool,
}

#[derive(Default)]
struct Said {
    /// The client has said something that the instance has not begun to answer.
    waits: Option<(Instant, Counted)>,
    /// The instance has answered something before.
    answered: bool,
}

impl Talk<'_> {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) {
        let in_flight = || (Instant::now(), self.backend.counted(|it| &it.in_flight));
        self.said().waits.get_or_insert_with(in_flight);
    }

    fn answers(&self) {
        let mut said = self.said();
        said.waits = None;
        said.answered = true;
    }

    /// A client that looks would see now that the connection was closed.
    fn would_be_seen(&self) -> bool {
        let said = self.said();
        self.looks && said.answered && said.waits.is_none()
    }

    /// What became of a request that the instance left without an answer.
    fn left(&self, end: End) -> Option<Fault> {
        let mut said = self.said();
        let (asked, _in_flight) = said.waits.take()?;
        Some(match end {
            _ if said.answered && asked.elapsed() < IDLE_CLOSE => Fault::IdleClose,
            End::Closed => Fault::Closed,
            End::Reset => Fault::Reset,
        })
    }

    /// Passes on what both say, beginning with what the client has said already.
    async fn carry(
        &self,
        client: &mut TcpStream,
        mut server: TcpStream,
        first: &[u8],
        router: &Router,
    ) -> Over {
        let fault = |fault: Option<Fault>| {
            if let Some(fault) = fault {
                router.fault(Some(self.backend), fault);
            }
            fault.is_some()
        };
        let (client_reset, server_reset) = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let mut up = pin!(self.up(from_client, to_server, first));
            let mut down = pin!(self.down(from_server, to_client));
            tokio::select! {
                biased;
                end = &mut down => {
                    let Some(end) = end else {
                        return Over::Stale(Vec::new());
                    };
                    // The client has been told; what it sends before it notices is for nobody.
                    let gone = fault(self.left(end)) || end == End::Reset;
                    if !gone {
                        let _noticed = timeout(NOTICING, &mut up).await;
                    }
                    let late = fault(self.left(End::Reset).map(|_| Fault::IdleClose));
                    (gone || late, false)
                }
                end = &mut up => match end {
                    Up::Stale(bytes) => return Over::Stale(bytes),
                    // It has nothing more to say, and may still be waiting for an answer.
                    Up::Ended(End::Closed) => {
                        let end = down.await.unwrap_or(End::Closed);
                        (fault(self.left(end)) || end == End::Reset, false)
                    }
                    Up::Ended(End::Reset) => (false, true),
                },
            }
        };
        if client_reset {
            reset(client);
        }
        if server_reset {
            reset(&server);
        }
        Over::Both
    }

    /// Passes on what the client says, to its end.
    async fn up(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, first: &[u8]) -> Up {
        if !first.is_empty() {
            self.asked();
            if to.write_all(first).await.is_err() {
                return Up::Ended(drained(from).await);
            }
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await {
                Ok(0) => {
                    // The instance may be gone already, which its own direction tells.
                    let _gone = to.shutdown().await;
                    return Up::Ended(End::Closed);
                }
                Ok(count) => {
                    let piece = chunk.get(..count).unwrap_or_default();
                    if self.would_be_seen() && is_request(piece) && has_left(to.as_ref()) {
                        return Up::Stale(piece.to_vec());
                    }
                    self.asked();
                    if to.write_all(piece).await.is_err() {
                        // Whoever was to hear this is gone: its own direction tells how.
                        return Up::Ended(drained(from).await);
                    }
                }
                Err(error) => return Up::Ended(ended(&error)),
            }
        }
    }

    /// Passes on what the instance says, to its end; `None`: the client does not know of the end yet,
    /// and has already said something more.
    async fn down(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Option<End> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let end = match from.read(&mut chunk).await {
                Ok(0) => End::Closed,
                Ok(count) => {
                    self.answers();
                    let piece = chunk.get(..count).unwrap_or_default();
                    if to.write_all(piece).await.is_ok() {
                        continue;
                    }
                    // Whoever was to hear this is gone: its own direction tells how.
                    return Some(drained(from).await);
                }
                Err(error) => ended(&error),
            };
            if self.would_be_seen()
                && let Ok(Some(count)) = peek(to.as_ref(), &mut chunk)
                && is_request(chunk.get(..count).unwrap_or_default())
            {
                return None;
            }
            if end == End::Closed {
                // The client may be gone already, which its own direction tells.
                let _gone = to.shutdown().await;
            }
            return Some(end);
        }
    }
}

/// How what a client says came to its end.
enum Up {
    Ended(End),
    /// These bytes came when the instance had closed the connection at rest.
    Stale(Vec<u8>),
}

/// Whether these are the first bytes of a request of HTTP/1.1, so that any connection may carry it.
fn is_request(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    line.ends_with(b" HTTP/1.1") && line.first().is_some_and(u8::is_ascii_uppercase)
}

/// Waits for the end of what nobody hears any more.
async fn drained(mut from: impl AsyncRead + Unpin) -> End {
    match timeout(NOTICING, tokio::io::copy(&mut from, &mut tokio::io::sink())).await {
        Ok(Err(error)) => ended(&error),
        Ok(Ok(_)) | Err(_) => End::Closed,
    }
}

fn ended(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => End::Reset,
        _ => End::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener as Listener, TcpStream as Stream};

    use super::*;
    use crate::rolling::deploy::Balancing;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// What a client's second request on a kept-alive connection comes to that the instance has closed
    /// meanwhile, with a balancer that had no turn in between.
    async fn second(looks: bool) -> (Vec<Fault>, u64) {
        let listener = Listener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let router = Arc::new(Router::new(Balancing::Connections, false, Duration::ZERO));
        let backend = Arc::new(Backend::new(1, listener.local_addr().unwrap()));
        backend.route(true);
        router.add(Arc::clone(&backend));
        let front = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let mut client = Stream::connect(front.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        let (stream, _) = front.accept().await.unwrap();
        let mut carrying = pin!(carry(stream, Arc::clone(&router), looks));

        let mut turns = 0;
        // Gives the balancer a turn until there is something, or its connection is over.
        macro_rules! until {
            ($what:expr) => {
                loop {
                    let over = timeout(Duration::from_millis(2), &mut carrying).await;
                    if let Ok(found) = $what {
                        break found;
                    }
                    if over.is_ok() {
                        return (faults(&router), backend.taken.load(SeqCst));
                    }
                    turns += 1;
                    assert!(turns < 5_000, "nothing comes");
                }
            };
        }
        client.write_all(REQUEST).unwrap();
        let (mut server, _) = until!(listener.accept());
        server.set_nonblocking(true).unwrap();
        let mut heard = [0; 1_024];
        assert_eq!(until!(server.read(&mut heard)), REQUEST.len());
        server.write_all(ANSWER).unwrap();
        assert_eq!(until!(client.read(&mut heard)), ANSWER.len());

        drop(server);
        client.write_all(REQUEST).unwrap();
        let (mut server, _) = until!(listener.accept());
        server.set_nonblocking(true).unwrap();
        assert_eq!(until!(server.read(&mut heard)), REQUEST.len());
        server.write_all(ANSWER).unwrap();
        assert_eq!(until!(client.read(&mut heard)), ANSWER.len());
        (faults(&router), backend.taken.load(SeqCst))
    }

    fn faults(router: &Router) -> Vec<Fault> {
        router.faults().into_iter().map(|it| it.1).collect()
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_at_rest_is_the_clients_to_notice() {
        assert_eq!(second(true).await, (vec![], 2));
        // One that writes without a look has lost it.
        assert_eq!(second(false).await, (vec![Fault::IdleClose], 1));
    }

    #[test]
    fn only_the_beginning_of_a_request_can_go_elsewhere() {
        assert!(is_request(REQUEST));
        assert!(is_request(b"POST /orders HTTP/1.1\r\n"));
        for other in [&b"\x88\x82close"[..], b"the rest of a body", ANSWER, b""] {
            assert!(!is_request(other), "{other:?}");
        }
    }
}
