//! A container under way, whether of an image or of a Compose service: what it says, where it is reached,
//! and its end.
//!
//! Whatever is made has a name of this drill alone and is removed by its guard. Ports are published on
//! loopback, and only a port that is reachable there is ever loaded.

mod engine;
mod ports;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::output::Output;
use super::proc;
use super::process::{End, Known, Status, hold, status_of_another};
use super::stopping::{Seen, Stopping, moment_of, nanos_of};
use super::tool::{Follower, Tool};
use crate::Progress;
use crate::guard::{Guard, MARK};
use crate::script::{Endpoint, Load, Target};
pub(super) use engine::{engine, engine_now};
use ports::published;
pub(super) use ports::{is_here, tcp, wanted};

/// An engine tells of an end within this time.
const TOLD_LATE: Duration = Duration::from_secs(10);

/// A container under way.
pub(crate) struct Container {
    engine: Tool,
    /// Its id for the engine.
    id: String,
    /// Its first process on this machine, when it can be seen.
    pub(crate) pid: Option<i32>,
    /// The published ports, once they have been asked for.
    published: OnceLock<BTreeMap<u16, (bool, u16)>>,
    /// What stops it, when the engine does.
    stop: Option<(Tool, Vec<String>)>,
    _followers: Vec<Follower>,
    /// What its commands read for as long as it is there.
    _private: Option<TempDir>,
}

/// What is known of a container once it runs.
pub(crate) struct Started {
    pub(crate) container: Container,
    pub(crate) end: End,
    pub(crate) output: Arc<Output>,
    pub(crate) guard: Guard,
}

/// Follows a container that has just been started: what it says, and its end.
pub(super) async fn watched(
    engine: Tool,
    id: String,
    stop: Option<(Tool, Vec<String>)>,
    private: Option<TempDir>,
    mark: &str,
    guard: Guard,
    progress: &Progress,
) -> anyhow::Result<Started> {
    let output = Arc::new(Output::default());
    let mut logs = engine.follow(&["logs", "--follow", &id])?;
    output.follow(logs.stdout()?, progress)?;
    output.follow(logs.stderr()?, progress)?;
    let mut waiting = engine.follow(&["wait", &id])?;
    let code = waiting.stdout()?;

    let pid = engine
        .ask(&["inspect", "--format", "{{.State.Pid}}", &id])
        .await?;
    // On an engine that runs elsewhere, this number is somebody else's here.
    let pid = pid
        .parse()
        .ok()
        .filter(|pid| *pid > 0 && proc::has_variable(*pid, MARK, mark));
    let asked = (engine.clone(), id.clone());
    let end = End::watch(pid.and_then(hold), move || {
        let known = pid.map_or(Status::Unknown, status_of_another);
        let told = told_code(code);
        let status = match known {
            Status::Unknown => told,
            known => known,
        };
        // The command that waits tells of the end some time after it.
        let at = match pid {
            Some(_) => None,
            None => finished(&asked.0, &asked.1),
        };
        Known { status, at }
    })?;
    let container = Container {
        engine,
        id,
        pid,
        published: OnceLock::new(),
        stop,
        _followers: vec![logs, waiting],
        _private: private,
    };
    Ok(Started {
        container,
        end,
        output,
        guard,
    })
}

/// When the engine noted the end of a container; `None` where it does not tell, or what it tells is no
/// moment shortly before now.
fn finished(engine: &Tool, id: &str) -> Option<Instant> {
    let told = engine.now(&["inspect", "--format", "{{json .State.FinishedAt}}", id]);
    let told: String = serde_json::from_str(&told.ok()?).ok()?;
    let (at, now) = (moment_of(nanos_of(&told)?), Instant::now());
    // The engine's clock may be another's.
    (at <= now && now.duration_since(at) < TOLD_LATE).then_some(at)
}

/// What `wait` prints: an exit code, or 128 and the number of a signal.
fn told_code(mut from: impl std::io::Read) -> Status {
    const KILLED: i32 = 128 + 9;
    let mut text = String::new();
    let read = from.read_to_string(&mut text).ok();
    match read.and_then(|_| text.trim().parse().ok()) {
        // A container's first process dies of no other signal than this, unless it sends it itself.
        Some(KILLED) => Status::Signal(9),
        Some(code) => Status::Code(code),
        None => Status::Unknown,
    }
}

impl Container {
    /// The target's addresses as they are published.
    pub(crate) async fn located(&self, target: &Target) -> anyhow::Result<Target> {
        let format = "{{json .NetworkSettings.Ports}}";
        let ports = self
            .engine
            .ask(&["inspect", "--format", format, &self.id])
            .await?;
        let ports: Value =
            serde_json::from_str(&ports).context("the engine's answer is no JSON")?;
        let published = self.published.get_or_init(|| published(&ports));
        let at = |endpoint: &Endpoint| {
            let inside = endpoint.address().port();
            let Some((only_six, port)) = published.get(&inside) else {
                bail!("port {inside} of the container is not published on loopback");
            };
            Ok(Endpoint::on_loopback(*only_six, *port, endpoint.path()))
        };
        let mut located = target.clone();
        for endpoint in [&mut located.base, &mut located.ready, &mut located.live]
            .into_iter()
            .flatten()
        {
            *endpoint = at(endpoint)?;
        }
        if located.base.is_none()
            && target.finds_port
            && let Some((only_six, port)) = published.values().next()
        {
            located.base = Some(Endpoint::on_loopback(*only_six, *port, "/"));
        }
        Ok(located)
    }

    /// The load with the ports that it names where they are published.
    pub(crate) fn reached(&self, load: &Load) -> anyhow::Result<Load> {
        let published = self.published.get();
        let mut load = load.clone();
        let requests = load.requests.iter_mut().chain(&mut load.slow);
        let sessions = load.sessions.iter_mut().map(|session| &mut session.request);
        for request in requests.chain(sessions) {
            if let Some(inside) = request.port {
                let at = published.and_then(|published| published.get(&inside));
                let (_, port) = at.with_context(|| {
                    format!("port {inside} of the container is not published on loopback")
                })?;
                request.port = Some(*port);
            }
        }
        Ok(load)
    }

    /// Sends a signal to its first process.
    pub(crate) async fn send(&self, name: &str) -> anyhow::Result<()> {
        self.engine
            .ask(&["kill", "--signal", name, &self.id])
            .await?;
        Ok(())
    }

    /// The same where nothing can be waited for.
    pub(crate) fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.engine.now(&["kill", "--signal", name, &self.id])?;
        Ok(())
    }

    /// Has the engine stop it, where the drill was told to leave that to the engine.
    pub(crate) fn stop(&self) -> anyhow::Result<Option<Stopping>> {
        let Some((tool, words)) = &self.stop else {
            return Ok(None);
        };
        let filter = format!("container={}", self.id);
        let format = "{{.TimeNano}} {{index .Actor.Attributes \"signal\"}}";
        let mut events = self.engine.follow(&[
            "events",
            "--filter",
            &filter,
            "--filter",
            "event=kill",
            "--since",
            "0m",
            "--format",
            format,
        ])?;
        let told = events.stdout()?;
        let (tell, seen) = watch::channel(Seen::default());
        std::thread::Builder::new()
            .name("drill-events".to_owned())
            .spawn(move || {
                for line in BufReader::new(told).lines().map_while(Result::ok) {
                    note(&line, &tell);
                }
            })?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let stop = tool.follow(&words)?;
        Ok(Some(Stopping {
            seen,
            _commands: vec![events, stop],
        }))
    }
}

/// An event: when, and which signal.
fn note(line: &str, tell: &watch::Sender<Seen>) {
    let Some((nanos, signal)) = line.split_once(' ') else {
        return;
    };
    let at = nanos.parse().map_or_else(|_| Instant::now(), moment_of);
    tell.send_modify(|seen| match signal.trim() {
        "9" | "SIGKILL" => seen.killed = seen.killed.or(Some(at)),
        _ => seen.signalled = seen.signalled.or(Some(at)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_container_is_told_by_its_code() {
        assert_eq!(told_code(&b"0\n"[..]), Status::Code(0));
        assert_eq!(told_code(&b"137\n"[..]), Status::Signal(9));
        assert_eq!(told_code(&b"143\n"[..]), Status::Code(143));
        assert_eq!(told_code(&b""[..]), Status::Unknown);
    }

    #[test]
    fn events_tell_the_signal_from_the_kill() {
        let (tell, seen) = watch::channel(Seen::default());
        note("1700000000000000000 15", &tell);
        assert!(seen.borrow().signalled.is_some() && seen.borrow().killed.is_none());
        note("1700000010000000000 9", &tell);
        assert!(seen.borrow().killed.is_some());
    }
}
