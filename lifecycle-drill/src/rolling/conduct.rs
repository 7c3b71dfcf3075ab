//! Plays a rolling deploy: the first instances, the load on the balancer before them, the replacing.

mod standstill;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout, timeout_at};

use super::balancer::{Balancer, Probing};
use super::deploy::{Rolling, Standing};
use super::instance::Instance;
use super::measured::{RollingMeasured, RolloutCourse};
use super::places::{self, Place, Wanted};
use super::reading;
use crate::script::{Endpoint, Load, Pace, Script, Target};
use crate::stage::Stage;
use crate::traffic::tally::Tally;
use crate::{Event, Progress};

/// Between two looks at all instances.
const LOOK: Duration = Duration::from_millis(5);
/// How long the load goes on once all are replaced.
const AFTER: Duration = Duration::from_secs(1);
/// For a mark that routing never reaches by itself.
const NEVER: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long the new instances have to leave by themselves when all is measured.
const PARTING: Duration = Duration::from_secs(2);

/// What a request takes of this process: the client's end, and both of the balancer's.
const DESCRIPTORS: usize = 3;

/// What a deploy came to.
pub(super) struct Played<'a> {
    pub(super) target: &'a Target,
    pub(super) script: &'a Script,
    pub(super) load: &'a Load,
    pub(super) rolling: &'a Rolling,
    pub(super) course: RolloutCourse,
    pub(super) instances: &'a [Instance],
    pub(super) balancer: &'a Balancer,
    /// When the first instance was asked to stop or started anew.
    pub(super) began: Instant,
    /// When the last old one was gone and every new one was ready.
    pub(super) ended: Option<Instant>,
    pub(super) tally: Option<Tally>,
}

pub(super) async fn play(
    target: &Target,
    script: &Script,
    load: &Load,
    rolling: &Rolling,
    progress: &Progress,
) -> anyhow::Result<RollingMeasured> {
    let mut fleet = Fleet::new(target, script, load, rolling, progress)?;
    let stage = Arc::new(Stage::new());
    // Fires on every way out, so that no thread goes on measuring.
    let _halted = stage.halt.clone().drop_guard();
    let mut began = Instant::now();
    let mut ended = None;
    let mut tally = None;

    let mut course = fleet.first().await?;
    if course.is_none() {
        let address = Endpoint::on_port(fleet.balancer.address.port(), "/");
        let counts = crate::traffic::start(load, &address, &stage, progress)?;
        progress(Event::Warming {
            lasts: load.warm_up,
        });
        course = fleet.serve_for(load.warm_up).await?;
        if course.is_none() {
            began = stage.ask(NEVER);
            progress(Event::Rollout("begins"));
            course = fleet.replace_all().await?;
        }
        if course.is_none() {
            let over = Instant::now();
            stage.mark_ended(over);
            ended = Some(over);
            progress(Event::Rollout("is over"));
            course = fleet.serve_for(AFTER).await?;
        }
        stage.end_routing(Instant::now());
        // The new instances stay, and would keep them open for good.
        stage.hang_up.cancel();
        tally = Some(last_answers(counts, longest(load), &stage).await?);
    }
    let course = course.unwrap_or(RolloutCourse::Played);
    let measured = reading::of(Played {
        target,
        script,
        load,
        rolling,
        course,
        instances: &fleet.instances,
        balancer: &fleet.balancer,
        began,
        ended,
        tally,
    });
    fleet.part().await?;
    Ok(measured)
}

/// How long a request of this load may be under way.
fn longest(load: &Load) -> Duration {
    let requests = load.requests.iter().chain(&load.slow);
    let by_itself = requests.map(|spec| spec.send_over + spec.read_over).max();
    load.timeout + by_itself.unwrap_or_default()
}

/// Waits for the requests that are under way.
async fn last_answers(
    mut counts: oneshot::Receiver<anyhow::Result<Tally>>,
    limit: Duration,
    stage: &Stage,
) -> anyhow::Result<Tally> {
    let until = tokio::time::Instant::now() + limit + AFTER;
    let tally = match timeout_at(until, &mut counts).await {
        Ok(tally) => tally,
        Err(_) => {
            stage.halt.cancel();
            counts.await
        }
    };
    tally.context("the load generator broke off")?
}

/// All instances, old and new, and the balancer before them.
struct Fleet<'a> {
    target: &'a Target,
    script: &'a Script,
    rolling: &'a Rolling,
    progress: &'a Progress,
    wanted: Wanted,
    places: std::vec::IntoIter<Place>,
    instances: Vec<Instance>,
    balancer: Balancer,
    scratch: TempDir,
}

impl<'a> Fleet<'a> {
    fn new(
        target: &'a Target,
        script: &'a Script,
        load: &Load,
        rolling: &'a Rolling,
        progress: &'a Progress,
    ) -> anyhow::Result<Self> {
        let wanted = Wanted::of(target)?;
        let each = match wanted.health_port {
            Some(_) => 2,
            None => 1,
        };
        let ports = places::free(rolling.instances() * each)?;
        let places: Vec<Place> = ports
            .chunks(each)
            .zip(1..)
            .filter_map(|(ports, replica)| {
                Some(Place {
                    port: *ports.first()?,
                    health_port: *ports.last()?,
                    replica,
                })
            })
            .collect();
        let clients: usize = load.sessions.iter().map(|session| session.clients).sum();
        crate::descriptors::room_for((clients + load.max_in_flight) * DESCRIPTORS);
        let looks = matches!(load.pace, Pace::Open { .. });
        let balancer =
            Balancer::start(rolling.balancing, rolling.last_resort, rolling.holds, looks)?;
        progress(Event::Balancing {
            address: balancer.address,
        });
        Ok(Self {
            target,
            script,
            rolling,
            progress,
            wanted,
            places: places.into_iter(),
            instances: Vec::new(),
            balancer,
            scratch: tempfile::tempdir().context("could not make a directory for the reports")?,
        })
    }

    async fn start(&mut self, new: bool) -> anyhow::Result<()> {
        let place = self
            .places
            .next()
            .context("more instances were started than the deploy has")?;
        let target = places::instance(self.target, place);
        let report: PathBuf = self
            .scratch
            .path()
            .join(format!("report-{}.json", place.replica));
        let instance =
            Instance::start(&target, self.script, place, new, report, self.progress).await?;
        let probing = Probing {
            period: self.rolling.probe_period,
            failures: self.rolling.probe_failures.max(1),
            eager: !new,
        };
        self.balancer.take_in(&instance.backend, &target, probing)?;
        self.instances.push(instance);
        Ok(())
    }

    /// Starts the first instances, and sends them something as soon as they are ready; what hindered
    /// it otherwise.
    async fn first(&mut self) -> anyhow::Result<Option<RolloutCourse>> {
        // One before the others: where it listens tells whether there can be others.
        for number in 0..self.rolling.replicas {
            self.start(false).await?;
            let waited_for = match number {
                0 => 1,
                _ if number + 1 == self.rolling.replicas => self.instances.len(),
                _ => continue,
            };
            let until = Instant::now() + self.target.start_timeout;
            loop {
                let now = Instant::now();
                self.look(now)?;
                if let Some(course) = self.dead() {
                    return Ok(Some(course));
                }
                let ready = self
                    .instances
                    .iter()
                    .filter(|it| it.moments.ready.is_some());
                if ready.count() >= waited_for {
                    break;
                }
                if let Some(port) = self.deaf() {
                    bail!(self.wants_the_same(port));
                }
                if now > until {
                    return Ok(Some(RolloutCourse::NeverReady));
                }
                sleep(LOOK * 4).await;
            }
        }
        let now = Instant::now();
        for instance in &mut self.instances {
            instance.route_at_once(now);
        }
        Ok(None)
    }

    /// The port that the first instance has opened, though it was told another one.
    fn deaf(&self) -> Option<u16> {
        let opened = self.instances.first()?.running.listening();
        [Some(self.wanted.port), self.wanted.health_port]
            .into_iter()
            .flatten()
            .find(|port| opened.iter().any(|it| it.port == *port))
    }

    /// Why the program cannot be run several times.
    fn wants_the_same(&self, port: u16) -> String {
        let replicas = self.rolling.replicas;
        let given = self.instances.first().map(|it| it.place);
        let (what, given, name, example) = match given {
            Some(place) if Some(port) == self.wanted.health_port => (
                "answers health on",
                place.health_port,
                "{health_port}",
                "HEALTH_PORT: \"{health_port}\"",
            ),
            place => (
                "listens on",
                place.map_or(port, |place| place.port),
                "{port}",
                "HTTP_ADDR: \"127.0.0.1:{port}\"",
            ),
        };
        format!(
            "the program {what} {port}, whatever it is told, and not on {given}, the port it was given: \
             all {replicas} instances want {port}, and one can have it. Say how it is told its port: as \
             `{name}` in the command, or in the manifest as `drill: {{ env: {{ {example} }} }}`. Without \
             that it was told in PORT (and LIFECYCLE_HEALTH_PORT)"
        )
    }

    /// Lets time pass.
    async fn serve_for(&mut self, time: Duration) -> anyhow::Result<Option<RolloutCourse>> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.look(Instant::now())?;
            if let Some(course) = self.dead() {
                return Ok(Some(course));
            }
            sleep(LOOK).await;
        }
        Ok(None)
    }

    /// Replaces every old instance; what hindered it otherwise.
    async fn replace_all(&mut self) -> anyhow::Result<Option<RolloutCourse>> {
        let (mut steps, mut since) = (self.steps(), Instant::now());
        loop {
            let now = Instant::now();
            self.look(now)?;
            if let Some(course) = self.dead().or_else(|| self.stuck(now)) {
                return Ok(Some(course));
            }
            if steps != self.steps() {
                (steps, since) = (self.steps(), now);
            }
            if now > since + self.patience() {
                // Whatever each of them does, together they come to no end.
                let instance = self.held_up_by(now);
                return Ok(Some(RolloutCourse::Stuck { instance }));
            }
            let standing = self.standing(now);
            let settled = self.old().all(Instance::is_settled);
            let new_in_use = self
                .instances
                .iter()
                .filter(|it| it.new)
                .all(|it| it.backend.is_routed());
            if settled && new_in_use && standing.available == self.rolling.replicas {
                return Ok(None);
            }
            let step = self.rolling.next(standing);
            for _ in 0..step.start {
                self.start(true).await?;
            }
            let mut going: Vec<&mut Instance> = self
                .instances
                .iter_mut()
                .filter(|it| !it.new && !it.is_leaving())
                .collect();
            going.sort_by_key(|it| it.is_available(self.rolling, now));
            for instance in going.into_iter().take(step.stop as usize) {
                instance.ask(self.script, now, self.progress);
            }
            sleep(LOOK).await;
        }
    }

    fn look(&mut self, now: Instant) -> anyhow::Result<()> {
        for instance in &mut self.instances {
            instance.go_on(self.rolling, self.script, now, self.progress)?;
        }
        Ok(())
    }

    fn old(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|it| !it.new)
    }

    fn standing(&self, now: Instant) -> Standing {
        let number = |is: &dyn Fn(&Instance) -> bool| {
            let count = self.instances.iter().filter(|it| is(it)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        Standing {
            old: number(&|it| !it.new && !it.is_leaving()),
            new: number(&|it| it.new),
            available: number(&|it| it.is_available(self.rolling, now)),
            old_unready: number(&|it| {
                !it.new && !it.is_leaving() && !it.is_available(self.rolling, now)
            }),
            new_unready: number(&|it| it.new && !it.is_available(self.rolling, now)),
            stopping: number(&|it| it.is_leaving() && it.ended().is_none()),
        }
    }

    /// All is measured: the instances that are left may go by themselves, and are killed when they do
    /// not.
    async fn part(mut self) -> anyhow::Result<()> {
        for instance in &self.instances {
            if instance.ended().is_none() {
                // It may have ended in this moment.
                let _gone = instance.running.signal(self.script.signal);
            }
        }
        let all = async {
            for instance in &self.instances {
                instance.running.end().await;
            }
        };
        // What is left then is killed.
        let _left = timeout(PARTING, all).await;
        let left: Vec<String> = self
            .instances
            .iter_mut()
            .flat_map(|it| it.running.close())
            .collect();
        ensure!(left.is_empty(), "{}", left.join("; "));
        Ok(())
    }
}
