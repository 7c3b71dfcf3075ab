//! A unit that tells systemd something else than the manifest would.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Pair, UnitFile},
    finding::{Finding, Place},
    kind::Kind,
    platform::{KillMode, ServiceType, Systemd},
};

rule! {
    /// A unit does not let the service stop in the way that the manifest has it.
    ///
    /// ## What it finds
    ///
    /// A unit of systemd without `Type=notify`, where the manifest plans with it and the unit hears the program in no other way.
    /// A `KillMode=` other than planned, where the program has child processes.
    ///
    /// ## Why it matters
    ///
    /// Unheard, the program cannot say that it is up, that it stops, or that its plan needs more time than `TimeoutStopSec=`.
    /// Without a `KillMode=` every process of the service gets SIGTERM at once: a child is gone before those who use it have ended.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 15s }
    /// platforms:
    ///   systemd: { grace_period: 45s }
    /// ```
    ///
    /// ```ini deployed
    /// [Service]
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=45s
    /// ```
    ///
    /// ## What to write instead
    ///
    /// What `lifecycle gen systemd` writes; or the unit's own words in the manifest: `type: exec`, `kill_mode: control-group`.
    ///
    /// ```ini deployed
    /// [Service]
    /// Type=notify
    /// ExecStart=/usr/local/bin/shop
    /// TimeoutStopSec=45s
    /// KillMode=mixed
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a drop-in that is not at hand says it.
    ///
    /// ## Source
    ///
    /// `systemd.service(5)`: `NotifyAccess=` is `none` unless `Type=notify` or a watchdog asks for more; what is sent without it is dropped.
    /// `systemd.kill(5)`: `KillMode=` is `control-group` when nothing is written.
    pub(super) RULE = "LC823", "unit-drift", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(systemd) = pair.platform.systemd() else {
        return;
    };
    let Some(unit) = pair.container().unit.as_deref() else {
        return;
    };
    findings.extend(unheard(pair, systemd, unit));
    findings.extend(signalled(pair, systemd, unit));
}

/// What the program says of itself goes nowhere.
#[cfg(feature = "deployed")]
fn unheard(pair: &Pair<'_>, systemd: &Systemd, unit: &UnitFile) -> Option<Finding> {
    let elsewhere = unit.is_drop_in || pair.file().is_odd(&unit.section.key("Type"));
    if elsewhere || unit.hears_the_program() || systemd.service_type() != ServiceType::Notify {
        return None;
    }
    let message = format!(
        "{} does not hear what the program says of itself",
        pair.title()
    );
    let (place, label) = match &unit.service_type {
        Some(written) => (
            Place::Value(written.route.clone()),
            "up at once, and nothing is heard later".to_owned(),
        ),
        None => (
            pair.container_place(),
            "no `Type=notify` here: up at once, and nothing is heard later".to_owned(),
        ),
    };
    let planned = match &systemd.service_type {
        Some(written) => (Place::Value(written.route.clone()), "planned so".to_owned()),
        None => (
            pair.platform_place(),
            "no `type` here: `notify`, as this runtime speaks".to_owned(),
        ),
    };
    Some(
        pair.finding(&RULE, message, place)
            .label(label)
            .beside(planned)
            .note("a stop that needs more time than `TimeoutStopSec=` cannot ask for it")
            .help("write `Type=notify`")
            .help("or write `type: exec` in the manifest, for a program that does not speak to systemd"),
    )
}

/// Children get the signal with the program, or not with it.
#[cfg(feature = "deployed")]
fn signalled(pair: &Pair<'_>, systemd: &Systemd, unit: &UnitFile) -> Option<Finding> {
    let mut resources = pair.resolved.manifest.resources.iter();
    let child = resources.find(|it| it.kind.value == Kind::ChildProcess)?;
    let elsewhere = unit.kill_mode.is_none()
        && (unit.is_drop_in || pair.file().is_odd(&unit.section.key("KillMode")));
    let here = unit.kill_mode.as_ref();
    let mode = here.map_or(KillMode::ControlGroup.as_str(), |it| it.value.as_str());
    let planned = systemd.kill_mode();
    // That it leaves children behind is a finding of its own.
    let is_known = [KillMode::Mixed, KillMode::ControlGroup]
        .iter()
        .any(|it| it.as_str() == mode);
    if elsewhere || mode == planned.as_str() || !is_known {
        return None;
    }
    let message = match planned {
        KillMode::ControlGroup => format!(
            "{} signals the program alone, and the manifest plans with a signal for `{}` as well",
            pair.title(),
            child.name
        ),
        _ => format!(
            "{} tells `{}` to stop together with the program, and not in its turn",
            pair.title(),
            child.name
        ),
    };
    let (place, label) = match here {
        Some(written) => (Place::Value(written.route.clone()), format!("`{mode}`")),
        None => (
            pair.container_place(),
            format!("no `KillMode=` here: `{mode}`, the systemd default"),
        ),
    };
    Some(
        pair.finding(&RULE, message, place)
            .label(label)
            .beside((
                Place::Key(child.route.clone()),
                "a process of its own".to_owned(),
            ))
            .help(format!("write `KillMode={}`", planned.as_str())),
    )
}
