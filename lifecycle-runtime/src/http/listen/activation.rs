//! Listeners that a supervisor opened and handed over: systemd's socket activation.

use std::io;
use std::sync::{Mutex, PoisonError};

use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};

use super::{Listener, Source};

/// What was handed over to this process, read from the environment once.
static HANDED_OVER: Mutex<Option<HandedOver>> = Mutex::new(None);

struct HandedOver {
    descriptors: ListenFd,
    /// In the order of the descriptors; shorter where they were handed over without names.
    names: Vec<String>,
    taken: Vec<bool>,
}

impl HandedOver {
    fn from_environment() -> Self {
        // Read first: taking the descriptors takes variables away.
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let descriptors = ListenFd::from_env();
        let taken = vec![false; descriptors.len()];
        let names = names.split(':').map(str::to_owned);
        Self {
            names: names.take(taken.len()).collect(),
            descriptors,
            taken,
        }
    }

    fn take(&mut self, index: usize) -> io::Result<Option<Listener>> {
        let count = self.taken.len();
        if count == 0 {
            return Ok(None);
        }
        if index >= count {
            let words = format!("there is no listener {index}: {count} were handed over, from 0");
            return Err(io::Error::new(io::ErrorKind::NotFound, words));
        }
        if self.taken[index] {
            return Ok(None);
        }
        let source = match self.descriptors.take_tcp_listener(index) {
            Ok(Some(listener)) => {
                ready(index, &SockRef::from(&listener))?;
                Source::Tcp(TcpListener::from_std(listener)?)
            }
            Ok(None) => return Ok(None),
            Err(_) => match self.descriptors.take_unix_listener(index) {
                Ok(Some(listener)) => {
                    ready(index, &SockRef::from(&listener))?;
                    Source::Unix(UnixListener::from_std(listener)?)
                }
                Ok(None) => return Ok(None),
                Err(_) => {
                    let words =
                        format!("listener {index} is neither a TCP nor a Unix stream socket");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
                }
            },
        };
        self.taken[index] = true;
        Ok(Some(Listener::new(source).shared()))
    }

    fn take_named(&mut self, name: &str) -> io::Result<Option<Listener>> {
        if self.taken.is_empty() {
            return Ok(None);
        }
        let mut called = self.names.iter().enumerate();
        let mut known = false;
        let index = called.find_map(|(index, it)| {
            known |= it == name;
            (it == name && !self.taken[index]).then_some(index)
        });
        match index {
            Some(index) => self.take(index),
            None if known => Ok(None),
            None => {
                let names = self.names.join(", ");
                let words = format!("no listener is called `{name}`; handed over: {names}");
                Err(io::Error::new(io::ErrorKind::NotFound, words))
            }
        }
    }
}

/// Checks that it listens, and has it not block.
fn ready(index: usize, socket: &SockRef<'_>) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if !socket.is_listener()? {
        let words = format!("socket {index} does not listen; `Accept=yes` hands over connections");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let _ = index;
    socket.set_nonblocking(true)
}

impl Listener {
    /// The listener number `index` of those that systemd handed over (socket activation), counted
    /// from 0 in the order of the unit's `Listen…=` lines. `None` when the process was not started
    /// that way, or when the listener has been taken before.
    ///
    /// It is [shared](Listener::shared) with systemd. When the service stops, connections that it has
    /// not accepted stay in the backlog, where the next activation finds them: a restart loses none,
    /// and a service that is stopped for good is started again by whoever is still waiting, unless its
    /// `.socket` unit is stopped too. The socket has to be of `Accept=no`, which is the default: with
    /// `Accept=yes` systemd accepts, and hands over single connections.
    ///
    /// The first call takes the variables `LISTEN_FDS` and `LISTEN_PID` out of the environment, so that
    /// no child process takes them for its own.
    ///
    /// ```no_run
    /// use lifecycle::{HttpServer, Listener};
    ///
    /// # async fn wire(router: axum::Router) -> std::io::Result<()> {
    /// let listener = match Listener::activated(0)? {
    ///     Some(handed_over) => handed_over,
    ///     // Started by hand.
    ///     None => tokio::net::TcpListener::bind("127.0.0.1:8080").await?.into(),
    /// };
    /// let server = HttpServer::new(listener, router);
    /// # drop(server);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when fewer were handed over, and
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no listening stream socket.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as tokio's own listeners do.
    pub fn activated(index: usize) -> io::Result<Option<Self>> {
        with(|handed_over| handed_over.take(index))
    }

    /// The first one called `name` (`FileDescriptorName=` of the `.socket` unit) that has not been
    /// taken yet. A unit with several `Listen…=` lines gives all of them one name: ask until it is
    /// `None`. Otherwise as [`Listener::activated`]; a name that systemd did not hand over is
    /// [`NotFound`](io::ErrorKind::NotFound).
    pub fn activated_as(name: &str) -> io::Result<Option<Self>> {
        with(|handed_over| handed_over.take_named(name))
    }
}

fn with<T>(take: impl FnOnce(&mut HandedOver) -> T) -> T {
    let mut handed_over = HANDED_OVER.lock().unwrap_or_else(PoisonError::into_inner);
    take(handed_over.get_or_insert_with(HandedOver::from_environment))
}
