//! HTTP/2 and gRPC: each path has its own fate.

use std::time::Duration;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::traffic::frames::{Frames, HEADERS};

pub(super) async fn converse(stream: TcpStream, book: Book) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let book = book.clone();
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            let length = whole(request).await;
            book.count(&path);
            answer(&path, length, respond).await;
        });
    }
}

/// Reads a request to its end.
async fn whole(request: Request<RecvStream>) -> usize {
    let (mut body, mut length) = (request.into_body(), 0);
    while let Some(Ok(data)) = body.data().await {
        length += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    length
}

async fn answer(path: &str, length: usize, mut respond: SendResponse<Bytes>) {
    if path.starts_with("/t.T/Watch") {
        watch(path, respond).await;
        return;
    }
    if path.starts_with("/t.T/") {
        call(path, length, respond);
        return;
    }
    let head = |status: u16| Response::builder().status(status);
    let begun = match path {
        "/upload" if length == 4_000 => head(200),
        "/missing" => head(404),
        "/refuse" => head(503).header("retry-after", "1"),
        "/busy" => head(503),
        "/fail" => head(500),
        "/ok" | "/cut" => head(200),
        "/refused-stream" => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        "/never" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return;
        }
        _ => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return;
        }
    };
    let Ok(mut stream) = respond.send_response(begun.body(()).unwrap(), false) else {
        return;
    };
    if path == "/cut" {
        // The head is to be there before the stream is not.
        tokio::time::sleep(Duration::from_millis(30)).await;
        stream.send_reset(Reason::INTERNAL_ERROR);
    } else {
        // The client may have gone meanwhile.
        let _gone = stream.send_data(Bytes::from_static(b"ok"), true);
    }
}

/// gRPC: a stream that goes on, and ends with `UNAVAILABLE`, or is cut.
async fn watch(path: &str, mut respond: SendResponse<Bytes>) {
    let head = Response::builder().header("content-type", "application/grpc");
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else {
        return;
    };
    for _ in 0..3 {
        let _gone = stream.send_data(Bytes::from_static(b"\0\0\0\0\x04news"), false);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if path == "/t.T/WatchCut" {
        stream.send_reset(Reason::INTERNAL_ERROR);
        return;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("14"));
    let _gone = stream.send_trailers(trailers);
}

/// gRPC: the message is `ping`, and comes back.
fn call(path: &str, length: usize, mut respond: SendResponse<Bytes>) {
    let head = Response::builder().header("content-type", "application/grpc");
    let status = match path {
        "/t.T/Ok" if length == 9 => "0",
        "/t.T/Leave" => "14",
        "/t.T/Missing" => "5",
        "/t.T/Nothing" => "",
        _ => "13",
    };
    if path == "/t.T/Leave" {
        // Without a message there are no trailers: the head is all there is.
        let head = head.header("grpc-status", status).body(()).unwrap();
        let _gone = respond.send_response(head, true);
        return;
    }
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else {
        return;
    };
    let _gone = stream.send_data(Bytes::from_static(b"\0\0\0\0\x04pong"), status.is_empty());
    if !status.is_empty() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        let _gone = stream.send_trailers(trailers);
    }
}

#[tokio::test]
async fn over_http2() {
    let book = Book::default();
    let base = serve(&book, converse);
    let paths = [
        "/ok",
        "/missing",
        "/refuse",
        "/busy",
        "/fail",
        "/cut",
        "/refused-stream",
        "/reset",
    ];
    let mut load = load(specs(Protocol::Http2, &paths));
    load.slow_share = 0.1;
    load.slow = vec![RequestSpec {
        protocol: Protocol::Http2,
        method: "POST".to_owned(),
        body: vec![b'x'; 4_000],
        send_over: Duration::from_millis(300),
        ..RequestSpec::get("/upload")
    }];
    let requests = loaded(&load, &base, Duration::from_millis(1_500)).await;
    println!("{requests:#?}\n{:#?}", book.0.lock().unwrap());
    let mut sent = 0;
    for (path, expected) in [
        ("/ok", served as fn(u64) -> Counts),
        ("/missing", not_found),
        ("/refuse", refused),
        ("/refused-stream", refused),
        ("/busy", failed),
        ("/fail", failed),
        ("/cut", lost),
        ("/reset", lost),
    ] {
        agree(
            &requests,
            &book,
            &format!("http2 GET {path}"),
            path,
            expected,
        );
        sent += book.of(path);
    }
    agree(&requests, &book, "http2 POST /upload", "/upload", served);
    assert_eq!(requests.all().sent(), sent + book.of("/upload"));
    let took = kind(&requests, "http2 POST /upload")
        .latency_before
        .unwrap();
    assert!(took.p50_ms >= 270.0, "{took:?}");
}

/// Takes two at once, and lets each wait a moment.
async fn takes_two(stream: TcpStream, book: Book) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(2);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let book = book.clone();
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            tokio::time::sleep(Duration::from_millis(100)).await;
            book.count(&path);
            answer(&path, 0, respond).await;
        });
    }
}

/// Of 300 a second 30 are under way at once, where one connection takes two.
#[tokio::test]
async fn a_connection_that_is_full_is_no_refusal() {
    let book = Book::default();
    let base = serve(&book, takes_two);
    let mut load = load(specs(Protocol::Http2, &["/ok"]));
    load.timeout = Duration::from_secs(3);
    load.pace = Pace::Open {
        rate: 300,
        kept_alive: 1,
        fresh_share: 0.0,
    };
    let requests = loaded(&load, &base, Duration::from_secs(1)).await;
    agree(&requests, &book, "http2 GET /ok", "/ok", served);
    assert!(book.of("connections") > 10);
}

#[tokio::test]
async fn over_grpc() {
    let book = Book::default();
    let base = serve(&book, converse);
    let methods = ["Ok", "Leave", "Missing", "Nothing", "Broken"];
    let spec = |method: &&str| RequestSpec::grpc(format!("/t.T/{method}"), b"ping".to_vec());
    let mut load = load(methods.iter().map(spec).collect());
    load.sessions = sessions(SessionKind::Stream, &["/t.T/Watch", "/t.T/WatchCut"]);
    for session in &mut load.sessions {
        session.request = RequestSpec::grpc(session.request.path.clone(), b"ping".to_vec());
    }
    let requests = loaded(&load, &base, Duration::from_millis(700)).await;
    let mut sent = 0;
    for (method, expected) in [
        ("Ok", served as fn(u64) -> Counts),
        ("Leave", refused),
        ("Missing", not_found),
        ("Nothing", failed),
        ("Broken", failed),
        ("Watch", let_go),
        ("WatchCut", lost),
    ] {
        let path = format!("/t.T/{method}");
        let kept = if method.starts_with("Watch") {
            "stream "
        } else {
            ""
        };
        agree(
            &requests,
            &book,
            &format!("{kept}grpc {path}"),
            &path,
            expected,
        );
        sent += book.of(&path);
    }
    assert_eq!(requests.all().sent(), sent);
}

/// Reads until the head of a request has come; `false` when the client left before.
async fn asked(stream: &mut TcpStream, book: &Book) -> bool {
    let (mut frames, mut asked) = (Frames::of_client(), false);
    while !asked {
        let mut received = Vec::new();
        if stream.read_buf(&mut received).await.unwrap_or_default() == 0 {
            return false;
        }
        frames.follow(&received, |kind, _| asked |= kind == HEADERS);
    }
    book.count("asked");
    true
}

const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// No stream was begun, and nothing is wrong.
const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A server that is going away.
async fn goes_away(mut stream: TcpStream, book: Book) {
    if asked(&mut stream, &book).await {
        stream.write_all(&SETTINGS).await.unwrap();
        stream.write_all(&GO_AWAY).await.unwrap();
        // Until the client has read it.
        let mut rest = Vec::new();
        while stream.read_buf(&mut rest).await.unwrap_or_default() > 0 {}
    }
}

/// A server that closes a connection with its request on it, and says nothing.
async fn closes(mut stream: TcpStream, book: Book) {
    if asked(&mut stream, &book).await {
        stream.write_all(&SETTINGS).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_goaway_is_a_polite_refusal_and_a_close_is_not() {
    let mut load = load(specs(Protocol::Http2, &["/bye"]));
    load.pace = Pace::Open {
        rate: 200,
        kept_alive: 1,
        fresh_share: 1.0,
    };
    let book = Book::default();
    let base = serve(&book, goes_away);
    let requests = loaded(&load, &base, Duration::from_millis(300)).await;
    agree(&requests, &book, "http2 GET /bye", "asked", refused);

    let book = Book::default();
    let base = serve(&book, closes);
    let requests = loaded(&load, &base, Duration::from_millis(300)).await;
    agree(&requests, &book, "http2 GET /bye", "asked", lost);
}
