//! WebSockets: each path has its own end.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::*;

async fn converse(stream: TcpStream, book: Book) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own")]
    let look = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        let refused = |status: u16| {
            let answer = Response::builder()
                .status(status)
                .header("retry-after", "1");
            let answer: ErrorResponse = answer.body(None).unwrap();
            Err(answer)
        };
        match path.as_str() {
            "/refuse" => refused(503),
            "/missing" => refused(404),
            "/fail" => refused(500),
            _ => Ok(response),
        }
    };
    let opened = tokio_tungstenite::accept_hdr_async(stream, look).await;
    book.count(&path);
    let Ok(mut socket) = opened else { return };
    // An even exchange: each message of the client's is answered.
    for _ in 0..5 {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                book.count(&format!("{path} heard"));
                book.count(&format!("{path} said"));
                socket.send(Message::Text(text)).await.unwrap();
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    let code = match path.as_str() {
        "/leave" => 1001_u16,
        "/done" => 1000,
        "/later" => 1013,
        "/broken" => 1011,
        "/cut" => return,
        _ => {
            reset(socket.get_ref());
            return;
        }
    };
    farewell(socket, code, &path, &book).await;
}

/// Closes as the protocol asks: the client may yet say something until it has answered.
async fn farewell(mut socket: WebSocketStream<TcpStream>, code: u16, path: &str, book: &Book) {
    let frame = CloseFrame {
        code: code.into(),
        reason: "bye".into(),
    };
    socket.close(Some(frame)).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            book.count(&format!("{path} heard"));
        }
    }
}

#[tokio::test]
async fn over_websockets() {
    let book = Book::default();
    let base = serve(&book, converse);
    let paths = [
        "/leave", "/done", "/later", "/broken", "/cut", "/reset", "/refuse", "/missing", "/fail",
    ];
    let mut load = load(Vec::new());
    load.warm_up = Duration::from_millis(100);
    load.sessions = sessions(SessionKind::WebSocket, &paths);
    let requests = loaded(&load, &base, Duration::from_millis(1_200)).await;
    println!("{requests:#?}\n{:#?}", book.0.lock().unwrap());
    let mut sent = 0;
    for (path, expected) in [
        ("/leave", let_go as fn(u64) -> Counts),
        ("/done", let_go),
        ("/later", refused),
        ("/broken", failed),
        ("/cut", lost),
        ("/reset", lost),
        ("/refuse", refused),
        ("/missing", not_found),
        ("/fail", failed),
    ] {
        agree(
            &requests,
            &book,
            &format!("websocket {path}"),
            path,
            expected,
        );
        sent += book.of(path);
    }
    assert_eq!(requests.all().sent(), sent);
    for path in ["/leave", "/done"] {
        let sessions = kind(&requests, &format!("websocket {path}"))
            .sessions
            .unwrap();
        let (heard, said) = (format!("{path} heard"), format!("{path} said"));
        assert_eq!(sessions.opened, book.of(path), "{path}");
        assert_eq!(sessions.messages_sent, book.of(&heard), "{path}");
        assert_eq!(sessions.messages_received, book.of(&said), "{path}");
    }
    let refused = kind(&requests, "websocket /refuse").sessions.unwrap();
    assert_eq!((refused.opened, refused.messages_sent), (0, 0));
}

#[tokio::test]
async fn clients_hang_up_where_nobody_else_will() {
    let book = Book::default();
    let echo = |stream: TcpStream, book: Book| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        book.count("open");
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && socket.send(message).await.is_err() {
                return;
            }
        }
    };
    let base = serve(&book, echo);
    let mut load = load(Vec::new());
    load.warm_up = Duration::from_millis(100);
    load.sessions = sessions(SessionKind::WebSocket, &["/"]);
    let stage = Arc::new(Stage::new());
    let counting = traffic::start(&load, &base, &stage, &quiet()).unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    stage.end_routing(Instant::now());
    stage.hang_up.cancel();
    let counted = tokio::time::timeout(Duration::from_secs(30), counting).await;
    let requests = counted.unwrap().unwrap().unwrap().requests(Instant::now());
    assert!(book.of("open") > 0);
    assert_eq!(requests.all(), let_go(book.of("open")));
}
