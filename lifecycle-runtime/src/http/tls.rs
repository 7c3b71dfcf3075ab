//! TLS by rustls: the handshake, and what was agreed in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::{Accept, TlsAcceptor};

use super::listen::Listener;
use super::peer::Peer;
use super::wire::Wire;

/// A connection under TLS.
pub(super) type TlsStream = tokio_rustls::server::TlsStream<Wire>;

const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// What begins each connection of a listener.
#[derive(Clone)]
pub(super) struct Tls(TlsAcceptor);

/// What was agreed with a client.
pub(super) struct Agreed {
    server_name: Option<String>,
    certificates: Vec<CertificateDer<'static>>,
}

/// Which protocol the client has agreed to speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpn {
    Http1,
    #[cfg(feature = "http2")]
    Http2,
    /// It did not say.
    None,
}

impl Listener {
    /// Has every connection begin with a TLS handshake, as `config` says.
    ///
    /// Each handshake runs in its connection's own task and is bounded by
    /// [`HttpServer::handshake_timeout`](crate::HttpServer::handshake_timeout); while the server
    /// drains, by its [`head_timeout`](crate::HttpServer::head_timeout). All that holds for plain TCP
    /// while the server stops holds under TLS too, and a connection that is closed in order ends with
    /// `close_notify`, so that no client takes a whole answer for a truncated one.
    ///
    /// A `config` without ALPN protocols is given those that this server speaks: `http/1.1`, and with
    /// the feature `http2` also `h2`, preferred. Without that feature `h2` is taken out of one that has
    /// it. Certificates are renewed in a running service by the config's own resolver.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use lifecycle::{HttpServer, Listener};
    /// # use tokio_rustls::rustls;
    /// use rustls::pki_types::pem::PemObject;
    /// use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    ///
    /// # async fn wire(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
    /// let certificates = CertificateDer::pem_file_iter("/etc/tls/tls.crt")?.collect::<Result<_, _>>()?;
    /// let key = PrivateKeyDer::from_pem_file("/etc/tls/tls.key")?;
    /// let config = rustls::ServerConfig::builder()
    ///     .with_no_client_auth()
    ///     .with_single_cert(certificates, key)?;
    ///
    /// let listener = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
    /// let server = HttpServer::new(Listener::from(listener).tls(Arc::new(config)), router);
    /// # drop(server);
    /// # Ok(()) }
    /// ```
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        let acceptor = TlsAcceptor::from(with_alpn(config));
        self.entrance.tls = Some(Tls(acceptor));
        self
    }
}

impl Peer {
    /// The name by which the client asked for this server (SNI); `None` without TLS, or without one.
    pub fn server_name(&self) -> Option<&str> {
        self.tls.get()?.server_name.as_deref()
    }

    /// The certificates that the client has shown, its own first; empty without TLS, or where the
    /// server asks for none.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        self.tls.get().map_or(&[], |agreed| &agreed.certificates)
    }
}

/// The config, offering what this server speaks and nothing else.
fn with_alpn(mut config: Arc<ServerConfig>) -> Arc<ServerConfig> {
    let offered = &config.alpn_protocols;
    if offered.is_empty() {
        let config = Arc::make_mut(&mut config);
        if cfg!(feature = "http2") {
            config.alpn_protocols.push(HTTP_2.to_vec());
        }
        config.alpn_protocols.push(HTTP_1.to_vec());
    } else if !cfg!(feature = "http2") && offered.iter().any(|it| it == HTTP_2) {
        tracing::warn!("`h2` is not offered: the feature `http2` is off");
        let config = Arc::make_mut(&mut config);
        config.alpn_protocols.retain(|it| it != HTTP_2);
    }
    config
}

/// A handshake under way.
pub(super) struct Handshake {
    accept: Accept<Wire>,
    limit: Pin<Box<Sleep>>,
}

impl Handshake {
    pub(super) fn new(tls: &Tls, wire: Wire, limit: Duration) -> Self {
        Self {
            accept: tls.0.accept(wire),
            limit: Box::pin(sleep(limit)),
        }
    }

    /// Resolves to what was agreed; `None` when it failed or took too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(TlsStream, Alpn)>> {
        let Poll::Ready(ended) = Pin::new(&mut self.accept).poll(cx) else {
            return self.limit.as_mut().poll(cx).map(|()| {
                tracing::debug!("a handshake took too long");
                None
            });
        };
        match ended {
            Ok(stream) => {
                let alpn = note(&stream);
                Poll::Ready(Some((stream, alpn)))
            }
            Err(error) => {
                tracing::debug!(%error, "a handshake failed");
                Poll::Ready(None)
            }
        }
    }
}

/// Remembers what was agreed, and says which protocol.
fn note(stream: &TlsStream) -> Alpn {
    let (wire, session) = stream.get_ref();
    let agreed = Agreed {
        server_name: session.server_name().map(str::to_owned),
        certificates: session.peer_certificates().unwrap_or_default().to_vec(),
    };
    // A handshake ends once.
    let _ = wire.track.peer.tls.set(Box::new(agreed));
    // What has been read so far was the handshake, and no request.
    wire.track.unparsed.set(false);
    match session.alpn_protocol() {
        #[cfg(feature = "http2")]
        Some(HTTP_2) => Alpn::Http2,
        Some(_) => Alpn::Http1,
        None => Alpn::None,
    }
}
