//! A server that stands still for a second, as one does that collects garbage or waits for a lock:
//! the load tells how long its users waited, where a closed loop would tell that hardly anybody did.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::*;

const STALL: Duration = Duration::from_secs(1);

/// Serves as the others do, but for one second in which nothing moves.
async fn converse(stream: TcpStream, book: Book) {
    let begun = Instant::now();
    book.count("conversations");
    if book.of("conversations") == 1 {
        // The first connection stops the whole thread, once the load has gone on for a while.
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(700).saturating_sub(begun.elapsed())).await;
            std::thread::sleep(STALL);
        });
    }
    http1::converse(stream, book).await;
}

async fn measured(pace: Pace) -> Requests {
    let book = Book::default();
    let base = serve(&book, converse);
    let load = Load {
        pace,
        timeout: Duration::from_secs(20),
        requests: specs(Protocol::Http1, &["/ok"]),
        ..Load::default()
    };
    let requests = loaded(&load, &base, Duration::from_millis(2_700)).await;
    assert_eq!(requests.all(), served(book.of("/ok")));
    requests
}

#[tokio::test]
async fn a_stall_is_in_the_latencies_and_a_closed_loop_would_have_left_it_out() {
    let open = measured(Pace::Open {
        rate: 200,
        kept_alive: 8,
        fresh_share: 0.0,
    })
    .await;
    let closed = measured(Pace::Closed {
        kept_alive: 2,
        fresh: 0,
    })
    .await;
    let (ours, theirs) = (open.latency_before.unwrap(), closed.latency_before.unwrap());
    println!("open {ours:?}\nclosed {theirs:?}");
    // Of 2.7 seconds one stood still: a third of the requests were to leave in it, and the one that
    // was to leave in its middle waited for half of it.
    assert!(ours.p90_ms > 450.0, "{ours:?}");
    assert!(ours.p99_ms > 800.0, "{ours:?}");
    // The closed loop sent nothing meanwhile but the two requests that it was waiting for.
    assert!(theirs.max_ms > 800.0, "{theirs:?}");
    assert!(
        theirs.p99_ms < ours.p99_ms / 2.0,
        "{theirs:?} beside {ours:?}"
    );
}
