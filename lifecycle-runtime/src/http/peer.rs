//! Who is at the other end of a connection.

use std::fmt;
use std::net::SocketAddr;
#[cfg(feature = "tls")]
use std::sync::OnceLock;

/// Who is at the other end of a connection; see
/// [`HttpServer::extend_requests`](crate::HttpServer::extend_requests).
///
/// ```
/// use std::net::IpAddr;
/// use lifecycle::Peer;
///
/// #[derive(Clone)]
/// struct Client(Option<IpAddr>); // of a request on a Unix socket: `None`
///
/// fn client(peer: &Peer, extensions: &mut http::Extensions) {
///     extensions.insert(Client(peer.address().map(|it| it.ip())));
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let router = axum::Router::new();
/// let server = lifecycle::HttpServer::new(listener, router).extend_requests(client);
/// # Ok(())
/// # }
/// ```
pub struct Peer {
    origin: Origin,
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<Box<super::tls::Agreed>>,
}

enum Origin {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(Option<tokio::net::unix::UCred>),
    Custom,
}

impl Peer {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            #[cfg(feature = "tls")]
            tls: OnceLock::new(),
        }
    }

    pub(super) fn tcp(address: SocketAddr) -> Self {
        Self::new(Origin::Tcp(address))
    }

    #[cfg(unix)]
    pub(super) fn unix(stream: &tokio::net::UnixStream) -> Self {
        Self::new(Origin::Unix(stream.peer_cred().ok()))
    }

    pub(super) fn custom() -> Self {
        Self::new(Origin::Custom)
    }

    /// The client's address and port; `None` on anything but TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.origin {
            Origin::Tcp(address) => Some(*address),
            #[cfg(unix)]
            Origin::Unix(_) => None,
            Origin::Custom => None,
        }
    }

    /// The process that connected to a Unix socket: its user, its group and, where the system tells,
    /// its id, as they were when it connected. `None` on anything
    /// else.
    #[cfg(unix)]
    pub fn credentials(&self) -> Option<tokio::net::unix::UCred> {
        match &self.origin {
            Origin::Tcp(_) | Origin::Custom => None,
            Origin::Unix(credentials) => *credentials,
        }
    }
}

/// As a report names it: `10.0.0.7:41230`, or `unix:` and the id of the process.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Tcp(address) => address.fmt(f),
            #[cfg(unix)]
            Origin::Unix(credentials) => match credentials.and_then(|it| it.pid()) {
                Some(process) => write!(f, "unix:{process}"),
                None => f.write_str("unix"),
            },
            Origin::Custom => f.write_str("custom"),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Peer")
            .field(&format_args!("{self}"))
            .finish()
    }
}
