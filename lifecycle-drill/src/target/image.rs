//! An image that the drill runs in a container of its own, and removes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::container::{Started, engine, engine_now, tcp, wanted, watched};
use super::handed::{SHARED, arguments, environment, share};
use crate::guard::{Guard, Order, Undo, new_mark};
use crate::script::{Script, Target};
use crate::{Event, Progress};

/// How long an engine may take to start a container from an image it has.
const RUN: Duration = Duration::from_secs(120);

/// A container of an image.
///
/// ```
/// use lifecycle_drill::{Image, Subject};
///
/// let image = Image {
///     image: "registry.example/shop:1.4".to_owned(),
///     arguments: vec!["serve".to_owned(), "--token=hunter2".to_owned()],
///     stops_itself: true, // as `docker stop` does it
/// };
/// let words = Subject::Image(image).words().join(" ");
/// assert_eq!(words, "--image registry.example/shop:1.4 serve --token=***");
/// ```
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
    /// The image's STOPSIGNAL; `None` where it has none, or there is no such image: to run it says why.
    /// An image that the engine does not have yet is fetched, after a word to whoever waits.
    ///
    /// Errors: no engine answers.
    pub fn stop_signal(&self, fetching: impl FnOnce(&str)) -> anyhow::Result<Option<String>> {
        let engine = engine_now(&new_mark())?;
        let asked = [
            "image",
            "inspect",
            "--format",
            "{{.Config.StopSignal}}",
            &self.image,
        ];
        let mut answer = engine.now(&asked);
        if answer.is_err() {
            fetching(&self.image);
            let fetched = engine.fetch_now(&["pull", &self.image]);
            answer = fetched.and_then(|_| engine.now(&asked));
        }
        let answer = answer.unwrap_or_default();
        Ok(Some(answer).filter(|name| !name.is_empty() && name != "<no value>"))
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
