//! A connection to an instance that knows at once when the instance has closed it.
//!
//! A request that is written after the end came and before the runtime has told of it is lost by the
//! balancer's doing, not the instance's. So a connection at rest is looked at in the instant of its next
//! request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::peek::peek;

/// The connection.
pub(super) struct Upstream {
    stream: TcpStream,
    /// Nothing was written since something came.
    rests: bool,
}

impl Upstream {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            rests: true,
        }
    }
}

impl AsyncRead for Upstream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Pending if this.rests => match peek(&this.stream, &mut [0]) {
                Ok(Some(0)) => Poll::Ready(Ok(())),
                // For bytes its runtime wakes it.
                Ok(_) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Pending => Poll::Pending,
            done @ Poll::Ready(_) => {
                this.rests |= buffer.filled().len() > before;
                done
            }
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.rests = false;
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.rests = false;
        Pin::new(&mut this.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn an_end_in_the_kernel_is_seen_before_anything_is_written() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().unwrap();
        let mut upstream = Upstream::new(stream);
        let mut byte = [0];
        let mut reading = |upstream: &mut Upstream| {
            let mut buffer = ReadBuf::new(&mut byte);
            let waker = std::task::Waker::noop();
            Pin::new(upstream).poll_read(&mut Context::from_waker(waker), &mut buffer)
        };
        assert!(reading(&mut upstream).is_pending());
        drop(server);
        // Nothing is awaited in between, so that the runtime has not asked the kernel.
        assert!(matches!(reading(&mut upstream), Poll::Ready(Ok(()))));
        assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0);
    }
}
