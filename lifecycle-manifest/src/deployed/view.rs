//! Deployed files by themselves, or the part of them that is a manifest's: what the rules about
//! deployed files look at.

use super::kubernetes::pod_grace;
use super::matching::candidates;
use super::pair::{self, Pair};
use super::setting::Setting;
use super::{Capacity, Container, Deployed, Odd, Pm2App, Service, Workload};
use crate::finding::{Finding, Place};
use crate::platform::Platform;
use crate::rules::Rule;

/// What is looked at.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    pub(crate) files: &'a [Deployed],
    pub(crate) workloads: Vec<Seen<'a>>,
    /// There is a manifest, which says what is planned.
    pub(crate) has_manifest: bool,
}

/// A workload that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// The file it stands in.
    pub(crate) file: usize,
    pub(crate) workload: &'a Workload,
    /// The program's container, where a manifest speaks of it.
    pub(crate) main: Option<&'a Container>,
    /// The manifest's entry that it is.
    pub(crate) platform: Option<&'a Platform>,
}

impl<'a> View<'a> {
    /// Everything there is.
    pub(crate) fn of(files: &'a [Deployed]) -> Self {
        let seen = |(file, workload)| Seen {
            file,
            workload,
            main: None,
            platform: None,
        };
        let keys = Platform::KEYS.iter();
        Self {
            files,
            workloads: keys
                .flat_map(|key| candidates(files, key))
                .map(seen)
                .collect(),
            has_manifest: false,
        }
    }

    /// What is a manifest's.
    pub(crate) fn of_pairs(files: &'a [Deployed], pairs: &[Pair<'a>]) -> Self {
        let seen = |pair: &Pair<'a>| Seen {
            file: pair.found.file,
            workload: pair.workload(),
            main: Some(pair.container()),
            platform: Some(pair.platform),
        };
        Self {
            files,
            workloads: pairs.iter().map(seen).collect(),
            has_manifest: true,
        }
    }

    /// PM2's apps.
    pub(crate) fn apps(&self) -> impl Iterator<Item = (&Seen<'a>, &'a Pm2App)> {
        self.workloads.iter().flat_map(|seen| {
            let containers = seen.workload.containers.iter();
            containers.filter_map(move |container| Some((seen, container.pm2.as_deref()?)))
        })
    }

    /// The Services that send to a workload's pods.
    pub(crate) fn services(&self, workload: &Workload) -> Vec<(usize, &'a Service)> {
        pair::services(self.files, workload)
    }

    /// The Services that are looked at: all, or those of a manifest's workloads.
    pub(crate) fn all_services(&self) -> Vec<(usize, &'a Service)> {
        if self.has_manifest {
            let mut services: Vec<(usize, &Service)> = Vec::new();
            for service in self
                .workloads
                .iter()
                .flat_map(|it| self.services(it.workload))
            {
                // Two workloads may be behind one Service.
                if !services
                    .iter()
                    .any(|known| std::ptr::eq(known.1, service.1))
                {
                    services.push(service);
                }
            }
            return services;
        }
        let files = self.files.iter().enumerate();
        files
            .flat_map(|(file, deployed)| deployed.services.iter().map(move |it| (file, it)))
            .collect()
    }

    /// The values of a wrong type that are looked at: all, or those of a manifest's workloads.
    pub(crate) fn odd(&self) -> Vec<(usize, &'a Odd)> {
        let is_seen = |file: usize, odd: &Odd| {
            !self.has_manifest
                || self.workloads.iter().any(|seen| {
                    let own = seen.workload.route.segments();
                    seen.file == file && odd.route.segments().starts_with(own)
                })
        };
        let files = self.files.iter().enumerate();
        files
            .flat_map(|(file, deployed)| deployed.odd.iter().map(move |odd| (file, odd)))
            .filter(|(file, odd)| !odd.expected.is_empty() && is_seen(*file, odd))
            .collect()
    }

    /// The Spot capacity that runs a task definition.
    pub(crate) fn spot_capacity(&self, workload: &Workload) -> Option<(usize, &'a Capacity)> {
        let family = workload.name.as_ref()?.value.as_str();
        let files = self.files.iter().enumerate();
        files
            .flat_map(|(file, deployed)| deployed.ecs_services.iter().map(move |it| (file, it)))
            .filter(|(_, service)| service.family() == Some(family))
            .flat_map(|(file, service)| service.capacity.iter().map(move |it| (file, it)))
            .find(|(_, capacity)| capacity.used && capacity.is_spot())
    }
}

impl<'a> Seen<'a> {
    /// Its containers, native sidecars among them.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a Container> {
        self.workload
            .containers
            .iter()
            .chain(self.workload.native_sidecars())
    }

    /// The grace period of its pods.
    pub(crate) fn grace(&self, view: &View<'_>) -> Option<Setting> {
        let file = &view.files[self.file];
        (self.workload.platform == "kubernetes")
            .then(|| pod_grace(file, self.workload))
            .flatten()
    }

    /// A finding at a place of it.
    pub(crate) fn finding(
        &self,
        rule: &'static Rule,
        message: impl Into<String>,
        place: Place,
    ) -> Finding {
        Finding::new(rule, message, place)
            .in_deployed(self.file)
            .on(self.workload.platform)
    }
}
