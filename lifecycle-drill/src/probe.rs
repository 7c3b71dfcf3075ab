//! What is seen of the process from outside while it stops: readiness and liveness, sampled every ten
//! milliseconds, connections that are held idle, and whether anybody listens.
//!
//! Every sample is a connection of its own that asks to be closed, which is what kubelet does.
//! A kept connection would be quicker by a fraction of a millisecond, and would hold open those
//! servers that wait for their connections before they leave: the drill would measure itself.

mod reading;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use reading::{Change, Flip, Liveness, Readiness};
pub(super) use reading::{Marks, last_yes, liveness, readiness};

use super::idle::{self, Held, IdleConnection};
use super::listener;
use super::script::{Endpoint, Load, RequestSpec, Script, Target};
use super::stage::Stage;
use super::traffic::client::{Template, probe_if_able};

/// From one sample to the next, when answers are quick.
const PERIOD: Duration = Duration::from_millis(10);
/// A probe without an answer for this long has failed; Kubernetes' own default.
const LIMIT: Duration = Duration::from_secs(1);
/// Beyond this many samples a drill is long, and a tenth of them will do.
const MANY: usize = 60_000;
/// One probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) began: Instant,
    pub(super) finished: Instant,
    /// The status of the answer; `None` when nobody answered properly.
    pub(super) status: Option<u16>,
}

/// Everything that was seen in a drill.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) ready: Vec<Sample>,
    pub(super) live: Vec<Sample>,
    /// The idle connections that were open at the signal.
    idle: Vec<Held>,
    /// When nobody listened on the base's port any more.
    pub(super) closed: Option<Instant>,
}

impl Samples {
    /// The idle connections, with their moments told from the signal.
    pub(super) fn idle_from(&self, signalled: Instant) -> Vec<IdleConnection> {
        self.idle.iter().map(|held| held.told(signalled)).collect()
    }
}

/// The request that a probe sends.
pub(super) fn template(endpoint: &Endpoint) -> anyhow::Result<Template> {
    let mut spec = RequestSpec::get(endpoint.path());
    spec.headers
        .push(("connection".to_owned(), "close".to_owned()));
    Template::new(&spec, endpoint.authority())
}

/// Starts looking on a thread of its own; the receiver yields what was seen once the process has
/// ended.
pub(super) fn start(
    target: &Target,
    script: &Script,
    load: &Load,
    stage: &Arc<Stage>,
) -> anyhow::Result<oneshot::Receiver<Samples>> {
    let prepare = |endpoint: &Option<Endpoint>| {
        endpoint
            .clone()
            .map(|endpoint| template(&endpoint).map(|template| (endpoint, template)))
            .transpose()
    };
    let (ready, live) = (prepare(&target.ready)?, prepare(&target.live)?);
    // Where nothing is sent, nobody is known to talk HTTP.
    let plan = target
        .base
        .as_ref()
        .filter(|_| !load.requests.is_empty())
        .map(|base| idle::Plan::new(base, load, script));
    let port = target.base.as_ref().map(|base| base.address().port());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (done, samples) = oneshot::channel();
    let stage = Arc::clone(stage);
    std::thread::Builder::new()
        .name("drill-probe".to_owned())
        .spawn(move || {
            let held = async {
                match plan {
                    Some(plan) => idle::hold(plan, &stage).await,
                    None => Vec::new(),
                }
            };
            let closed = async { listener::closed(port?, &stage).await };
            let (ready, live, idle, closed) = runtime.block_on(async {
                tokio::join!(sample(ready, &stage), sample(live, &stage), held, closed)
            });
            let samples = Samples {
                ready,
                live,
                idle,
                closed,
            };
            // Nobody listens any more when the drill was interrupted.
            let _interrupted = done.send(samples);
        })?;
    Ok(samples)
}

async fn sample(probed: Option<(Endpoint, Template)>, stage: &Stage) -> Vec<Sample> {
    let mut samples = Vec::new();
    let Some((endpoint, template)) = probed else {
        return samples;
    };
    while stage.ended().is_none() && !stage.halt.is_cancelled() {
        let began = Instant::now();
        let probed = tokio::select! {
            probed = probe_if_able(&template, endpoint.address(), LIMIT) => probed,
            () = stage.halt.cancelled() => break,
        };
        if let Ok(status) = probed {
            samples.push(Sample {
                began,
                finished: Instant::now(),
                status,
            });
        }
        let period = if samples.len() < MANY {
            PERIOD
        } else {
            PERIOD * 10
        };
        tokio::time::sleep_until((began + period).into()).await;
    }
    samples
}
