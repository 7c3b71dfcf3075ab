//! Takes connections in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::server::Server;

/// Accepts until the intake is stopped, and gives the listener back for [`backlog`].
///
/// No error ends it: a server that has run out of file descriptors has work that will free some.
pub(super) async fn accept(server: Arc<Server>, listener: TcpListener) -> TcpListener {
    let mut stop = std::pin::pin!(server.intake.notified());
    let mut backoff = Backoff::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return listener,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                backoff = Backoff::default();
                server.serve(stream, peer);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                // The listener stays readable: without a pause this would spin.
                let pause = backoff.next(&error);
                tokio::select! {
                    biased;
                    () = &mut stop => return listener,
                    () = sleep(pause) => {}
                }
            }
        }
    }
}

/// Accepts what the kernel has taken for us until there is no more, and closes the listener. A
/// connection left in there would be reset, and its request with it.
///
/// It goes on no longer than `until`, so that a flood of new connections cannot hold up the end.
pub(super) async fn backlog(server: &Arc<Server>, listener: TcpListener, until: Instant) {
    /// How many are taken before those taken get their turn.
    const ROUND: usize = 64;
    // tokio's own accept answers from what its reactor has heard; only the kernel knows what is there.
    let listener = match listener.into_std() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the listener is closed with its backlog");
            return;
        }
    };
    let mut backoff = Backoff::default();
    for accepted in 1.. {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(stream));
                match stream {
                    Ok(stream) => server.serve(stream, peer),
                    Err(error) => tracing::debug!(%peer, %error, "a connection is not served"),
                }
                if accepted % ROUND == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => sleep(backoff.next(&error)).await,
        }
        if Instant::now() >= until {
            break;
        }
    }
}

/// The one connection that was to be accepted has failed; the next may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted,
        NetworkDown, NetworkUnreachable, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

/// Pauses after errors of the listener itself: short at first, because a closing connection may free
/// a descriptor at once.
#[derive(Default)]
struct Backoff {
    errors: u32,
}

impl Backoff {
    fn next(&mut self, error: &io::Error) -> Duration {
        const FIRST: Duration = Duration::from_millis(5);
        const LONGEST: Duration = Duration::from_millis(320);
        if self.errors == 0 {
            tracing::warn!(%error, "connections are not accepted; retrying");
        }
        let pause = (FIRST * 2_u32.saturating_pow(self.errors.min(16))).min(LONGEST);
        self.errors = self.errors.saturating_add(1);
        pause
    }
}
