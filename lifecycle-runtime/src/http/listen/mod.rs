//! Where connections come from: TCP, Unix sockets, and what a supervisor hands over, each in the
//! clear or under TLS.

#[cfg(all(unix, feature = "socket-activation"))]
mod activation;
mod custom;
#[cfg(unix)]
mod file;

use std::fmt;
use std::io;
#[cfg(unix)]
use std::path::Path;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use self::custom::Custom;
#[cfg(unix)]
use self::file::SocketFile;
use super::peer::Peer;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::wire::Raw;

/// Where an [`HttpServer`](crate::HttpServer) takes connections from.
///
/// A [`TcpListener`] or a [`UnixListener`](tokio::net::UnixListener) becomes one by itself wherever
/// one is asked for; this type is for what they cannot say.
///
/// # When the intake stops
///
/// A listener that this process alone holds is **emptied**: the kernel has told the clients in its
/// backlog that they are connected, and whoever is left in there when it is closed is reset. So they
/// are taken and served, and then it is closed.
///
/// A listener that another process holds too is **left alone**. It stays open when this process has
/// gone, and so do the connections in its backlog: they belong to whoever accepts next, such as the
/// next activation by systemd. What this process has accepted itself it serves to the end. Listeners
/// from `Listener::activated` are of this kind, and any other becomes one with
/// [`Listener::shared`].
///
/// ```
/// use lifecycle::{HttpServer, Listener};
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let router = axum::Router::new();
/// // A socket that the parent goes on accepting from when this process has gone.
/// let inherited = TcpListener::bind("127.0.0.1:0").await?;
/// let server = HttpServer::new(Listener::from(inherited).shared(), router);
/// # Ok(())
/// # }
/// ```
#[must_use = "a listener is given to an `HttpServer`"]
pub struct Listener {
    /// Dropped first: whether the file is still ours can be told only while the socket is open.
    #[cfg(unix)]
    pub(super) file: Option<SocketFile>,
    pub(super) source: Source,
    pub(super) shared: bool,
    pub(super) entrance: Entrance,
}

/// How connections begin that come in by a listener.
#[derive(Clone, Default)]
pub(super) struct Entrance {
    /// With a handshake.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
}

pub(super) enum Source {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
    Custom(Custom),
}

impl Listener {
    fn new(source: Source) -> Self {
        Self {
            #[cfg(unix)]
            file: None,
            source,
            shared: false,
            entrance: Entrance::default(),
        }
    }

    /// A Unix socket at `path`, with the permissions that the process's umask leaves.
    ///
    /// A socket file that nobody listens at, as a process leaves one behind that was killed, is
    /// replaced. The file is removed as soon as the intake stops, or the listener is dropped, unless
    /// another process has bound its own in the meantime.
    ///
    /// ```no_run
    /// # async fn wire(router: axum::Router) -> std::io::Result<()> {
    /// let socket = lifecycle::Listener::unix("/run/checkout/http.sock").await?;
    /// let server = lifecycle::HttpServer::new(socket, router);
    /// # drop(server);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) where somebody listens already,
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) where something else than a socket is in the
    /// way, and what the system says of a path that is too long or cannot be written.
    #[cfg(unix)]
    pub async fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind(path.as_ref(), None).await
    }

    /// The same, with permissions such as `0o660`: who may write to the file may connect. They are
    /// set before the first client can connect.
    #[cfg(unix)]
    pub async fn unix_with_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        Self::bind(path.as_ref(), Some(mode)).await
    }

    #[cfg(unix)]
    async fn bind(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        let (listener, file) = file::bind(path, mode).await?;
        let mut listener = Self::new(Source::Unix(UnixListener::from_std(listener)?));
        listener.file = Some(file);
        Ok(listener)
    }

    /// Says that another process holds this listener too, or will: its backlog is left alone when the
    /// intake stops. For listeners that were inherited, or are handed on to a successor.
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// The next connection.
    pub(super) async fn accept(&mut self) -> io::Result<(Raw, Peer)> {
        match &mut self.source {
            Source::Tcp(listener) => listener
                .accept()
                .await
                .map(|(stream, address)| (Raw::Tcp(stream), Peer::tcp(address))),
            #[cfg(unix)]
            Source::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                let peer = Peer::unix(&stream);
                (Raw::Unix(Box::new(stream)), peer)
            }),
            Source::Custom(custom) => custom.accept().await,
        }
    }
}

impl Source {
    /// A listener that answers from the kernel itself: tokio's own accept answers from what its
    /// reactor has heard.
    pub(super) fn into_std(self) -> io::Result<Backlog> {
        match self {
            Self::Tcp(listener) => listener.into_std().map(Backlog::Tcp),
            #[cfg(unix)]
            Self::Unix(listener) => listener.into_std().map(Backlog::Unix),
            Self::Custom(custom) => Ok(Backlog::Custom(custom)),
        }
    }
}

/// What the kernel has taken for a listener that nobody else holds.
pub(super) enum Backlog {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
    Custom(Custom),
}

impl Backlog {
    /// The next connection, or [`WouldBlock`](io::ErrorKind::WouldBlock).
    pub(super) fn accept(&mut self) -> io::Result<io::Result<(Raw, Peer)>> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::TcpStream::from_std(stream));
                stream.map(|stream| (Raw::Tcp(stream), Peer::tcp(address)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| tokio::net::UnixStream::from_std(stream));
                stream.map(|stream| {
                    let peer = Peer::unix(&stream);
                    (Raw::Unix(Box::new(stream)), peer)
                })
            }
            Self::Custom(custom) => Ok(custom.accept_now()?),
        })
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::new(Source::Tcp(listener))
    }
}

/// The socket's file stays what it is: who bound it removes it.
#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::new(Source::Unix(listener))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Listener");
        match &self.source {
            Source::Tcp(listener) => shown.field("tcp", &listener.local_addr().ok()),
            #[cfg(unix)]
            Source::Unix(listener) => shown.field("unix", &listener.local_addr().ok()),
            Source::Custom(_) => shown.field("custom", &()),
        };
        shown.field("shared", &self.shared).finish_non_exhaustive()
    }
}
