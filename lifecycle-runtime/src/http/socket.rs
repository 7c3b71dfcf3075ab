//! A connection's socket: knows what has been read and written, and keeps the connection counted.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::server::Stage;
use super::track::Track;

/// The connection is in the registry for as long as this lives, wherever it goes: after an upgrade
/// it belongs to the service, and the drain waits for it there too.
pub(super) struct Socket {
    stream: TcpStream,
    pub(super) track: Arc<Track>,
    /// Bytes already read while finding out which protocol is spoken.
    prefix: Bytes,
    /// Closing: our side has said that it will send nothing more.
    finished: bool,
    /// Closing: the client was still sending.
    discarding: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, track: Arc<Track>) -> Self {
        Self {
            stream,
            track,
            prefix: Bytes::new(),
            finished: false,
            discarding: false,
        }
    }

    /// Puts back what has been read; it is read first.
    #[cfg(feature = "http2")]
    pub(super) fn unread(&mut self, prefix: Bytes) {
        self.prefix = prefix;
    }

    /// Reads from the kernel without asking the reactor, which hears of arrived bytes only when it
    /// next polls; until then tokio's own read says "nothing there".
    fn read_now(&self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = SockRef::from(&self.stream);
        match (&*socket).read(buf.initialize_unfilled()) {
            Ok(read) => {
                buf.advance(read);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        self.track.set_unsent(written.is_pending());
        self.track.wrote.set(true);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.track.server.forget(self.track.id());
        self.track.release();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.prefix.is_empty() {
            let count = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix[..count]);
            this.prefix.advance(count);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let mut read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() && this.track.rereading.get() {
            read = this.read_now(buf);
        }
        if buf.filled().len() > before {
            this.track.unparsed.set(true);
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_write(&written);
        written
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
        let written = if length <= SMALL {
            let mut whole = [0; SMALL];
            let mut end = 0;
            for buf in bufs {
                whole[end..end + buf.len()].copy_from_slice(buf);
                end += buf.len();
            }
            Pin::new(&mut self.stream).poll_write(cx, &whole[..length])
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
        };
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says that nothing more will be sent, and then takes what the client is still sending.
    ///
    /// A socket closed with unread bytes makes the kernel send a reset, and a reset can destroy the
    /// answer before the client has read it: a refused upload would see a broken connection instead
    /// of its 503 (RFC 9112, section 9.6). Only while the server stops, because only then do answers
    /// close connections that the client did not expect to close; who sends nothing is not waited
    /// for, and who sends on is bounded by the drain's timer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        /// How much is taken before other tasks get their turn.
        const ROUNDS: usize = 32;
        let this = &mut *self;
        if !this.finished {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.finished = true;
        }
        let stage = this.track.server.stage();
        if stage < Stage::Settling {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 4096];
        for _ in 0..ROUNDS {
            let mut buf = ReadBuf::new(&mut scratch);
            let mut read = Pin::new(&mut this.stream).poll_read(cx, &mut buf);
            if read.is_pending() {
                read = this.read_now(&mut buf);
            }
            match read {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => this.discarding = true,
                Poll::Pending if this.discarding && stage >= Stage::Lingering => {
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
