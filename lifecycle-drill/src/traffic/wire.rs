//! A TCP stream that remembers what passed over it.
//!
//! A client library says that a request failed, not how far it had come. Whether it counts as
//! accepted depends on exactly that: was its head on the wire, did a byte of the answer come, and
//! did the other side close or reset.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::frames::{Frames, GO_AWAY, HEADERS};
use crate::peek::has_left;

/// How the other side left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not.
    #[default]
    Open,
    /// It closed the connection.
    Closed,
    /// It reset the connection.
    Reset,
}

/// What passed since the current request began.
#[derive(Default)]
pub(crate) struct Traffic {
    /// How much of the blank line that ends a head has been seen: 4 is all of it.
    head: AtomicU8,
    received: AtomicU64,
    closed: AtomicBool,
    reset: AtomicBool,
    /// Before the next byte is written, the kernel is asked whether the other side has left.
    looks: AtomicBool,
    /// The kernel did not take all that was last to be written.
    held_up: AtomicBool,
    /// Nothing is read until the next head is written.
    deaf: AtomicBool,
    /// Who wanted to read meanwhile.
    reader: Mutex<Option<Waker>>,
    /// There for HTTP/2 alone.
    http2: Option<Http2>,
}

/// What passed over an HTTP/2 connection, from its beginning.
struct Http2 {
    written: Mutex<Frames>,
    read: Mutex<Frames>,
    /// The last stream whose head was handed to the kernel in full.
    last_stream: AtomicU32,
    going_away: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Traffic {
    /// Forgets the last request.
    pub(crate) fn begin(&self) {
        self.head.store(0, Relaxed);
        self.received.store(0, Relaxed);
    }

    /// The same on a connection that rested: nothing is written where the other side has closed it, also
    /// when the runtime had no time yet to tell. Its write fails then, and the head counts as not written.
    pub(crate) fn begin_looking(&self) {
        self.begin();
        self.looks.store(true, Relaxed);
    }

    /// Reads nothing more until the next head is written, so that a close by the other side goes
    /// unnoticed until then.
    pub(crate) fn stop_listening(&self) {
        self.deaf.store(true, Relaxed);
    }

    /// Whether reading has to wait; if so, `reader` is woken when it need not any more.
    fn is_deaf(&self, reader: &Waker) -> bool {
        let deaf = self.deaf.load(Relaxed);
        if deaf {
            *self.lock_reader() = Some(reader.clone());
        }
        deaf
    }

    fn lock_reader(&self) -> MutexGuard<'_, Option<Waker>> {
        locked(&self.reader)
    }

    /// Whether the head of this stream of HTTP/2 was handed to the kernel in full.
    pub(crate) fn stream_written(&self, stream: u32) -> bool {
        let last = |http2: &Http2| http2.last_stream.load(Relaxed);
        self.http2.as_ref().is_some_and(|it| last(it) >= stream)
    }

    /// Whether the other side has said that it takes no new streams.
    pub(crate) fn going_away(&self) -> bool {
        let goes = |http2: &Http2| http2.going_away.load(Relaxed);
        self.http2.as_ref().is_some_and(goes)
    }

    /// Whether the head of the current request was handed to the kernel in full.
    pub(crate) fn head_written(&self) -> bool {
        self.head.load(Relaxed) == 4
    }

    /// Whether something is still to be written that the other side does not take.
    pub(crate) fn is_held_up(&self) -> bool {
        self.held_up.load(Relaxed)
    }

    /// Bytes received for the current request.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// How the other side left, as far as this one has noticed.
    pub(crate) fn end(&self) -> End {
        if self.reset.load(Relaxed) {
            End::Reset
        } else if self.closed.load(Relaxed) {
            End::Closed
        } else {
            End::Open
        }
    }

    fn wrote(&self, bytes: &[u8]) {
        if let Some(http2) = &self.http2 {
            locked(&http2.written).follow(bytes, |kind, stream| {
                if kind == HEADERS {
                    http2.last_stream.fetch_max(stream, Relaxed);
                }
            });
            return;
        }
        let mut seen = self.head.load(Relaxed);
        for byte in bytes {
            if seen == 4 {
                break;
            }
            seen = match (seen, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => seen + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
        }
        self.head.store(seen, Relaxed);
        if seen == 4 && self.deaf.swap(false, Relaxed) {
            let reader = self.lock_reader().take();
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }

    fn read(&self, bytes: &[u8]) {
        self.received.fetch_add(bytes.len() as u64, Relaxed);
        if let Some(http2) = &self.http2 {
            locked(&http2.read).follow(bytes, |kind, _| {
                if kind == GO_AWAY {
                    http2.going_away.store(true, Relaxed);
                }
            });
        }
    }

    fn failed(&self, error: &io::Error) {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
        ) {
            self.reset.store(true, Relaxed);
        }
    }
}

/// The stream.
pub(crate) struct Wire {
    stream: TcpStream,
    traffic: Arc<Traffic>,
}

impl Wire {
    /// Over which HTTP/1.1 passes, or anything that begins with it.
    pub(crate) fn new(stream: TcpStream) -> (Self, Arc<Traffic>) {
        Self::watched(stream, Traffic::default())
    }

    /// Over which HTTP/2 passes.
    pub(crate) fn http2(stream: TcpStream) -> (Self, Arc<Traffic>) {
        let http2 = Http2 {
            written: Mutex::new(Frames::of_client()),
            read: Mutex::default(),
            last_stream: AtomicU32::new(0),
            going_away: AtomicBool::new(false),
        };
        let traffic = Traffic {
            http2: Some(http2),
            ..Traffic::default()
        };
        Self::watched(stream, traffic)
    }

    fn watched(stream: TcpStream, traffic: Traffic) -> (Self, Arc<Traffic>) {
        let traffic = Arc::new(traffic);
        (
            Self {
                stream,
                traffic: Arc::clone(&traffic),
            },
            traffic,
        )
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.traffic.is_deaf(cx.waker()) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        match &result {
            Ok(()) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                if bytes.is_empty() && buffer.remaining() > 0 {
                    this.traffic.closed.store(true, Relaxed);
                }
                this.traffic.read(bytes);
            }
            Err(error) => this.traffic.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // HTTP/2 has a connection's end before any of its streams, and looks each time.
        let looks = this.traffic.looks.swap(false, Relaxed) || this.traffic.http2.is_some();
        if looks && has_left(&this.stream) {
            this.traffic.closed.store(true, Relaxed);
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        let whole = matches!(&result, Poll::Ready(Ok(count)) if *count == bytes.len());
        this.traffic.held_up.store(!whole, Relaxed);
        let result = ready!(result);
        match &result {
            Ok(count) => this.traffic.wrote(bytes.get(..*count).unwrap_or_default()),
            Err(error) => this.traffic.failed(error),
        }
        Poll::Ready(result)
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
    use super::*;

    #[test]
    fn the_head_ends_at_the_blank_line_however_it_is_cut() {
        let whole = b"GET / HTTP/1.1\r\nhost: x\r\n\r\nbody\r\n";
        let head_end = whole.len() - b"body\r\n".len();
        for cut in 0..whole.len() {
            let traffic = Traffic::default();
            traffic.wrote(&whole[..cut]);
            assert_eq!(traffic.head_written(), cut >= head_end, "after {cut} bytes");
            traffic.wrote(&whole[cut..]);
            assert!(traffic.head_written(), "cut at {cut}");
        }
        let traffic = Traffic::default();
        traffic.wrote(b"a\r\r\n\r");
        assert!(!traffic.head_written());
        traffic.wrote(b"\n");
        assert!(traffic.head_written());
        traffic.begin();
        assert!(!traffic.head_written());
    }
}
