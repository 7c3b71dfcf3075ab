//! A connection as hyper sees it: in the clear or under TLS, and closed so that its last answer
//! arrives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(feature = "http2")]
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::server::Stage;
use super::track::Track;
use super::wire::Wire;

pub(super) struct Socket {
    stream: Stream,
    /// Bytes already read while finding out which protocol is spoken.
    #[cfg(feature = "http2")]
    prefix: Option<Box<Bytes>>,
}

enum Stream {
    Plain(Wire),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

/// Does the same with whichever stream it is.
macro_rules! with {
    ($socket:expr, $stream:ident => $body:expr) => {
        match &mut $socket.stream {
            Stream::Plain($stream) => $body,
            #[cfg(feature = "tls")]
            Stream::Tls($stream) => $body,
        }
    };
}

impl Socket {
    pub(super) fn new(wire: Wire) -> Self {
        Self::over(Stream::Plain(wire))
    }

    #[cfg(feature = "tls")]
    pub(super) fn secure(stream: super::tls::TlsStream) -> Self {
        Self::over(Stream::Tls(Box::new(stream)))
    }

    fn over(stream: Stream) -> Self {
        Self {
            stream,
            #[cfg(feature = "http2")]
            prefix: None,
        }
    }

    /// Whether nothing stands between this and the kernel's socket that wants a farewell of its own.
    pub(super) fn is_bare(&self) -> bool {
        match &self.stream {
            Stream::Plain(wire) => wire.is_kernels(),
            #[cfg(feature = "tls")]
            Stream::Tls(_) => false,
        }
    }

    pub(super) fn track(&self) -> &Arc<Track> {
        match &self.stream {
            Stream::Plain(wire) => &wire.track,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => &stream.get_ref().0.track,
        }
    }

    /// Puts back what has been read; it is read first.
    #[cfg(feature = "http2")]
    pub(super) fn unread(&mut self, prefix: Bytes) {
        self.prefix = Some(Box::new(prefix));
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        #[cfg(feature = "http2")]
        if let Some(prefix) = &mut this.prefix {
            let count = prefix.len().min(buf.remaining());
            buf.put_slice(&prefix[..count]);
            prefix.advance(count);
            if prefix.is_empty() {
                this.prefix = None;
            }
            return Poll::Ready(Ok(()));
        }
        match &mut this.stream {
            Stream::Plain(wire) => Pin::new(wire).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => {
                let before = buf.filled().len();
                let read = Pin::new(&mut *stream).poll_read(cx, buf);
                // It may have lain in the last record, and the wire knows nothing of it.
                if buf.filled().len() > before {
                    stream.get_ref().0.track.unparsed.set(true);
                }
                read
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        with!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        /// Up to here a copy and a plain write cost less than the kernel's handling of a list of
        /// buffers: about 4 % of the throughput of small answers, which are a head and a body.
        const SMALL: usize = 512;
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        if length <= SMALL {
            let mut whole = [0; SMALL];
            let mut end = 0;
            for buf in bufs {
                whole[end..end + buf.len()].copy_from_slice(buf);
                end += buf.len();
            }
            with!(self, stream => Pin::new(stream).poll_write(cx, &whole[..length]))
        } else {
            with!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    /// Says that nothing more will be sent, and then takes what the client is still sending.
    ///
    /// A socket closed with unread bytes makes the kernel send a reset, and a reset can destroy the
    /// answer before the client has read it: a refused upload would see a broken connection instead
    /// of its 503 (RFC 9112, section 9.6). Only while the server stops, because only then do answers
    /// close connections that the client did not expect to close; who sends nothing is not waited
    /// for, and who sends on is bounded by the drain's timer.
    ///
    /// An HTTP/2 client is waited for in any case. Requests that it wrote before it heard the last
    /// GOAWAY may still be on their way, and only GOAWAY tells it that nobody has seen them; a client
    /// that has heard it closes.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        /// How much is taken before other tasks get their turn.
        const ROUNDS: usize = 32;
        let this = &mut *self;
        if !this.track().finished.get() {
            ready!(with!(this, stream => Pin::new(stream).poll_shutdown(cx)))?;
            this.track().finished.set(true);
        }
        let stage = this.track().server.stage();
        if stage < Stage::Settling {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 4096];
        for _ in 0..ROUNDS {
            let mut buf = ReadBuf::new(&mut scratch);
            let rereading = this.track().rereading.replace(true);
            let read = with!(this, stream => Pin::new(stream).poll_read(cx, &mut buf));
            let track = this.track();
            track.rereading.set(rereading);
            match read {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => track.discarding.set(true),
                Poll::Pending
                    if track.http2.get() || track.discarding.get() && stage >= Stage::Lingering =>
                {
                    return Poll::Pending;
                }
                // The client has closed too, sends nothing, or is gone.
                Poll::Ready(_) | Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
