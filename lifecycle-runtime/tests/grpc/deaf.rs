//! A client's socket that hears nothing until it is allowed to.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

pub(crate) struct Deaf {
    stream: TcpStream,
    /// `None`: it hears.
    ears: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Deaf {
    /// Connects; a permit opens its ears.
    pub(crate) async fn connect(address: SocketAddr) -> (Self, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(0));
        let waiting = Arc::clone(&permits);
        let ears = async move { waiting.acquire().await.unwrap().forget() };
        let deaf = Self {
            stream: TcpStream::connect(address).await.unwrap(),
            ears: Some(Box::pin(ears)),
        };
        (deaf, permits)
    }
}

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(ears) = &mut self.ears {
            ready!(ears.as_mut().poll(cx));
            self.ears = None;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
