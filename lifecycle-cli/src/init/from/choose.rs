//! Which of the workloads in the files a manifest is to describe: one on each platform.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use lifecycle_manifest::Platform;
use lifecycle_manifest::deployed::Workload;
use lifecycle_manifest::text::{SyntaxError, SyntaxErrorKind};

use super::{Chosen, Source};

pub(super) fn workloads<'s>(sources: &'s [Source], asked: Option<&str>) -> Result<Vec<Chosen<'s>>> {
    let all: Vec<Chosen<'s>> = sources
        .iter()
        .flat_map(|source| {
            let workloads = source.deployed().workloads.iter();
            workloads.map(move |workload| Chosen { source, workload })
        })
        .collect();
    let own: Vec<Chosen<'s>> = all
        .iter()
        .copied()
        .filter(|one| !is_made_by_another(one.workload, &all) && !is_older(one.workload, &all))
        // Of what a file computes only where it is used, nothing is known here.
        .filter(|one| !one.workload.containers.is_empty())
        .filter(|one| !is_beside(one.workload, &all))
        .collect();
    // What Helm runs around a release is no service of its own, unless there is nothing else.
    let lasting: Vec<Chosen<'s>> = own
        .iter()
        .copied()
        .filter(|one| asked.is_some() || one.workload.annotations.get("helm.sh/hook").is_none())
        .collect();
    let own = if lasting.is_empty() { own } else { lasting };
    if own.is_empty() {
        bail!("{}", nothing(sources));
    }
    let fitting: Vec<Chosen<'s>> = match asked {
        None => own.clone(),
        Some(asked) => own
            .iter()
            .copied()
            .filter(|one| is_called(one.workload, asked))
            .collect(),
    };
    if fitting.is_empty() {
        let asked = asked.unwrap_or_default();
        bail!("there is no workload `{asked}`; there are{}", listed(&own));
    }
    let mut chosen: Vec<Chosen<'s>> = Vec::new();
    for one in &fitting {
        let platform = one.workload.platform;
        if chosen
            .iter()
            .any(|other| other.workload.platform == platform)
        {
            let ways = match asked {
                Some(_) => "`--workload NAMESPACE/KIND/NAME`",
                None => "`--workload NAME` or `--workload KIND/NAME`",
            };
            bail!(
                "a manifest describes one service, and there are {} workloads{}\nchoose one with {ways}",
                fitting.len(),
                listed(&fitting)
            );
        }
        chosen.push(*one);
    }
    Ok(chosen)
}

/// A drop-in stands beside its unit, and an `app.json` beside the process types of its application:
/// they add to those.
fn is_beside(workload: &Workload, all: &[Chosen<'_>]) -> bool {
    let name = |workload: &Workload| workload.name.as_ref().map(|name| name.value.clone());
    let mut others = all.iter().map(|other| other.workload);
    match (workload.platform, workload.kind.as_str()) {
        ("systemd", "drop-in") => {
            others.any(|other| other.kind == "unit" && name(other) == name(workload))
        }
        ("heroku", "application") => others.any(|other| other.kind == "process type"),
        _ => false,
    }
}

/// What a Deployment has made stands beside it in what `kubectl get all` prints.
fn is_made_by_another(workload: &Workload, all: &[Chosen<'_>]) -> bool {
    workload.owner.as_ref().is_some_and(|owner| {
        all.iter().any(|other| {
            other.workload.kind == owner.kind
                && (other.workload.name.as_ref()).is_some_and(|name| name.value == owner.name)
        })
    })
}

/// Another revision of the same family is newer.
fn is_older(workload: &Workload, all: &[Chosen<'_>]) -> bool {
    let Some(revision) = workload.revision else {
        return false;
    };
    all.iter().any(|other| {
        other.workload.platform == workload.platform
            && name(other.workload) == name(workload)
            && other
                .workload
                .revision
                .is_some_and(|newer| newer > revision)
    })
}

fn name(workload: &Workload) -> &str {
    (workload.name.as_ref()).map_or("", |name| name.value.as_str())
}

/// `NAME`, with its kind, its platform or its namespace before it, or `NAMESPACE/KIND/NAME`.
fn is_called(workload: &Workload, asked: &str) -> bool {
    let parts: Vec<&str> = asked.split('/').collect();
    let namespace = workload.namespace.as_ref().map(|name| name.value.as_str());
    let is_kind = |kind: &str| {
        workload.kind.replace(' ', "").eq_ignore_ascii_case(kind)
            || workload.platform.eq_ignore_ascii_case(kind)
    };
    match parts.as_slice() {
        [wanted] => name(workload) == *wanted,
        [group, wanted] => {
            name(workload) == *wanted && (is_kind(group) || namespace == Some(*group))
        }
        [group, kind, wanted] => {
            name(workload) == *wanted && is_kind(kind) && namespace == Some(*group)
        }
        _ => false,
    }
}

fn listed(workloads: &[Chosen<'_>]) -> String {
    let mut text = String::from(":");
    for one in workloads {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  {}", shown(&one.workload.title()));
        if let Some(namespace) = &one.workload.namespace {
            let _ = write!(text, " in namespace {}", shown(&namespace.value));
        }
        let _ = write!(text, " ({})", shown(&one.source.name));
    }
    text
}

/// A name of somebody's file on somebody's terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Why there is nothing to describe.
fn nothing(sources: &[Source]) -> String {
    for source in sources {
        if let Some(error) = source.deployed().errors.first() {
            let line = source.deployed().source().position(error.span.start).line;
            return format!("{}, line {line}: {}", shown(&source.name), words(error));
        }
    }
    let names: Vec<String> = sources.iter().map(|source| shown(&source.name)).collect();
    let names = names.join(", ");
    if sources
        .iter()
        .any(|source| !source.deployed().ecs_services.is_empty())
    {
        return format!(
            "{names} holds an ECS service and no task definition: give that too, with a second `--from`"
        );
    }
    format!(
        "there is no workload in {names}; files of {} are read",
        readable()
    )
}

/// The platforms whose files are read, for a message.
fn readable() -> String {
    let names: Vec<&str> = Platform::KEYS
        .iter()
        .filter_map(|key| Some(Platform::facts_of(key)?.name))
        .collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn words(error: &SyntaxError) -> String {
    match &error.kind {
        SyntaxErrorKind::NotYaml(words) => format!("this is not YAML: {words}"),
        SyntaxErrorKind::NotIn(language, words) => format!("this is not {language}: {words}"),
        SyntaxErrorKind::Unsupported(what, _) => format!("{what} cannot be read here"),
        SyntaxErrorKind::DuplicateKey(key, _) => format!("`{}` stands here twice", shown(key)),
        SyntaxErrorKind::TooLarge(what, _) => format!("too large to read: {what}"),
    }
}
