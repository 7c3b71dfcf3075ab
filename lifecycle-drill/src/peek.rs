//! What the kernel knows of a connection before the runtime tells it.
//!
//! Whoever waits for a socket is told of its end only once its runtime has asked the kernel again. On a
//! busy machine that is long after the end came.

use std::io;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

/// Looks at what comes next, and takes nothing away but a reset, which is an error; `None` where there
/// is nothing yet, and 0 where the other side has closed.
pub(crate) fn peek(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match recv(stream, buffer, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, count)) => Ok(Some(count)),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether the other side has ended the connection, and all that it had said before is read.
pub(crate) fn has_left(stream: &TcpStream) -> bool {
    match peek(stream, &mut [0]) {
        Ok(next) => next == Some(0),
        Err(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
        ),
    }
}
