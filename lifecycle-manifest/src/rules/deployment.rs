//! The rules about deployed files, asked: beside a manifest, and without one.

use super::{DEPLOYED, DRIFT, deployed_file_unreadable, deployed_key_twice, not_deployed};
use crate::Resolved;
use crate::deployed::{self, Compared, Deployed, Pair, View};
use crate::finding::Finding;

/// What deployed files show of a manifest: drift, and what they show by themselves of its workloads.
pub(crate) fn compare(
    resolved: &Resolved,
    files: &[Deployed],
    by_name_only: bool,
    findings: &mut Vec<Finding>,
) -> Vec<Compared> {
    let pairs = deployed::pairs(resolved, files, by_name_only);
    for platform in deployed::missing(resolved, files, &pairs) {
        findings.push(not_deployed::finding(resolved, platform, files));
    }
    for pair in &pairs {
        for check in DRIFT {
            check(pair, findings);
        }
    }
    inspect(&View::of_pairs(files, &pairs), findings);
    pairs.iter().map(Pair::compared).collect()
}

/// What deployed files show by themselves, without a manifest.
pub(crate) fn alone(files: &[Deployed], findings: &mut Vec<Finding>) {
    if files.iter().all(Deployed::is_empty) {
        findings.push(not_deployed::nothing(files));
    }
    inspect(&View::of(files), findings);
}

fn inspect(view: &View<'_>, findings: &mut Vec<Finding>) {
    for check in DEPLOYED {
        check(view, findings);
    }
}

/// What keeps deployed files from being read whole.
pub(crate) fn unreadable(files: &[Deployed], findings: &mut Vec<Finding>) {
    for (file, deployed) in files.iter().enumerate() {
        deployed_file_unreadable::check(file, deployed, findings);
        deployed_key_twice::check(file, deployed, findings);
    }
}
