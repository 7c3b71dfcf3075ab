//! A manifest beside what is deployed of it: what the rules of drift look at.

use std::time::Duration;

use super::container::repository;
use super::ecs::stop_timeout;
use super::matching::{self, Match, Wanted};
use super::reader::Reader;
use super::setting::Setting;
use super::{Action, Compared, Container, Deployed, EcsService, Lasts, Service, Workload};
use crate::Resolved;
use crate::duration::human;
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place, Side};
use crate::platform::Platform;
use crate::rules::Rule;
use crate::timeline::Timeline;

/// A platform of the manifest and the workload that runs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) resolved: &'a Resolved,
    pub(crate) platform: &'a Platform,
    pub(crate) line: &'a Timeline,
    pub(crate) files: &'a [Deployed],
    pub(crate) found: Match<'a>,
}

/// Every platform of the manifest with each workload that is its own.
pub(crate) fn pairs<'a>(
    resolved: &'a Resolved,
    files: &'a [Deployed],
    by_name_only: bool,
) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for line in &resolved.timelines {
        let Some(platform) = resolved.manifest.platforms.get(line.platform()) else {
            continue;
        };
        let found = matching::matches(files, wanted(resolved, platform, by_name_only));
        pairs.extend(found.into_iter().map(|found| Pair {
            resolved,
            platform,
            line,
            files,
            found,
        }));
    }
    pairs
}

fn wanted<'a>(resolved: &'a Resolved, platform: &'a Platform, by_name_only: bool) -> Wanted<'a> {
    let platforms = &resolved.manifest.platforms;
    let image = platform
        .image()
        .or_else(|| platforms.iter().find_map(Platform::image));
    Wanted {
        platform: platform.key(),
        service: match platform {
            // A Procfile has the names of process types.
            Platform::Heroku(heroku) => heroku.process_type(&resolved.manifest),
            _ => &resolved.plan.service,
        },
        repository: image.map_or("", repository),
        namespace: platform
            .kubernetes()
            .and_then(|kubernetes| kubernetes.namespace.as_ref())
            .map(|namespace| namespace.value.as_str()),
        by_name_only,
    }
}

/// The platforms of the manifest that the files should hold and do not: those of which they hold
/// other workloads, or all that can be compared where they hold none at all.
pub(crate) fn missing<'a>(
    resolved: &'a Resolved,
    files: &[Deployed],
    pairs: &[Pair<'_>],
) -> Vec<&'a Platform> {
    let platforms = || resolved.manifest.platforms.iter();
    let lacking: Vec<&Platform> = platforms()
        .filter(|platform| {
            pairs
                .iter()
                .all(|pair| pair.platform.key() != platform.key())
        })
        .collect();
    let expected = |platform: &&&Platform| !matching::candidates(files, platform.key()).is_empty();
    let expected: Vec<&Platform> = lacking.iter().filter(expected).copied().collect();
    match (expected.is_empty(), pairs.is_empty()) {
        (true, true) => lacking,
        _ => expected,
    }
}

impl<'a> Pair<'a> {
    pub(crate) fn workload(&self) -> &'a Workload {
        self.found.workload
    }

    pub(crate) fn container(&self) -> &'a Container {
        self.found.container
    }

    pub(crate) fn file(&self) -> &'a Deployed {
        &self.files[self.found.file]
    }

    /// A key that is not here, and that a drop-in of systemd or what it amends may say, or a file that a
    /// service of Compose extends: that it is not here says nothing.
    pub(crate) fn is_said_elsewhere(&self, key: &str) -> bool {
        let container = self.container();
        container.elsewhere.contains(&key)
            || container
                .unit
                .as_ref()
                .is_some_and(|unit| unit.is_drop_in || self.file().is_odd(&unit.section.key(key)))
    }

    /// `Deployment shop`.
    pub(crate) fn title(&self) -> String {
        self.workload().title()
    }

    /// A finding at a place of the deployed file.
    pub(crate) fn finding(
        &self,
        rule: &'static Rule,
        message: impl Into<String>,
        place: Place,
    ) -> Finding {
        let finding = Finding::new(rule, message, place)
            .in_deployed(self.found.file)
            .on(self.platform.key());
        match self.found.only_one {
            true => finding.note(format!(
                "{} is taken for `{}`: nothing else for {} is in the files",
                self.title(),
                self.resolved.plan.service,
                self.line.facts.name
            )),
            false => finding,
        }
    }

    /// The program's container, to say that it lacks something: its name.
    pub(crate) fn container_place(&self) -> Place {
        container_place(self.container())
    }

    /// The platform's key in the manifest.
    pub(crate) fn platform_place(&self) -> Place {
        Place::Key(self.platform.common().route.clone())
    }

    /// Where the planned grace period stands in the manifest, and what to say there.
    pub(crate) fn planned_grace(&self) -> (Place, String) {
        let grace = self.line.grace();
        match grace.origin.route() {
            Some(route) => (
                Place::Value(route.clone()),
                match &grace.origin {
                    Origin::Rounded { .. } => {
                        format!("{} in the manifest ({})", human(grace.value), grace.origin)
                    }
                    _ => format!("{} in the manifest", human(grace.value)),
                },
            ),
            None => (
                self.platform_place(),
                format!(
                    "no `grace_period` here: {}, {}",
                    human(grace.value),
                    grace.origin
                ),
            ),
        }
    }

    /// Where the planned hook comes from in the manifest, and what to say there.
    pub(crate) fn planned_hook(&self) -> (Place, String) {
        use crate::platform::PreStop;
        let hook = self.line.terms.hook.as_ref();
        let value = hook.map_or(Duration::ZERO, |hook| hook.value);
        match self
            .platform
            .kubernetes()
            .and_then(|it| it.pre_stop.as_ref())
        {
            Some(PreStop::Sleep(written)) => (
                Place::Value(written.route.clone()),
                match value.is_zero() {
                    true => "no hook in the manifest".to_owned(),
                    false => format!("a sleep of {} in the manifest", human(value)),
                },
            ),
            Some(PreStop::Exec { route, .. }) => (
                Place::Value(route.clone()),
                "this command in the manifest".to_owned(),
            ),
            Some(PreStop::Http { route, .. }) => (
                Place::Value(route.clone()),
                "this request in the manifest".to_owned(),
            ),
            None if value.is_zero() => (
                self.platform_place(),
                "nothing to wait for before the signal, by the manifest".to_owned(),
            ),
            None => match self.line.terms.settle.origin.route() {
                Some(route) => (
                    Place::Value(route.clone()),
                    format!("a sleep of {} pays this settle time", human(value)),
                ),
                None => (
                    self.platform_place(),
                    format!(
                        "no `pre_stop` here: a sleep of {} pays the settle time ({})",
                        human(value),
                        self.line.terms.settle.origin
                    ),
                ),
            },
        }
    }

    /// Another Compose file beside it speaks of the same service, says this, and is read over the own
    /// one: an override over its base, and a later file over an earlier one.
    pub(crate) fn is_overlaid(&self, says: fn(&Container) -> bool) -> bool {
        if self.platform.compose().is_none() {
            return false;
        }
        let is_override = |file: &Deployed| file.name.contains("override");
        let rank = |at: usize| (is_override(&self.files[at]), at);
        let name = self.workload().name.as_ref().map(|name| &name.value);
        let own = says(self.container());
        let directory = |at: usize| {
            let name = self.files[at].name.as_str();
            name.rsplit_once('/').map_or("", |(directory, _)| directory)
        };
        let others = (0..self.files.len())
            .filter(|at| *at != self.found.file && directory(*at) == directory(self.found.file));
        let mut over = others.filter(|at| !own || rank(*at) > rank(self.found.file));
        over.any(|at| {
            let mut all = self.files[at].workloads.iter();
            all.any(|it| {
                it.platform == "compose"
                    && it.name.as_ref().map(|name| &name.value) == name
                    && it.containers.iter().any(says)
            })
        })
    }

    /// The grace period that holds; `None` where what stands there is no number, or another file's
    /// holds.
    pub(crate) fn grace(&self) -> Option<Setting> {
        if self.is_overlaid(|container| container.grace.is_some() || container.endless.is_some()) {
            return None;
        }
        (self.reader()?.grace)(self.file(), self.workload(), self.container())
    }

    /// How long a container on ECS has to stop; `None` where what stands there is no number.
    pub(crate) fn stop_timeout(&self, container: &Container) -> Option<Setting> {
        stop_timeout(self.file(), container)
    }

    /// The hook that holds, as a term of the sum: the manifest's own number where the text of the
    /// deployed one cannot tell.
    fn hook(&self) -> Option<Figure> {
        let hook = self.container().pre_stop.as_ref()?;
        let label = match &hook.action {
            Action::Sleep(_) => "preStop sleep",
            Action::Exec(_) => "preStop command",
            _ => "preStop hook",
        };
        match hook.lasts() {
            Lasts::Exactly(time) | Lasts::AtLeast(time) => {
                (!time.is_zero()).then(|| Figure::new(time, label, Origin::Derived("deployed")))
            }
            Lasts::Unknown => self.line.terms.hook.clone(),
        }
    }

    /// The plan with the deployed numbers.
    pub(crate) fn deployed_line(&self) -> Timeline {
        let grace = match self.grace() {
            Some(grace) => Figure::new(grace.value, "grace period", Origin::Derived("deployed")),
            None => self.line.grace().clone(),
        };
        let hook = match self.platform.kubernetes() {
            Some(_) => self.hook(),
            None => self.line.terms.hook.clone(),
        };
        self.line.deployed(grace, hook)
    }

    /// The sum with the deployed numbers, and whether it fits.
    pub(crate) fn with_sum(&self, finding: Finding) -> Finding {
        let line = self.deployed_line();
        let default = self.grace().and_then(|grace| grace.default);
        let origin = default.map_or(String::new(), |default| format!(" ({default})"));
        let verdict = match line.spare() {
            Some(spare) => format!("{} to spare", human(spare)),
            None => format!("{} missing", human(line.missing())),
        };
        finding.note(format!(
            "sum with the deployed numbers: {}, grace period {}{origin}: {verdict}",
            line.sum(),
            human(line.grace().value),
        ))
    }

    /// The plan fits into what is deployed.
    pub(crate) fn fits(&self) -> bool {
        self.deployed_line().spare().is_some()
    }

    /// For whoever asks what was compared.
    pub(crate) fn compared(&self) -> Compared {
        Compared {
            platform: self.platform.key(),
            workload: self.title(),
            file: self.found.file,
        }
    }

    /// The ECS service that runs this task definition: by its name, by the family, or the only one.
    pub(crate) fn ecs_service(&self) -> Option<(usize, &'a EcsService)> {
        let files = self.files.iter().enumerate();
        let all: Vec<(usize, &EcsService)> = files
            .flat_map(|(file, deployed)| deployed.ecs_services.iter().map(move |it| (file, it)))
            .collect();
        let service = self.resolved.plan.service.as_str();
        let family = self
            .workload()
            .name
            .as_ref()
            .map(|name| name.value.as_str());
        let named = |it: &EcsService| it.name.as_ref().is_some_and(|name| name.value == service);
        let runs = |it: &EcsService| it.family().is_some() && it.family() == family;
        let mut found = all.iter().copied();
        found
            .clone()
            .find(|(_, it)| runs(it))
            .or_else(|| found.find(|(_, it)| named(it)))
            .or(match all[..] {
                [only] if self.found.only_one => Some(only),
                _ => None,
            })
    }

    /// How its files are read.
    pub(crate) fn reader(&self) -> Option<&'static Reader> {
        super::reader::of(self.platform.key())
    }

    /// The command that writes it anew.
    pub(crate) fn regenerate(&self) -> &'static str {
        self.reader()
            .map_or("lifecycle gen", |reader| reader.generate)
    }
}

/// A container, to say that it lacks something: its name.
pub(crate) fn container_place(container: &Container) -> Place {
    Place::Value(match &container.name {
        Some(name) => name.route.clone(),
        None => container.route.clone(),
    })
}

/// The Services that send to a workload's pods.
pub(super) fn services<'a>(
    files: &'a [Deployed],
    workload: &Workload,
) -> Vec<(usize, &'a Service)> {
    let all = files.iter().enumerate();
    all.flat_map(|(file, deployed)| deployed.services.iter().map(move |service| (file, service)))
        .filter(|(_, service)| {
            let apart = match (&service.namespace, &workload.namespace) {
                (Some(one), Some(other)) => one.value != other.value,
                _ => false,
            };
            !apart && workload.pod_labels.hold(&service.selector)
        })
        .collect()
}

impl Finding {
    /// Adds a place of the manifest with what is to be said there.
    pub(crate) fn beside(self, (place, text): (Place, String)) -> Self {
        self.related_in(Side::Manifest, place, text)
    }
}
