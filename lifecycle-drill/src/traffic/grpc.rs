//! The little of gRPC that a unary call needs: the frame of its message, and the status of its end.

use anyhow::Context;
use hyper::header::{HeaderMap, HeaderValue};

use super::outcome::Outcome;

/// The standard health check of the whole server; its message is empty.
pub const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// `UNAVAILABLE`: sent to a client that may try another server.
const UNAVAILABLE: u16 = 14;

/// One message, uncompressed, with its length before it.
pub(super) fn framed(message: &[u8]) -> anyhow::Result<Vec<u8>> {
    let length = u32::try_from(message.len()).context("a message is shorter than 4 GiB")?;
    let mut framed = vec![0];
    framed.extend(length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed)
}

/// The status that headers or trailers bring; `None` when they bring none.
pub(super) fn status(headers: &HeaderMap<HeaderValue>) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// What a status means for a request.
///
/// The numbers beside it are those of HTTP that `google/rpc/code.proto` names, but for two: a method
/// that does not exist is the drill's fault as a path is that does not exist, and a call that the
/// server cancelled by itself is the server's.
pub(super) const fn outcome(status: u16) -> Outcome {
    match status {
        0 => Outcome::Served(200),
        UNAVAILABLE => Outcome::Refused,
        3 | 9 | 11 => Outcome::Served(400),
        5 | 12 => Outcome::Served(404),
        6 | 10 => Outcome::Served(409),
        7 => Outcome::Served(403),
        8 => Outcome::Served(429),
        16 => Outcome::Served(401),
        4 => Outcome::Failed(504),
        _ => Outcome::Failed(500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_length_before_it() {
        assert_eq!(framed(b"").unwrap(), [0; 5]);
        assert_eq!(framed(b"abc").unwrap(), [0, 0, 0, 0, 3, b'a', b'b', b'c']);
    }

    #[test]
    fn statuses() {
        assert_eq!(outcome(0), Outcome::Served(200));
        assert_eq!(outcome(14), Outcome::Refused);
        for client in [3, 5, 6, 7, 8, 9, 10, 11, 12, 16] {
            assert!(
                matches!(outcome(client), Outcome::Served(400..500)),
                "{client}"
            );
        }
        for server in [1, 2, 4, 13, 15, 17] {
            assert!(matches!(outcome(server), Outcome::Failed(_)), "{server}");
        }
    }

    #[test]
    fn a_status_is_a_number_in_headers_or_trailers() {
        let mut headers = HeaderMap::new();
        assert_eq!(status(&headers), None);
        headers.insert("grpc-status", HeaderValue::from_static("14"));
        assert_eq!(status(&headers), Some(14));
        headers.insert("grpc-status", HeaderValue::from_static("x"));
        assert_eq!(status(&headers), None);
    }
}
