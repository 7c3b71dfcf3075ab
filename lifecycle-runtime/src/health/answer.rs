//! One probe's request and its answer: as much of HTTP/1 as that takes, on bytes only.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Health;
use crate::plan;

/// Longest request head read, in bytes.
pub(super) const HEAD_LIMIT: usize = 8 * 1024;

/// Where the status is answered, unless readiness or liveness are.
const STATUS: &str = "/lifecycle";
const TEXT: &str = "text/plain; charset=utf-8";

/// The head's end, if it is complete: the index after the empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    // RFC 9112, 2.2: a recipient may take a lone line feed for a line's end.
    let mut line_start = 0;
    for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let line = &bytes[line_start..index];
        if line_start > 0 && (line.is_empty() || line == b"\r") {
            return Some(index + 1);
        }
        line_start = index + 1;
    }
    None
}

/// The complete response to a complete request head.
pub(crate) fn answer(head: &[u8], paths: &plan::Health, health: &Health) -> Vec<u8> {
    let end = head.iter().position(|byte| *byte == b'\n');
    let (line, fields) = head.split_at(end.unwrap_or(head.len()));
    let Ok(request_line) = std::str::from_utf8(line) else {
        return response(400, "Bad Request", "", true);
    };
    let request_line = request_line.strip_suffix('\r').unwrap_or(request_line);
    // RFC 9110, 5.5: a field may hold bytes of any encoding, and none that matters here does.
    let fields = String::from_utf8_lossy(fields);
    let mut words = request_line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return response(400, "Bad Request", "", true);
    };
    let Some(minor) = version.strip_prefix("HTTP/1.") else {
        let known = version.starts_with("HTTP/");
        return if known {
            response(505, "HTTP Version Not Supported", "", true)
        } else {
            response(400, "Bad Request", "", true)
        };
    };
    let (mut names_host, mut wants_text) = (false, false);
    for (name, value) in fields.lines().filter_map(|line| line.split_once(':')) {
        names_host |= name.eq_ignore_ascii_case("host");
        wants_text |= name.eq_ignore_ascii_case("accept") && prefers_text(value);
    }
    // RFC 9112, 3.2: an HTTP/1.1 request without Host must be refused.
    if method.is_empty() || target.is_empty() || (minor != "0" && !names_host) {
        return response(400, "Bad Request", "", true);
    }
    let with_body = method != "HEAD";
    if method != "GET" && method != "HEAD" {
        return response(405, "Method Not Allowed", "Allow: GET, HEAD\r\n", true);
    }
    let (path, query) = path_of(target);
    let yes_or_no = |yes| match yes {
        true => response(200, "OK", "", with_body),
        false => response(503, "Service Unavailable", "", with_body),
    };
    if path == paths.ready {
        yes_or_no(health.is_ready())
    } else if path == paths.live {
        yes_or_no(health.is_live())
    } else if path == STATUS
        && let Some(status) = health.status()
    {
        if wants_text || query.split('&').any(|it| it == "text") {
            with_content(200, "OK", "", TEXT, &status.to_string(), with_body)
        } else {
            let json = status.to_json() + "\n";
            with_content(200, "OK", "", "application/json", &json, with_body)
        }
    } else {
        response(404, "Not Found", "", with_body)
    }
}

/// Whether an `Accept` header asks for the table: it names plain text, and JSON not.
fn prefers_text(accept: &str) -> bool {
    let accept = accept.to_ascii_lowercase();
    accept.contains("text/plain") && !accept.contains("json")
}

/// Path and query of a request target in origin or absolute form.
fn path_of(target: &str) -> (&str, &str) {
    let target = target.strip_prefix("http://").map_or(target, |rest| {
        rest.find('/').map_or("/", |slash| &rest[slash..])
    });
    target.split_once('?').unwrap_or((target, ""))
}

/// A whole response with its reason for a body.
pub(super) fn response(status: u16, reason: &str, extra: &str, with_body: bool) -> Vec<u8> {
    let body = format!("{reason}\n");
    with_content(status, reason, extra, TEXT, &body, with_body)
}

/// A whole response; every one closes its connection, as a probe comes alone.
fn with_content(
    status: u16,
    reason: &str,
    extra: &str,
    content_type: &str,
    body: &str,
    with_body: bool,
) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Date: {}\r\n\
         Content-Type: {content_type}\r\n\
         Content-Length: {}\r\n\
         Cache-Control: no-store\r\n\
         Connection: close\r\n\
         {extra}\r\n",
        date(SystemTime::now()),
        body.len(),
    );
    if with_body {
        text.push_str(body);
    }
    text.into_bytes()
}

/// The date as RFC 9110, 5.6.7 writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(now: SystemTime) -> String {
    let seconds = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let days = seconds / 86_400;
    // Days are counted from 1 March of the year 0, so that a leap day is the last of its year; 400
    // years have 146,097 days, and 1 January 1970 is day 719,468.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, next_year) = if month_from_march < 10 {
        (month_from_march + 2, 0)
    } else {
        (month_from_march - 10, 1)
    };
    let year = era * 400 + year_of_era + next_year;

    let weekday = nth("ThuFriSatSunMonTueWed", days % 7);
    let month = nth("JanFebMarAprMayJunJulAugSepOctNovDec", month);
    let mut text = String::with_capacity(29);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT",
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    text
}

/// The word of three letters at `index`.
fn nth(words: &'static str, index: u64) -> &'static str {
    let start = usize::try_from(index).unwrap_or(0) * 3;
    words.get(start..start + 3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asked(head: &str, health: &Health) -> (u16, String) {
        let paths = plan::Health {
            port: None,
            ready: "/ready".into(),
            live: "/live".into(),
        };
        let answer = String::from_utf8(answer(head.as_bytes(), &paths, health)).expect("text");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .expect("a status");
        (status, answer)
    }

    fn status(head: &str) -> u16 {
        let health = Health::default();
        health.ready();
        asked(head, &health).0
    }

    #[test]
    fn readiness_follows_the_service_and_liveness_the_heartbeat_while_it_is_ready() {
        let health = Health::default();
        let both = |health: &Health| {
            let get =
                |path: &str| asked(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"), health).0;
            (get("/ready"), get("/live"))
        };
        assert_eq!(both(&health), (503, 200));
        health.wedged(true);
        assert_eq!(both(&health), (503, 200), "a start may take long");
        health.wedged(false);
        health.ready();
        assert_eq!(both(&health), (200, 200));
        health.wedged(true);
        assert_eq!(both(&health), (200, 503));
        health.wedged(false);
        assert_eq!(both(&health), (200, 200));
        health.wedged(true);
        health.stopping();
        assert_eq!(both(&health), (503, 200), "the watchdog sees to it");
        health.ready();
        assert_eq!(both(&health), (503, 200), "a stop is for good");
    }

    #[test]
    fn requests_are_read_as_the_standard_says() {
        for (head, wanted) in [
            ("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n", 200),
            ("GET /ready HTTP/1.0\r\n\r\n", 200),
            ("GET /ready HTTP/1.1\nhOsT: a\n\n", 200),
            ("GET /ready?verbose HTTP/1.1\r\nHost:\r\n\r\n", 200),
            ("GET http://pod:9090/ready HTTP/1.1\r\nHost: a\r\n\r\n", 200),
            ("GET http://pod HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("GET /ready/ HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("POST /ready HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("get /ready HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("GET /ready HTTP/1.1\r\n\r\n", 400),
            ("GET /ready\r\n\r\n", 400),
            ("GET  /ready HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /ready SPDY/3\r\nHost: a\r\n\r\n", 400),
            ("GET /ready HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("\r\n\r\n", 400),
        ] {
            assert_eq!(status(head), wanted, "{head:?}");
        }
        let paths = plan::Health {
            port: None,
            ready: "/ready".into(),
            live: "/live".into(),
        };
        assert!(
            answer(b"GET /\xff HTTP/1.1\r\n\r\n", &paths, &Health::default())
                .starts_with(b"HTTP/1.1 400 ")
        );
    }

    #[test]
    fn bytes_of_any_encoding_in_a_field_change_nothing() {
        let paths = plan::Health {
            port: None,
            ready: "/ready".into(),
            live: "/live".into(),
        };
        let head = b"GET /live HTTP/1.1\r\nX-Probed-By: M\xfcnchen\r\nHost: a\r\n\r\n";
        let answer = answer(head, &paths, &Health::default());
        assert!(answer.starts_with(b"HTTP/1.1 200 "));
    }

    #[test]
    fn head_is_get_without_its_body() {
        let health = Health::default();
        let (_, get) = asked("GET /live HTTP/1.1\r\nHost: a\r\n\r\n", &health);
        let (_, head) = asked("HEAD /live HTTP/1.1\r\nHost: a\r\n\r\n", &health);
        assert!(get.ends_with("\r\n\r\nOK\n"));
        assert!(head.ends_with("\r\n\r\n"));
        assert!(head.contains("Content-Length: 3\r\n") && get.contains("Content-Length: 3\r\n"));
        assert!(head.contains("Connection: close\r\n"));
    }

    proptest::proptest! {
        /// Whatever comes, the answer is whole and closes the connection.
        #[test]
        fn every_head_has_an_answer(
            line in "(GET|HEAD|POST|[ -~]{0,5}) (/ready|/live|/lifecycle|[ -~]{0,9})( HTTP/1.[01]|[ -~]{0,9})",
            more in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
        ) {
            let head = [line.as_bytes(), b"\r\nHost: a\r\n", &more, b"\r\n\r\n"].concat();
            let _end = head_end(&head);
            let paths = plan::Health {
                port: None,
                ready: "/ready".into(),
                live: "/live".into(),
            };
            let answer = String::from_utf8(answer(&head, &paths, &Health::default())).expect("text");
            let (fields, body) = answer.split_once("\r\n\r\n").expect("a head");
            proptest::prop_assert!(fields.starts_with("HTTP/1.1 "), "{}", fields);
            proptest::prop_assert!(fields.contains("Connection: close"), "{}", fields);
            let length = format!("Content-Length: {}\r\n", body.len());
            let is_head = line.starts_with("HEAD ") && body.is_empty();
            proptest::prop_assert!(is_head || fields.contains(&length), "{}", answer);
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"), Some(27));
        assert_eq!(head_end(b"GET / HTTP/1.1\n\n"), Some(16));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
        assert_eq!(head_end(b""), None);
    }

    #[test]
    fn dates_are_those_of_the_standard() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(951_782_399), "Mon, 28 Feb 2000 23:59:59 GMT");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(at(1_709_251_199), "Thu, 29 Feb 2024 23:59:59 GMT");
        assert_eq!(at(1_735_689_599), "Tue, 31 Dec 2024 23:59:59 GMT");
        assert_eq!(at(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
    }
}
