//! A deployed grace period whose fraction is cut off.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Container, View, compose_duration},
    duration::{human, seconds_up},
    finding::{Finding, Place, Severity},
    text::Value,
};
#[cfg(feature = "deployed")]
use std::time::Duration;

rule! {
    /// A deployed grace period loses its fraction of a second.
    ///
    /// ## What it finds
    ///
    /// A `stop_grace_period` in a Compose file that is no whole number of seconds.
    /// Below a second it is an error: nothing is left of it.
    ///
    /// ## Why it matters
    ///
    /// Compose hands the engine whole seconds and cuts off the rest.
    /// `1500ms` is one second; `900ms` is none, and SIGKILL comes with the signal.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     stop_grace_period: 900ms
    /// ```
    ///
    /// ## What to write instead
    ///
    /// Whole seconds.
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     stop_grace_period: 1s
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: what is written is not what happens.
    ///
    /// ## Source
    ///
    /// docker/compose, `pkg/compose/convert.go`: the seconds of the duration as an integer.
    pub(super) RULE = "LC817", "deployed-grace-cut", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|it| it.workload.platform == "compose")
    {
        for container in &seen.workload.containers {
            let Some((written, held)) = cut(view, seen.file, container) else {
                continue;
            };
            let Some(grace) = &container.grace else {
                continue;
            };
            let mut message = format!(
                "Compose makes {} of the {} of `{}`",
                human(held),
                human(written),
                container.name()
            );
            let severity = match held.is_zero() {
                true => Severity::Error,
                false => Severity::Warning,
            };
            if held.is_zero() {
                message.push_str(": SIGKILL comes with the signal");
            }
            let mut finding = seen
                .finding(&RULE, message, Place::Value(grace.route.clone()))
                .label("whole seconds, the rest cut off")
                .help(format!(
                    "write `stop_grace_period: {}s`",
                    seconds_up(written)
                ));
            finding.severity = severity;
            findings.push(finding);
        }
    }
}

/// What is written and what is held, where that is less.
#[cfg(feature = "deployed")]
pub(super) fn cut(
    view: &View<'_>,
    file: usize,
    container: &Container,
) -> Option<(Duration, Duration)> {
    let grace = container.grace.as_ref()?;
    let node = view.files[file].document.get(&grace.route)?;
    let Value::Scalar { text, .. } = &node.value else {
        return None;
    };
    let written = compose_duration(text)?;
    (written > grace.value).then_some((written, grace.value))
}
