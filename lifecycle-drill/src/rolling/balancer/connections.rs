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

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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

/// Carries one connection to its end.
pub(super) async fn carry(client: TcpStream, router: Arc<Router>) {
    let (backend, server) = loop {
        let Some(backend) = router.pick() else {
            router.fault(None, Fault::NoInstance);
            return reset(&client);
        };
        let chosen_in_time = !backend.has_left();
        let server = TcpStream::connect(backend.address).await;
        if let Ok(server) = server {
            break (backend, server);
        }
        // Late by the balancer's own fault: nobody is to blame.
        if !(chosen_in_time && backend.has_left()) {
            router.fault(Some(&backend), Fault::NobodyListened);
            return reset(&client);
        }
    };
    let _open = backend.counted(|it| &it.open);
    backend.taken.fetch_add(1, SeqCst);
    let _slower = server.set_nodelay(true);
    talk(client, server, &backend, &router).await;
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
}

async fn talk(
    mut client: TcpStream,
    mut server: TcpStream,
    backend: &Arc<Backend>,
    router: &Router,
) {
    let talk = Talk {
        backend,
        said: Mutex::default(),
    };
    let (client_reset, server_reset) = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut up = pin!(pass(from_client, to_server, || talk.asked()));
        let mut down = pin!(pass(from_server, to_client, || talk.answers()));
        tokio::select! {
            biased;
            end = &mut down => {
                let fault = talk.left(end);
                if let Some(fault) = fault {
                    router.fault(Some(backend), fault);
                }
                // The client has been told; what it sends before it notices is for nobody.
                let gone = fault.is_some() || end == End::Reset;
                if !gone {
                    let _noticed = timeout(NOTICING, &mut up).await;
                }
                let late = talk.left(End::Reset).map(|_| router.fault(Some(backend), Fault::IdleClose));
                (gone || late.is_some(), false)
            }
            end = &mut up => match end {
                // It has nothing more to say, and may still be waiting for an answer.
                End::Closed => {
                    let end = down.await;
                    let fault = talk.left(end).map(|fault| router.fault(Some(backend), fault));
                    (fault.is_some() || end == End::Reset, false)
                }
                End::Reset => (false, true),
            },
        }
    };
    if client_reset {
        reset(&client);
    }
    if server_reset {
        reset(&server);
    }
}

/// Passes on what comes in, to its end; `each` is called for every piece before it is passed on.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    each: impl Fn(),
) -> End {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) => {
                // The other side of it may be gone already, which its own direction tells.
                let _gone = to.shutdown().await;
                return End::Closed;
            }
            Ok(count) => {
                each();
                let piece = chunk.get(..count).unwrap_or_default();
                if to.write_all(piece).await.is_err() {
                    // Whoever was to hear this is gone: its own direction tells how.
                    return drained(from).await;
                }
            }
            Err(error) => return ended(&error),
        }
    }
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
