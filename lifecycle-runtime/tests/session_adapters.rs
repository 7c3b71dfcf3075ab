//! Bodies, streams and sockets that say goodbye by themselves, on a paused clock.

#![cfg(feature = "futures")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use common::{found, ms, plan, step, stopped};
use futures_util::stream::{self, FusedStream as _};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, StreamBody};
use lifecycle::plan::Kind;
use lifecycle::{Lifecycle, Outcome, Report, Session, SessionSocket, StepOutcome, WebSockets};
use tokio::io::DuplexStream;
use tokio::time::{Instant, interval, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};
use tokio_tungstenite::tungstenite::{self, Error};

/// When `stopped` asks the service to stop.
const STOP: Duration = ms(1000);
const TIMEOUT: Duration = ms(10_000);

/// Runs the service with one session, stops it after a second, and gives what became of both.
async fn with_session<T, Fut>(
    sockets: WebSockets,
    timeout: Duration,
    client: impl FnOnce(Session) -> Fut,
) -> (Report, T)
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let session = sockets.handle().enter_foreign("ada").unwrap();
    let client = tokio::spawn(client(session));
    let plan = plan(ms(0), vec![step("rooms", Kind::Websocket, timeout, &[])]);
    let report = stopped(Lifecycle::new(plan).with("rooms", sockets)).await;
    (report, client.await.unwrap())
}

/// An event every 300 ms, without end.
fn events() -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    stream::unfold((interval(ms(300)), 0), |(mut ticks, count)| async move {
        ticks.tick().await;
        let frame = Frame::data(Bytes::from(format!("{count} ")));
        Some((Ok(frame), (ticks, count + 1)))
    })
}

async fn text(body: impl Body<Data = Bytes, Error = Infallible>) -> (String, Duration) {
    let began = Instant::now();
    let all = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(all.to_vec()).unwrap();
    (text, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_body_ends_with_its_last_words_at_the_farewell() {
    let (report, (text, took)) = with_session(WebSockets::new(), TIMEOUT, |session| {
        let body = session.body(StreamBody::new(events()));
        assert_eq!(body.size_hint().lower(), 0);
        text(body.last_words(|farewell| Bytes::from(format!("{}!", farewell.reason()))))
    })
    .await;
    assert_eq!(text, "0 1 2 3 the server is going away!");
    assert_eq!(took, STOP);
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(0)));
}

#[tokio::test(start_paused = true)]
async fn a_body_without_last_words_just_ends() {
    for silent in [true, false] {
        let (_, (text, _)) = with_session(WebSockets::new(), TIMEOUT, |session| {
            let body = session.body(StreamBody::new(events()));
            text(match silent {
                true => body.last_words(|_| Bytes::new()),
                false => body,
            })
        })
        .await;
        assert_eq!(text, "0 1 2 3 ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_by_itself_ends_its_session_and_says_no_more() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let (_, (text, took)) = with_session(sockets, TIMEOUT, |session| {
        let body = session.body(StreamBody::new(events().take(2)));
        text(body.last_words(|_| "never".into()))
    })
    .await;
    assert_eq!((text.as_str(), took), ("0 1 ", ms(300)));
    assert_eq!(handle.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_at_the_farewell_is_given_out_and_what_is_always_ready_comes_to_an_end() {
    for (ready, given) in [(3, 3), (64, 64), (1_000_000, 64)] {
        let (report, (text, _)) = with_session(WebSockets::new(), TIMEOUT, |session| async move {
            // What came together while nobody looked.
            session.leaving().await;
            let many = (0..ready).map(|_| Ok(Frame::data(Bytes::from_static(b"x"))));
            let waits = stream::iter(many).chain(stream::pending());
            text(
                session
                    .body(StreamBody::new(waits))
                    .last_words(|_| "!".into()),
            )
            .await
        })
        .await;
        assert_eq!(text, format!("{}!", "x".repeat(given)));
        assert_eq!(report.outcome, Outcome::Clean);
    }
}

/// A body of known length that takes its time.
struct Slow(Full<Bytes>, Pin<Box<tokio::time::Sleep>>);

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.1.as_mut().poll(cx));
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_known_length_is_waited_for_and_ended_at_the_timeout() {
    for (takes, text_then, outcome) in [
        (4000, "whole", StepOutcome::Done),
        (40_000, "", StepOutcome::TimedOut),
    ] {
        let (report, (text, _)) = with_session(WebSockets::new(), TIMEOUT, |session| {
            let slow = Slow(Full::from("whole"), Box::pin(sleep(ms(takes))));
            let body = session.body(slow).last_words(|_| "never".into());
            assert_eq!(body.size_hint().exact(), Some(5));
            text(body)
        })
        .await;
        assert_eq!(text, text_then);
        assert_eq!(found(&report, "rooms").outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_last_item() {
    let (report, items) = with_session(WebSockets::new(), TIMEOUT, |session| async move {
        let ticks = events().map(|_| Ok::<_, String>(1)).boxed();
        let stream = session.stream(ticks);
        let stream = stream.last_item(|farewell| Err(farewell.reason().to_owned()));
        let mut stream = stream.fuse();
        let items = stream.by_ref().collect::<Vec<_>>().await;
        assert!(stream.is_terminated());
        items
    })
    .await;
    let last = Err("the server is going away".to_owned());
    assert_eq!(items, [Ok(1), Ok(1), Ok(1), Ok(1), last]);
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(0)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_last_item_just_ends() {
    let (_, count) = with_session(WebSockets::new(), TIMEOUT, |session| {
        session.stream(events().boxed()).count()
    })
    .await;
    assert_eq!(count, 4);
}

type Server = SessionSocket<WebSocketStream<DuplexStream>, Message>;
type Client = WebSocketStream<DuplexStream>;

/// Both ends of a connection with this much room on its way.
async fn connected(session: Session, room: usize) -> (Server, Client) {
    let (here, there) = tokio::io::duplex(room);
    let server = WebSocketStream::from_raw_socket(here, Role::Server, None).await;
    let client = WebSocketStream::from_raw_socket(there, Role::Client, None).await;
    let server = session.socket(server, |farewell| {
        Message::Close(Some(CloseFrame {
            code: farewell.code().into(),
            reason: farewell.reason().into(),
        }))
    });
    (server, client)
}

/// Reads to the end; the texts, and how long it took.
async fn heard(mut server: Server) -> (Vec<String>, Duration) {
    let began = Instant::now();
    let mut texts = Vec::new();
    while let Some(Ok(message)) = server.next().await {
        if let Message::Text(text) = message {
            texts.push(text.to_string());
        }
    }
    (texts, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_told_and_what_the_client_had_sent_is_heard() {
    let (report, (texts, close)) = with_session(WebSockets::new(), TIMEOUT, |session| async {
        let (server, mut client) = connected(session, 64 * 1024).await;
        let server = tokio::spawn(heard(server));
        for count in 0..5 {
            client.send(Message::text(count.to_string())).await.unwrap();
        }
        // Silent until after the farewell, then sends on without having looked.
        sleep(STOP + ms(300)).await;
        for count in 5..50 {
            client.send(Message::text(count.to_string())).await.unwrap();
        }
        let Some(Ok(Message::Close(Some(close)))) = client.next().await else {
            panic!("no close frame");
        };
        assert!(client.next().await.is_none(), "closed without an error");
        (server.await.unwrap().0, close)
    })
    .await;
    assert_eq!(close.code, CloseCode::Away);
    assert_eq!(close.reason.as_str(), "the server is going away");
    assert_eq!(texts, (0..50).map(|it| it.to_string()).collect::<Vec<_>>());
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(300)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_counts_as_gone_after_its_time_to_answer() {
    let sockets = WebSockets::new().answer_within(ms(700));
    let (report, took) = with_session(sockets, TIMEOUT, |session| async {
        let (server, client) = connected(session, 64 * 1024).await;
        let took = heard(server).await.1;
        drop(client);
        took
    })
    .await;
    assert_eq!(took, STOP + ms(700));
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(700)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_counts_as_gone_too() {
    let (report, ()) = with_session(WebSockets::new(), TIMEOUT, |session| async {
        let (mut server, _client) = connected(session, 32).await;
        let full = Message::binary(vec![0; 1000]);
        assert!(
            tokio::time::timeout(ms(10), server.send(full))
                .await
                .is_err()
        );
        assert!(heard(server).await.0.is_empty());
    })
    .await;
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(2000)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_to_write_goes_on_at_the_farewell() {
    for two_tasks in [false, true] {
        let (report, took) = with_session(WebSockets::new(), TIMEOUT, move |session| async move {
            let (mut server, _client) = connected(session, 32).await;
            let began = Instant::now();
            let full = || Message::binary(vec![0; 1000]);
            if two_tasks {
                let (mut write, mut read) = server.split();
                let reading = tokio::spawn(async move { while read.next().await.is_some() {} });
                while !reading.is_finished() {
                    write.send(full()).await.unwrap();
                    tokio::task::yield_now().await;
                    if began.elapsed() >= STOP {
                        break;
                    }
                }
                reading.await.unwrap();
            } else {
                server.send(full()).await.unwrap();
                assert_eq!(began.elapsed(), STOP);
                assert!(server.next().await.is_none());
            }
            began.elapsed()
        })
        .await;
        assert_eq!(took, STOP + ms(2000), "two tasks: {two_tasks}");
        assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(2000)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_talks_on_is_heard_until_the_timeout_and_named() {
    let (report, texts) = with_session(WebSockets::new(), TIMEOUT, |session| async {
        let (server, mut client) = connected(session, 64 * 1024).await;
        let server = tokio::spawn(heard(server));
        let mut ticks = interval(ms(1000));
        // The close frame is never read.
        while client.send(Message::text("and")).await.is_ok() {
            ticks.tick().await;
        }
        server.await.unwrap().0
    })
    .await;
    let rooms = found(&report, "rooms");
    assert_eq!(rooms.outcome, StepOutcome::TimedOut);
    assert_eq!(rooms.unfinished, ["ada"]);
    assert!(rooms.abandoned.is_empty());
    assert!((10..=13).contains(&texts.len()), "{texts:?}");
    assert_eq!(
        report.total, TIMEOUT,
        "it lets go as soon as it is cancelled"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_written_after_the_close_frame_is_dropped_without_an_error() {
    let (report, seen) = with_session(WebSockets::new(), TIMEOUT, |session| async {
        let (server, mut client) = connected(session, 64 * 1024).await;
        let (mut write, mut read) = server.split();
        let server = tokio::spawn(async move {
            let mut ticks = interval(ms(400));
            let mut errors = 0;
            loop {
                tokio::select! {
                    message = read.next() => match message {
                        Some(Ok(_)) => {}
                        _ => break errors,
                    },
                    _ = ticks.tick() => {
                        errors += usize::from(write.send(Message::text("news")).await.is_err());
                    }
                }
            }
        });
        // Answers late.
        sleep(STOP + ms(1000)).await;
        let mut seen = Vec::new();
        while let Some(Ok(message)) = client.next().await {
            seen.push(message.is_close());
        }
        assert_eq!(server.await.unwrap(), 0);
        seen
    })
    .await;
    assert_eq!(seen, [false, false, false, true]);
    assert_eq!((report.outcome, report.total), (Outcome::Clean, ms(1000)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_first_ends_its_session() {
    let sockets = WebSockets::new();
    let handle = sockets.handle();
    let (report, ended) = with_session(sockets, TIMEOUT, |session| async {
        let (mut server, mut client) = connected(session, 64 * 1024).await;
        client.close(None).await.unwrap();
        assert_eq!(server.session().name(), "ada");
        assert!(server.get_ref().get_config().max_message_size.is_some());
        assert!(matches!(server.next().await, Some(Ok(Message::Close(_)))));
        let ended = poll_fn(|cx| server.poll_next_unpin(cx)).await;
        matches!(ended, None | Some(Err(Error::ConnectionClosed)))
    })
    .await;
    assert!(ended);
    assert_eq!(report.total, ms(0));
    assert_eq!(handle.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_fails_tells_its_reader() {
    let (report, failed) = with_session(WebSockets::new(), TIMEOUT, |session| async {
        let (mut server, client) = connected(session, 64 * 1024).await;
        sleep(ms(900)).await;
        drop(client);
        let failed = matches!(
            server.next().await,
            Some(Err(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
            )))
        );
        failed
    })
    .await;
    assert!(failed);
    assert_eq!(report.outcome, Outcome::Clean);
}
