//! When requests leave: on a schedule, answered or not, or in a closed loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::client::{Connection, Patience};
use super::lane::Share;
use super::outcome::{Lost, Outcome};
use super::sequence::{Next, Sequence};
use super::tally::Finished;
use super::{Generator, number_of};
use crate::stage::Stage;

/// A client that was refused in a closed loop comes back after this long, as real ones do.
const BACK_OFF: Duration = Duration::from_millis(5);
/// How soon the pace notices that routing has ended.
const SLICE: Duration = Duration::from_millis(10);
/// A request that leaves later than this after it was due was held up by the drill itself.
const LATE: Duration = Duration::from_millis(5);
/// How many requests that are due at once are taken in one go.
const BATCH: usize = 256;

/// Sends requests as they fall due, until routing ends.
pub(super) async fn open_loop(
    generator: &Arc<Generator>,
    rate: u32,
    sequence: &Sequence,
    tracker: &TaskTracker,
) {
    let (ticks, mut due) = mpsc::unbounded_channel();
    let stage = Arc::clone(&generator.stage);
    let Ok(pacer) = std::thread::Builder::new()
        .name("drill-pace".to_owned())
        .spawn(move || pace(rate, &stage, &ticks))
    else {
        return;
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut number = 0;
    'sending: while due.recv_many(&mut batch, BATCH).await > 0 {
        for intended in batch.drain(..) {
            let Some(next) = sequence.at(number) else {
                break 'sending;
            };
            number += 1;
            if !generator.stage.routed(Instant::now()) {
                // Due before routing ended, and late by the drill's own fault: nobody is to blame.
                continue;
            }
            if !generator.may_send() {
                break 'sending;
            }
            if tracker.len() >= generator.max_in_flight {
                generator.record(&Finished {
                    kind: &next.kind,
                    intended,
                    sent: Instant::now(),
                    outcome: Outcome::NotSent,
                });
                continue;
            }
            let generator = Arc::clone(generator);
            tracker.spawn(async move { generator.send(next, intended).await });
        }
    }
    // Whoever still says what is due finds nobody to tell.
    drop(due);
    // It sleeps for a slice at most before it notices, and has nothing to tell.
    let _nothing: Result<(), _> = pacer.join();
}

/// Says when each request is due, until routing ends.
///
/// On a thread of its own: an async timer counts in milliseconds, and would add up to one to every
/// latency.
fn pace(rate: u32, stage: &Stage, due: &mpsc::UnboundedSender<Instant>) {
    if rate == 0 {
        return;
    }
    let started = Instant::now();
    for number in 0_u64.. {
        // From the start each time, so that rounding never adds up.
        let intended = started + Duration::from_secs_f64(number_of(number) / f64::from(rate));
        loop {
            if stage.halt.is_cancelled() || !stage.routed(intended) {
                return;
            }
            let wait = intended.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            // In slices, so that an end of routing is noticed at any rate.
            std::thread::sleep(wait.min(SLICE));
        }
        if due.send(intended).is_err() {
            return;
        }
    }
}

impl Generator {
    /// One request of the open loop, from its connection to its end.
    async fn send(&self, next: Next, intended: Instant) {
        let kind = &next.kind;
        let share = match next.fresh {
            true => Share::Fresh,
            false if intended.elapsed() > LATE => Share::Waits,
            false => Share::Pool,
        };
        let place = tokio::select! {
            place = kind.lane.place(&kind.template, share) => place,
            () = self.stage.halt.cancelled() => return,
        };
        let sent = Instant::now();
        if !self.stage.routed(sent) {
            // Late by the drill's own fault: nobody is to blame, and nobody was asked.
            kind.lane.give_up(place);
            self.left.fetch_add(1, Relaxed);
            return;
        }
        self.lock_tally().leaves(sent);
        let patience = Patience::Whole(sent + self.time_for(kind));
        let (outcome, left) = tokio::select! {
            (outcome, left) = kind.lane.send(&kind.template, patience, place) => (outcome, Some(left)),
            // The drill is over, and nothing that could still answer is left.
            () = self.stage.halt.cancelled() => (Outcome::Lost(Lost::Unanswered), None),
        };
        self.record_left(&Finished {
            kind,
            intended,
            sent,
            outcome,
        });
        if let Some(left) = left {
            tokio::select! {
                () = kind.lane.take_back(left) => {}
                () = self.stage.halt.cancelled() => {}
            }
        }
    }

    /// One client of the closed loop.
    pub(super) async fn closed_loop(&self, keeps: bool, sequence: &Sequence, number: &AtomicU64) {
        let mut kept: Option<Connection> = None;
        loop {
            let sent = Instant::now();
            if !self.stage.routed(sent) || self.stage.halt.is_cancelled() || !self.may_send() {
                return;
            }
            let Some(next) = sequence.at(number.fetch_add(1, Relaxed)) else {
                return;
            };
            let kind = &next.kind;
            self.lock_tally().leaves(sent);
            let patience = Patience::Whole(sent + self.time_for(kind));
            let idle = kept.take_if(|connection| connection.is_idle());
            let (outcome, connection) = tokio::select! {
                done = self.attempt(idle, &next, keeps, patience) => done,
                () = self.stage.halt.cancelled() => (Outcome::Lost(Lost::Unanswered), None),
            };
            kept = connection;
            self.record_left(&Finished {
                kind,
                intended: sent,
                sent,
                outcome,
            });
            let reusable = match kept.as_mut() {
                Some(connection) if keeps && outcome.answered() => tokio::select! {
                    rested = connection.idle() => rested,
                    () = self.stage.halt.cancelled() => false,
                },
                _ => false,
            };
            if !reusable {
                kept = None;
            }
            if !outcome.answered() {
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }

    async fn attempt(
        &self,
        kept: Option<Connection>,
        next: &Next,
        keeps: bool,
        patience: Patience<'_>,
    ) -> (Outcome, Option<Connection>) {
        let (lane, template) = (&next.kind.lane, &next.kind.template);
        match template.protocol {
            crate::script::Protocol::Http1 => lane.attempt(kept, template, patience).await,
            _ => {
                let share = if keeps { Share::Pool } else { Share::Fresh };
                let place = lane.place(template, share).await;
                (lane.send(template, patience, place).await.0, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::script::{Endpoint, Load, Pace, RequestSpec};
    use crate::traffic::Mix;
    use crate::traffic::tally::{Counts, Tally};

    #[tokio::test]
    async fn what_waited_until_routing_had_ended_is_not_sent() {
        // It takes connections, and would be asked.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base = Endpoint::on_port(listener.local_addr().unwrap().port(), "/");
        let load = Load {
            pace: Pace::Open {
                rate: 1,
                kept_alive: 1,
                fresh_share: 0.0,
            },
            requests: vec![RequestSpec::get("/")],
            ..Load::default()
        };
        let mix = Mix::new(&load, &base).unwrap();
        let generator = Generator {
            timeout: Duration::from_millis(100),
            max_in_flight: 1,
            stage: Arc::new(Stage::new()),
            tally: Mutex::new(Tally::new(&mix.kinds()).unwrap()),
            left: AtomicU64::new(9),
        };
        let next = mix.sequence.at(0).unwrap();
        let kind = Arc::clone(&next.kind);
        let busy = kind.lane.place(&kind.template, Share::Pool).await;
        let due = Instant::now().checked_sub(LATE * 2).unwrap();
        tokio::join!(generator.send(next, due), async {
            tokio::time::sleep(LATE).await;
            generator.stage.end_routing(Instant::now());
            kind.lane.give_up(busy);
        });
        let tally = generator.tally.into_inner().unwrap();
        let all = tally.requests(Instant::now()).all();
        assert_eq!(all, Counts::default());
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err());
    }
}
