//! Tells HTTP/2 with prior knowledge from HTTP/1 by the first bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};

use super::exchange::Serve;
use super::socket::Socket;
use super::track::Track;

/// What an HTTP/2 client sends first (RFC 9113, section 3.4); no HTTP/1 request can begin so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) type Http2 = http2::Connection<TokioIo<Socket>, Serve, Tasks>;

/// Runs a connection's streams, each in a task that can be ended alone.
#[derive(Clone)]
pub(super) struct Tasks(Arc<Track>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        // hyper calls this right after the service, on the connection's task.
        self.0.note_task(tokio::spawn(stream).abort_handle());
    }
}

/// A connection on which too little has been heard.
pub(super) struct Sniff {
    socket: Option<Socket>,
    heard: BytesMut,
}

/// What the client speaks.
pub(super) enum Spoken {
    Http1(Socket),
    Http2(Pin<Box<Http2>>),
    /// It has gone without a word, or was not waited for.
    Nothing,
}

impl Sniff {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket: Some(socket),
            heard: BytesMut::new(),
        }
    }

    /// Closes the connection at the next poll.
    pub(super) fn give_up(&mut self) {
        self.socket = None;
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Spoken> {
        // Room for a whole request of the usual size, so that nothing is read twice as often.
        let mut scratch = [0; 2048];
        while let Some(socket) = &mut self.socket {
            let mut buf = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(socket).poll_read(cx, &mut buf));
            let silent = buf.filled().is_empty();
            self.heard.extend_from_slice(buf.filled());
            let known = self.heard.len().min(PREFACE.len());
            let http2 = self.heard[..known] == PREFACE[..known];
            if read.is_err() || (silent && self.heard.is_empty()) {
                break;
            }
            if http2 && known < PREFACE.len() && !silent {
                continue;
            }
            let Some(mut socket) = self.socket.take() else {
                break;
            };
            socket.unread(std::mem::take(&mut self.heard).freeze());
            if !http2 {
                return Poll::Ready(Spoken::Http1(socket));
            }
            let track = Arc::clone(&socket.track);
            track.http2.set(true);
            let mut builder = http2::Builder::new(Tasks(Arc::clone(&track)));
            // WebSockets over HTTP/2 (RFC 8441), as axum's own server allows them.
            builder.enable_connect_protocol();
            let service = Serve(track);
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            return Poll::Ready(Spoken::Http2(Box::pin(connection)));
        }
        self.socket = None;
        Poll::Ready(Spoken::Nothing)
    }
}
