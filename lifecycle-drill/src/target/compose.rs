//! A service of a Compose project, which the drill starts under a name of its own and removes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::container::{Started, engine, engine_now, is_here, wanted, watched};
use super::handed::{SHARED, environment, share};
use crate::Progress;
use crate::guard::{Guard, Order, Undo, new_mark};
use crate::script::{Script, Target};

/// How long a project may take, which may build its images first.
const UP: Duration = Duration::from_secs(1_800);
/// What a Compose that is there answers.
const VERSION: &[&str] = &["version"];

/// A service of a Compose project, with whatever it depends on.
///
/// ```
/// use lifecycle_drill::{Compose, Subject};
///
/// let compose = Compose {
///     file: "compose.yaml".into(),
///     service: Some("shop".to_owned()),
///     stops_itself: true, // by `docker compose stop`
/// };
/// let words = Subject::Compose(compose).words();
/// assert_eq!(words.join(" "), "--compose compose.yaml --compose-service shop");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compose {
    /// The project's file.
    pub file: PathBuf,
    /// Which of its services; may be left out where there is one.
    pub service: Option<String>,
    /// Compose itself plays the stop (`compose stop`), with what the file says: hooks, signal, grace
    /// period.
    pub stops_itself: bool,
}

/// What a Compose file says of how its service is stopped, in its own words.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::target::compose::Settings;
/// use lifecycle_manifest::duration;
///
/// // Of a file with `stop_grace_period: 1m30s` and no `stop_signal`:
/// let settings = Settings { grace: Some("1m30s".to_owned()), signal: None };
/// let grace = settings.grace.as_deref().map(duration::parse);
/// assert_eq!(grace, Some(Ok(Duration::from_secs(90))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `stop_grace_period`.
    pub grace: Option<String>,
    /// `stop_signal`.
    pub signal: Option<String>,
}

impl Compose {
    /// Asks Compose what the file says.
    ///
    /// Errors: there is no Compose of version 2, the file is none, or the service is not named.
    ///
    /// ```no_run
    /// use lifecycle_drill::Compose;
    ///
    /// let compose = Compose { file: "compose.yaml".into(), service: None, stops_itself: false };
    /// // Of a file with one service, and `stop_grace_period: 1m30s` there:
    /// let settings = compose.settings()?;
    /// assert_eq!(settings.grace.as_deref(), Some("1m30s"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let engine = engine_now(&new_mark())?;
        let file = self.file.display().to_string();
        let config = engine
            .now(&["compose", "--file", &file, "config", "--format", "json"])
            .map_err(|said| unanswered(said, engine.clone().with(["compose"]).now(VERSION)))?;
        let config: Value = serde_json::from_str(&config).context("Compose's answer is no JSON")?;
        let service = &config["services"][service_of(&config, self.service.as_deref())?];
        let text = |key: &str| service[key].as_str().map(str::to_owned);
        Ok(Settings {
            grace: text("stop_grace_period"),
            signal: text("stop_signal"),
        })
    }
}

/// Why a question about the file was not answered: because of the file, or because nobody is there to
/// read it.
fn unanswered(said: anyhow::Error, version: anyhow::Result<String>) -> anyhow::Error {
    match version {
        Ok(_) => said,
        Err(none) => anyhow!(
            "a Compose file is drilled with Docker Compose v2, and the engine that answers has none: \
             install Compose for it, or have a Docker with Compose running; tried {none:#}"
        ),
    }
}

/// Starts a project of the drill's own from a Compose file.
pub(crate) async fn up_compose(
    compose: &Compose,
    target: &Target,
    script: &Script,
    loaded: &[u16],
    report: &Path,
    progress: &Progress,
) -> anyhow::Result<Started> {
    let mark = new_mark();
    let engine = engine(&mark).await?;
    let project = format!("lifecycle-drill-{mark}");
    let file = std::path::absolute(&compose.file)?;
    let file = file
        .to_str()
        .context("the Compose file has a name that is not text")?;
    let whole = engine.clone().with(["compose", "--project-name", &project]);
    let alone = whole.clone().with(["--file", file]);
    let config = match alone.ask(&["config", "--format", "json"]).await {
        Ok(config) => config,
        Err(said) => {
            let version = engine.clone().with(["compose"]).ask(VERSION).await;
            return Err(unanswered(said, version));
        }
    };
    let config: Value = serde_json::from_str(&config).context("Compose's answer is no JSON")?;
    let service = service_of(&config, compose.service.as_deref())?;

    let mut ports = wanted(target, loaded);
    let published = published_by(&config["services"][&service]);
    if target.base.is_none() {
        ports.extend(published.first());
    }
    ensure!(
        !ports.is_empty() || target.base.is_none() && !target.finds_port,
        "the service {service} publishes no port; say where the program listens: --port PORT"
    );
    ports.retain(|port| !published.contains(port));
    let ports: Vec<String> = ports
        .iter()
        .map(|port| format!("127.0.0.1::{port}"))
        .collect();
    let shared = share(report)?;
    let more = json!({ "services": { &service: {
        "environment": environment(target, script, &mark),
        "volumes": [format!("{shared}:{SHARED}")],
        "ports": ports,
    } } });
    let (private, overlay) = overlay(&more)?;

    let undo = Undo {
        unless: format!("the Compose project {project} could not be removed"),
        command: whole.line(&[
            "down",
            "--volumes",
            "--remove-orphans",
            "--rmi",
            "local",
            "--timeout",
            "0",
        ]),
        nothing_to_do: Vec::new(),
    };
    let (guard, _) = Guard::start(Order {
        mark: mark.clone(),
        start: None,
        undo: vec![undo],
    })?;
    let both = alone.with(["--file", &overlay]);
    both.make(UP, &["up", "--detach", "--quiet-pull", &service])
        .await?;
    let ids = both.ask(&["ps", "--all", "--quiet", &service]).await?;
    let id = match ids.lines().collect::<Vec<_>>().as_slice() {
        [id] => (*id).to_owned(),
        several => bail!(
            "the service {service} has {} containers; a drill stops one: write `scale: 1`",
            several.len()
        ),
    };
    let stop = compose
        .stops_itself
        .then(|| (both, vec!["stop".to_owned(), service.clone()]));
    watched(engine, id, stop, Some(private), &mark, guard, progress).await
}

/// Writes what the drill adds to the project, secrets of its environment among it, where nobody else on
/// this machine can read it or put something else in its place.
fn overlay(more: &Value) -> anyhow::Result<(TempDir, String)> {
    let private = crate::own_report::private()?;
    let file = private.path().join("compose.json");
    std::fs::write(&file, more.to_string()).context("could not write what the drill adds")?;
    let file = file
        .to_str()
        .context("the directory for temporary files has a name that is not text")?;
    let file = file.to_owned();
    Ok((private, file))
}

/// The service that is meant.
fn service_of(config: &Value, asked: Option<&str>) -> anyhow::Result<String> {
    let services = config["services"].as_object();
    let mut names: Vec<&String> = services.into_iter().flat_map(|it| it.keys()).collect();
    names.sort();
    match (asked, names.as_slice()) {
        (Some(asked), names) if names.iter().any(|name| *name == asked) => Ok(asked.to_owned()),
        (Some(asked), names) => bail!(
            "the Compose file has no service `{asked}`; it has {}",
            listed(names)
        ),
        (None, [only]) => Ok((*only).clone()),
        (None, []) => bail!("the Compose file has no service"),
        (None, several) => bail!(
            "the Compose file has several services ({}); name one: --compose-service NAME",
            listed(several)
        ),
    }
}

fn listed(names: &[&String]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}

/// The container ports that the file publishes where this machine's loopback reaches them, lowest first.
fn published_by(service: &Value) -> Vec<u16> {
    let mut ports: Vec<u16> = service["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|port| port["protocol"].as_str().is_none_or(|it| it == "tcp"))
        .filter(|port| port["host_ip"].as_str().is_none_or(is_here))
        .filter_map(|port| u16::try_from(port["target"].as_u64()?).ok())
        .collect();
    ports.sort_unstable();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_without_compose_is_told_from_a_file_that_is_none() {
        let said = || anyhow!("`docker compose`: unknown flag: --project-name");
        let none = || anyhow!("`docker compose version`: unrecognized command");
        let words = unanswered(said(), Err(none())).to_string();
        assert!(words.contains("Docker Compose v2"), "{words}");
        assert!(
            words.ends_with("tried `docker compose version`: unrecognized command"),
            "{words}"
        );
        let words = unanswered(said(), Ok("v2.29.1".to_owned())).to_string();
        assert_eq!(words, said().to_string());
    }

    #[test]
    fn a_service_is_named_where_there_are_several() {
        let config = json!({"services": {"shop": {}, "db": {}}});
        assert_eq!(service_of(&config, Some("shop")).unwrap(), "shop");
        let error = service_of(&config, None).unwrap_err().to_string();
        assert!(
            error.contains("db, shop") && error.contains("--compose-service"),
            "{error}"
        );
        let error = service_of(&config, Some("shpo")).unwrap_err().to_string();
        assert!(error.contains("no service `shpo`"), "{error}");
        assert_eq!(
            service_of(&json!({"services": {"a": {}}}), None).unwrap(),
            "a"
        );
    }

    #[test]
    fn what_is_added_is_for_nobody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let (private, file) = overlay(&json!({"services": {}})).unwrap();
        assert!(Path::new(&file).starts_with(private.path()));
        let mode = std::fs::metadata(private.path()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o077, 0);
    }

    #[test]
    fn ports_of_a_file_are_read() {
        let service = json!({"ports": [
            {"target": 9090, "host_ip": "10.0.0.1", "published": "9090", "protocol": "tcp"},
            {"target": 8080, "published": "80", "protocol": "tcp"},
            {"target": 53, "published": "53", "protocol": "udp"},
        ]});
        assert_eq!(published_by(&service), [8_080]);
    }
}
