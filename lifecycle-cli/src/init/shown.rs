//! How the block of a platform is shown, for platforms whose keys are plain: a list of lines.
//!
//! A platform is one line in [`ALL`]; its reader of deployed files stands beside the others in `from`.

use super::draft::{Draft, Slot};
use super::from::{self, Chosen, Source};

/// A platform's block.
pub(super) struct Shown {
    /// The platform's key.
    pub(super) key: &'static str,
    /// Shown, behind `#`, where it was not asked for too.
    pub(super) always: bool,
    /// What is said above `grace_period`, where there is one to set.
    pub(super) grace: Option<&'static str>,
    /// Its own keys, in the order in which they are shown.
    pub(super) lines: &'static [Line],
    /// Fills a draft from what is deployed.
    pub(super) describe: Option<Describe>,
}

/// See [`Shown::describe`].
pub(super) type Describe = fn(&mut Draft, Chosen<'_>, &[Source]);

/// A key of a block.
pub(super) struct Line {
    /// What is said above it; empty where the line before says it.
    pub(super) about: &'static str,
    pub(super) key: &'static str,
    /// Its default, or an example where there is none.
    pub(super) example: &'static str,
}

/// Every platform that is shown so, in the order of the file.
pub(super) static ALL: &[&Shown] = &[
    &from::cloud_run::SHOWN,
    &from::azure_container_apps::SHOWN,
    &from::docker::SHOWN,
    &from::compose::SHOWN,
    &from::nomad::SHOWN,
    &from::pm2::SHOWN,
    &from::fly::SHOWN,
];

/// That of a platform.
pub(super) fn of(key: &str) -> Option<&'static Shown> {
    ALL.iter().copied().find(|shown| shown.key == key)
}

/// An entry of such a platform.
#[derive(Debug, Clone)]
pub(super) struct Other {
    pub(super) key: &'static str,
    pub(super) common: super::draft::Common,
    /// Its own keys that are written, each with its value in the manifest's language.
    pub(super) values: Vec<(&'static str, Slot<String>)>,
}

impl Other {
    /// With nothing written.
    pub(super) fn new(key: &'static str) -> Self {
        Self {
            key,
            common: super::draft::Common::default(),
            values: Vec::new(),
        }
    }
}
