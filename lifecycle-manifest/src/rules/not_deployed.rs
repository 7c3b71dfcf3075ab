//! The service is not in the files it is compared with.

#[cfg(feature = "deployed")]
use crate::{
    Resolved,
    deployed::Deployed,
    finding::{Finding, Place},
    platform::Platform,
};

rule! {
    /// The service is not in the files that it is compared with.
    ///
    /// ## What it finds
    ///
    /// A platform of the manifest for which `--against` has other workloads, and none of this name: no workload, container or `app.kubernetes.io/name` label called like the `service`.
    /// Files in which nothing runs containers.
    /// The only workload of a platform is taken for the service's, whatever it is called.
    ///
    /// ## Why it matters
    ///
    /// A comparison with nothing finds nothing. A service that was renamed in one file would pass for ever.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, port: 8080, timeout: 10s }
    /// platforms:
    ///   kubernetes: {}
    /// ```
    ///
    /// ```yaml deployed
    /// - { apiVersion: v1, kind: Pod, metadata: { name: cart }, spec: { containers: [{ name: cart }] } }
    /// - { apiVersion: v1, kind: Pod, metadata: { name: mail }, spec: { containers: [{ name: mail }] } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The deployed name as `service`, or the file that holds it.
    ///
    /// ```yaml deployed
    /// - { apiVersion: v1, kind: Pod, metadata: { name: cart }, spec: { containers: [{ name: cart }] } }
    /// - apiVersion: v1
    ///   kind: Pod
    ///   metadata: { name: shop }
    ///   spec:
    ///     containers: [{ name: shop, lifecycle: { preStop: { sleep: { seconds: 5 } } } }]
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the platform is planned and not used yet.
    ///
    /// ## Source
    ///
    /// Nothing to do with a platform: a check that checked nothing must say so.
    pub(super) RULE = "LC710", "not-deployed", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn finding(resolved: &Resolved, platform: &Platform, files: &[Deployed]) -> Finding {
    let service = &resolved.manifest.service;
    let name = platform.facts().name;
    let files_named = named(files);
    let message = match crate::deployed::holdings(files, platform.key()) {
        Some(held) => format!(
            "`{}` is not among what runs on {name} in {files_named}: {held}",
            service.value
        ),
        None => format!("there is nothing for {name} in {files_named}"),
    };
    Finding::new(&RULE, message, Place::Key(platform.common().route.clone()))
        .on(platform.key())
        .label("nothing to compare this with")
        .related(
            Place::Value(service.route.clone()),
            "looked for under this name",
        )
        .help("give the file that holds it to `--against`, or write its name as `service`")
}

/// There is no manifest, and nothing in the files to look at.
#[cfg(feature = "deployed")]
pub(super) fn nothing(files: &[Deployed]) -> Finding {
    let message = format!("nothing in {} runs containers", named(files));
    Finding::new(&RULE, message, Place::Bytes(crate::text::Span::default()))
        .in_deployed(0)
        .help("give the files of a platform: Kubernetes manifests, a task definition, a Compose file, a unit, a job file …")
}

/// The files' names, not all of many.
#[cfg(feature = "deployed")]
fn named(files: &[Deployed]) -> String {
    const MOST: usize = 3;
    let names: Vec<&str> = files
        .iter()
        .take(MOST)
        .map(|file| file.name.as_str())
        .collect();
    match files.len().saturating_sub(MOST) {
        0 => names.join(", "),
        more => format!("{} and {more} more files", names.join(", ")),
    }
}
