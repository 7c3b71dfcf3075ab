//! Units of systemd: service files and their drop-ins, and what `systemctl cat` and `systemctl show`
//! print of them.
//!
//! A drop-in that stands in a file of its own is a workload of its own, which says nothing but what is
//! written in it. [`join`] then takes what it overrides away from the unit and from earlier drop-ins:
//! each setting is looked at where it holds.

mod join;
mod service;

use std::time::Duration;

use super::read::At;
use super::reader::{Reader, own_grace};
use super::setting::Setting;
use super::syntax::unit::{ID, amended};
use super::unit::{Command, show_time_span};
use super::{Container, Deployed, Workload};
use crate::manifest::Written;
use crate::platform::systemd::FACTS;
use crate::text::{Route, Value};

pub(super) use join::join;
use service::{Service, misplaced};

pub(super) static READER: Reader = Reader {
    platform: "systemd",
    generate: "lifecycle gen systemd",
    grace_key: GRACE,
    write_grace: |grace| format!("{GRACE}={}", show_time_span(grace)),
    outside_keys: &["ExecStop"],
    write_port: None,
    object,
    grace,
};

const GRACE: &str = "TimeoutStopSec";

/// The kind of a workload that is a drop-in alone.
const DROP_IN: &str = "drop-in";

/// What a unit says beside what every program's deployment says.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.service", "\
/// [Service]
/// Type=notify
/// ExecStart=/usr/bin/shop
/// ExecStop=/bin/sleep 5
/// KillMode=mixed
/// ");
/// let unit = deployed.workloads[0].containers[0].unit.as_ref().unwrap();
/// assert!(unit.hears_the_program() && !unit.is_drop_in);
/// assert_eq!(unit.kill_mode.as_ref().map(|it| it.value.as_str()), Some("mixed"));
/// let (_, command, at_most) = &unit.exec_stop[0];
/// assert_eq!(command.words, ["/bin/sleep", "5"]);
/// assert_eq!(*at_most, Some(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone)]
pub struct UnitFile {
    /// Where its keys stand: the section `[Service]`.
    pub section: Route,
    /// It amends a unit that may be in another file.
    pub is_drop_in: bool,
    /// `TimeoutStopSec=` or `TimeoutSec=`, where it is no limit at all.
    pub endless: Option<Written<String>>,
    /// `KillMode=`.
    pub kill_mode: Option<Written<String>>,
    /// `SendSIGKILL=`, where it says no.
    pub never_kills: Option<Written<String>>,
    /// `Type=`.
    pub service_type: Option<Written<String>>,
    /// `NotifyAccess=`.
    pub notify_access: Option<Written<String>>,
    /// `WatchdogSec=`.
    pub watchdog: Option<Written<Duration>>,
    /// `User=`.
    pub user: Option<Written<String>>,
    /// systemd puts something in the place of a part of `ExecStart=`.
    pub starts_computed: bool,
    /// What runs before the signal, with how long each takes at most where its text can tell.
    pub exec_stop: Vec<(Written<String>, Command, Option<Duration>)>,
    /// An empty `ExecStop=` takes away what stands in the unit itself.
    no_exec_stop: Option<Written<String>>,
    /// Keys that systemd does not read where they stand.
    pub misplaced: Vec<Misplaced>,
}

/// A key that systemd does not read where it stands.
///
/// ```
/// use lifecycle_manifest::deployed::Deployed;
///
/// let deployed = Deployed::named("shop.service", "\
/// [Unit]
/// TimeoutStopSec=45
///
/// [Service]
/// ExecStart=/usr/bin/shop
/// ");
/// let container = &deployed.workloads[0].containers[0];
/// assert_eq!(container.grace, None);
/// let misplaced = &container.unit.as_ref().unwrap().misplaced[0];
/// assert_eq!((misplaced.section.as_str(), misplaced.meant), ("Unit", "TimeoutStopSec"));
/// ```
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// Its section.
    pub section: String,
    /// Where it stands.
    pub route: Route,
    /// The key that it would be in `[Service]`.
    pub meant: &'static str,
}

impl UnitFile {
    /// systemd hears what the program says of itself.
    pub fn hears_the_program(&self) -> bool {
        let is = |value: &Option<Written<String>>, words: &[&str]| {
            let value = value.as_ref();
            value.is_some_and(|it| words.contains(&it.value.as_str()))
        };
        is(&self.service_type, &["notify", "notify-reload"])
            || is(&self.notify_access, &["main", "exec", "all"])
            // Systemd then listens to the main process, though `NotifyAccess=none` be written.
            || self.watchdog.is_some()
    }
}

fn object(at: &At<'_>, deployed: &mut Deployed) -> bool {
    let Value::Mapping(_) = &at.node.value else {
        return false;
    };
    let id = at.text(ID);
    let of_unit = |name: &str| name.ends_with(".service") || name.ends_with(".socket");
    let is_shown = id.as_ref().is_some_and(|id| of_unit(&id.value)) && at.get("Service").is_none();
    if !is_shown && !has_service(at) {
        return false;
    }
    let path = id
        .as_ref()
        .map_or(deployed.name.as_str(), |id| id.value.as_str());
    let file = path.rsplit('/').next().unwrap_or(path);
    let (unit, is_drop_in) = match amended(path) {
        Some(unit) => (unit, true),
        // Standard input without a path above it.
        None if !of_unit(file) => ("", false),
        None => (file, false),
    };
    let Some(name) = unit
        .strip_suffix(".service")
        .or((unit.is_empty()).then_some(""))
    else {
        // A socket, or what holds for every service: nothing in it says how the program stops.
        return true;
    };
    // A template's instances are one.
    let name = name.split('@').next().unwrap_or(name).to_owned();
    let name_route = id.map_or_else(|| at.route.key("Service"), |id| id.route);
    let service = at.get("Service").unwrap_or_else(|| at.clone());
    let kind = if is_drop_in { DROP_IN } else { "unit" };
    let mut workload = Workload::at("systemd", kind, at.route.clone());
    workload.spec = service.route.clone();
    let name = Written {
        value: name,
        route: name_route,
    };
    workload.name = (!name.value.is_empty()).then(|| name.clone());
    let service = Service {
        at: &service,
        is_shown,
    };
    let mut container = service.container(is_drop_in, &mut deployed.odd);
    container.name = Some(name);
    if let Some(unit) = &mut container.unit {
        unit.misplaced = misplaced(at);
    }
    workload.containers.push(container);
    deployed.workloads.push(workload);
    true
}

/// It has the section of a service, with a list of what is assigned to each key.
fn has_service(at: &At<'_>) -> bool {
    let Some(service) = at.get("Service") else {
        return false;
    };
    let Value::Mapping(keys) = &service.node.value else {
        return false;
    };
    keys.iter()
        .all(|key| matches!(key.value.value, Value::Sequence(_)))
}

/// The grace period that holds; `None` where there is no limit, where it cannot be read, and where it
/// is another file's to say.
fn grace(file: &Deployed, _: &Workload, container: &Container) -> Option<Setting> {
    let unit = container.unit.as_ref()?;
    let key = unit.section.key(GRACE);
    let silent = unit.endless.is_some()
        || unit.is_drop_in && container.grace.is_none()
        || file.is_odd(&key)
        || file.has_odd_below(&key);
    (!silent).then(|| own_grace(container, &FACTS))
}
