//! The load: requests on a schedule or in a closed loop, over kept-alive and fresh connections.
//!
//! It runs on a thread and a runtime of its own, so that neither playing the platform nor probing
//! health waits behind it.

pub(crate) mod client;
mod listed;
pub mod outcome;
pub mod tally;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::script::{Endpoint, Load, Pace, RequestSpec};
use super::stage::Stage;
use client::{Connection, Manner, NoConnection, Template};
use outcome::{Lost, Outcome};
use tally::{Finished, Tally};

/// A client that was refused in a closed loop comes back after this long, as real ones do.
const BACK_OFF: Duration = Duration::from_millis(5);
/// How soon the pace notices that routing has ended.
const SLICE: Duration = Duration::from_millis(10);

/// Starts the load; the receiver yields what was counted once every request has come to its end,
/// or soon after the stage was halted.
pub(crate) fn start(
    load: &Load,
    base: &Endpoint,
    stage: &Arc<Stage>,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<Tally>>> {
    let choose = Choice::new(load, base)?;
    let generator = Arc::new(Generator {
        address: base.address(),
        timeout: load.timeout,
        manner: match load.pace {
            Pace::Open { .. } => Manner::Looks,
            Pace::Closed { .. } => Manner::Writes,
        },
        stage: Arc::clone(stage),
        tally: Mutex::new(Tally::new()?),
        pool: Mutex::new(Pool::default()),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (done, counted) = oneshot::channel();
    let load = load.clone();
    std::thread::Builder::new()
        .name("drill-load".to_owned())
        .spawn(move || {
            runtime.block_on(run(&generator, &load, choose));
            // Whatever was halted half way goes with its runtime, before the counts are taken.
            drop(runtime);
            let tally = Arc::into_inner(generator).map(|generator| {
                generator
                    .tally
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner)
            });
            // Nobody listens any more when the drill was interrupted.
            let _interrupted = done.send(tally.context("the load did not come to its end"));
        })?;
    Ok(counted)
}

async fn run(generator: &Arc<Generator>, load: &Load, choose: Choice) {
    let tracker = TaskTracker::new();
    match load.pace {
        Pace::Open {
            rate,
            kept_alive,
            fresh_share,
        } => {
            let open = Schedule {
                rate,
                kept_alive,
                fresh_share,
            };
            open.run(generator, load, choose, &tracker).await;
        }
        Pace::Closed { kept_alive, fresh } => {
            let left = Arc::new(Mutex::new((choose, load.max_requests)));
            for client in 0..kept_alive + fresh {
                let (generator, left) = (Arc::clone(generator), Arc::clone(&left));
                tracker.spawn(async move {
                    generator.closed_loop(client < kept_alive, &left).await;
                });
            }
        }
    }
    tracker.close();
    tracker.wait().await;
    generator.lock_pool().idle.clear();
}

/// What all requests share.
struct Generator {
    address: SocketAddr,
    timeout: Duration,
    manner: Manner,
    stage: Arc<Stage>,
    tally: Mutex<Tally>,
    pool: Mutex<Pool>,
}

/// Connections that are kept alive: those at rest, and how many there are in all.
#[derive(Default)]
struct Pool {
    idle: VecDeque<Connection>,
    open: usize,
}

/// The connection that a request is to take.
enum Way {
    Kept(Connection),
    /// A new one, which joins the pool afterwards or is closed.
    New {
        joins: bool,
    },
}

impl Generator {
    fn lock_pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, finished: &Finished<'_>) {
        self.lock_tally().record(&self.stage, finished);
    }

    /// The connection for the next request: the one that rested longest, so that all of them stay
    /// in use, or a new one while the pool is not full.
    fn way(&self, fresh: bool, kept_alive: usize) -> Way {
        if fresh {
            return Way::New { joins: false };
        }
        let mut pool = self.lock_pool();
        let mut reused = None;
        if pool.open >= kept_alive {
            while let Some(connection) = pool.idle.pop_front() {
                if connection.is_idle() {
                    reused = Some(connection);
                    break;
                }
                pool.open = pool.open.saturating_sub(1);
            }
        }
        if let Some(connection) = reused {
            return Way::Kept(connection);
        }
        // With every kept connection busy, a client opens one more rather than wait.
        let joins = pool.open < kept_alive;
        if joins {
            pool.open += 1;
        }
        Way::New { joins }
    }

    /// Gives a connection back, or counts it out when it cannot be used again.
    async fn give_back(&self, mut connection: Connection) {
        // The answer has come to its end; the connection is at rest a moment later, or closed.
        let usable = connection.idle().await;
        let mut pool = self.lock_pool();
        if usable {
            pool.idle.push_back(connection);
        } else {
            pool.open = pool.open.saturating_sub(1);
        }
    }

    fn count_out(&self) {
        let mut pool = self.lock_pool();
        pool.open = pool.open.saturating_sub(1);
    }

    /// One request of the open loop, from its connection to its end.
    async fn send(&self, template: &Template, intended: Instant, way: Way) {
        let sent = Instant::now();
        let until = sent + self.timeout;
        let (kept, joins) = match way {
            Way::Kept(connection) => (Some(connection), true),
            Way::New { joins } => (None, joins),
        };
        let (outcome, connection) = tokio::select! {
            done = self.attempt(kept, template, until) => done,
            // The drill is over, and nothing that could still answer is left.
            () = self.stage.halt.cancelled() => (Outcome::Lost(Lost::Unanswered), None),
        };
        self.record(&Finished {
            label: &template.label,
            intended,
            sent,
            outcome,
        });
        match connection {
            Some(connection) if joins && answered(outcome) => self.give_back(connection).await,
            _ if joins => self.count_out(),
            _ => {}
        }
    }

    /// Sends a request on a kept connection, or on a new one.
    async fn attempt(
        &self,
        kept: Option<Connection>,
        template: &Template,
        until: Instant,
    ) -> (Outcome, Option<Connection>) {
        if let Some(mut kept) = kept
            && let Some(outcome) = kept.exchange(template, until).await
        {
            return (outcome, Some(kept));
        }
        // No kept connection, or one that was found closed before the request was written: any
        // client takes a new one.
        self.send_on_new(template, until).await
    }

    async fn send_on_new(
        &self,
        template: &Template,
        until: Instant,
    ) -> (Outcome, Option<Connection>) {
        match Connection::open(self.address, until, self.manner).await {
            Ok(mut connection) => {
                let outcome = connection.exchange(template, until).await;
                (
                    outcome.unwrap_or(Outcome::RefusedAtConnect),
                    Some(connection),
                )
            }
            Err(NoConnection::Refused) => (Outcome::RefusedAtConnect, None),
            Err(NoConnection::Local) => (Outcome::NotSent, None),
        }
    }

    /// One client of the closed loop.
    async fn closed_loop(&self, keeps: bool, left: &Mutex<(Choice, u64)>) {
        let mut kept: Option<Connection> = None;
        loop {
            let sent = Instant::now();
            if !self.stage.routed(sent) || self.stage.halt.is_cancelled() {
                return;
            }
            let template = {
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                if left.1 == 0 {
                    self.tally
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .exhausted = true;
                    return;
                }
                left.1 -= 1;
                left.0.next()
            };
            let until = sent + self.timeout;
            let idle = kept.take_if(|connection| connection.is_idle());
            let (outcome, connection) = tokio::select! {
                done = self.attempt(idle, &template, until) => done,
                () = self.stage.halt.cancelled() => (Outcome::Lost(Lost::Unanswered), None),
            };
            kept = connection;
            self.record(&Finished {
                label: &template.label,
                intended: sent,
                sent,
                outcome,
            });
            let reusable = match kept.as_mut() {
                Some(connection) if keeps && answered(outcome) => connection.idle().await,
                _ => false,
            };
            if !reusable {
                kept = None;
            }
            if !answered(outcome) {
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Whether the connection is of further use after this outcome.
const fn answered(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Served(_) | Outcome::Refused | Outcome::Failed(_)
    )
}

/// The open loop's schedule.
struct Schedule {
    rate: u32,
    kept_alive: usize,
    fresh_share: f64,
}

impl Schedule {
    async fn run(
        &self,
        generator: &Arc<Generator>,
        load: &Load,
        mut choose: Choice,
        tracker: &TaskTracker,
    ) {
        let (ticks, mut due) = mpsc::unbounded_channel();
        let (stage, rate, requests) = (Arc::clone(&generator.stage), self.rate, load.max_requests);
        let pace = move || pace(rate, requests, &stage, &ticks);
        let Ok(pacer) = std::thread::Builder::new()
            .name("drill-pace".to_owned())
            .spawn(pace)
        else {
            return;
        };
        while let Some(intended) = due.recv().await {
            if !generator.stage.routed(Instant::now()) {
                // Due before routing ended, and late by the drill's own fault: nobody is to blame.
                continue;
            }
            let (fresh, template) = (choose.is_fresh(self.fresh_share), choose.next());
            if tracker.len() >= load.max_in_flight {
                let (sent, outcome) = (Instant::now(), Outcome::NotSent);
                generator.record(&Finished {
                    label: &template.label,
                    intended,
                    sent,
                    outcome,
                });
                continue;
            }
            let way = generator.way(fresh, self.kept_alive);
            let generator = Arc::clone(generator);
            tracker.spawn(async move { generator.send(&template, intended, way).await });
        }
        // It has just closed the channel, so this does not wait.
        let exhausted = pacer.join().unwrap_or(false);
        generator.lock_tally().exhausted |= exhausted;
    }
}

/// Says when each request is due, until routing ends; `true` when it ran out of requests first.
///
/// On a thread of its own: an async timer counts in milliseconds, and would add up to one to every
/// latency.
fn pace(rate: u32, requests: u64, stage: &Stage, due: &mpsc::UnboundedSender<Instant>) -> bool {
    if rate == 0 {
        return false;
    }
    let started = Instant::now();
    for number in 0..requests {
        // From the start each time, so that rounding never adds up.
        let intended = started + Duration::from_secs_f64(number_of(number) / f64::from(rate));
        loop {
            if stage.halt.is_cancelled() || !stage.routed(intended) {
                return false;
            }
            let wait = intended.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            // In slices, so that an end of routing is noticed at any rate.
            std::thread::sleep(wait.min(SLICE));
        }
        if due.send(intended).is_err() {
            return false;
        }
    }
    true
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn number_of(count: u64) -> f64 {
    count as f64
}

/// Which request comes next. The order is the same in every drill.
struct Choice {
    ordinary: Vec<Arc<Template>>,
    slow: Vec<Arc<Template>>,
    slow_share: f64,
    random: u64,
}

impl Choice {
    fn new(load: &Load, base: &Endpoint) -> anyhow::Result<Self> {
        let templates = |specs: &[RequestSpec]| {
            specs
                .iter()
                .filter(|spec| spec.weight > 0)
                .map(|spec| Template::new(spec, base.authority()).map(Arc::new))
                .collect::<anyhow::Result<Vec<_>>>()
        };
        let ordinary = templates(&load.requests)?;
        anyhow::ensure!(!ordinary.is_empty(), "there is no request to send");
        let slow = templates(&load.slow)?;
        let slow_share = if slow.is_empty() {
            0.0
        } else {
            load.slow_share
        };
        Ok(Self {
            ordinary,
            slow,
            slow_share,
            random: 0x5EED,
        })
    }

    /// Splitmix64: small, and good enough to keep the choices apart from one another.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn chance(&mut self, share: f64) -> bool {
        number_of(self.random() >> 12) < share * number_of(1 << 52)
    }

    fn is_fresh(&mut self, share: f64) -> bool {
        self.chance(share)
    }

    fn next(&mut self) -> Arc<Template> {
        let slow = self.slow_share > 0.0 && self.chance(self.slow_share);
        let pick = self.random();
        let list = if slow { &self.slow } else { &self.ordinary };
        let weights = list.iter().map(|template| u64::from(template.weight));
        let mut at = pick % weights.clone().sum::<u64>().max(1);
        for (template, weight) in list.iter().zip(weights) {
            if at < weight {
                return Arc::clone(template);
            }
            at -= weight;
        }
        // Unreachable with a positive sum; the first is as good as any.
        Arc::clone(&list[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_chosen_by_weight_and_share() {
        let load = Load {
            requests: vec![
                RequestSpec::get("/a"),
                RequestSpec {
                    weight: 3,
                    ..RequestSpec::get("/b")
                },
            ],
            slow: vec![RequestSpec::get("/slow")],
            slow_share: 0.25,
            ..Load::default()
        };
        let mut choose = Choice::new(&load, &Endpoint::on_port(1, "/")).unwrap();
        let mut counts = std::collections::HashMap::new();
        for _ in 0..16_000 {
            *counts.entry(choose.next().label.clone()).or_insert(0_u32) += 1;
        }
        for (label, expected) in [("GET /a", 3_000), ("GET /b", 9_000), ("GET /slow", 4_000)] {
            assert!(
                counts[label].abs_diff(expected) < 300,
                "{label}: {}",
                counts[label]
            );
        }
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_an_error_before_anything_starts() {
        let mut load = Load::default();
        let base = Endpoint::on_port(1, "/");
        assert!(Choice::new(&load, &base).is_err());
        load.requests = vec![RequestSpec::get("/a")];
        load.requests[0].method = "NO SUCH".to_owned();
        assert!(Choice::new(&load, &base).is_err());
        load.requests[0].method = "GET".to_owned();
        load.requests[0].headers = vec![("x\n".to_owned(), "1".to_owned())];
        assert!(Choice::new(&load, &base).is_err());
    }
}
