//! HTTP/1.1 on plain sockets: each path has its own fate.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// A head, and what came behind it.
async fn head(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).into_owned();
            received.drain(..end + 4);
            return Some(head);
        }
        if stream.read_buf(received).await.ok()? == 0 {
            return None;
        }
    }
}

pub(super) async fn converse(mut stream: TcpStream, book: Book) {
    let mut received = Vec::new();
    while let Some(head) = head(&mut stream, &mut received).await {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse::<usize>().unwrap())
        });
        let length = length.unwrap_or_default();
        while received.len() < length {
            if stream.read_buf(&mut received).await.unwrap_or_default() == 0 {
                return;
            }
        }
        received.drain(..length);
        book.count(&path);
        if !answer(&mut stream, &path, length).await {
            return;
        }
    }
}

/// Whether the connection goes on.
async fn answer(stream: &mut TcpStream, path: &str, length: usize) -> bool {
    let whole = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n{more}\r\nok").into_bytes()
    };
    let bytes = match path {
        "/ok" => whole(200, ""),
        "/upload" if length == 4_000 => whole(200, ""),
        "/missing" => whole(404, ""),
        "/refuse" => whole(503, "retry-after: 1\r\n"),
        "/leave" => whole(503, "connection: close\r\n"),
        "/fail" => whole(500, ""),
        "/busy" => whole(503, ""),
        "/long" => {
            let mut bytes = b"HTTP/1.1 200 x\r\ncontent-length: 900000\r\n\r\n".to_vec();
            bytes.resize(bytes.len() + 900_000, b'x');
            bytes
        }
        "/cut" => b"HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\nhalf".to_vec(),
        "/garble" => b"220 mail.example.com\r\n".to_vec(),
        "/never" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return false;
        }
        "/events" | "/events-cut" => {
            let begin = "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\n\
                         transfer-encoding: chunked\r\n\r\n";
            // The client may have gone meanwhile.
            let _gone = stream.write_all(begin.as_bytes()).await;
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let _gone = stream.write_all(b"9\r\ndata: 1\n\n\r\n").await;
            }
            match path {
                "/events" => b"0\r\n\r\n".to_vec(),
                _ => return false,
            }
        }
        "/reset" => {
            reset(stream);
            return false;
        }
        _ => return false,
    };
    let written = stream.write_all(&bytes).await.is_ok();
    written && !matches!(path, "/cut" | "/garble" | "/leave")
}

#[tokio::test]
async fn over_http1() {
    let book = Book::default();
    let base = serve(&book, converse);
    let paths = [
        "/ok", "/missing", "/refuse", "/leave", "/fail", "/busy", "/close", "/reset", "/cut",
        "/garble",
    ];
    let mut load = load(specs(Protocol::Http1, &paths));
    let slow = |path: &str| RequestSpec {
        method: "POST".to_owned(),
        body: vec![b'x'; 4_000],
        ..RequestSpec::get(path)
    };
    load.slow_share = 0.1;
    load.slow = vec![
        RequestSpec {
            send_over: Duration::from_millis(300),
            ..slow("/upload")
        },
        RequestSpec {
            read_over: Duration::from_millis(300),
            ..RequestSpec::get("/long")
        },
    ];
    load.sessions = sessions(SessionKind::Stream, &["/events", "/events-cut"]);
    let requests = loaded(&load, &base, Duration::from_millis(1_500)).await;
    println!("{requests:#?}\n{:#?}", book.0.lock().unwrap());

    let mut sent = 0;
    for (path, expected) in [
        ("/ok", served as fn(u64) -> Counts),
        ("/missing", not_found),
        ("/refuse", refused),
        ("/leave", refused),
        ("/fail", failed),
        ("/busy", failed),
        ("/cut", lost),
        ("/garble", lost),
        ("/long", served),
    ] {
        agree(&requests, &book, &format!("GET {path}"), path, expected);
        sent += book.of(path);
    }
    agree(&requests, &book, "POST /upload", "/upload", served);
    agree(&requests, &book, "stream GET /events", "/events", let_go);
    agree(
        &requests,
        &book,
        "stream GET /events-cut",
        "/events-cut",
        lost,
    );
    for path in ["/close", "/reset"] {
        // Some of them in the instant of an idle close, as far as anybody can tell.
        let all = kind(&requests, &format!("GET {path}")).all();
        let ours = Counts {
            lost_to_idle_close: all.lost_to_idle_close,
            ..lost(book.of(path))
        };
        assert_eq!(all, ours, "{path}");
    }
    for path in ["/upload", "/events", "/events-cut", "/close", "/reset"] {
        sent += book.of(path);
    }
    assert_eq!(requests.all().sent(), sent);
    for path in ["GET /long", "POST /upload"] {
        let took = kind(&requests, path).latency_before.unwrap();
        assert!(took.p50_ms >= 270.0, "{path}: {took:?}");
    }
    let events = kind(&requests, "stream GET /events").sessions.unwrap();
    assert_eq!(events.opened, book.of("/events"));
}
