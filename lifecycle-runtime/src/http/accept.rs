//! Takes connections in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::listen::{Backlog, Entrance, Listener, Source};
use super::server::Server;

/// Accepts until the intake is stopped, and gives the listener back for [`close`].
///
/// No error ends it: a server that has run out of file descriptors has work that will free some.
pub(super) async fn accept(server: Arc<Server>, mut listener: Listener) -> Listener {
    let intake = server.intake.clone();
    let mut stop = std::pin::pin!(intake.cancelled());
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
                server.serve(stream, peer, &listener.entrance);
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

/// Accepts what the kernel has taken for us, and closes the listeners. A connection left in there
/// would be reset, and its request with it. One that others hold too keeps its backlog, for them.
///
/// Where new connections cannot be kept out it goes on no longer than `until`, so that a flood of them
/// cannot hold up the end.
pub(super) async fn close(server: &Arc<Server>, listeners: Vec<Listener>, until: Instant) {
    /// Enough for handshakes that are under way within a data centre.
    const HANDSHAKE: Duration = Duration::from_millis(5);
    let ours = listeners.into_iter().filter(|listener| !listener.shared);
    let mut closing: Vec<_> = ours.filter_map(Closing::begin).collect();
    for listener in &mut closing {
        listener.empty(server, until).await;
    }
    closing.retain(|listener| listener.followed);
    // Nobody waits for this: connections linger meanwhile, and without any it is left out.
    if !closing.is_empty() && !server.is_empty() {
        let _ = timeout_at(Instant::now() + HANDSHAKE, server.over()).await;
        for listener in &mut closing {
            listener.empty(server, until).await;
        }
    }
}

/// A listener that takes what is on its way, and then nothing.
struct Closing {
    backlog: Backlog,
    entrance: Entrance,
    /// Nobody new can begin to connect, so that accepting, and looking a second time, comes to an end.
    followed: bool,
}

impl Closing {
    fn begin(listener: Listener) -> Option<Self> {
        // Between the last accept and the close somebody may connect, and at saturation somebody
        // does. So the way in is closed first.
        let followed = match &listener.source {
            Source::Tcp(listener) => begin_no_handshake(listener),
            #[cfg(unix)]
            Source::Unix(_) => {
                // Who looks for the file now finds none, and can tell that from a broken connection.
                let removed = listener.file.is_some();
                drop(listener.file);
                removed
            }
            Source::Custom(_) => false,
        };
        match listener.source.into_std() {
            Ok(backlog) => Some(Self {
                backlog,
                entrance: listener.entrance,
                followed,
            }),
            Err(error) => {
                tracing::error!(%error, "the listener is closed with its backlog");
                None
            }
        }
    }

    /// Accepts until there is nobody left to accept.
    async fn empty(&mut self, server: &Arc<Server>, until: Instant) {
        /// How many are taken before those taken get their turn.
        const ROUND: usize = 64;
        let mut backoff = Backoff::default();
        for accepted in 1.. {
            let failed = match self.backlog.accept() {
                Ok(Ok((stream, peer))) => {
                    server.serve(stream, peer, &self.entrance);
                    if accepted % ROUND == 0 {
                        tokio::task::yield_now().await;
                    }
                    false
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection is not served");
                    false
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if concerns_one_connection(&error) => false,
                Err(error) => {
                    sleep(backoff.next(&error)).await;
                    true
                }
            };
            // A backlog that nobody joins comes to its end: on a busy machine the time may be up before.
            if (failed || !self.followed) && Instant::now() >= until {
                break;
            }
        }
    }
}

/// Has the kernel begin no new handshake, and go on with those that have begun. Whether it does.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn begin_no_handshake(listener: &tokio::net::TcpListener) -> bool {
    use socket2::{SockFilter, SockRef};

    let filter = crate::BEGIN_NO_HANDSHAKE
        .map(|(code, when, unless, k)| SockFilter::new(code, when, unless, k));
    let attached = SockRef::from(listener).attach_filter(&filter);
    if let Err(error) = &attached {
        tracing::debug!(%error, "no filter on the listener; closing it at once");
    }
    attached.is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn begin_no_handshake(_: &tokio::net::TcpListener) -> bool {
    false
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
