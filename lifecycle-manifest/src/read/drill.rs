//! `drill`: how a rehearsal loads the service.

use super::expect::expect;
use super::{Table, Zero, wrong_type};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::{Drill, DrillBody, DrillConnections, DrillProtocol, DrillRequest, Written};
use crate::rules::shape;
use crate::text::{Node, Route, Value};

/// A body is made in memory, and there are many requests.
const LONGEST_BODY: u32 = 64 << 20;

pub(super) fn drill(mut table: Table<'_, '_>) -> Drill {
    let drill = Drill {
        rate: table.number("rate", 1..=20_000),
        env: pairs(&mut table, "env"),
        connections: table
            .table("connections")
            .map(connections)
            .unwrap_or_default(),
        requests: table
            .items("requests", "a list, such as `[GET /]`")
            .into_iter()
            .filter_map(|(route, item)| request(&mut table, route, item))
            .collect(),
        expect: table.table("expect").map(expect).unwrap_or_default(),
    };
    table.finish();
    drill
}

fn connections(mut table: Table<'_, '_>) -> DrillConnections {
    let connections = DrillConnections {
        kept_alive: table.number("kept_alive", 0..=10_000),
        fresh: share(&mut table, "fresh"),
    };
    table.finish();
    connections
}

/// A percentage, such as `20%`.
fn share(table: &mut Table<'_, '_>, key: &'static str) -> Option<Written<u8>> {
    let entry = table.entry(key)?;
    let route = table.route().key(key);
    let what = "a percentage, such as `20%`";
    let text = table.scalar(&entry.value, route, what)?;
    let digits = text.value.strip_suffix('%').filter(|digits| {
        let plain = *digits == "0" || !digits.starts_with('0');
        plain && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let percent = digits.and_then(|digits| digits.parse().ok());
    match percent.filter(|percent| *percent <= 100) {
        Some(value) => Some(text.map(|_| value)),
        None => {
            table.push(wrong_type(&text.route, what, &entry.value));
            None
        }
    }
}

/// `GET /path`, with a protocol before it, or a mapping with everything.
fn request(table: &mut Table<'_, '_>, route: Route, item: &Node) -> Option<DrillRequest> {
    if !matches!(item.value, Value::Mapping(_)) {
        let text = table.scalar(item, route, "a request, such as `GET /`")?;
        let request = short(&text.value);
        return checked(table, text.map(|_| ()), request);
    }
    let mut inner = Table::new(item, route.clone(), table.findings())?;
    let path = inner.text("path");
    if item.entry("path").is_none() {
        inner.missing("path", "add `path: /`");
    }
    let words = DrillProtocol::ALL.map(|protocol| (protocol.as_str(), protocol));
    let protocol = inner.word("protocol", "a protocol", &words);
    let body = inner.text("body").map(|body| body.value);
    let bytes = inner.number("body_bytes", 1..=LONGEST_BODY);
    if let (Some(_), Some(bytes)) = (&body, &bytes) {
        let finding = Finding::new(
            &shape::OUT_OF_RANGE,
            "a request has one body: `body` or `body_bytes`",
            Place::Value(bytes.route.clone()),
        );
        inner.push(finding.help("keep one of them"));
    }
    let request = DrillRequest {
        protocol: protocol.as_ref().map(|it| it.value).unwrap_or_default(),
        method: inner.text("method").map(|method| method.value),
        path: path
            .as_ref()
            .map_or_else(String::new, |path| path.value.clone()),
        headers: pairs(&mut inner, "headers"),
        body: match (body, bytes) {
            (Some(text), _) => DrillBody::Text(text),
            (None, Some(bytes)) => DrillBody::Bytes(bytes.value),
            (None, None) => DrillBody::None,
        },
        proto: inner.text("proto").map(|proto| proto.value),
        weight: inner.number("weight", 0..=1_000_000).map(|it| it.value),
        slow: inner.boolean("slow").is_some_and(|slow| slow.value),
        send_over: inner
            .duration("send_over", Zero::Refused)
            .map(|it| it.value),
        read_over: inner
            .duration("read_over", Zero::Refused)
            .map(|it| it.value),
        clients: inner.number("clients", 1..=10_000).map(|it| it.value),
        every: inner.duration("every", Zero::Refused).map(|it| it.value),
    };
    // With a protocol that could not be read, nothing can be said of what goes with it.
    if protocol.is_some() || item.entry("protocol").is_none() {
        fitting(&mut inner, item, &request);
    }
    inner.finish();
    let at = path?.map(|_| ());
    checked(table, at, request)
}

/// `[PROTOCOL ][METHOD ]PATH`.
fn short(text: &str) -> DrillRequest {
    let mut rest = text;
    let mut protocol = DrillProtocol::Http;
    if let Some((word, behind)) = text.split_once(' ')
        && let Some(named) = DrillProtocol::ALL.iter().find(|it| it.as_str() == word)
    {
        (protocol, rest) = (*named, behind.trim_start());
    }
    let (method, path) = match rest.split_once(' ') {
        Some((method, path)) => (Some(method.to_owned()), path.trim()),
        None => (None, rest),
    };
    DrillRequest {
        protocol,
        method,
        path: path.to_owned(),
        ..DrillRequest::default()
    }
}

/// Finds keys that mean nothing in the request's protocol, or without one another.
fn fitting(table: &mut Table<'_, '_>, item: &Node, request: &DrillRequest) {
    use DrillProtocol::{Grpc, Http, Http2, Stream, Websocket};
    let of = |protocols: &[DrillProtocol]| protocols.contains(&request.protocol);
    let kept = request.clients.is_some() || of(&[Websocket, Stream]);
    let keys = [
        (
            "method",
            of(&[Http, Http2, Stream]),
            "http, http2 and stream",
        ),
        ("body_bytes", of(&[Http, Http2]), "http and http2"),
        ("proto", of(&[Grpc]), "grpc"),
        ("send_over", of(&[Http, Http2]), "http and http2"),
        ("read_over", of(&[Http, Http2]), "http and http2"),
        (
            "clients",
            of(&[Websocket, Stream, Grpc]),
            "websocket, stream and grpc",
        ),
        ("every", of(&[Websocket]), "websocket"),
        (
            "weight",
            !kept,
            "requests that are sent at a rate, not to what clients keep open",
        ),
        (
            "slow",
            !kept,
            "requests that are sent at a rate, not to what clients keep open",
        ),
    ];
    let route = table.route().clone();
    for (key, fits, owner) in &keys {
        if *fits || item.entry(key).is_none() {
            continue;
        }
        let message = format!("`{}` has no `{key}`", request.protocol.as_str());
        let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Key(route.key(key)));
        let remove = Edit::Remove {
            entry: route.key(key),
        };
        table.push(finding.fix_with(
            format!("take it away: `{key}` belongs to {owner}"),
            Fix::new(Safety::Unsafe, [remove]),
        ));
    }
    let needs = [
        (
            "send_over",
            request.body == DrillBody::None,
            "a body to send",
            "`body_bytes: 65536`",
        ),
        (
            "body",
            request.protocol == Grpc && request.proto.is_none(),
            "the file that describes its message",
            "`proto: proto/shop.proto`",
        ),
        (
            "every",
            request.body == DrillBody::None,
            "something to say",
            "`body: hello`",
        ),
    ];
    // What is to be taken away needs nothing.
    let fits = |key: &str| keys.iter().all(|(of, fits, _)| *of != key || *fits);
    for (key, lacks, what, add) in needs {
        if lacks && fits(key) && item.entry(key).is_some() {
            let message = format!("`{key}` needs {what}");
            let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Key(route.key(key)));
            table.push(finding.help(format!("add {add}")));
        }
    }
}

fn checked(
    table: &mut Table<'_, '_>,
    at: Written<()>,
    request: DrillRequest,
) -> Option<DrillRequest> {
    let path = request.path.starts_with('/') && request.path.bytes().all(|b| b.is_ascii_graphic());
    let method = request.method.as_ref().is_none_or(|method| {
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase())
    });
    if path && method {
        return Some(request);
    }
    let finding = Finding::new(
        &shape::OUT_OF_RANGE,
        format!("`{}` is not a request", at.route),
        Place::Value(at.route),
    );
    table.push(finding.help("write a method and a path, such as `GET /` or `POST /orders`"));
    None
}

/// A mapping of text to text.
fn pairs(table: &mut Table<'_, '_>, key: &'static str) -> Vec<(String, String)> {
    let Some(entry) = table.entry(key) else {
        return Vec::new();
    };
    let route = table.route().key(key);
    let Value::Mapping(entries) = &entry.value.value else {
        let finding = wrong_type(&route, "a mapping of names to text", &entry.value);
        table.push(finding);
        return Vec::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let value = table.scalar(&entry.value, route.key(&entry.key), "text")?;
            Some((entry.key.clone(), value.value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_a_line_has_its_protocol_method_and_path() {
        for (text, protocol, method, path) in [
            ("/", DrillProtocol::Http, None, "/"),
            ("POST /orders", DrillProtocol::Http, Some("POST"), "/orders"),
            ("websocket /rooms", DrillProtocol::Websocket, None, "/rooms"),
            ("http2 PUT /a", DrillProtocol::Http2, Some("PUT"), "/a"),
        ] {
            let request = short(text);
            let said = (request.protocol, request.method.as_deref(), &*request.path);
            assert_eq!(said, (protocol, method, path), "{text}");
        }
    }
}
