//! Files that are somebody's own, by `generate.own` in the manifest: neither written nor compared.

use anyhow::{Result, bail};
use lifecycle_manifest::text::Route;
use lifecycle_manifest::{Resolved, Written, nearest};

use super::{TARGETS, Target, target};
use crate::input::Input;

/// What is left alone.
#[derive(Debug, Default)]
pub(super) struct Own {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    target: &'static str,
    /// All of the target's where there is none.
    file: Option<String>,
}

impl Own {
    /// The entries of a manifest. One that names no file that a target writes is an error: it would
    /// leave the file that was meant to be overwritten.
    pub(super) fn read(input: &Input, resolved: &Resolved) -> Result<Self> {
        let service = &resolved.plan.service;
        let mut own = Self::default();
        for written in &resolved.manifest.generate.own {
            let (name, file) = match written.value.split_once('/') {
                Some((name, file)) => (name, Some(file)),
                None => (written.value.as_str(), None),
            };
            let known = target(name).filter(|target| {
                let names = (target.names)(service);
                file.is_none_or(|file| names.iter().any(|it| is_named(it, file)))
            });
            let Some(target) = known else {
                bail!(unknown(input, written, service));
            };
            own.entries.push(Entry {
                target: target.name,
                file: file.map(str::to_owned),
            });
        }
        Ok(own)
    }

    /// A target's file is somebody's own.
    pub(super) fn has(&self, target: &Target, path: &str) -> bool {
        let mut entries = self.of(target);
        entries.any(|entry| {
            let file = entry.file.as_deref();
            file.is_none_or(|file| is_named(path, file))
        })
    }

    /// All of a target's files are.
    pub(super) fn has_all(&self, target: &Target) -> bool {
        self.of(target).any(|entry| entry.file.is_none())
    }

    fn of(&self, target: &Target) -> impl Iterator<Item = &Entry> {
        let name = target.name;
        self.entries.iter().filter(move |it| it.target == name)
    }
}

/// `service` and `service.yaml` both name `service.yaml`.
fn is_named(path: &str, name: &str) -> bool {
    path == name || path.rsplit_once('.').is_some_and(|(stem, _)| stem == name)
}

fn unknown(input: &Input, written: &Written<String>, service: &str) -> String {
    let all: Vec<String> = TARGETS
        .iter()
        .flat_map(|target| {
            let files = (target.names)(service).into_iter();
            let whole = std::iter::once(target.name.to_owned());
            whole.chain(files.map(|file| format!("{}/{file}", target.name)))
        })
        .collect();
    let stems: Vec<&str> = all
        .iter()
        .map(|name| {
            name.rsplit_once('.')
                .map_or(name.as_str(), |(stem, _)| stem)
        })
        .collect();
    let whole = || all.iter().map(String::as_str);
    let near = nearest(&written.value, stems.into_iter());
    let help = match near.or_else(|| nearest(&written.value, whole())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("these can be: {}", all.join(", ")),
    };
    format!(
        "{}: `{}` is no file that a target writes\n{help}",
        place(input, &written.route),
        written.value
    )
}

/// `lifecycle.yaml:12:8`.
fn place(input: &Input, route: &Route) -> String {
    let source = &input.analysis.source;
    match &input.analysis.document {
        Some(document) => {
            let at = source.position(document.value_span(route).start);
            format!("{}:{}:{}", input.name, at.line, at.column)
        }
        None => input.name.clone(),
    }
}
