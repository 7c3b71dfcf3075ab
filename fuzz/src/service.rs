//! What a running service hears: from probes, from clients, from a metadata service.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use lifecycle::{HttpServer, Listener, fuzz};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Longer than anything here takes; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes as what a probe sends to the health server, and as the message of a health check by gRPC.
pub fn probe(bytes: &[u8]) {
    let _service = fuzz::service_asked_for(bytes);
    let Some(end) = fuzz::end_of_head(bytes) else {
        return;
    };
    for shorter in [end / 2, end - 1] {
        assert_eq!(
            fuzz::end_of_head(&bytes[..shorter]),
            None,
            "it ends earlier"
        );
    }
    let head = &bytes[..end];
    let answer = fuzz::probed(head);

    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let begin = match response.parse(&answer) {
        Ok(httparse::Status::Complete(begin)) => begin,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&answer)),
    };
    let field = |name: &str| {
        let mut all = response
            .headers
            .iter()
            .filter(|it| it.name.eq_ignore_ascii_case(name));
        let one = all.next().expect("it is always there");
        assert!(all.next().is_none(), "{name} is there twice");
        std::str::from_utf8(one.value).expect("ASCII")
    };
    assert_eq!(field("connection"), "close");
    let length: usize = field("content-length").parse().expect("a number");
    let body = &answer[begin..];
    let status = response.code.expect("a status");
    assert!([200, 400, 404, 405, 503, 505].contains(&status), "{status}");

    // Whoever asks as everybody does is told what everybody is told.
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let understood = matches!(request.parse(head), Ok(httparse::Status::Complete(_)));
    let is_head = request.method == Some("HEAD");
    assert!(
        body.len() == length || (is_head && body.is_empty()),
        "{length}"
    );
    let names_host = request
        .headers
        .iter()
        .any(|it| it.name.eq_ignore_ascii_case("host"));
    if understood && !head.starts_with(b"\r") && !head.starts_with(b"\n") && names_host {
        let wanted = match (request.method, request.path) {
            (Some("GET" | "HEAD"), Some("/live")) => 200,
            (Some("GET" | "HEAD"), Some("/ready")) => 503,
            _ => return,
        };
        assert_eq!(status, wanted, "{}", String::from_utf8_lossy(head));
    }
}

/// Bytes as what a metadata service answers, and as the object in it.
pub fn metadata(bytes: &[u8]) {
    if let Some(body) = fuzz::metadata(bytes) {
        assert!(body.len() <= bytes.len(), "there is more than was sent");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let found = fuzz::strings(text);
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return;
    };
    let found = found.expect("it is an object");
    // Characters beyond the basic plane are not put together from their halves.
    let halves = text.contains("\\ud") || text.contains("\\uD");
    for (name, value) in members.iter().filter(|_| !halves) {
        // Of a member that is there twice the last one counts there.
        let ours = found.iter().rev().find(|(key, _)| key == name);
        let ours = ours.map(|(_, value)| value.as_str());
        let theirs = value.as_str();
        assert!(
            theirs.is_none() || theirs == ours,
            "{name}: {theirs:?}, {ours:?}"
        );
    }
    for (name, _) in found.iter().filter(|_| !halves) {
        assert!(members.contains_key(name), "{name} is no member");
    }
}

/// Bytes as what a client sends to a server that echoes: the first says where they are cut in two, and
/// whether the service is stopped in between. Whatever they are, the connection ends when the client
/// has, the stop comes to its end, and nothing is left in flight.
pub fn served(bytes: &[u8]) {
    thread_local! {
        static HERE: (tokio::runtime::Runtime, PathBuf) = (
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            std::env::temp_dir().join(format!("lifecycle-fuzz-{}.sock", std::process::id())),
        );
    }
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let (first, second) = bytes.split_at(usize::from(how >> 1).min(bytes.len()));
    HERE.with(|(runtime, path)| {
        runtime.block_on(async {
            let listener = Listener::unix(path).await.expect("a socket");
            let echo = tower::service_fn(|request: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(request.into_body()))
            });
            let server = HttpServer::new(listener, echo)
                .linger(Duration::from_millis(1))
                .head_timeout(Duration::from_millis(5))
                .spawn();
            let mut client = UnixStream::connect(path).await.expect("connected");
            // The server may turn away at any time.
            let _ = client.write_all(first).await;
            let stopping = (how & 1 == 1).then(|| tokio::spawn(server.stop()));
            tokio::task::yield_now().await;
            let _ = client.write_all(second).await;
            let _ = client.shutdown().await;
            let mut answer = Vec::new();
            let read = timeout(PATIENCE, client.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "the connection does not end");
            drop(client);
            let stopped = match stopping {
                Some(stopping) => timeout(PATIENCE, stopping)
                    .await
                    .expect("it stops")
                    .expect("no panic"),
                None => timeout(PATIENCE, server.stop()).await.expect("it stops"),
            };
            stopped.expect("nothing was cut");
            assert_eq!((server.in_flight(), server.panicked()), (0, 0));
        });
    });
}
