//! A worker under SIGTERM on real brokers: RabbitMQ, Redis and PostgreSQL.
//!
//! Each test starts a server of its own, and plays one set of scenes on it, side by side, each with
//! a queue and a worker process of its own. What became of the jobs, the broker says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drill;
mod postgres;
mod rabbitmq;
mod redis;
mod scenes;
mod server;
mod worker;

use lifecycle_tests::skipped;

/// A queue on the server, seen from outside the worker. The calls block; a scene has a thread.
trait Queue: Send + 'static {
    /// A job that failed is there to be tried again.
    const FAILED_IS_KEPT: bool;

    /// `BROKER` and `URL` of a worker.
    fn environment(&self) -> [(&'static str, String); 2];
    /// Adds a job whose id is `id`.
    fn publish(&self, id: &str, body: &str);
    /// What another consumer with the same lease gets that asks now, and keeps.
    fn claim(&self, lease: worker::Lease) -> Vec<String>;
    /// How many jobs there are, claimed or not.
    fn jobs(&self) -> usize;
}

#[test]
fn rabbitmq() {
    let Some(server) = rabbitmq::Server::start() else {
        return skipped("rabbitmq-server is not installed");
    };
    let queue = |name: &str| server.queue(name);
    scenes::play(queue);
    scenes::prefetched_jobs_are_others_at_once(&server.queue("prefetched"));
    scenes::a_broker_that_goes_away_loses_nothing_twice(&server.queue("gone"), || server.stop());
}

/// The example, rehearsed as CI does it, with its queue full.
#[test]
fn the_thumbnails_are_drilled() {
    let Some(server) = rabbitmq::Server::start() else {
        return skipped("rabbitmq-server is not installed");
    };
    drill::thumbnails(&server);
}

#[test]
fn redis_streams() {
    let Some(server) = redis::Server::start() else {
        return skipped("redis-server is not installed");
    };
    let queue = |name: &str| server.queue(name);
    scenes::play(queue);
    scenes::a_lost_lease_ends_the_work(&server.queue("lost"), redis::Queue::steal);
    scenes::a_broker_that_goes_away_loses_nothing_twice(&server.queue("gone"), || server.stop());
}

#[test]
fn postgres_skip_locked() {
    let Some(server) = postgres::Server::start() else {
        return skipped("PostgreSQL is not installed");
    };
    let queue = |name: &str| server.queue(name);
    scenes::play(queue);
    scenes::a_lost_lease_ends_the_work(&server.queue("lost"), postgres::Queue::steal);
    scenes::a_broker_that_goes_away_loses_nothing_twice(&server.queue("gone"), || server.stop());
}
