//! The deployment tells the program something else than the manifest would.

#[cfg(feature = "deployed")]
use crate::{
    Finding, contract,
    deployed::Pair,
    finding::{Place, Severity},
};

rule! {
    /// The deployment tells the program another platform or grace period than the manifest's.
    ///
    /// ## What it finds
    ///
    /// `LIFECYCLE_PLATFORM` or `LIFECYCLE_GRACE_MS` with another value than `lifecycle gen` writes, or one of them missing beside others of this tool.
    /// A container without any variable of this tool is not looked at, nor is a value that comes from elsewhere.
    /// None is missing where a file or a map brings more of them: `envFrom`, `environmentFiles`, `env_file`, `EnvironmentFile=`.
    ///
    /// ## Why it matters
    ///
    /// By its platform the program chooses the times it stops by. Without the right one it stops by another platform's plan.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   jobs: { kind: queue-consumer, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       env:
    ///         - { name: LIFECYCLE_PLATFORM, value: ecs }
    ///         - { name: LIFECYCLE_GRACE_MS, value: "30000" }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The values that `lifecycle gen` writes.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       env:
    ///         - { name: LIFECYCLE_PLATFORM, value: kubernetes }
    ///         - { name: LIFECYCLE_DIGEST, value: "1eb23e8625ca6fb5" }
    ///         - { name: LIFECYCLE_GRACE_MS, value: "30000" }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program is not built with this project's runtime and reads the variables in its own way.
    ///
    /// ## Source
    ///
    /// The runtime reads `LIFECYCLE_PLATFORM`, `LIFECYCLE_DIGEST` and `LIFECYCLE_GRACE_MS` when the program starts.
    pub(super) RULE = "LC707", "environment-drift", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let container = pair.container();
    let ours = [contract::PLATFORM, contract::DIGEST, contract::GRACE];
    if ours.iter().all(|name| container.variable(name).is_none()) {
        return;
    }
    for (name, planned) in contract::environment(pair.resolved, pair.line) {
        // The digest has a rule of its own, where it is there at all.
        let Some(variable) = container.variable(name) else {
            if container.has_more_variables {
                continue;
            }
            let message = format!("{} does not tell the program `{name}`", pair.title());
            let mut finding = pair
                .finding(&RULE, message, pair.container_place())
                .label("other variables of this tool are here, and this one is not")
                .beside((
                    pair.platform_place(),
                    format!("`{planned}` by the manifest"),
                ))
                .help(format!("write `{name}` with the value `\"{planned}\"`"));
            finding.severity = Severity::Warning;
            findings.push(finding);
            continue;
        };
        let Some(value) = &variable.value else {
            continue;
        };
        if name == contract::DIGEST || value.value == planned {
            continue;
        }
        let shown: String = value.value.chars().take(40).collect();
        let message = format!(
            "{} tells the program `{name}={shown}`, and the manifest says `{planned}`",
            pair.title()
        );
        let finding = pair
            .finding(&RULE, message, Place::Value(value.route.clone()))
            .label("what the program is told");
        let finding = match name {
            contract::GRACE => finding.beside(pair.planned_grace()),
            _ => finding.beside((pair.platform_place(), "this platform".to_owned())),
        };
        findings.push(finding.help(format!("write the value `\"{planned}\"`")));
    }
}
