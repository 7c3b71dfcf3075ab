//! What one run generates: the files of one target, or those of every target that the manifest names,
//! each target's in a folder of its own.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;

use super::files::File;
use super::overrides::Overrides;
use super::own::Own;
use super::{Ask, Sheet, TARGETS, Target, targets_of};
use crate::Outcome;
use crate::talk::say;

/// Everything that is generated.
pub(super) struct Work {
    parts: Vec<Part>,
    /// Each target has its folder.
    is_tree: bool,
    is_patch: bool,
    /// The targets whose files may lie here: not those that are asked for by their names alone, whose
    /// files are somebody's wish and not left over.
    here: Vec<&'static Target>,
}

/// What is generated for one target.
struct Part {
    target: &'static Target,
    sheets: Vec<Sheet>,
}

/// What `--print-data` shows of a file.
#[derive(Serialize)]
struct Shown<'a> {
    target: &'static str,
    file: &'a str,
    template: String,
    data: &'a minijinja::Value,
}

impl Work {
    /// For one target.
    pub(super) fn of(target: &'static Target, ask: &Ask<'_>, is_patch: bool) -> Result<Self> {
        let make = match (is_patch, target.patch) {
            (false, _) => target.files,
            (true, Some(patch)) => patch,
            (true, None) => bail!(
                "there is no patch for {0}: `lifecycle gen {0}` writes whole files",
                target.name,
            ),
        };
        let sheets = make(ask)?;
        Ok(Self {
            parts: vec![Part { target, sheets }],
            is_tree: false,
            is_patch,
            here: vec![target],
        })
    }

    /// For every platform that the manifest names.
    pub(super) fn of_all(ask: &Ask<'_>, own: &Own, is_patch: bool) -> Result<Self> {
        let mut parts = Vec::new();
        for platform in ask.resolved.manifest.platforms.iter() {
            let key = platform.key();
            if targets_of(key).next().is_none() {
                say!("note: there is nothing to generate for `{key}`");
            }
            // Its other targets are asked for by their names.
            for target in targets_of(key)
                .take(1)
                .filter(|target| !own.has_all(target))
            {
                let make = match is_patch {
                    true => target.patch,
                    false => Some(target.files),
                };
                match make {
                    Some(make) => parts.push(Part {
                        target,
                        sheets: make(ask)?,
                    }),
                    None => say!("note: there is no patch for {}", target.name),
                }
            }
        }
        if parts.is_empty() {
            bail!(
                "there is nothing to generate: name a platform under `platforms`, such as `kubernetes: {{}}`"
            );
        }
        let platforms = &ask.resolved.manifest.platforms;
        let is_made = |target: &Target| parts.iter().any(|part| part.target.name == target.name);
        let is_of_nobody = |target: &Target| platforms.get(target.key).is_none();
        let here = TARGETS.iter().copied();
        let here = here.filter(|target| is_made(target) || is_of_nobody(target));
        Ok(Self {
            here: here.collect(),
            parts,
            is_tree: true,
            is_patch,
        })
    }

    /// The same without the files that are somebody's own.
    pub(super) fn without(mut self, own: &Own) -> Result<Self> {
        for Part { target, sheets } in &mut self.parts {
            if own.has_all(target) {
                bail!(
                    "`generate.own` in the manifest says that the files of {} are your own; without a directory \
                     they are printed",
                    target.name
                );
            }
            sheets.retain(|sheet| !own.has(target, &sheet.path));
        }
        Ok(self)
    }

    /// The files, each by its path in the output directory.
    pub(super) fn render(&self, overrides: &Overrides) -> Result<Vec<File>> {
        let mut files = Vec::new();
        for part in &self.parts {
            for sheet in &part.sheets {
                let mut file = sheet.render(overrides)?;
                if self.is_tree {
                    file.path = in_folder(part.target, &file.path);
                }
                files.push(file);
            }
        }
        Ok(files)
    }

    /// The data of every template, as JSON.
    pub(super) fn print_data(&self) -> Result<Outcome> {
        let shown = self.parts.iter().flat_map(|part| {
            part.sheets.iter().map(|sheet| Shown {
                target: part.target.name,
                file: &sheet.path,
                template: format!("{}.j2", sheet.template.name),
                data: &sheet.data,
            })
        });
        let shown: Vec<Shown<'_>> = shown.collect();
        let document = serde_json::json!({ "version": 1, "files": shown });
        let mut out = crate::out::text();
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        Ok(Outcome::Clean)
    }

    /// Every file that may have been written here before; of a patch nothing is known.
    pub(super) fn names(&self, service: &str, own: &Own) -> Vec<String> {
        let targets: &[&'static Target] = match self.is_patch {
            true => &[],
            false => &self.here,
        };
        let of = |target: &'static Target| {
            let names = (target.names)(service).into_iter();
            let names = names.filter(|name| !own.has(target, name));
            names.map(|name| match self.is_tree {
                true => in_folder(target, &name),
                false => name,
            })
        };
        targets.iter().copied().flat_map(of).collect()
    }

    /// The folders of which all files are generated, where there are such: of a service that had
    /// another name, the files have another too.
    pub(super) fn folders(&self) -> Vec<&'static Target> {
        match self.is_tree && !self.is_patch {
            true => self.here.clone(),
            false => Vec::new(),
        }
    }
}

fn in_folder(target: &Target, path: &str) -> String {
    format!("{}/{path}", target.name)
}

/// YAML documents are told apart by `---`; JSON documents stand after one another as a stream; other
/// files, where there are several, have their names above them.
pub(super) fn print(files: &[File]) -> Result<()> {
    let mut out = crate::out::text();
    for file in files {
        let ending = Path::new(&file.path).extension();
        match ending.and_then(std::ffi::OsStr::to_str) {
            Some("yaml" | "yml") => writeln!(out, "---")?,
            Some("json") => {}
            _ if files.len() == 1 => {}
            _ => writeln!(out, "# {}", file.path)?,
        }
        write!(out, "{}", file.text)?;
    }
    Ok(())
}
