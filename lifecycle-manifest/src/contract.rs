//! What a deployment tells the program by its environment: written by `gen`, set by `drill`, compared
//! by `check --against`, read by the runtime.

use crate::duration::millis;
use crate::{Resolved, Timeline};

/// The platform's key in the manifest.
pub const PLATFORM: &str = "LIFECYCLE_PLATFORM";
/// The digest of the plan.
pub const DIGEST: &str = "LIFECYCLE_DIGEST";
/// The grace period, in milliseconds.
pub const GRACE: &str = "LIFECYCLE_GRACE_MS";
/// Where the report goes.
pub const REPORT: &str = "LIFECYCLE_REPORT";
/// What goes wrong on purpose, in a program that was built for it. No generated manifest sets it.
pub const FAULTS: &str = "LIFECYCLE_FAULTS";
/// The annotation, or tag, that holds the digest too.
pub const DIGEST_LABEL: &str = "lifecycle/plan-digest";

/// What one platform's deployment of a plan says; the report's place is each writer's own.
///
/// ```
/// use lifecycle_manifest::{Analysis, contract};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { grace_period: 40s }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let environment = contract::environment(&resolved, &resolved.timelines[0]);
/// assert_eq!(environment, [
///     (contract::PLATFORM, "kubernetes".to_owned()),
///     (contract::DIGEST, resolved.digest.clone()),
///     (contract::GRACE, "40000".to_owned()),
/// ]);
/// ```
pub fn environment(resolved: &Resolved, line: &Timeline) -> Vec<(&'static str, String)> {
    vec![
        (PLATFORM, line.platform().to_owned()),
        (DIGEST, resolved.digest.clone()),
        (GRACE, millis(line.grace().value).to_string()),
    ]
}
