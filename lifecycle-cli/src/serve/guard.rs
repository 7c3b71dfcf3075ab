//! Who may ask, and what a browser may do with the answers.
//!
//! Any page that is open in a browser can send requests to 127.0.0.1, and so can any program of this
//! machine. Four things stand in between, each enough against most of that:
//!
//! - `Host` names this machine: a foreign name that resolves to 127.0.0.1 (DNS rebinding) does not.
//! - `Origin` and `Sec-Fetch-Site`, which a page cannot choose, say that the page is ours.
//! - The token is in the part of the address behind the `#`, which is never sent to anybody. The page
//!   sends it in a header of its own, which another origin's page may not set. It is no cookie, because
//!   cookies are shared by all ports of a host, other programs' among them.
//! - The answers may not be framed, sniffed, stored or read by others, and the page runs no script and
//!   loads nothing that did not come from here.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::api::{LONGEST_BODY, Refusal};

/// The header in which the page sends the token.
pub(super) const TOKEN: &str = "x-lifecycle-token";

/// Where the drill's reports are: pages of their own, which have no token.
pub(super) const REPORTS: &str = "/report/";

/// What the page may load and do. Its findings and drawings are made of the manifest's text: nothing in
/// them can become a script or a style.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A report is one file with style and script inside it, and shows what a program wrote. It gets an
/// origin of its own, from which nothing of this page can be reached.
const REPORT: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// What is asked of every request.
#[derive(Clone)]
pub(super) struct Guard {
    port: u16,
    token: String,
}

impl Guard {
    /// Errors: the system has no random numbers.
    pub(super) fn new(port: u16) -> anyhow::Result<Self> {
        let token = random_word()?;
        Ok(Self { port, token })
    }

    /// The page's address with the token.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/#token={}", self.port, self.token)
    }

    fn refusal(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
        let named = uri.authority().map(axum::http::uri::Authority::as_str);
        if !host.is_some_and(|host| self.is_this(host))
            || named.is_some_and(|named| !self.is_this(named))
        {
            return Some("this page answers under 127.0.0.1 and localhost alone");
        }
        let site = headers.get("sec-fetch-site");
        let is_from_elsewhere = site.is_some_and(|site| site != "same-origin" && site != "none");
        let is_foreign = headers
            .get(header::ORIGIN)
            .is_some_and(|origin| !self.is_ours(origin));
        if !uri.path().starts_with("/api/") {
            if method != Method::GET && method != Method::HEAD {
                return Some("here is only to be read");
            }
            // To follow a link to the page is harmless: without the token it can do nothing.
            let is_followed = headers
                .get("sec-fetch-mode")
                .is_some_and(|it| it == "navigate")
                && headers
                    .get("sec-fetch-dest")
                    .is_some_and(|it| it == "document");
            return (is_foreign || is_from_elsewhere && !is_followed)
                .then_some("other pages may not read this");
        }
        if is_foreign || is_from_elsewhere {
            return Some("other pages may not ask this");
        }
        let token = headers.get(TOKEN).map(HeaderValue::as_bytes);
        if !token.is_some_and(|token| are_same(token, self.token.as_bytes())) {
            return Some(
                "the token is missing or of another run: open the address that `lifecycle serve` printed",
            );
        }
        None
    }

    fn is_this(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else {
            // Without a port a browser means 80.
            return self.port == 80 && is_this_machine(host);
        };
        is_this_machine(name) && port.parse() == Ok(self.port)
    }

    fn is_ours(&self, origin: &HeaderValue) -> bool {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| self.is_this(host))
    }
}

fn is_this_machine(name: &str) -> bool {
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

/// Takes as long whatever differs.
fn are_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// 128 random bits in hexadecimal digits.
pub(super) fn random_word() -> anyhow::Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

/// Refuses whoever is not the page.
pub(super) async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.method(), request.uri(), request.headers()) {
        Some(words) => Refusal::new(StatusCode::FORBIDDEN, words).into_response(),
        None if is_too_long(request.headers()) => {
            let words = "this is longer than any manifest that can be edited here";
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
        }
        None => next.run(request).await,
    }
}

/// What is announced to be too long is not waited for. What is not announced is cut off as it comes.
fn is_too_long(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > LONGEST_BODY as u64)
}

/// What every answer says to the browser, refusals among them.
pub(super) async fn harden(request: Request, next: Next) -> Response<Body> {
    let is_report = request.uri().path().starts_with(REPORTS);
    let mut response = next.run(request).await;
    let (policy, frame) = match is_report {
        true => (REPORT, "SAMEORIGIN"),
        false => (PAGE, "DENY"),
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, frame),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard {
            port: 4711,
            token: "secret".to_owned(),
        }
    }

    fn is_refused(method: &Method, path: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let uri: Uri = path.parse().unwrap();
        guard().refusal(method, &uri, &map).is_some()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4711");
    const KNOWN: (&str, &str) = (TOKEN, "secret");

    #[test]
    fn the_page_itself_is_let_in() {
        let own = [
            HOST,
            KNOWN,
            ("origin", "http://127.0.0.1:4711"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert!(!is_refused(&Method::POST, "/api/save", &own));
        // A program of one's own that has the token.
        assert!(!is_refused(&Method::POST, "/api/save", &[HOST, KNOWN]));
        assert!(!is_refused(
            &Method::GET,
            "/",
            &[("host", "LocalHost:4711"), ("sec-fetch-site", "none")]
        ));
    }

    #[test]
    fn another_host_is_refused_however_it_is_written() {
        for host in [
            "evil.example:4711",
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1.evil.example:4711",
            "localhost.:4711",
            "[::1]:4711",
            "",
        ] {
            assert!(is_refused(&Method::GET, "/", &[("host", host)]), "{host}");
        }
        assert!(is_refused(&Method::GET, "/", &[]));
        assert!(is_refused(
            &Method::GET,
            "http://evil.example:4711/",
            &[HOST]
        ));
    }

    #[test]
    fn another_origin_is_refused_even_with_the_token() {
        for foreign in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:3000"),
            ("origin", "https://127.0.0.1:4711"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(
                is_refused(&Method::POST, "/api/save", &[HOST, KNOWN, foreign]),
                "{foreign:?}"
            );
            assert!(
                is_refused(&Method::GET, "/app.js", &[HOST, foreign]),
                "{foreign:?}"
            );
        }
    }

    #[test]
    fn a_link_to_the_page_may_be_followed_and_framed_by_nobody() {
        let from = ("sec-fetch-site", "cross-site");
        let to = |dest| {
            [
                HOST,
                from,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", dest),
            ]
        };
        assert!(!is_refused(&Method::GET, "/", &to("document")));
        assert!(is_refused(&Method::GET, "/", &to("iframe")));
        assert!(is_refused(&Method::POST, "/", &to("document")));
        assert!(is_refused(&Method::GET, "/api/document", &to("document")));
    }

    #[test]
    fn the_token_is_asked_for_whole() {
        for token in ["", "secre", "secret ", "Secret", "secrett"] {
            assert!(
                is_refused(&Method::GET, "/api/document", &[HOST, (TOKEN, token)]),
                "{token}"
            );
        }
        assert!(is_refused(&Method::GET, "/api/document", &[HOST]));
    }
}
