//! How a connection comes about, or does not.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout_at;

use super::outcome::Outcome;

/// How much the kernel takes in for a client that reads slowly: the server is to feel it. With less
/// than a segment of loopback, 64 KiB, the two kernels would wait for each other's timers.
const SMALL_BUFFER: u32 = 128 * 1_024;

/// Why there is no connection.
pub(crate) enum NoConnection {
    /// Refused, reset, or not taken in time.
    Refused,
    /// This machine had no port or descriptor left.
    Local,
}

impl NoConnection {
    pub(crate) const fn outcome(&self) -> Outcome {
        match self {
            Self::Refused => Outcome::RefusedAtConnect,
            Self::Local => Outcome::NotSent,
        }
    }
}

/// Connects. A `trickling` client takes in little at a time.
pub(crate) async fn connect(
    address: SocketAddr,
    until: Instant,
    trickling: bool,
) -> Result<TcpStream, NoConnection> {
    let connecting = async {
        if !trickling {
            return TcpStream::connect(address).await;
        }
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        socket.connect(address).await
    };
    let stream = match timeout_at(until.into(), connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if is_local(&error) => return Err(NoConnection::Local),
        Ok(Err(_)) | Err(_) => return Err(NoConnection::Refused),
    };
    // Without it a small request waits for an acknowledgement; not setting it costs time, not
    // truth.
    let _slower = stream.set_nodelay(true);
    Ok(stream)
}

/// Whether connecting failed for want of something on this side.
pub(crate) fn is_local(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [
        Errno::ADDRNOTAVAIL,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
    ];
    Errno::from_io_error(error).is_some_and(|errno| exhausted.contains(&errno))
}
