//! From what is deployed to a draft that describes it.
//!
//! Only what a manifest has a key for is taken; what the files cannot tell (how long the program needs)
//! is chosen to fit the deployed grace period, and said to be chosen.

pub(super) mod azure_container_apps;
mod choose;
pub(super) mod cloud_run;
pub(super) mod compose;
pub(super) mod docker;
mod ecs;
pub(super) mod fly;
mod guess;
pub(super) mod heroku;
mod hook;
mod kubernetes;
pub(super) mod nomad;
pub(super) mod pm2;
mod probes;
mod settings;
pub(super) mod systemd;
mod workload;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use lifecycle_manifest::deployed::{Container, Deployed, Workload};
use lifecycle_manifest::text::{Route, Value};
use lifecycle_manifest::{Written, contract};

use crate::input::STANDARD_INPUT;

use super::draft::{Draft, Name, Slot, bounded};
use super::shown::Describe;
use super::{fit, shown};

/// A file that was read.
pub(super) struct Source {
    /// What it is called in comments and messages.
    name: String,
    files: Arc<[Deployed]>,
    at: usize,
}

impl Source {
    /// All of them.
    pub(super) fn all(files: &Arc<[Deployed]>) -> Vec<Self> {
        let source = |(at, file): (usize, &Deployed)| Self {
            name: match file.name.as_str() {
                STANDARD_INPUT => "standard input".to_owned(),
                name => name.rsplit('/').next().unwrap_or(name).to_owned(),
            },
            files: Arc::clone(files),
            at,
        };
        files.iter().enumerate().map(source).collect()
    }

    fn deployed(&self) -> &Deployed {
        &self.files[self.at]
    }

    /// The text at a place that the reader has no name for.
    fn text(&self, route: &Route) -> Option<&str> {
        match &self.deployed().document.get(route)?.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The texts of a list at such a place.
    fn texts(&self, route: &Route) -> Vec<String> {
        let items = match self.deployed().document.get(route).map(|node| &node.value) {
            Some(Value::Sequence(items)) => items.as_slice(),
            _ => &[],
        };
        let text = |item: &lifecycle_manifest::text::Node| match &item.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    /// "not in FILE: QUESTION".
    fn asks(&self, question: &str) -> String {
        format!("not in {}: {question}", self.name)
    }
}

/// A workload with the file that it stands in.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'s> {
    source: &'s Source,
    workload: &'s Workload,
}

/// The draft of one workload, or of one on each platform.
pub(super) fn draft(
    sources: &[Source],
    workload: Option<&str>,
    service: Option<Name>,
    otherwise: &Name,
) -> Result<Draft> {
    let chosen = choose::workloads(sources, workload)?;
    let service = service.map_or_else(|| named(&chosen, otherwise), Slot::of);
    let mut draft = Draft::new(service);
    draft.origin = sources.iter().map(|source| source.name.clone()).collect();
    draft.generated = chosen.iter().any(|one| is_generated(one.workload));
    for one in &chosen {
        let key = one.workload.platform;
        let Some(describe) = describer(key) else {
            bail!("a manifest cannot be drafted from what is deployed on {key}");
        };
        describe(&mut draft, *one, sources);
    }
    if let Some(one) = chosen.first() {
        probes::ask_itself(&mut draft, one.source);
    }
    fit::timeouts(&mut draft)?;
    Ok(draft)
}

/// What drafts a manifest from what is deployed on a platform.
pub(super) fn describer(key: &str) -> Option<Describe> {
    match key {
        "kubernetes" => Some(kubernetes::describe),
        "ecs" => Some(ecs::describe),
        key => shown::of(key)?.describe,
    }
}

/// The service's name is the workload's, as far as a manifest takes it.
fn named(chosen: &[Chosen<'_>], otherwise: &Name) -> Slot<Name> {
    let Some((one, written)) = chosen
        .iter()
        // A Procfile has the names of process types, which are nobody's own.
        .filter(|one| one.workload.kind != "process type")
        .find_map(|one| Some((one, one.workload.name.as_ref()?)))
    else {
        return Slot::of(otherwise.clone());
    };
    match Name::of(&written.value) {
        Some(name) => Slot::of(name),
        None => Slot::noted(
            Name::near(&written.value, "my-service"),
            format!("{} calls it `{}`", one.source.name, written.value),
        ),
    }
}

/// It says from which plan it was generated.
fn is_generated(workload: &Workload) -> bool {
    let pairs = [
        &workload.annotations,
        &workload.pod_annotations,
        &workload.labels,
    ];
    let says = |container: &Container| container.variable(contract::DIGEST).is_some();
    pairs
        .iter()
        .any(|pairs| pairs.get(contract::DIGEST_LABEL).is_some())
        || workload.containers.iter().any(says)
}

/// Which container of a workload is the program.
fn program(draft: &Draft, workload: &Workload) -> Option<usize> {
    let service = draft.service.value.as_ref().map_or("", Name::as_str);
    workload.main(service, "")
}

/// The container of a workload that is the program.
fn main<'w>(draft: &Draft, workload: &'w Workload) -> Option<&'w Container> {
    workload.containers.get(program(draft, workload)?)
}

/// A duration, as far as a manifest takes it.
fn said(source: &Source, duration: Duration) -> Slot<Duration> {
    match bounded(duration) {
        Some(duration) => Slot::of(duration),
        None => Slot::unsaid(format!("{} says more than a week", source.name)),
    }
}

/// Whole seconds as a duration that a manifest takes.
fn seconds(written: &Written<i64>) -> Option<Duration> {
    let seconds = u64::try_from(written.value).ok()?;
    bounded(Duration::from_secs(seconds))
}

/// Text that says something.
fn text(written: Option<&Written<String>>) -> Slot<String> {
    match written {
        Some(written) if !written.value.is_empty() => Slot::of(written.value.clone()),
        _ => Slot::default(),
    }
}

/// A port that can be listened on.
fn port(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port > 0)
}
