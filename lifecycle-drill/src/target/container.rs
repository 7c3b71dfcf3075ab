//! Containers: an image that the drill runs through Docker or Podman, and what an image and a Compose
//! service have in common.
//!
//! Whatever is made has a name of this drill alone and is removed by its guard. Ports are published on
//! loopback, and only a port that is reachable there is ever loaded.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::handed::{SHARED, arguments, environment, share};
use super::output::Output;
use super::proc;
use super::process::{End, Known, Status, hold, status_of_another};
use super::stopping::{Seen, Stopping, moment_of, nanos_of};
use super::tool::{Follower, Tool};
use crate::guard::{Guard, MARK, Order, Undo, new_mark};
use crate::script::{Endpoint, Load, Script, Target};
use crate::{Event, Progress};

/// How long an engine may take to start a container from an image it has.
const RUN: Duration = Duration::from_secs(120);
/// An engine tells of an end within this time.
const TOLD_LATE: Duration = Duration::from_secs(10);

/// A container of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The image; fetched when the engine does not have it.
    pub image: String,
    /// In place of the image's own command; empty for that.
    pub arguments: Vec<String>,
    /// The engine itself plays the stop (`docker stop`), with the script's signal and grace period.
    pub stops_itself: bool,
}

impl Image {
    /// The image's STOPSIGNAL; `None` where it has none, or the engine does not have the image yet.
    ///
    /// Errors: no engine answers.
    pub fn stop_signal(&self) -> anyhow::Result<Option<String>> {
        let engine = engine_now(&new_mark())?;
        let asked = [
            "image",
            "inspect",
            "--format",
            "{{.Config.StopSignal}}",
            &self.image,
        ];
        let answer = engine.now(&asked).unwrap_or_default();
        Ok(Some(answer).filter(|name| !name.is_empty() && name != "<no value>"))
    }
}

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

/// In the order in which they are asked.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// The engine that answers: Docker, else Podman.
///
/// Errors: neither does; says what each said.
pub(super) async fn engine(mark: &str) -> anyhow::Result<Tool> {
    let mut said = Vec::new();
    for program in ENGINES {
        let tool = Tool::new(&[program], mark);
        match tool.ask(&["version"]).await {
            Ok(_) => return Ok(tool),
            Err(why) => said.push(format!("{why:#}")),
        }
    }
    bail!("no container engine answers; {}", said.join("; "))
}

/// The same without leaving the thread.
pub(super) fn engine_now(mark: &str) -> anyhow::Result<Tool> {
    let mut said = Vec::new();
    for program in ENGINES {
        let tool = Tool::new(&[program], mark);
        match tool.now(&["version"]) {
            Ok(_) => return Ok(tool),
            Err(why) => said.push(format!("{why:#}")),
        }
    }
    bail!("no container engine answers; {}", said.join("; "))
}

/// The ports that the target and its load name, each once.
pub(super) fn wanted(target: &Target, loaded: &[u16]) -> Vec<u16> {
    let all = [&target.base, &target.ready, &target.live];
    let mut ports: Vec<u16> = all
        .into_iter()
        .flatten()
        .map(|endpoint| endpoint.address().port())
        .chain(loaded.iter().copied())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// A port as engines write it, `8080/tcp`; `None` for other protocols.
fn tcp(port: &str) -> Option<u16> {
    match port.split_once('/') {
        Some((port, "tcp")) => port.parse().ok(),
        Some(_) => None,
        None => port.parse().ok(),
    }
}

/// Runs an image.
pub(crate) async fn run_image(
    image: &Image,
    target: &Target,
    script: &Script,
    loaded: &[u16],
    report: &Path,
    progress: &Progress,
) -> anyhow::Result<Started> {
    let mark = new_mark();
    let engine = engine(&mark).await?;
    let inspect = [
        "image",
        "inspect",
        "--format",
        "{{json .Config}}",
        &image.image,
    ];
    let config = match engine.ask(&inspect).await {
        Ok(config) => config,
        Err(_) => {
            progress(Event::Output(&format!("fetching {}", image.image)));
            engine.fetch(&["pull", &image.image]).await?;
            engine.ask(&inspect).await?
        }
    };
    let config: Value = serde_json::from_str(&config).context("the engine's answer is no JSON")?;
    let mut ports = wanted(target, loaded);
    let exposed = config["ExposedPorts"].as_object();
    ports.extend(
        exposed
            .into_iter()
            .flat_map(|it| it.keys())
            .filter_map(|it| tcp(it)),
    );
    ports.sort_unstable();
    ports.dedup();
    ensure!(
        !ports.is_empty() || target.base.is_none() && !target.finds_port,
        "the image {} says nothing of its ports (EXPOSE); say where the program listens: --port PORT",
        image.image
    );

    let name = format!("lifecycle-drill-{mark}");
    let undo = Undo {
        unless: format!("the container {name} could not be removed"),
        command: engine.line(&["rm", "--force", "--volumes", &name]),
        nothing_to_do: vec![
            "o such container".to_owned(),
            "no container with".to_owned(),
        ],
    };
    let (guard, _) = Guard::start(Order {
        mark: mark.clone(),
        start: None,
        undo: vec![undo],
    })?;

    let mut words: Vec<String> = ["run", "--detach", "--name", &name]
        .map(str::to_owned)
        .to_vec();
    for port in &ports {
        words.extend(["--publish".to_owned(), format!("127.0.0.1::{port}")]);
    }
    let (env, hidden) = arguments(environment(target, script, &mark));
    words.extend(env);
    words.extend([
        "--volume".to_owned(),
        format!("{}:{SHARED}", share(report)?),
    ]);
    words.extend(["--stop-signal".to_owned(), script.signal.name().to_owned()]);
    let seconds = script.grace.max(script.kill_floor).as_secs_f64().ceil();
    words.extend(["--stop-timeout".to_owned(), format!("{seconds:.0}")]);
    words.push(image.image.clone());
    words.extend(image.arguments.iter().cloned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    engine.clone().knowing(hidden).make(RUN, &words).await?;

    let stop = image
        .stops_itself
        .then(|| (engine.clone(), vec!["stop".to_owned(), name.clone()]));
    watched(engine, name, stop, None, &mark, guard, progress).await
}

/// An address that loopback reaches.
pub(super) fn is_here(ip: &str) -> bool {
    ip.is_empty()
        || ip
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
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

/// The published ports by the container's own, where loopback reaches them: whether on `::1` alone, and
/// the port there.
fn published(ports: &Value) -> BTreeMap<u16, (bool, u16)> {
    let mut found = BTreeMap::new();
    for (inside, places) in ports.as_object().into_iter().flatten() {
        let Some(inside) = tcp(inside) else { continue };
        for place in places.as_array().into_iter().flatten() {
            let ip = place["HostIp"].as_str().unwrap_or_default();
            let port = place["HostPort"].as_str().and_then(|it| it.parse().ok());
            if let Some(port) = port.filter(|_| is_here(ip)) {
                found.entry(inside).or_insert((ip == "::1", port));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_loopback_reaches_is_published() {
        let ports = json!({
            "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}],
            "9090/tcp": [{"HostIp": "10.1.2.3", "HostPort": "9090"}],
            "7070/tcp": [{"HostIp": "0.0.0.0", "HostPort": "70"}, {"HostIp": "::", "HostPort": "70"}],
            "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "53"}],
            "6060/tcp": null,
        });
        let found = published(&ports);
        assert_eq!(found.get(&8_080), Some(&(false, 32_768)));
        assert_eq!(found.get(&7_070), Some(&(false, 70)));
        assert_eq!(found.len(), 2);
    }

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
