//! The load: requests on a schedule or in a closed loop, over kept-alive and fresh connections, and
//! clients that keep sockets and streams open beside them.
//!
//! It runs on a thread and a runtime of its own, so that neither playing the platform nor probing
//! health waits behind it.

pub(crate) mod client;
pub(crate) mod connecting;
pub(crate) mod frames;
pub mod grpc;
pub(crate) mod http2;
mod lane;
mod listed;
pub mod outcome;
mod own_time;
mod read_pace;
mod schedule;
mod sequence;
mod session;
pub mod tally;
mod template;
pub(crate) mod websocket;
pub(crate) mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::TaskTracker;

use super::script::{Endpoint, Load, Pace, RequestSpec, SessionSpec};
use super::stage::Stage;
use super::{Event, Progress, descriptors};
use client::{Manner, Template};
use lane::Lane;
use sequence::Sequence;
use session::Session;
use tally::{Finished, Tally};
use websocket::Messages;

/// How often the counts are told while the load runs.
const TOLD: Duration = Duration::from_millis(200);

/// Starts the load; the receiver yields what was counted once every request has come to its end,
/// or soon after the stage was halted.
pub(crate) fn start(
    load: &Load,
    base: &Endpoint,
    stage: &Arc<Stage>,
    progress: &Progress,
) -> anyhow::Result<oneshot::Receiver<anyhow::Result<Tally>>> {
    let mix = Mix::new(load, base)?;
    let generator = Arc::new(Generator {
        timeout: load.timeout,
        max_in_flight: load.max_in_flight,
        stage: Arc::clone(stage),
        tally: Mutex::new(Tally::new(&mix.kinds())?),
        left: AtomicU64::new(load.max_requests),
    });
    let clients: usize = mix.sessions.iter().map(|session| session.clients).sum();
    descriptors::room_for(clients + mix.requests_at_once(load));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (done, counted) = oneshot::channel();
    let (pace, warm_up, progress) = (load.pace, load.warm_up, Arc::clone(progress));
    std::thread::Builder::new()
        .name("drill-load".to_owned())
        .spawn(move || {
            runtime.block_on(run(&generator, pace, warm_up, &mix, &progress));
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

async fn run(
    generator: &Arc<Generator>,
    pace: Pace,
    warm_up: Duration,
    mix: &Mix,
    progress: &Progress,
) {
    let (requests, sessions) = (TaskTracker::new(), TaskTracker::new());
    let telling = tokio::spawn(tell(Arc::clone(generator), Arc::clone(progress)));
    for session in &mix.sessions {
        for client in 0..session.clients {
            // Not all in one instant: over the first half of the warm-up.
            let first =
                warm_up.mul_f64(0.5 * number_of(client as u64) / number_of(session.clients as u64));
            let (generator, session) = (Arc::clone(generator), Arc::clone(session));
            sessions.spawn(async move { generator.keep_open(&session, first).await });
        }
    }
    match pace {
        _ if mix.sequence.is_empty() => {}
        Pace::Open { rate, .. } => {
            schedule::open_loop(generator, rate, &mix.sequence, &requests).await;
        }
        Pace::Closed { kept_alive, fresh } => {
            let number = Arc::new(AtomicU64::new(0));
            for client in 0..kept_alive + fresh {
                let (generator, number) = (Arc::clone(generator), Arc::clone(&number));
                let sequence = mix.sequence.clone();
                requests.spawn(async move {
                    let keeps = client < kept_alive;
                    generator.closed_loop(keeps, &sequence, &number).await;
                });
            }
        }
    }
    requests.close();
    requests.wait().await;
    sessions.close();
    sessions.wait().await;
    telling.abort();
    // Its share of the generator goes with it.
    let _aborted = telling.await;
    generator.tell(progress);
    for lane in &mix.lanes {
        lane.close();
    }
}

/// Tells the counts until it is aborted.
async fn tell(generator: Arc<Generator>, progress: Progress) {
    let mut ticks = interval(TOLD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        generator.tell(&progress);
    }
}

/// What is sent, and where to.
pub(crate) struct Mix {
    lanes: Vec<Arc<Lane>>,
    requests: Vec<Arc<Kind>>,
    sessions: Vec<Arc<Session>>,
    pub(crate) sequence: Sequence,
}

/// One entry of the mix.
pub(crate) struct Kind {
    /// Its place among the kinds.
    number: usize,
    pub(crate) template: Template,
    lane: Arc<Lane>,
}

impl Mix {
    /// Errors: a request that cannot be sent as written, or nothing to send at all.
    pub(crate) fn new(load: &Load, base: &Endpoint) -> anyhow::Result<Self> {
        anyhow::ensure!(!load.is_empty(), "there is no request to send");
        let (manner, kept_alive, fresh_share) = match load.pace {
            Pace::Open {
                kept_alive,
                fresh_share,
                ..
            } => (Manner::Looks, kept_alive, fresh_share),
            Pace::Closed { kept_alive, .. } => (Manner::Writes, kept_alive, 0.0),
        };
        let mut lanes: HashMap<SocketAddr, Arc<Lane>> = HashMap::new();
        let mut lane = |endpoint: &Endpoint| {
            let address = endpoint.address();
            let lane = lanes
                .entry(address)
                .or_insert_with(|| Arc::new(Lane::new(address, manner, kept_alive)));
            Arc::clone(lane)
        };
        let mut requests: Vec<Arc<Kind>> = Vec::new();
        let mut kinds = |specs: &[RequestSpec]| -> anyhow::Result<Vec<Arc<Kind>>> {
            let mut kinds = Vec::new();
            for spec in specs.iter().filter(|spec| spec.weight > 0) {
                let endpoint = base.at_port(spec.port);
                let kind = Arc::new(Kind {
                    number: requests.len(),
                    template: Template::new(spec, endpoint.authority())?,
                    lane: lane(&endpoint),
                });
                requests.push(Arc::clone(&kind));
                kinds.push(kind);
            }
            Ok(kinds)
        };
        let (ordinary, slow) = (kinds(&load.requests)?, kinds(&load.slow)?);
        let sequence = Sequence::new(ordinary, slow, load.slow_share, fresh_share, load.seed);
        let open = |(number, spec): (usize, &SessionSpec)| {
            let endpoint = base.at_port(spec.request.port);
            let number = requests.len() + number;
            Session::new(spec, endpoint.authority(), lane(&endpoint), number).map(Arc::new)
        };
        let sessions = load.sessions.iter().enumerate().map(open);
        let sessions = sessions.collect::<anyhow::Result<_>>()?;
        Ok(Self {
            lanes: lanes.into_values().collect(),
            requests,
            sessions,
            sequence,
        })
    }

    /// How many requests may be under way at once.
    fn requests_at_once(&self, load: &Load) -> usize {
        match load.pace {
            _ if self.sequence.is_empty() => 0,
            Pace::Open { .. } => load.max_in_flight,
            Pace::Closed { kept_alive, fresh } => kept_alive + fresh,
        }
    }

    /// All kinds, each at its number.
    fn kinds(&self) -> Vec<tally::Label> {
        let requests = self.requests.iter().map(|kind| tally::Label {
            request: kind.template.label.clone(),
            clients: None,
        });
        let sessions = self.sessions.iter().map(|session| tally::Label {
            request: session.kind.template.label.clone(),
            clients: Some(session.clients),
        });
        requests.chain(sessions).collect()
    }
}

/// What all requests share.
struct Generator {
    timeout: Duration,
    max_in_flight: usize,
    stage: Arc<Stage>,
    tally: Mutex<Tally>,
    /// How many requests may yet be sent.
    left: AtomicU64,
}

impl Generator {
    fn lock_tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more request, unless all that may be sent were.
    fn may_send(&self) -> bool {
        let taken = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if taken.is_err() {
            self.lock_tally().exhausted = true;
        }
        taken.is_ok()
    }

    /// How long a request may take: what it takes by itself comes on top.
    fn time_for(&self, kind: &Kind) -> Duration {
        self.timeout + kind.template.send_over + kind.template.read_over
    }

    /// Records a request that never left.
    fn record(&self, finished: &Finished<'_>) {
        self.lock_tally().record(&self.stage, finished);
    }

    /// Records a request that had left.
    fn record_left(&self, finished: &Finished<'_>) {
        let mut tally = self.lock_tally();
        tally.ends();
        tally.record(&self.stage, finished);
    }

    fn record_session(&self, finished: &Finished<'_>, opened: bool, messages: Messages) {
        let mut tally = self.lock_tally();
        tally.record_session(&self.stage, finished, opened, messages);
    }

    fn tell(&self, progress: &Progress) {
        let counts = self.lock_tally().so_far();
        progress(Event::Traffic(counts));
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn number_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_cannot_be_sent_is_an_error_before_anything_starts() {
        let mut load = Load::default();
        let base = Endpoint::on_port(1, "/");
        assert!(Mix::new(&load, &base).is_err());
        load.requests = vec![RequestSpec::get("/a")];
        assert!(Mix::new(&load, &base).is_ok());
        load.requests[0].method = "NO SUCH".to_owned();
        assert!(Mix::new(&load, &base).is_err());
        load.requests[0].method = "GET".to_owned();
        load.requests[0].headers = vec![("x\n".to_owned(), "1".to_owned())];
        assert!(Mix::new(&load, &base).is_err());
    }
}
