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
    let message = format!(
        "`{}` is not in what it is compared with on {}: {}",
        service.value,
        platform.facts().name,
        crate::deployed::holdings(files)
    );
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
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let message = format!("nothing in {} runs containers", names.join(", "));
    Finding::new(&RULE, message, Place::Bytes(crate::text::Span::default()))
        .in_deployed(0)
        .help("give Kubernetes manifests, or an ECS task definition or service, in YAML or JSON")
}
