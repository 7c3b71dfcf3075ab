//! The real service with many real clients, under real signals: who is in is told to leave, one by
//! one, and what they said is kept.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is how one says no")]

mod clients;
mod service;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use clients::{Visit, ask, connect, enter, rest, until, visit};
use service::{PATIENCE, Service};
use skipped::skipped;
use terminal::Terminal;

/// `spread` in `lifecycle.yaml`.
const SPREAD: Duration = Duration::from_secs(10);
/// `timeout` of the sessions there.
const TIMEOUT: Duration = Duration::from_secs(15);
/// `grace_period` of Kubernetes there.
const GRACE: Duration = Duration::from_secs(45);
/// How far from its place in the spread a farewell may be on a busy machine.
const TOLERANCE: Duration = Duration::from_secs(3);

const REASON: &str = "this server is being replaced; come back";
/// Guests of a room.
const ROOM: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_leave_one_by_one_and_nothing_they_said_is_lost() {
    leave(1000, Duration::from_secs(2)).await;
}

/// Takes half a minute and 10,000 descriptors in each of the two processes; `.ci/run` runs it alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten thousand connections are more than a shared machine should have to hold"]
async fn ten_thousand_clients_leave_one_by_one_and_nothing_they_said_is_lost() {
    leave(10_000, Duration::from_secs(20)).await;
}

async fn leave(count: usize, pause: Duration) {
    let service = Service::start();
    let mut guests = Vec::new();
    let left = Arc::new(Notify::new());
    for index in 0..count {
        let name = format!("guest-{index}");
        let socket = enter(service.addr, index / ROOM, &name).await;
        let left = Arc::clone(&left);
        guests.push(tokio::spawn(async move {
            let visit = visit(socket, name, pause).await;
            left.notify_one();
            visit
        }));
    }
    // A proxy with a connection that it keeps open.
    let mut kept = connect(service.addr).await;
    ask(&mut kept, "/", "").await;
    until(&mut kept, "/next\n").await;
    // Everybody has said something.
    sleep(Duration::from_secs(1)).await;

    let signal = service.signal(Signal::TERM);
    let late = tokio::spawn(async move {
        // Where the first guest has been told to leave, the intake has stopped before that.
        left.notified().await;
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
        ask(&mut kept, "/rooms/0?name=late", upgrade).await;
        rest(&mut kept).await.to_lowercase()
    });
    let exit = service.exit(signal).await;
    let mut visits = Vec::new();
    for guest in guests {
        visits.push(timeout(PATIENCE, guest).await.unwrap().unwrap());
    }

    exit.assert_clean();
    assert!(exit.took < GRACE / 2, "{:?}", exit.took);
    for visit in &visits {
        let told = visit.farewell.as_ref();
        let told = told.map(|(code, reason)| (*code, reason.as_str()));
        assert_eq!(told, Some((1001, REASON)), "{visit:?}");
        assert!(visit.closed && visit.heard > 0, "{visit:?}");
        assert_eq!(exit.said_by(&visit.name), visit.said, "{visit:?}");
    }
    let late = late.await.unwrap();
    assert!(late.starts_with("http/1.1 503"), "{late}");
    assert!(late.contains("retry-after: 1\r\n"), "{late}");
    assert_eq!(exit.report["rejected"], 1);
    assert_spread(&visits, signal);
}

/// The farewells are even over the window.
fn assert_spread(visits: &[Visit], signal: std::time::Instant) {
    let told = visits.iter().map(|visit| visit.told.unwrap() - signal);
    let mut told: Vec<Duration> = told.collect();
    told.sort();
    println!(
        "told after {:?}",
        [0, 10, 25, 50, 75, 90, 100].map(|percent| told[(told.len() - 1) * percent / 100])
    );
    for percent in [0, 10, 25, 50, 75, 90, 100_u32] {
        let at = told[(told.len() - 1) * percent as usize / 100];
        let even = SPREAD * percent / 100;
        assert!(at.abs_diff(even) < TOLERANCE, "{percent}% at {at:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_ignores_the_close_and_talks_on_is_cut_at_the_timeout_and_named() {
    let service = Service::start();
    let mut deaf = enter(service.addr, 1, "deaf").await;
    let polite = visit(
        enter(service.addr, 2, "polite").await,
        "polite".to_owned(),
        PATIENCE,
    );
    let polite = tokio::spawn(polite);
    let talking = tokio::spawn(async move {
        let mut said = 0;
        // Never reads: neither the farewell nor anything else.
        while deaf.send(Message::text("I am still talking")).await.is_ok() {
            said += 1;
            sleep(Duration::from_millis(100)).await;
        }
        said
    });
    sleep(Duration::from_millis(300)).await;

    let signal = service.signal(Signal::TERM);
    let exit = service.exit(signal).await;
    let said = timeout(PATIENCE, talking).await.unwrap().unwrap();

    assert_eq!(exit.code, Some(80), "it says:\n{}", exit.log);
    assert_eq!(exit.report["outcome"], "abandoned");
    let rooms = exit.step("rooms");
    assert_eq!(rooms["outcome"], "timed-out");
    assert_eq!(rooms["active"], 1);
    assert_eq!(rooms["unfinished"][0], "deaf");
    assert!(exit.took >= TIMEOUT && exit.took < GRACE, "{:?}", exit.took);
    // It was heard to the end; what was on its way when it was cut is another matter.
    assert!(exit.said_by("deaf").len() + 5 >= said, "{said}");
    assert!(polite.await.unwrap().closed);
    for step in ["http", "feed", "fan-out", "log"] {
        assert_eq!(exit.step(step)["outcome"], "done");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_vanished_is_not_waited_for_to_the_timeout() {
    let service = Service::start();
    let gone = enter(service.addr, 1, "gone").await;
    sleep(Duration::from_millis(100)).await;
    let signal = service.signal(Signal::TERM);
    let exit = service.exit(signal).await;
    exit.assert_clean();
    assert!(exit.took < TIMEOUT, "{:?}", exit.took);
    drop(gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_the_feed_get_a_last_event_and_a_complete_response() {
    const READERS: usize = 100;
    let service = Service::start();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = connect(service.addr).await;
        ask(&mut reader, "/feed", "").await;
        // The head: it is in.
        until(&mut reader, "\r\n\r\n").await;
        readers.push(tokio::spawn(async move {
            let text = rest(&mut reader).await;
            (text, std::time::Instant::now())
        }));
    }
    let mut guest = enter(service.addr, 1, "ada").await;
    guest.send(Message::text("good morning")).await.unwrap();
    assert!(guest.next().await.unwrap().unwrap().is_text());
    let guest = tokio::spawn(visit(guest, "ada".to_owned(), PATIENCE));

    let signal = service.signal(Signal::TERM);
    let exit = service.exit(signal).await;

    exit.assert_clean();
    assert!(guest.await.unwrap().closed);
    let mut ended = Vec::new();
    for reader in readers {
        let (text, at) = reader.await.unwrap();
        assert!(text.contains(r#""text":"good morning""#), "{text}");
        let (_, last) = text.rsplit_once("event: close\nretry: ").unwrap();
        let (retry, end) = last.split_once('\n').unwrap();
        assert!((1000..=2000).contains(&retry.parse().unwrap()), "{retry}");
        assert_eq!(
            end,
            format!("data: {}\n\n\r\n0\r\n\r\n", "the server is going away")
        );
        ended.push(at - signal);
    }
    ended.sort();
    let median = ended[READERS / 2];
    assert!(median.abs_diff(SPREAD / 2) < TOLERANCE, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_the_next_is_answered_at_once() {
    let service = Service::start();
    let mut asking = connect(service.addr).await;
    ask(&mut asking, "/next", "").await;
    sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let signal = service.signal(Signal::TERM);
    let text = rest(&mut asking).await;
    assert!(text.starts_with("HTTP/1.1 204 No Content"), "{text}");
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
    service.exit(signal).await.assert_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_at_a_terminal_tells_all_at_once() {
    let Some(mut terminal) = Terminal::open() else {
        return skipped("there is no `script` to open a terminal with");
    };
    let mut guests = Vec::new();
    for index in 0..50 {
        let name = format!("guest-{index}");
        let socket = enter(terminal.addr, 1, &name).await;
        guests.push(tokio::spawn(visit(socket, name, PATIENCE)));
    }
    let began = Instant::now();
    terminal.press_ctrl_c();
    for guest in guests {
        let visit = timeout(PATIENCE, guest).await.unwrap().unwrap();
        assert_eq!(visit.farewell.map(|(code, _)| code), Some(1001));
        assert!(visit.closed, "{}", visit.name);
    }
    // Neither settled nor spread: that would be fifteen seconds.
    assert!(began.elapsed() < SPREAD / 2, "{:?}", began.elapsed());
    assert_eq!(terminal.code().await, Some(0));
}
