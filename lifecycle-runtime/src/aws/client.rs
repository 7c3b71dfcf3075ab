//! Requests to a metadata service.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use crate::exchange::{exchange, status, why};
use crate::health::head_end;

/// From the first packet to the last byte. Metadata services answer within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer read, in bytes: a task of many containers has some tens of KiB.
const LIMIT: usize = 512 * 1024;

/// Where a metadata service is: `http://host[:port][/path]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Base {
    /// As the `Host` header has it.
    host: String,
    address: SocketAddr,
    path: String,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Base {
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| format!("`{url}` is not an address that begins with http://"))?;
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        // A colon within the brackets of an IPv6 address begins no port.
        let has_port = host.rsplit(']').next().is_some_and(|it| it.contains(':'));
        let with_port = match has_port {
            true => host.to_owned(),
            false => format!("{host}:80"),
        };
        let address = with_port
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .ok_or_else(|| format!("`{url}` names no host that is known"))?;
        Ok(Self {
            host: host.to_owned(),
            address,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// One exchange; `headers` are whole lines.
    pub(super) fn ask(&self, method: &str, path: &str, headers: &str) -> Result<Answer, String> {
        let request = format!(
            "{method} {}{path} HTTP/1.1\r\n\
             Host: {}\r\n\
             User-Agent: lifecycle\r\n\
             Accept: */*\r\n\
             Content-Length: 0\r\n\
             Connection: close\r\n\
             {headers}\r\n",
            self.path, self.host
        );
        let enough = |bytes: &[u8]| matches!(body(bytes), Body::Whole(_));
        let bytes = exchange(self.address, request.as_bytes(), PATIENCE, LIMIT, enough)
            .map_err(|error| why(&error))?;
        let body = match body(&bytes) {
            Body::Whole(body) | Body::UntilClose(body) => body,
            Body::Partial => return Err("the answer is not whole".to_owned()),
        };
        Ok(Answer {
            status: status(&bytes).ok_or("the answer is not HTTP/1")?,
            body: String::from_utf8(body).map_err(|_| "the answer is not text")?,
        })
    }
}

/// An answer's body, as far as it is there.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    Whole(Vec<u8>),
    /// Whole if the other side has closed.
    UntilClose(Vec<u8>),
    Partial,
}

pub(crate) fn body(bytes: &[u8]) -> Body {
    let Some(end) = head_end(bytes) else {
        return Body::Partial;
    };
    let (head, rest) = bytes.split_at(end);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then(|| value.trim().to_owned())
        })
    };
    if header("transfer-encoding").is_some_and(|it| it.ends_with("chunked")) {
        return dechunked(rest).map_or(Body::Partial, Body::Whole);
    }
    match header("content-length").map(|it| it.parse::<usize>()) {
        Some(Ok(length)) if length <= rest.len() => Body::Whole(rest[..length].to_vec()),
        Some(_) => Body::Partial,
        None => Body::UntilClose(rest.to_vec()),
    }
}

/// The content of a chunked body (RFC 9112, 7.1), once its last chunk is there.
fn dechunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 1..];
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (url, host, address, path) in [
            (
                "http://169.254.169.254",
                "169.254.169.254",
                "169.254.169.254:80",
                "",
            ),
            (
                "http://[fd00:ec2::254]/",
                "[fd00:ec2::254]",
                "[fd00:ec2::254]:80",
                "",
            ),
            ("http://[::1]:1338/a/", "[::1]:1338", "[::1]:1338", "/a"),
            (
                "http://169.254.170.2/v4/0a1b-2",
                "169.254.170.2",
                "169.254.170.2:80",
                "/v4/0a1b-2",
            ),
            (
                "http://127.0.0.1:8080",
                "127.0.0.1:8080",
                "127.0.0.1:8080",
                "",
            ),
        ] {
            let base = Base::parse(url).expect("it is an address");
            assert_eq!(base.host, host);
            assert_eq!(base.address.to_string(), address);
            assert_eq!(base.path, path);
        }
        for url in [
            "",
            "169.254.169.254",
            "https://169.254.169.254",
            "http://",
            "http://a b/",
        ] {
            assert!(Base::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let whole = |text: &str| Body::Whole(text.as_bytes().to_vec());
        for (bytes, wanted) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                whole("hi"),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi there",
                whole("hi"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh",
                Body::Partial,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nh",
                Body::Partial,
            ),
            ("HTTP/1.1 200 OK\r\n", Body::Partial),
            (
                "HTTP/1.1 200 OK\r\n\r\nhi",
                Body::UntilClose(b"hi".to_vec()),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
                whole("hi0123456789"),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                Body::Partial,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi",
                Body::Partial,
            ),
        ] {
            assert_eq!(body(bytes.as_bytes()), wanted, "{bytes:?}");
        }
    }
}
