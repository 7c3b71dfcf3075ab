//! Where a drill connects: addresses of this machine and no others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, bail, ensure};
use hyper::Uri;

/// A loopback address and a path. The type holds no other address, so that no drill ever puts load
/// on a machine that is not this one.
///
/// ```
/// use lifecycle_drill::Endpoint;
///
/// let ready = Endpoint::parse("http://localhost:8080/ready?full=1")?;
/// assert_eq!(ready.address(), "127.0.0.1:8080".parse()?);
/// assert_eq!((ready.authority(), ready.path()), ("localhost:8080", "/ready?full=1"));
/// assert_eq!(ready.at_port(Some(9090)).url(), "http://localhost:9090/ready?full=1");
/// assert_eq!(Endpoint::on_port(8080, "/").url(), "http://127.0.0.1:8080/");
///
/// let error = Endpoint::parse("http://10.0.0.1:8080/ready").unwrap_err();
/// assert_eq!(error.to_string(), "10.0.0.1 is not this machine; a drill only targets loopback");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
    authority: String,
    path: String,
}

impl Endpoint {
    /// A path on a port of 127.0.0.1.
    pub fn on_port(port: u16, path: impl Into<String>) -> Self {
        Self::on_loopback(false, port, path)
    }

    /// The same, or on `::1` for what listens there alone.
    pub(crate) fn on_loopback(only_six: bool, port: u16, path: impl Into<String>) -> Self {
        let ip = match only_six {
            true => IpAddr::V6(Ipv6Addr::LOCALHOST),
            false => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let address = SocketAddr::new(ip, port);
        Self {
            address,
            authority: address.to_string(),
            path: path.into(),
        }
    }

    /// Reads `http://127.0.0.1:8080/health/ready`; `localhost` means 127.0.0.1.
    ///
    /// Errors: another scheme than http, no port, or a host that is not this machine.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("`{url}` is not a URL"))?;
        ensure!(
            uri.scheme_str() == Some("http"),
            "`{url}` does not start with http://; a drill speaks plain HTTP/1.1 only"
        );
        let host = uri.host().unwrap_or_default();
        let Some(port) = uri.port_u16() else {
            bail!("`{url}` names no port; write it out, as in http://127.0.0.1:8080");
        };
        let ip = match host.trim_start_matches('[').trim_end_matches(']') {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            literal => literal.parse().with_context(|| {
                format!("`{host}` is not an address of this machine; a drill only targets loopback")
            })?,
        };
        ensure!(
            ip.is_loopback(),
            "{ip} is not this machine; a drill only targets loopback"
        );
        let path = uri
            .path_and_query()
            .map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let address = SocketAddr::new(ip, port);
        Ok(Self {
            address,
            authority: format!("{host}:{port}"),
            path: path.to_owned(),
        })
    }

    /// The whole of it: `http://127.0.0.1:8080/ready`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }

    /// The same host at another port; the same port when `None`.
    #[must_use]
    pub fn at_port(&self, port: Option<u16>) -> Self {
        let Some(port) = port else {
            return self.clone();
        };
        let host = self.authority.rsplit_once(':');
        let host = host.map_or(self.authority.as_str(), |(host, _)| host);
        Self {
            address: SocketAddr::new(self.address.ip(), port),
            authority: format!("{host}:{port}"),
            path: self.path.clone(),
        }
    }

    /// Where to connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the `Host` header says.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path and query, with the leading slash.
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_a_target() {
        for good in [
            "http://127.0.0.1:8080/x",
            "http://localhost:80",
            "http://[::1]:9/a?b=c",
        ] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1:1/",
            "http://127.0.0.1/",
            "http://10.0.0.1:80/",
            "http://example.com:80/",
            "http://0.0.0.0:80/",
            "127.0.0.1:80",
            "",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_keeps_its_host_and_query() {
        let endpoint = Endpoint::parse("http://localhost:8080/health?full=1").unwrap();
        assert_eq!(endpoint.authority(), "localhost:8080");
        assert_eq!(endpoint.path(), "/health?full=1");
        assert_eq!(endpoint.address().to_string(), "127.0.0.1:8080");
        assert_eq!(
            Endpoint::parse("http://[::1]:8080").unwrap().authority(),
            "[::1]:8080"
        );
    }

    #[test]
    fn another_port_is_on_the_same_host() {
        for (url, other) in [
            ("http://localhost:8080/x", "localhost:9090"),
            ("http://[::1]:8080", "[::1]:9090"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.at_port(None), endpoint);
            let there = endpoint.at_port(Some(9_090));
            assert_eq!(there.authority(), other);
            assert_eq!(there.address().ip(), endpoint.address().ip());
            assert_eq!(there.address().port(), 9_090);
        }
    }
}
