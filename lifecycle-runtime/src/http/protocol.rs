//! What is spoken on a connection, from its first byte to its last.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
#[cfg(feature = "http2")]
use tokio::io::AsyncWrite;

use super::exchange::Serve;
use super::listen::Entrance;
#[cfg(feature = "http2")]
use super::sniff::{Http2, Sniff, Spoken};
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls::{Alpn, Handshake};
use super::track::Track;
use super::wire::Wire;

#[cfg_attr(
    any(feature = "http2", feature = "tls"),
    allow(
        clippy::large_enum_variant,
        reason = "HTTP/1 is the usual case, and a box would cost it an allocation"
    )
)]
pub(super) enum Protocol {
    /// It begins with TLS.
    #[cfg(feature = "tls")]
    Handshake(Box<Handshake>),
    /// Nothing has been heard that tells HTTP/1 from HTTP/2.
    #[cfg(feature = "http2")]
    Unknown(Sniff),
    Http1(http1::UpgradeableConnection<TokioIo<Socket>, Serve>),
    #[cfg(feature = "http2")]
    Http2(Pin<Box<Http2>>),
    /// It is closed before a word of HTTP was spoken.
    #[cfg(feature = "http2")]
    Closing(Box<Socket>),
    #[cfg(any(feature = "http2", feature = "tls"))]
    Over,
}

impl Protocol {
    pub(super) fn new(wire: Wire, entrance: &Entrance) -> Self {
        #[cfg(feature = "tls")]
        if let Some(tls) = &entrance.tls {
            let limit = wire.track.server.options.handshake_timeout;
            return Self::Handshake(Box::new(Handshake::new(tls, wire, limit)));
        }
        let _ = entrance;
        Self::begin(Socket::new(wire))
    }

    /// Whichever the client turns out to speak.
    fn begin(socket: Socket) -> Self {
        #[cfg(feature = "http2")]
        return Self::Unknown(Sniff::new(socket));
        #[cfg(not(feature = "http2"))]
        Self::http1(socket)
    }

    fn http1(socket: Socket) -> Self {
        let service = Serve(Arc::clone(socket.track()));
        service.0.bare.set(socket.is_bare());
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        Self::Http1(connection.with_upgrades())
    }

    /// Does all it can; ready at the connection's end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, track: &Track) -> Poll<()> {
        #[cfg(any(feature = "http2", feature = "tls"))]
        while let Some(next) = ready!(self.poll_before_http(cx)) {
            *self = next;
        }
        let ended = match self {
            Self::Http1(connection) => ready!(Pin::new(connection).poll(cx)),
            #[cfg(feature = "http2")]
            Self::Http2(connection) => ready!(connection.as_mut().poll(cx)),
            #[cfg(any(feature = "http2", feature = "tls"))]
            _ => return Poll::Ready(()),
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %track.peer, %error, "a connection ended early");
        }
        Poll::Ready(())
    }

    /// What follows where no HTTP is spoken; `None` where it is, and where nothing follows.
    #[cfg(any(feature = "http2", feature = "tls"))]
    fn poll_before_http(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self>> {
        Poll::Ready(Some(match self {
            #[cfg(feature = "tls")]
            Self::Handshake(handshake) => match ready!(handshake.poll(cx)) {
                Some((stream, alpn)) => {
                    let socket = Socket::secure(stream);
                    match alpn {
                        Alpn::Http1 => Self::http1(socket),
                        #[cfg(feature = "http2")]
                        Alpn::Http2 => Self::Http2(super::sniff::serve_http2(socket)),
                        Alpn::None => Self::begin(socket),
                    }
                }
                None => Self::Over,
            },
            #[cfg(feature = "http2")]
            Self::Unknown(sniff) => match ready!(sniff.poll(cx)) {
                Spoken::Http1(socket) => Self::http1(socket),
                Spoken::Http2(connection) => Self::Http2(connection),
                Spoken::Nothing => Self::Over,
            },
            #[cfg(feature = "http2")]
            Self::Closing(socket) => {
                // Whatever becomes of the farewell, it is over.
                let _ = ready!(Pin::new(&mut **socket).poll_shutdown(cx));
                Self::Over
            }
            _ => return Poll::Ready(None),
        }))
    }

    /// Asks for what there is to be finished and the connection to be closed: HTTP/1 turns keep-alive
    /// off, HTTP/2 sends GOAWAY.
    pub(super) fn tell(&mut self) {
        match self {
            #[cfg(feature = "tls")]
            Self::Handshake(_) => *self = Self::Over,
            #[cfg(feature = "http2")]
            Self::Unknown(sniff) => {
                *self = match sniff.give_up() {
                    Some(socket) => Self::Closing(Box::new(socket)),
                    None => Self::Over,
                }
            }
            Self::Http1(connection) => Pin::new(connection).graceful_shutdown(),
            #[cfg(feature = "http2")]
            Self::Http2(connection) => connection.as_mut().graceful_shutdown(),
            #[cfg(any(feature = "http2", feature = "tls"))]
            _ => {}
        }
    }
}
