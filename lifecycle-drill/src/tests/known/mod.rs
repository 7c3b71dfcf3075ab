//! The load against servers that count by themselves: what they say they did, and what the load says
//! became of its requests, is the same, by kind and by outcome, in every protocol.

mod http1;
mod http2;
mod stalls;
mod websocket;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::quiet;
use crate::script::{Endpoint, Load, Pace, Protocol, RequestSpec, SessionKind, SessionSpec};
use crate::stage::Stage;
use crate::traffic;
use crate::traffic::tally::{Counts, KindOfRequest, Requests};

/// What a server says it did, by path.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<String, u64>>>);

impl Book {
    fn count(&self, what: &str) {
        *self.0.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    fn of(&self, what: &str) -> u64 {
        self.0
            .lock()
            .unwrap()
            .get(what)
            .copied()
            .unwrap_or_default()
    }
}

/// A server on a thread of its own, so that neither side waits for the other; it ends with the test.
fn serve<S, F>(book: &Book, converse: S) -> Endpoint
where
    S: Fn(TcpStream, Book) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let book = book.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                book.count("connections");
                stream.set_nodelay(true).unwrap();
                tokio::spawn(converse(stream, book.clone()));
            }
        });
    });
    Endpoint::on_port(port, "/")
}

/// Ends a connection with a reset.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Runs a load for a while, and gives what it counted once everything has come to its end.
async fn loaded(load: &Load, base: &Endpoint, lasts: Duration) -> Requests {
    let stage = Arc::new(Stage::new());
    let counting = traffic::start(load, base, &stage, &quiet()).unwrap();
    tokio::time::sleep(lasts).await;
    stage.end_routing(Instant::now());
    let tally = counting.await.unwrap().unwrap();
    tally.requests(Instant::now())
}

/// A load of these requests alone.
fn load(requests: Vec<RequestSpec>) -> Load {
    Load {
        pace: Pace::Open {
            rate: 300,
            kept_alive: 8,
            fresh_share: 0.3,
        },
        // Nothing here waits for what never comes, however long a busy machine holds it up.
        timeout: Duration::from_secs(60),
        requests,
        ..Load::default()
    }
}

/// That the requests of a path became nothing but `expected`, as often as the server says.
#[track_caller]
fn agree(requests: &Requests, book: &Book, label: &str, path: &str, expected: fn(u64) -> Counts) {
    let kind = kind(requests, label);
    let counted = book.of(path);
    assert!(counted > 0, "{label}: the server saw none");
    assert_eq!(kind.all(), expected(counted), "{label}");
}

fn kind<'a>(requests: &'a Requests, label: &str) -> &'a KindOfRequest {
    let mut kinds = requests.kinds.iter();
    kinds.find(|kind| kind.request == label).unwrap()
}

const NONE: Counts = Counts {
    served: 0,
    client_error: 0,
    let_go: 0,
    refused: 0,
    refused_at_connect: 0,
    server_error: 0,
    lost: 0,
    lost_to_idle_close: 0,
    lost_unanswered: 0,
    not_sent: 0,
};

const fn served(served: u64) -> Counts {
    Counts { served, ..NONE }
}

const fn not_found(served: u64) -> Counts {
    Counts {
        served,
        client_error: served,
        ..NONE
    }
}

const fn refused(refused: u64) -> Counts {
    Counts { refused, ..NONE }
}

const fn failed(server_error: u64) -> Counts {
    Counts {
        server_error,
        ..NONE
    }
}

const fn lost(lost: u64) -> Counts {
    Counts { lost, ..NONE }
}

const fn unanswered(lost: u64) -> Counts {
    Counts {
        lost,
        lost_unanswered: lost,
        ..NONE
    }
}

const fn let_go(served: u64) -> Counts {
    Counts {
        served,
        let_go: served,
        ..NONE
    }
}

/// Requests of a protocol, one a path.
fn specs(protocol: Protocol, paths: &[&str]) -> Vec<RequestSpec> {
    let spec = |path: &&str| RequestSpec {
        protocol,
        ..RequestSpec::get(*path)
    };
    paths.iter().map(spec).collect()
}

/// Clients that keep these open.
fn sessions(kind: SessionKind, paths: &[&str]) -> Vec<SessionSpec> {
    let session = |path: &&str| SessionSpec {
        kind,
        request: RequestSpec {
            body: b"hello".to_vec(),
            ..RequestSpec::get(*path)
        },
        clients: 5,
        every: Some(Duration::from_millis(10)),
    };
    paths.iter().map(session).collect()
}

#[tokio::test]
async fn kept_connections_are_kept_and_fresh_ones_are_not() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for (kept_alive, fresh) in [(4, 0), (0, 4)] {
            let book = Book::default();
            let base = match protocol {
                Protocol::Http1 => serve(&book, http1::converse),
                _ => serve(&book, http2::converse),
            };
            let load = Load {
                pace: Pace::Closed { kept_alive, fresh },
                timeout: Duration::from_secs(60),
                requests: specs(protocol, &["/ok"]),
                max_requests: 100,
                ..Load::default()
            };
            let requests = loaded(&load, &base, Duration::from_millis(400)).await;
            let (sent, connections) = (requests.all().sent(), book.of("connections"));
            assert_eq!((requests.all(), book.of("/ok")), (served(sent), sent));
            match (protocol, kept_alive) {
                (_, 0) => assert_eq!(connections, sent, "{protocol:?}"),
                (Protocol::Http1, _) => assert_eq!(connections, 4),
                // A client that is ready for its second request while another still connects opens
                // one of the four itself.
                _ => assert!((4..8).contains(&connections), "{connections} of {sent}"),
            }
        }
    }
}

/// What never comes is told as such, and as often as the server kept silent.
#[tokio::test]
async fn a_request_without_an_answer_is_counted_as_one() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let book = Book::default();
        let base = match protocol {
            Protocol::Http1 => serve(&book, http1::converse),
            _ => serve(&book, http2::converse),
        };
        let mut load = load(specs(protocol, &["/never"]));
        load.timeout = Duration::from_millis(800);
        let requests = loaded(&load, &base, Duration::from_millis(300)).await;
        let sent = requests.all().lost;
        // It may read the last of them after they were given up.
        let until = Instant::now() + Duration::from_secs(30);
        while book.of("/never") < sent && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(sent > 0, "{protocol:?}");
        let expected = Counts {
            // Its time was over before this machine came to write its head: nobody accepted it.
            refused_at_connect: requests.all().refused_at_connect,
            not_sent: requests.all().not_sent,
            ..unanswered(book.of("/never"))
        };
        assert_eq!(requests.all(), expected, "{protocol:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_refusal_at_the_connection_in_every_protocol() {
    let port = super::victim::free_port();
    let mut requests = specs(Protocol::Http1, &["/"]);
    requests.extend(specs(Protocol::Http2, &["/"]));
    requests.push(RequestSpec::grpc("/a.B/C", Vec::new()));
    let mut load = load(requests);
    load.sessions = sessions(SessionKind::WebSocket, &["/"]);
    load.sessions.extend(sessions(SessionKind::Stream, &["/"]));
    let base = Endpoint::on_port(port, "/");
    let requests = loaded(&load, &base, Duration::from_millis(300)).await;
    assert_eq!(requests.kinds.len(), 5);
    for kind in &requests.kinds {
        let all = kind.all();
        assert!(all.refused_at_connect > 0, "{}", kind.request);
        assert_eq!(all.sent(), all.refused_at_connect, "{}", kind.request);
    }
}
