//! The server's parts without a lock, under every order in which threads may see each other's writes.
//!
//! These are models in loom's sense: the product's own code in a few threads, run once for each
//! interleaving. loom itself finds what nobody is left to wake: it calls that a deadlock.
//!
//! Not here: [`Slot::note_time`] beside [`Slot::free`]. loom lets a plain store come between a
//! compare-exchange's read and its write, which neither the memory model nor a processor does; that
//! pair is Miri's.

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use loom::future::block_on;
use loom::thread;

use super::exchange::{BoxExchange, Handler};
use super::options::Options;
use super::peer::Peer;
use super::server::{Server, Stage};
use super::slot::Slot;
use super::track::{Ear, Track};
use crate::sync::check;
use crate::work::Window;

const WINDOW: Window = Window {
    timeout: Duration::from_secs(1),
    hurry: false,
};

struct Nobody;

impl Handler for Nobody {
    fn call(&self, _: Request<Incoming>) -> BoxExchange {
        unreachable!("no model asks for anything")
    }
}

fn server() -> Arc<Server> {
    Arc::new(Server::new(Arc::new(Nobody), Options::default()))
}

fn connected(server: &Arc<Server>) -> Arc<Track> {
    server.register(Peer::tcp((Ipv4Addr::LOCALHOST, 1).into()))
}

/// A connection on which nothing is asked: its task from the first poll until the server has come to
/// `stage`, and its socket's end.
fn idle_until(stage: Stage, server: &Arc<Server>, track: &Arc<Track>) {
    let mut ear = Ear::default();
    block_on(poll_fn(|cx| {
        ear.listen(track, cx);
        match server.stage() >= stage {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }));
    server.forget(track.id());
}

/// The second request follows the first without [`Slot::free`] between them, which is harder on the
/// reader and keeps to loom's limit: it remembers seven values of a place, the first included, and
/// beyond that its fences see none.
#[test]
fn a_reader_sees_a_whole_request_or_none() {
    const REQUESTS: [(&str, &str); 2] = [("GET", "/the/first"), ("POST", "/2")];
    check(|| {
        let slot = Arc::new(Slot::default());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || REQUESTS.map(|(method, path)| slot.take(method, path))
        });
        if let Some(request) = slot.read() {
            let seen = (request.method.as_str(), request.path.0.as_str());
            assert!(REQUESTS.contains(&seen), "{seen:?}");
        }
        writer.join().unwrap();
        assert_eq!(slot.read().unwrap().method, "POST");
    });
}

#[test]
fn a_request_that_has_been_answered_is_not_seen_again() {
    check(|| {
        let slot = Arc::new(Slot::default());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                slot.take("GET", "/");
                slot.free();
            }
        });
        let seen = slot.read().map(|request| request.path.0);
        assert!(seen.is_none_or(|path| path == "/"));
        writer.join().unwrap();
        assert!(slot.read().is_none());
    });
}

#[test]
fn every_connection_hears_of_the_end() {
    for stage in [Stage::Draining, Stage::Abandoned] {
        check(move || {
            let server = server();
            let track = connected(&server);
            let connection = thread::spawn({
                let server = Arc::clone(&server);
                move || idle_until(stage, &server, &track)
            });
            server.advance(stage);
            connection.join().unwrap();
        });
    }
}

#[test]
fn a_connection_that_comes_while_the_server_moves_on_hears_of_it() {
    check(|| {
        let server = server();
        let accepting = thread::spawn({
            let server = Arc::clone(&server);
            move || {
                let track = connected(&server);
                idle_until(Stage::Draining, &server, &track);
            }
        });
        server.advance(Stage::Draining);
        accepting.join().unwrap();
    });
}

#[test]
fn the_last_connection_to_go_is_noticed() {
    check(|| {
        let server = server();
        let tracks = [connected(&server), connected(&server)];
        let connections = tracks.map(|track| {
            let server = Arc::clone(&server);
            thread::spawn(move || server.forget(track.id()))
        });
        server.stop_intake(WINDOW);
        block_on(server.over());
        assert!(server.is_empty());
        for connection in connections {
            connection.join().unwrap();
        }
    });
}

#[test]
fn a_drain_ends_with_its_last_connection() {
    check(|| {
        let server = server();
        let track = connected(&server);
        let connection = thread::spawn({
            let server = Arc::clone(&server);
            move || idle_until(Stage::Draining, &server, &track)
        });
        server.stop_intake(WINDOW);
        server.advance(Stage::Draining);
        block_on(server.over());
        connection.join().unwrap();
    });
}

#[test]
fn who_waits_for_connections_hears_that_they_are_given_up() {
    check(|| {
        let server = server();
        let _stays = connected(&server);
        let waiting = thread::spawn({
            let server = Arc::clone(&server);
            move || block_on(server.over())
        });
        server.abandon();
        waiting.join().unwrap();
    });
}

#[test]
fn a_connection_that_another_resource_takes_over_is_not_waited_for() {
    check(|| {
        let server = server();
        let track = connected(&server);
        let taking = thread::spawn({
            let server = Arc::clone(&server);
            move || server.set_away(&track, || true)
        });
        server.stop_intake(WINDOW);
        block_on(server.over());
        taking.join().unwrap();
    });
}
