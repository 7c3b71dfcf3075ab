//! The readers: one a platform, asked in turn what an object is.

use std::time::Duration;

use super::pair::container_place;
use super::read::At;
use super::setting::Setting;
use super::{
    Container, Deployed, Workload, azure_container_apps, cloud_run, compose, docker, ecs, fly,
    heroku, kubernetes, nomad, pm2, systemd,
};
use crate::finding::Place;
use crate::platform::Facts;

/// How a platform's files are read.
pub(crate) struct Reader {
    /// The platform's key in a manifest.
    pub(crate) platform: &'static str,
    /// The command that writes its files: `lifecycle gen ecs`.
    pub(crate) generate: &'static str,
    /// The files' own name for the grace period: `stopTimeout`.
    pub(crate) grace_key: &'static str,
    /// A grace period as the files write it: `stopTimeout: 45`.
    pub(crate) write_grace: fn(Duration) -> String,
    /// What the files call that which is waited for before the signal, outside of the grace period.
    pub(crate) outside_keys: &'static [&'static str],
    /// A port as the files open it: `containerPort: 8080`; `None` where they open none.
    pub(crate) write_port: Option<fn(u16) -> String>,
    /// Takes an object that is its own; what no reader takes is passed over.
    pub(super) object: fn(&At<'_>, &mut Deployed) -> bool,
    /// The grace period that holds for a container; `None` where what stands there is no number.
    pub(super) grace: fn(&Deployed, &Workload, &Container) -> Option<Setting>,
}

/// Every reader. The first that takes an object has it.
pub(super) static ALL: &[&Reader] = &[
    // Their objects have a kind too, in groups of their own.
    &cloud_run::READER,
    &azure_container_apps::READER,
    &kubernetes::READER,
    &ecs::READER,
    &docker::READER,
    &compose::READER,
    &systemd::READER,
    &heroku::READER,
    &nomad::READER,
    // An app of PM2 names its script; one of Fly.io may have little but the same `kill_timeout`.
    &pm2::READER,
    &fly::READER,
];

/// That of a platform.
pub(crate) fn of(platform: &str) -> Option<&'static Reader> {
    ALL.iter()
        .copied()
        .find(|reader| reader.platform == platform)
}

/// The grace period of a container that has its own, or the platform's default.
pub(super) fn own_grace(container: &Container, facts: &Facts) -> Setting {
    match &container.grace {
        Some(written) => Setting {
            value: written.value,
            place: Place::Value(written.route.clone()),
            default: None,
            is_written: true,
        },
        None => Setting {
            value: facts.default_grace,
            place: container_place(container),
            default: Some(format!("the {} default", facts.name)),
            is_written: false,
        },
    }
}
