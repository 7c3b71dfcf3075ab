//! A shell stands between the signal and the program.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Container, UnitFile, View, script},
    finding::{Finding, Place},
    platform::KillMode,
};

rule! {
    /// A shell gets the signal, and the program never hears of it.
    ///
    /// ## What it finds
    ///
    /// A container whose command is a shell script of several commands that does not end with `exec`, and sets no trap.
    /// Not where the platform signals every process: Heroku, and systemd unless `KillMode=` says otherwise.
    ///
    /// ## Why it matters
    ///
    /// The shell is the first process of the container and gets SIGTERM. It does not pass it on: the program runs on until SIGKILL, and its shutdown never happens.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       command: [sh, -c, "./migrate && ./shop"]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// `exec` before the last command: `./migrate && exec ./shop`.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       command: [sh, -c, "./migrate && exec ./shop"]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program is told to stop in another way.
    ///
    /// ## Source
    ///
    /// Docker's reference of ENTRYPOINT, shell form: `sh -c` does not pass signals.
    /// Heroku, "Dynos": all processes of a dyno get SIGTERM. systemd.kill(5): `control-group`, the default, signals all of a unit.
    pub(super) RULE = "LC812", "shell-swallows-signal", Warning, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        let platform = seen.workload.platform;
        for container in seen
            .containers()
            .filter(|it| !hears_it_itself(platform, it))
        {
            let words: Vec<_> = container
                .entry
                .iter()
                .chain(&container.args)
                .cloned()
                .collect();
            let Some(text) = script(&words).filter(|text| keeps_running(text)) else {
                continue;
            };
            let Some(place) = words.iter().find(|word| word.value == text) else {
                continue;
            };
            let message = format!(
                "`{}` runs under a shell that keeps the signal to itself",
                container.name()
            );
            let last = last_command(text);
            let shown: String = last.chars().take(60).collect();
            let mut finding = seen
                .finding(&RULE, message, Place::Value(place.route.clone()))
                .label("the shell gets SIGTERM, and waits");
            if !shown.is_empty() && shown == last {
                finding = finding.help(format!("write `exec {shown}` as the last command"));
            }
            findings.push(finding);
        }
    }
}

/// Every process of the container gets the signal, the program under the shell with it.
#[cfg(feature = "deployed")]
fn hears_it_itself(platform: &str, container: &Container) -> bool {
    let mode = |unit: &UnitFile| unit.kill_mode.as_ref().map(|mode| mode.value.clone());
    match platform {
        "heroku" => true,
        "systemd" => container
            .unit
            .as_deref()
            .and_then(mode)
            .is_none_or(|mode| mode == KillMode::ControlGroup.as_str()),
        _ => false,
    }
}

/// A shell replaces itself with a single command, but not with the last of several.
#[cfg(feature = "deployed")]
fn keeps_running(script: &str) -> bool {
    let text = script.trim();
    let several = text.contains(['\n', ';', '|']) || text.contains("&&");
    let last = last_command(text);
    several && !text.contains("trap ") && !last.starts_with("exec ") && !last.is_empty()
}

#[cfg(feature = "deployed")]
fn last_command(script: &str) -> &str {
    let parts = script.trim().split(['\n', ';']);
    let last = parts
        .map(str::trim)
        .rfind(|part| !part.is_empty() && !part.starts_with('#'));
    let last = last.unwrap_or_default();
    last.rsplit("&&").next().unwrap_or(last).trim()
}
