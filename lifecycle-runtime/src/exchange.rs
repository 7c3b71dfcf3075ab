//! One HTTP exchange on a connection of its own, blocking and bounded: for probes and for metadata
//! services on the same machine. No TLS, no proxy, no redirect.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Sends `request` and reads until `enough` is satisfied with what came, the other side closes, or
/// `limit` bytes are there. An error once `patience` is over, from the first packet on.
pub(crate) fn exchange(
    address: SocketAddr,
    request: &[u8],
    patience: Duration,
    limit: usize,
    enough: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let begun = Instant::now();
    let left = || match patience.saturating_sub(begun.elapsed()) {
        // As a socket's timeout, zero would mean for ever, or an error.
        Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    // A request fits into an empty socket's buffer, so it is one write.
    stream.write_all(request)?;

    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while answer.len() < limit && !enough(&answer) {
        stream.set_read_timeout(Some(left()?))?;
        let most = part.len().min(limit - answer.len());
        match stream.read(&mut part[..most]) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// The status in an answer's first line, which must be whole.
pub(crate) fn status(answer: &[u8]) -> Option<u16> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&answer[..end]).ok()?;
    let (_minor, rest) = line.strip_prefix("HTTP/1.")?.split_once(' ')?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// What an error means, for a line of text.
pub(crate) fn why(error: &io::Error) -> String {
    match error.kind() {
        // The first is what Unix says when a socket's time to read or write is over.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}
