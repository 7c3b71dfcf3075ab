//! How many descriptors this process may have: a load needs one for every request under way.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For probes, idle connections, and the process itself.
const OTHERS: u64 = 1_024;

/// What this process was allowed before the drill asked for more.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Makes sure that there is room for so many descriptors, as far as this process may; where it may not,
/// what finds none is counted as not sent.
pub(crate) fn room_for(descriptors: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = descriptors as u64 + OTHERS;
    let Some(current) = limit.current.filter(|current| *current < wanted) else {
        return;
    };
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let more = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, more).is_ok() {
        BEFORE.get_or_init(|| current);
    }
}

/// What a program is to be allowed that is started now, where that is not what this process is: none
/// shall have more in a drill than it has without.
pub(crate) fn of_others() -> Option<u64> {
    BEFORE.get().copied()
}

/// Allows this process, and whatever it starts, no more than this.
pub(crate) fn allow(descriptors: u64) -> rustix::io::Result<()> {
    let limit = Rlimit {
        current: Some(descriptors),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit)
}
