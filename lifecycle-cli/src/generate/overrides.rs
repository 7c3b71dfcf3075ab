//! Templates that stand in the place of the built-in ones, with the same data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::nearest;

use crate::talk::legible;

/// Every template that files are generated with, by its path without `.j2`.
const TEMPLATES: &[&str] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// What the built-in templates are replaced by.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    by_name: BTreeMap<String, Override>,
}

/// A template of somebody's own.
#[derive(Debug)]
pub(super) struct Override {
    pub(super) path: PathBuf,
    pub(super) source: String,
}

impl Overrides {
    /// The templates of a directory and below: `kubernetes/service.yaml.j2` replaces the built-in one
    /// of that name. One that replaces none is an error, and so is a directory without any.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let mut overrides = Self::default();
        overrides.add(directory, "")?;
        if overrides.by_name.is_empty() {
            bail!(
                "there is no template in {}: a file such as `{}.j2` replaces the built-in one",
                legible(directory),
                names().next().unwrap_or_default()
            );
        }
        Ok(overrides)
    }

    fn add(&mut self, directory: &Path, before: &str) -> Result<()> {
        let could_not = || format!("could not read {}", legible(directory));
        for entry in std::fs::read_dir(directory).with_context(could_not)? {
            let path = entry.with_context(could_not)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{before}{name}");
            if path.is_dir() {
                self.add(&path, &format!("{name}/"))?;
                continue;
            }
            // What else lies there is no template.
            let Some(name) = name.strip_suffix(".j2") else {
                continue;
            };
            if !names().any(|known| known == name) {
                let help = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}.j2`?"),
                    None => format!("these can be: {}", listed()),
                };
                bail!("{} replaces no template: {help}", legible(&path));
            }
            let source = std::fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", legible(&path)))?;
            let name = name.to_owned();
            self.by_name.insert(name, Override { path, source });
        }
        Ok(())
    }

    /// What stands in the place of a template.
    pub(super) fn of(&self, name: &str) -> Option<&Override> {
        self.by_name.get(name)
    }
}

/// The templates of generated files; a first manifest is no such file.
fn names() -> impl Iterator<Item = &'static str> {
    let names = TEMPLATES.iter().copied();
    names.filter(|name| !name.starts_with("init/"))
}

fn listed() -> String {
    let names: Vec<String> = names().map(|name| format!("`{name}.j2`")).collect();
    names.join(", ")
}
