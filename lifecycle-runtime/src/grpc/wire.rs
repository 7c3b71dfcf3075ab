//! The little of gRPC's and Protobuf's wire formats that the health protocol needs.
//!
//! Framing, status and trailers: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
//! Fields and their tags: <https://protobuf.dev/programming-guides/encoding/>.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;

use super::reply::Reply;

/// How a call ended. The numbers are those of
/// <https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    Unimplemented = 12,
    Unavailable = 14,
}

/// How a call ended, and why. The words are printable ASCII without `%`, which travels as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) Code, pub(crate) &'static str);

impl Status {
    pub(crate) const OK: Self = Self(Code::Ok, "");

    /// As the last thing of a response.
    pub(crate) fn trailers(self) -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(2);
        self.write(&mut trailers);
        trailers
    }

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("grpc-status", HeaderValue::from(self.0 as u16));
        if !self.1.is_empty() {
            headers.insert("grpc-message", HeaderValue::from_static(self.1));
        }
    }

    /// As the whole response: its head says how the call ended, and nothing follows.
    pub(crate) fn only<B>(self) -> Response<Reply<B>> {
        let mut response = head(Reply::Nothing);
        self.write(response.headers_mut());
        response
    }
}

/// The head of a response. HTTP's own status is 200 whatever became of the call.
pub(crate) fn head<T>(body: T) -> Response<T> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// A message as it travels: not compressed, with its length in front.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// Whether the message is compressed, and its length.
const PREFIX: usize = 5;
/// Longest request read, in bytes: names of services are far shorter.
const LIMIT: usize = 4096;

/// The one message of a request.
pub(crate) async fn message<B: Body>(body: B) -> Result<Bytes, Status> {
    const BROKEN: Status = Status(
        Code::InvalidArgument,
        "the request is not one whole message",
    );
    let mut body = std::pin::pin!(body);
    let mut read = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(|_| BROKEN)?.into_data() {
            read.put(data);
        }
        if read.len() > LIMIT {
            return Err(Status(Code::InvalidArgument, "the request is too long"));
        }
    }
    let (prefix, message) = read.split_at_checked(PREFIX).ok_or(BROKEN)?;
    if prefix[0] != 0 {
        return Err(Status(
            Code::Unimplemented,
            "compressed messages are not read here",
        ));
    }
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if usize::try_from(length) != Ok(message.len()) {
        return Err(BROKEN);
    }
    Ok(read.freeze().slice(PREFIX..))
}

/// The string in field 1 of a message; empty if it is not there. `None`: it is no such message.
pub(crate) fn first_string(mut message: &[u8]) -> Option<String> {
    let mut found = String::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        // The number of a field, and in the lower three bits how its value is written.
        let skip = match tag & 7 {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                if tag >> 3 == 1 {
                    found = String::from_utf8(message.get(..length)?.to_vec()).ok()?;
                }
                length
            }
            5 => 4,
            _ => return None,
        };
        message = message.get(skip..)?;
    }
    Some(found)
}

/// A number in groups of seven bits, the lowest first.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a field of bytes: text, or another message.
pub(crate) fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    let mut length = bytes.len();
    while length > 0x7f {
        message.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    message.push(length.to_le_bytes()[0]);
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_among_fields_that_are_not_known() {
        let long = "x".repeat(300);
        for name in ["", "shop.Orders", &long] {
            let mut message = Vec::new();
            // A number, eight bytes, four bytes and text in fields of later versions.
            message.extend([
                0x10, 0xff, 0x01, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4,
            ]);
            put_bytes(&mut message, 6, b"later");
            put_bytes(&mut message, 1, name.as_bytes());
            assert_eq!(first_string(&message).as_deref(), Some(name));
        }
        assert_eq!(first_string(&[]).as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_message_is_none() {
        for bytes in [
            &[0x0a][..],
            &[0x0a, 5, b'x'],
            &[0x0a, 1, 0xff],
            &[0x0b],
            &[0x19, 0],
            &[0x80; 11],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
        ] {
            assert_eq!(first_string(bytes), None, "{bytes:?}");
        }
    }
}
