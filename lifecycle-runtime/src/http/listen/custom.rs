//! Connections from anywhere else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Listener, Source};
use crate::http::peer::Peer;
use crate::http::wire::Raw;

type Accepting = Pin<Box<dyn Future<Output = io::Result<Raw>> + Send>>;

/// What a service accepts connections by.
pub(in crate::http) struct Custom(Box<dyn FnMut() -> Accepting + Send>);

impl Custom {
    pub(super) async fn accept(&mut self) -> io::Result<(Raw, Peer)> {
        let raw = (self.0)().await?;
        Ok((raw, Peer::custom()))
    }

    /// A connection that is there already. An error says, as well as waiting, that there is none.
    pub(super) fn accept_now(&mut self) -> io::Result<(Raw, Peer)> {
        let mut cx = Context::from_waker(Waker::noop());
        match (self.0)().as_mut().poll(&mut cx) {
            Poll::Ready(Ok(raw)) => Ok((raw, Peer::custom())),
            Poll::Ready(Err(_)) | Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Listener {
    /// Connections of any other kind: `accept` is called for each, and gives the next one.
    ///
    /// For transports that this crate does not know, such as vsock, and for tests: on tokio's
    /// [`duplex`](tokio::io::duplex) streams and its paused clock, a shutdown takes exactly as long as
    /// it is meant to, and no time at all.
    ///
    /// A call that waits is dropped when the intake stops, and must lose no connection by that, as
    /// `accept` of tokio's listeners and `recv` of its channels do not. Then it is called again for as
    /// long as it gives a connection at once: its backlog is emptied. An error is logged, and `accept`
    /// called again a moment later. After a panic it is not called again: the service stops in order,
    /// with a non-zero exit code.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::sync::Arc;
    ///
    /// use lifecycle::{HttpServer, Listener};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    /// use tokio::sync::{Mutex, mpsc};
    ///
    /// let (connect, connections) = mpsc::channel::<DuplexStream>(16);
    /// let connections = Arc::new(Mutex::new(connections));
    /// let listener = Listener::custom(move || {
    ///     let connections = Arc::clone(&connections);
    ///     async move {
    ///         match connections.lock().await.recv().await {
    ///             Some(connection) => Ok(connection),
    ///             // Nobody can connect any more.
    ///             None => std::future::pending().await,
    ///         }
    ///     }
    /// });
    /// let server = HttpServer::new(listener, axum::Router::new()).spawn();
    ///
    /// let (mut client, connection) = duplex(4096);
    /// connect.send(connection).await?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await?;
    /// let mut status = [0; 12];
    /// client.read_exact(&mut status).await?;
    /// assert_eq!(&status, b"HTTP/1.1 404");
    /// # drop(client);
    /// server.stop().await?;
    /// # Ok(()) }
    /// ```
    pub fn custom<F, Fut, S>(mut accept: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let accept = move || -> Accepting {
            let accepting = accept();
            Box::pin(async move { Ok(Raw::Custom(Box::new(accepting.await?))) })
        };
        Self::new(Source::Custom(Custom(Box::new(accept))))
    }
}
