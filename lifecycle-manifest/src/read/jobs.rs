//! What a queue consumer says of its jobs.

use super::{Table, Zero};
use crate::manifest::Jobs;

/// The keys, and whether each is there.
pub(super) fn jobs(table: &mut Table<'_, '_>) -> (Jobs, [(&'static str, bool); 4]) {
    let jobs = Jobs {
        longest: table.duration("longest_job", Zero::Refused),
        prefetch: table.number("prefetch", 1..=1_000_000),
        poll: table.duration("poll", Zero::Refused),
        renews_lease: table.boolean("renews_lease"),
    };
    let there = [
        ("longest_job", jobs.longest.is_some()),
        ("prefetch", jobs.prefetch.is_some()),
        ("poll", jobs.poll.is_some()),
        ("renews_lease", jobs.renews_lease.is_some()),
    ];
    (jobs, there)
}
