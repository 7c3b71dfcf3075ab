//! A deployed value is of a type or size that its platform refuses.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    duration::human,
    finding::{Finding, Place, Severity},
    platform::FARGATE_CAP,
};

rule! {
    /// A deployed value is of a type or a size that its platform refuses.
    ///
    /// ## What it finds
    ///
    /// A number in quotes or with a unit where the platform takes a whole number; a native sleep below zero; a `stopTimeout` above what Fargate takes.
    /// A number that a template computes when it is deployed, such as a parameter's, is a warning: nothing is known of it.
    ///
    /// ## Why it matters
    ///
    /// The deployment is refused, or the value is dropped on its way and the default holds.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: "45"
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The number without quotes and unit, within the platform's limit.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 45
    ///   containers: [{ name: shop }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: the platform does not take it.
    ///
    /// ## Source
    ///
    /// Kubernetes: int64 seconds (core/v1/types.go). Fargate: `stopTimeout` is at most 120 (API reference of `ContainerDefinition`).
    pub(super) RULE = "LC803", "deployed-value-refused", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (file, odd) in view.odd() {
        // An item of a list is called by its list.
        let mut segments = odd.route.segments().iter().rev();
        let key = segments.find_map(|segment| match segment {
            crate::text::Segment::Key(key) => Some(&**key),
            crate::text::Segment::Index(_) => None,
        });
        let key = key.unwrap_or("this");
        let document = &view.files[file].document;
        if crate::deployed::is_computed(document, &odd.route) {
            let message =
                format!("`{key}` is computed when this is deployed, and is not compared here");
            let mut finding = Finding::new(&RULE, message, Place::Value(odd.route.clone()))
                .in_deployed(file)
                .label("a parameter or an expression")
                .help("compare what is deployed: what `aws ecs describe-task-definition` or `terraform show -json` prints");
            finding.severity = Severity::Warning;
            findings.push(finding);
            continue;
        }
        let here = document.get(&odd.route);
        let what = here.map_or_else(|| "something else".to_owned(), crate::text::Node::describe);
        let text = if odd.meant.is_some() { "the text " } else { "" };
        let message = format!("`{key}` takes {}, and this is {text}{what}", odd.expected);
        let mut finding = Finding::new(&RULE, message, Place::Value(odd.route.clone()))
            .in_deployed(file)
            .label("not read, and not taken by the platform");
        let span = Place::Value(odd.route.clone()).span(&view.files[file].document);
        let written = view.files[file].source().slice(span);
        if written.contains("{{") || written.contains("${") {
            finding = finding.help(
                "a template is compared once it is rendered: `helm template … | lifecycle check --against -`",
            );
        }
        if let Some(meant) = odd.meant {
            finding = finding.help(format!("write `{meant}`, without quotes"));
        }
        findings.push(finding);
    }
    for seen in &view.workloads {
        for container in seen.containers() {
            if let Some(crate::deployed::Action::Sleep(seconds)) =
                container.pre_stop.as_ref().map(|hook| &hook.action)
                && seconds.value < 0
            {
                let place = Place::Value(seconds.route.clone());
                let message = format!("a preStop sleep of {} seconds is refused", seconds.value);
                findings.push(
                    seen.finding(&RULE, message, place)
                        .label("below zero")
                        .help("write how long routing needs to notice, such as `seconds: 5`"),
                );
            }
            let fargate = seen
                .workload
                .compatibilities
                .iter()
                .any(|it| it.value == "FARGATE");
            if let Some(timeout) = &container.stop_timeout
                && fargate
                && u64::try_from(timeout.value).is_ok_and(|value| value > FARGATE_CAP.as_secs())
            {
                let message = format!(
                    "`stopTimeout: {}` is more than Fargate takes",
                    timeout.value
                );
                findings.push(
                    seen.finding(&RULE, message, Place::Value(timeout.route.clone()))
                        .label(format!("at most {} on Fargate", human(FARGATE_CAP)))
                        .help(format!(
                            "write `stopTimeout: {}`, and shorten the shutdown to fit",
                            FARGATE_CAP.as_secs()
                        )),
                );
            }
        }
    }
}
