//! The kernel's end of a connection: knows what has been read and written, and keeps the connection
//! counted.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::track::Track;

/// The connection is in the registry for as long as this lives, wherever it goes: after an upgrade
/// it belongs to the service, and the drain waits for it there too.
pub(super) struct Wire {
    raw: Raw,
    pub(super) track: Arc<Track>,
}

/// What the kernel has accepted.
pub(super) enum Raw {
    Tcp(TcpStream),
    /// Boxed, so that the usual case takes no more room than its stream alone.
    #[cfg(unix)]
    Unix(Box<UnixStream>),
    Custom(Box<dyn Io>),
}

/// A connection that the service has brought.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// Does the same with whichever stream it is.
macro_rules! with {
    ($raw:expr, $stream:ident => $body:expr) => {
        match $raw {
            Raw::Tcp($stream) => $body,
            #[cfg(unix)]
            Raw::Unix($stream) => $body,
            Raw::Custom($stream) => $body,
        }
    };
}

impl Wire {
    pub(super) fn new(raw: Raw, track: Arc<Track>) -> Self {
        Self { raw, track }
    }

    /// Reads from the kernel without asking the reactor, which hears of arrived bytes only when it
    /// next polls; until then tokio's own read says "nothing there".
    fn read_now(&self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = match &self.raw {
            Raw::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Raw::Unix(stream) => SockRef::from(&**stream),
            // No reactor stands between.
            Raw::Custom(_) => return Poll::Pending,
        };
        // Not into `buf` itself, which would have to be zeroed: that would bring the buffers of all idle
        // connections into memory just to find out that nothing has come.
        let mut scratch = [0; 2048];
        let room = buf.remaining().min(scratch.len());
        match (&*socket).read(&mut scratch[..room]) {
            Ok(read) => {
                buf.put_slice(&scratch[..read]);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Whether it is the kernel's own socket, and none that the service has brought.
    pub(super) fn is_kernels(&self) -> bool {
        !matches!(self.raw, Raw::Custom(_))
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        let pending = written.is_pending();
        self.track.set_unsent(pending);
        if let Poll::Ready(Ok(taken)) = written {
            self.track.written.add(*taken);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.track.server.forget(self.track.id());
        self.track.close();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let mut read = with!(&mut this.raw, stream => Pin::new(stream).poll_read(cx, buf));
        if read.is_pending() && this.track.rereading.get() {
            read = this.read_now(buf);
        }
        if buf.filled().len() > before {
            this.track.unparsed.set(true);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = with!(&mut self.raw, stream => Pin::new(stream).poll_write(cx, buf));
        self.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written =
            with!(&mut self.raw, stream => Pin::new(stream).poll_write_vectored(cx, bufs));
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(&mut self.raw, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(&mut self.raw, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
