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
use super::streams::Tasks;

/// What an HTTP/2 client sends first (RFC 9113, section 3.4); no HTTP/1 request can begin so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) type Http2 = http2::Connection<TokioIo<Socket>, Serve, Tasks>;

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

    /// The connection, to be closed.
    pub(super) fn give_up(&mut self) -> Option<Socket> {
        self.socket.take()
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
            return Poll::Ready(Spoken::Http2(serve_http2(socket)));
        }
        self.socket = None;
        Poll::Ready(Spoken::Nothing)
    }
}

/// Speaks HTTP/2 from the first byte on.
pub(super) fn serve_http2(socket: Socket) -> Pin<Box<Http2>> {
    let track = Arc::clone(socket.track());
    track.http2.set(true);
    let mut builder = http2::Builder::new(Tasks::new(Arc::clone(&track)));
    // WebSockets over HTTP/2 (RFC 8441), as axum's own server allows them.
    builder.enable_connect_protocol();
    Box::pin(builder.serve_connection(TokioIo::new(socket), Serve(track)))
}
