//! The real service under real signals, seen by tonic's client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[rustfmt::skip]
#[path = "../../src/pb.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated; tests/generated.rs makes it")]
mod pb;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use pb::quotes_client::QuotesClient;
use pb::{GetQuoteRequest, Quote, WatchQuotesRequest};
use service::{PATIENCE, Place};

async fn get(channel: &Channel, symbol: &str) -> Result<Quote, Status> {
    let request = GetQuoteRequest {
        symbol: symbol.to_owned(),
    };
    let answer = QuotesClient::new(channel.clone()).get_quote(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn watch(channel: &Channel, symbols: &[&str]) -> Streaming<Quote> {
    let symbols = symbols.iter().map(|&symbol| symbol.to_owned()).collect();
    let request = WatchQuotesRequest { symbols };
    let answer = QuotesClient::new(channel.clone())
        .watch_quotes(request)
        .await;
    answer.unwrap().into_inner()
}

/// Until the service is up: it has its address before its resources have started.
async fn healthy(channel: &Channel) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest {
        service: "quotes.v1.Quotes".to_owned(),
    };
    let answer = HealthClient::new(channel.clone()).watch(request).await;
    let mut health = answer.unwrap().into_inner();
    while next(&mut health).await != Ok(ServingStatus::Serving) {}
    health
}

async fn next(health: &mut Streaming<HealthCheckResponse>) -> Result<ServingStatus, Code> {
    let message = timeout(PATIENCE, health.message()).await.unwrap();
    message
        .map(|message| message.unwrap().status())
        .map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_flight_are_answered_and_health_says_no_first() {
    let place = Place::new();
    let service = place.start(&[("LOOKUP_MS", "700")]);
    let channel = service.client();
    let mut health = healthy(&channel).await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { get(&channel, "ACME").await })
        })
        .collect();
    // Well before the first answer, and long enough for the last call to be there.
    tokio::time::sleep(Duration::from_millis(350)).await;

    service.signal(Signal::TERM);
    assert_eq!(next(&mut health).await, Ok(ServingStatus::NotServing));
    assert_eq!(next(&mut health).await, Err(Code::Unavailable));
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().symbol, "ACME");
    }
    let exit = service.exit().await;
    exit.assert_clean();
    assert_eq!(exit.report["rejected"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_are_told_to_leave_one_after_the_other() {
    const WATCHERS: usize = 40;
    let place = Place::new();
    let service = place.start(&[("TICK_MS", "10")]);
    let channels = [service.client(), service.client()];
    drop(healthy(&channels[0]).await);
    let mut watchers = Vec::new();
    for number in 0..WATCHERS {
        let mut watcher = watch(&channels[number % 2], &["ACME", "HOOLI"]).await;
        let first = watcher.message().await.unwrap().unwrap();
        assert_eq!(first.symbol, "ACME");
        watchers.push(watcher);
    }
    let begun = Instant::now();
    service.signal(Signal::TERM);
    let told = watchers.into_iter().map(|mut watcher| {
        tokio::spawn(async move {
            let mut quotes = 0;
            loop {
                match timeout(PATIENCE, watcher.message()).await.unwrap() {
                    Ok(Some(_)) => quotes += 1,
                    Ok(None) => panic!("ended without a word"),
                    Err(status) => return (begun.elapsed(), quotes, status),
                }
            }
        })
    });
    let mut left = Vec::new();
    for told in told.collect::<Vec<_>>() {
        let (after, quotes, status) = told.await.unwrap();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(!status.message().is_empty());
        left.push((after, quotes));
    }
    left.sort();
    // `spread: 4s`: neither all in one instant, nor any much later.
    let spread = left[WATCHERS - 1].0.saturating_sub(left[0].0);
    assert!(spread > Duration::from_secs(2), "{left:?}");
    // Until its turn comes, a watcher is served.
    assert!(left[WATCHERS - 1].1 > left[0].1, "{left:?}");

    let exit = service.exit().await;
    exit.assert_clean();
    let took = |name: &str| exit.step(name)["end_ms"].as_u64().unwrap();
    // What watches belongs to its own step, and does not hold up that of the calls.
    assert!(took("grpc") < took("watchers"), "{:#}", exit.report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_is_an_answer() {
    let place = Place::new();
    let service = place.start(&[]);
    drop(healthy(&service.client()).await);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..32)
        .map(|_| {
            let (channel, over) = (service.client(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut answered = 0;
                while !over.load(Ordering::Relaxed) {
                    match get(&channel, "GLOBEX").await {
                        Ok(_) => answered += 1,
                        Err(status) => {
                            assert!(unseen(&status), "after {answered} answers: {status:?}");
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
                answered
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.signal(Signal::TERM);
    let exit = service.exit().await;
    over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    exit.assert_clean();
}

/// Whether no service has seen the call: it was refused, its connection was told to go before it
/// was sent, or there was nobody to connect to.
fn unseen(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let words = error.to_string();
        let told =
            words.contains("connection closed") || words.contains("not a result of an error");
        if told || words.contains("tcp connect error") {
            return true;
        }
        source = error.source();
    }
    status.message() == "the server is stopping"
}

#[tokio::test]
async fn the_next_instance_opens_with_the_closing_prices() {
    let place = Place::new();
    assert_eq!(place.prices(), None);
    let service = place.start(&[("TICK_MS", "1")]);
    let channel = service.client();
    let mut quotes = watch(&channel, &[]).await;
    // A few changes of every price.
    for _ in 0..40 {
        quotes.message().await.unwrap().unwrap();
    }
    drop(quotes);
    drop(channel);
    service.signal(Signal::TERM);
    service.exit().await.assert_clean();
    let closing = place.prices().unwrap();
    assert_eq!(closing.lines().count(), 4);

    // One that never moves a price.
    let service = place.start(&[("TICK_MS", "3600000")]);
    let channel = service.client();
    for line in closing.lines() {
        let (symbol, cents) = line.split_once(' ').unwrap();
        let quote = get(&channel, symbol).await.unwrap();
        // The feed moves one price when it starts.
        assert!(
            (quote.cents - cents.parse::<i64>().unwrap()).abs() * 50 < quote.cents,
            "{quote:?}"
        );
    }
    let unlisted = get(&channel, "NOBODY").await.unwrap_err();
    assert_eq!(unlisted.code(), Code::NotFound);
    drop(channel);
    service.signal(Signal::TERM);
    service.exit().await.assert_clean();
}
