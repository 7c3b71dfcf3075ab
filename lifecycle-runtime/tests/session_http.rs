//! WebSockets, server-sent events and long polls on `HttpServer`, over real sockets: they belong to
//! their own step, and not to the server's.

#![cfg(feature = "futures")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[cfg(feature = "http2")]
mod http_frames;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use common::{Given, found, ms, plan, step};
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{Extensions, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{
    HttpServer, Lifecycle, Outcome, Report, Session, Sessions, StepOutcome, StopHandle, Streams,
    WebSockets,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite;

/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Service {
    address: SocketAddr,
    stop: StopHandle,
    running: JoinHandle<Report>,
    sessions: [Sessions; 2],
}

/// A service whose HTTP step is over soon, and whose sessions have their own time.
async fn service(http: Duration, rooms: Duration, feed: Duration, linger: Duration) -> Service {
    let given: Vec<Given> = vec![
        step("http", Kind::HttpServer, http, &[]),
        step("rooms", Kind::Websocket, rooms, &[]),
        step("feed", Kind::Stream, feed, &[]),
    ];
    planned(plan(ms(0), given), linger).await
}

async fn planned(plan: Plan, linger: Duration) -> Service {
    let sockets = WebSockets::new().reason("moving");
    let streams = Streams::new();
    let sessions = [sockets.handle(), streams.handle()];
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/chat", get(chat))
        .route("/deaf", get(deaf))
        .route("/events", get(events))
        .route("/flood", get(flood))
        .route("/poll", get(poll))
        .route("/hold", get(hold))
        .route("/quiet", get(quiet))
        .route("/large", get(large))
        .route("/slow", get(slow))
        .with_state(sessions.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lifecycle = Lifecycle::new(plan)
        .with("http", HttpServer::new(listener, router).linger(linger))
        .with("rooms", sockets)
        .with("feed", streams)
        .embedded();
    Service {
        address,
        stop: lifecycle.stop_handle(),
        running: tokio::spawn(lifecycle.run()),
        sessions,
    }
}

impl Service {
    /// Waits until `count` sessions are in.
    async fn holds(&self, count: u64) {
        while self.sessions.iter().map(Sessions::count).sum::<u64>() < count {
            sleep(ms(2)).await;
        }
    }

    async fn stopped(self) -> Report {
        self.stop.stop("test");
        timeout(PATIENCE, self.running).await.unwrap().unwrap()
    }

    async fn socket(&self, path: &str) -> Client {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}{path}", self.address);
        tokio_tungstenite::client_async(url, stream)
            .await
            .unwrap()
            .0
    }

    /// A connection on which this has been asked for.
    async fn asked(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        ask(&mut stream, path).await;
        stream
    }
}

type Client = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn ask(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// All that comes until the server closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut all));
    let read = read.await;
    assert!(read.is_ok(), "{:?}", String::from_utf8(all));
    read.unwrap().unwrap();
    String::from_utf8(all).unwrap()
}

type Entered = State<[Sessions; 2]>;

async fn chat(
    State([rooms, _]): Entered,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let session = rooms.enter(&extensions, "ada")?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        session.run(|session| talk(session, socket)).await;
    }))
}

/// Sends back what it hears.
async fn talk(session: Session, socket: WebSocket) {
    let mut socket = session.socket(socket, |farewell| {
        Message::Close(Some(CloseFrame {
            code: farewell.code(),
            reason: farewell.reason().into(),
        }))
    });
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn deaf(
    State([rooms, _]): Entered,
    extensions: Extensions,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Response> {
    let session = rooms.enter(&extensions, "deaf")?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let hang = |session: Session| async move {
            let _held = (session, socket);
            std::future::pending::<()>().await;
        };
        session.run(hang).await;
    }))
}

async fn events(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "reader")?;
    let ticks = stream::unfold(interval(ms(20)), |mut ticks| async move {
        ticks.tick().await;
        let frame = Frame::data(Bytes::from_static(b"data: tick\n\n"));
        Some((Ok::<_, Infallible>(frame), ticks))
    });
    let body = session.body(StreamBody::new(ticks)).last_words(|farewell| {
        Bytes::from(format!("event: close\ndata: {}\n\n", farewell.reason()))
    });
    Ok(Response::new(Body::new(body)))
}

/// More than any client takes that does not read.
async fn flood(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "slow reader")?;
    let chunks = stream::repeat_with(|| {
        let frame = Frame::data(Bytes::from(vec![b'x'; 64 * 1024]));
        Ok::<_, Infallible>(frame)
    });
    Ok(Response::new(Body::new(
        session.body(StreamBody::new(chunks)),
    )))
}

async fn poll(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "poller")?;
    session.leaving().await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Takes its time to say goodbye.
async fn hold(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "holder")?;
    session.leaving().await;
    sleep(ms(2000)).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Says nothing but goodbye.
async fn quiet(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "listener")?;
    let silence = stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let body = session.body(StreamBody::new(silence));
    let body = body.last_words(|_| Bytes::from_static(FAREWELL));
    Ok(Response::new(Body::new(body)))
}

const FAREWELL: &[u8] = b"event: close\ndata: some words more than the window holds\n\n";

/// More than fits between here and a client that does not read, all at once.
async fn large(State([_, feed]): Entered, extensions: Extensions) -> Result<Response, Response> {
    let session = feed.enter(&extensions, "large")?;
    let body = session.body(Full::new(Bytes::from(vec![b'x'; 32 << 20])));
    Ok(Response::new(Body::new(body)))
}

/// No session.
async fn slow() -> StatusCode {
    sleep(ms(400)).await;
    StatusCode::NO_CONTENT
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_not_in_flight_for_the_http_server_once_it_is_entered() {
    // The client takes longer to answer than the server's whole step.
    let service = service(ms(1300), ms(20_000), ms(20_000), ms(50)).await;
    let mut client = service.socket("/chat").await;
    service.holds(1).await;
    let late = tokio::spawn(async move {
        let Some(Ok(tungstenite::Message::Close(Some(close)))) = client.next().await else {
            panic!("no close frame");
        };
        assert_eq!(
            (u16::from(close.code), close.reason.as_str()),
            (1001, "moving")
        );
        // The answer waits in the client's library until it is asked for; at most two seconds.
        sleep(ms(1600)).await;
        assert!(client.next().await.is_none());
    });
    let report = service.stopped().await;
    late.await.unwrap();
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    let http = found(&report, "http");
    assert!(http.end.unwrap() < ms(1250), "{report:?}");
    assert!(report.total >= ms(1400), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_sends_before_it_hears_is_heard_and_answered() {
    let service = service(ms(5000), ms(20_000), ms(20_000), ms(50)).await;
    let mut client = service.socket("/chat").await;
    client
        .send(tungstenite::Message::text("before"))
        .await
        .unwrap();
    assert_eq!(
        client.next().await.unwrap().unwrap().into_text().unwrap(),
        "before"
    );
    let report = service.stopped();
    let talk = async {
        let mut told = false;
        for count in 0.. {
            // Sends on until the farewell has been read.
            if client
                .send(tungstenite::Message::text(count.to_string()))
                .await
                .is_err()
            {
                break;
            }
            match client.next().await {
                Some(Ok(tungstenite::Message::Close(_))) => told = true,
                Some(Ok(_)) => {}
                _ => break,
            }
        }
        told
    };
    let (report, told) = tokio::join!(report, talk);
    assert!(told);
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_ends_with_its_last_event_and_a_complete_body() {
    let service = service(ms(5000), ms(20_000), ms(20_000), ms(50)).await;
    let stream = service.asked("/events").await;
    service.holds(1).await;
    let reading = tokio::spawn(rest(stream));
    sleep(ms(200)).await;
    let report = service.stopped().await;
    let text = reading.await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.matches("data: tick").count() > 2, "{text}");
    let end = "event: close\ndata: the server is going away\n\n\r\n0\r\n\r\n";
    assert!(text.ends_with(end), "{text:?}");
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    assert!(report.total < ms(5000), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_answers_at_once() {
    let service = service(ms(5000), ms(20_000), ms(20_000), ms(50)).await;
    let stream = service.asked("/poll").await;
    service.holds(1).await;
    let reading = tokio::spawn(rest(stream));
    let report = service.stopped().await;
    let text = reading.await.unwrap();
    assert!(text.starts_with("HTTP/1.1 204 No Content"), "{text}");
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_late_is_refused_and_told_when_to_come_back() {
    let service = service(ms(20_000), ms(20_000), ms(20_000), ms(3000)).await;
    let mut idle = service.asked("/").await;
    let mut answer = [0; 1024];
    let read = idle.read(&mut answer).await.unwrap();
    assert!(answer[..read].ends_with(b"hello"));
    let [rooms, feed] = service.sessions.clone();
    let report = tokio::spawn(service.stopped());
    while rooms.is_open() || feed.is_open() {
        sleep(ms(2)).await;
    }
    // The server lingers, and still serves.
    ask(&mut idle, "/events").await;
    let text = rest(idle).await.to_lowercase();
    assert!(text.starts_with("http/1.1 503"), "{text}");
    assert!(text.contains("retry-after: 1\r\n"), "{text}");
    let report = report.await.unwrap();
    assert_eq!((report.outcome, report.rejected), (Outcome::Clean, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_ignores_everything_is_closed_at_the_end_of_its_step() {
    let service = service(ms(5000), ms(600), ms(20_000), ms(50)).await;
    let mut client = service.socket("/deaf").await;
    service.holds(1).await;
    let began = Instant::now();
    let report = service.stopped().await;
    assert!(began.elapsed() < ms(10_000));
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.outcome, StepOutcome::TimedOut, "{report:?}");
    assert_eq!(rooms.unfinished, ["deaf"]);
    assert!(rooms.abandoned.is_empty(), "{report:?}");
    assert_eq!(found(&report, "http").outcome, StepOutcome::Done);
    let end = timeout(PATIENCE, client.next()).await.unwrap();
    assert!(matches!(end, Some(Err(_)) | None), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_is_cut_at_the_end_of_its_step() {
    let service = service(ms(5000), ms(20_000), ms(600), ms(50)).await;
    let stream = service.asked("/flood").await;
    service.holds(1).await;
    let began = Instant::now();
    let [_, feed] = service.sessions.clone();
    let report = service.stopped().await;
    assert!(began.elapsed() < ms(10_000));
    let step = found(&report, "feed");
    assert_eq!(step.outcome, StepOutcome::TimedOut, "{report:?}");
    assert_eq!(step.unfinished, ["slow reader"]);
    assert!(step.abandoned.is_empty(), "{report:?}");
    assert_eq!(found(&report, "http").outcome, StepOutcome::Done);
    // The connection is cut, and with it the session goes.
    while feed.count() > 0 {
        assert!(began.elapsed() < PATIENCE);
        sleep(ms(2)).await;
    }
    drop(stream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_has_ended_and_is_not_taken_is_cut() {
    let service = service(ms(5000), ms(20_000), ms(600), ms(50)).await;
    let [_, feed] = service.sessions.clone();
    let _stream = service.asked("/large").await;
    service.holds(1).await;
    untaken(&service.stopped().await, &feed).await;
}

/// The report of a session whose client has not taken the end of its answer, and is cut.
async fn untaken(report: &Report, feed: &Sessions) {
    let step = found(report, "feed");
    assert_eq!(step.outcome, StepOutcome::TimedOut, "{report:?}");
    assert!(step.abandoned.is_empty(), "{report:?}");
    let began = Instant::now();
    while feed.count() > 0 {
        assert!(began.elapsed() < ms(5000), "it goes on");
        sleep(ms(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_is_cut_however_many_cannot_be() {
    let service = service(ms(5000), ms(20_000), ms(600), ms(50)).await;
    let [_, feed] = service.sessions.clone();
    // First, and more of them than a report names.
    let foreign: Vec<Session> = (0..40)
        .map(|index| feed.enter_foreign(index).unwrap())
        .collect();
    let _stream = service.asked("/flood").await;
    service.holds(41).await;
    let report = service.stopped().await;
    assert_eq!(found(&report, "feed").abandoned.len(), 32, "{report:?}");
    let began = Instant::now();
    while feed.count() > 40 {
        assert!(began.elapsed() < ms(5000), "it goes on");
        sleep(ms(2)).await;
    }
    drop(foreign);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_may_stop_before_the_server_that_keeps_their_connections() {
    for pipelined in [false, true] {
        let given = vec![
            step("rooms", Kind::Websocket, ms(5000), &[]),
            step("feed", Kind::Stream, ms(3000), &[]),
            step("http", Kind::HttpServer, ms(5000), &[1]),
        ];
        let service = planned(plan(ms(50), given), ms(50)).await;
        let mut stream = service.asked("/events").await;
        service.holds(1).await;
        if pipelined {
            ask(&mut stream, "/").await;
        }
        let reading = tokio::spawn(rest(stream));
        let report = service.stopped().await;
        assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
        assert!(found(&report, "feed").end.unwrap() < ms(2000), "{report:?}");
        let text = reading.await.unwrap();
        let end = "event: close\ndata: the server is going away\n\n\r\n0\r\n\r\n";
        let (_, next) = text.split_once(end).unwrap();
        assert_eq!(next.starts_with("HTTP/1.1 200 OK"), pipelined, "{next}");
        assert_eq!(next.ends_with("hello"), pipelined, "{next}");
    }
}

#[cfg(feature = "http2")]
mod http2 {
    use super::http_frames::{DATA, END_STREAM, Frames, GOAWAY, HEADERS, RESET};
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_request_beside_a_session_is_waited_for_and_the_session_is_not() {
        let service = service(ms(20_000), ms(20_000), ms(20_000), ms(50)).await;
        let mut client = Frames::connect(service.address, 65_535).await;
        client.get(1, "/hold").await;
        service.holds(1).await;
        client.get(3, "/slow").await;
        sleep(ms(100)).await;
        let report = tokio::spawn(service.stopped());
        let answer = client.next(HEADERS, 3).await;
        assert_eq!(answer.flags & END_STREAM, END_STREAM);
        let answer = client.next(HEADERS, 1).await;
        assert_eq!(answer.flags & END_STREAM, END_STREAM);
        let report = report.await.unwrap();
        assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
        let http = found(&report, "http").end.unwrap();
        assert!(http > ms(100) && http < ms(1500), "{report:?}");
        assert!(report.total >= ms(2000), "{report:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_session_is_cut_though_a_later_request_was_refused() {
        let service = service(ms(5000), ms(20_000), ms(2000), ms(50)).await;
        let [_, feed] = service.sessions.clone();
        let mut client = Frames::connect(service.address, 1).await;
        client.get(1, "/flood").await;
        service.holds(1).await;
        let report = tokio::spawn(service.stopped());
        client.next(GOAWAY, 0).await;
        // The linger ends. Only the answer to a PING would make the server see no more requests.
        sleep(ms(500)).await;
        client.get(3, "/").await;
        client.next(HEADERS, 3).await;
        assert_eq!(feed.count(), 1);
        client.next(RESET, 1).await;
        let report = report.await.unwrap();
        assert_eq!(report.rejected, 1, "{report:?}");
        let feed = found(&report, "feed");
        assert_eq!(feed.outcome, StepOutcome::TimedOut, "{report:?}");
        assert!(feed.abandoned.is_empty(), "{report:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_session_is_there_until_the_clients_window_has_let_its_last_words_through() {
        let service = service(ms(20_000), ms(20_000), ms(20_000), ms(50)).await;
        let [_, feed] = service.sessions.clone();
        let mut client = Frames::connect(service.address, 10).await;
        client.get(1, "/quiet").await;
        service.holds(1).await;
        let report = tokio::spawn(service.stopped());
        let mut words = client.next(DATA, 1).await.payload;
        assert_eq!(words, FAREWELL[..10]);
        sleep(ms(500)).await;
        assert!(!report.is_finished());
        assert_eq!(feed.count(), 1);
        client.open(1, 1000).await;
        let rest = client.next(DATA, 1).await;
        assert_eq!(rest.flags & END_STREAM, END_STREAM);
        words.extend(rest.payload);
        assert_eq!(words, FAREWELL);
        let report = report.await.unwrap();
        assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_beside_a_session_is_waited_for_until_its_client_has_it() {
        let service = service(ms(20_000), ms(20_000), ms(20_000), ms(50)).await;
        let mut client = Frames::connect(service.address, 3).await;
        client.get(1, "/quiet").await;
        service.holds(1).await;
        client.get(3, "/").await;
        assert_eq!(client.next(DATA, 3).await.payload, b"hel");
        let report = tokio::spawn(service.stopped());
        assert_eq!(client.next(DATA, 1).await.payload, FAREWELL[..3]);
        sleep(ms(300)).await;
        // The session is over; the rest of the answer still waits for its client.
        client.open(1, 1000).await;
        assert_eq!(client.next(DATA, 1).await.payload, FAREWELL[3..]);
        sleep(ms(500)).await;
        assert!(!report.is_finished());
        client.open(3, 1000).await;
        assert_eq!(client.next(DATA, 3).await.payload, b"lo");
        let report = report.await.unwrap();
        assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn last_words_that_the_client_does_not_let_come_are_cut() {
        let service = service(ms(5000), ms(20_000), ms(600), ms(50)).await;
        let [_, feed] = service.sessions.clone();
        let mut client = Frames::connect(service.address, 10).await;
        client.get(1, "/quiet").await;
        service.holds(1).await;
        let report = service.stopped().await;
        untaken(&report, &feed).await;
        assert_eq!(client.next(DATA, 1).await.payload, FAREWELL[..10]);
    }
}
