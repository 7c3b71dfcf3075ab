//! What a deployment tells the program, by its environment: written by `gen`, set by `drill`, read
//! by the runtime.

use lifecycle_manifest::duration::millis;
use lifecycle_manifest::{Resolved, Timeline};

/// The platform's key in the manifest.
pub(crate) const PLATFORM: &str = "LIFECYCLE_PLATFORM";
/// The digest of the plan.
pub(crate) const DIGEST: &str = "LIFECYCLE_DIGEST";
/// The grace period, in milliseconds.
pub(crate) const GRACE: &str = "LIFECYCLE_GRACE_MS";
/// Where the report goes.
pub(crate) const REPORT: &str = "LIFECYCLE_REPORT";

/// What one platform's deployment of a plan says; the report's place is each writer's own.
pub(crate) fn environment(resolved: &Resolved, line: &Timeline) -> Vec<(&'static str, String)> {
    vec![
        (PLATFORM, line.platform().to_owned()),
        (DIGEST, resolved.digest.clone()),
        (GRACE, millis(line.grace().value).to_string()),
    ]
}
