//! The process had to be killed.

use std::borrow::Cow;

use crate::measured::Finding;
use crate::target::signalled::Reaction;
use crate::verdict::Detection;
use crate::verdict::evidence::{Evidence, idle_in_words, oldest};
use crate::words::{count, moment, span};

pub(super) static DETECTION: Detection = Detection {
    name: "sigkill-needed",
    what: "The process was still there at the end of the grace period, and was killed.",
    cause: "The signal did not reach the program or is not handled, or something in the shutdown waits \
            without a limit: a request that never ends, a connection, a close that hangs.",
    remedy: "Give every wait in the shutdown a limit, and all of them together less than the grace \
             period.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if !seen.measured.process.sigkill_needed {
        return None;
    }
    DETECTION.failure(
        seen.measured.timeline.killed_ms,
        format!(
            "the process was still there {} after {}, and was killed",
            span(seen.measured.planned.signal_to_kill_ms),
            seen.signal()
        ),
        cause(seen),
    )
}

fn cause(seen: &Evidence<'_>) -> Cow<'static, str> {
    if seen.has_launcher() {
        return "the signal did not reach the program, which is not the first process".into();
    }
    match seen.reaction() {
        Reaction::Default | Reaction::Ignores => {
            return "the program does not handle the signal".into();
        }
        Reaction::Handles | Reaction::Blocks | Reaction::Unknown => {}
    }
    if let Some(step) = seen.step_under_way() {
        return format!("{step}, by the program's own account").into();
    }
    let taken = seen.taken_by_the_end();
    let killed = seen.measured.timeline.killed_ms.unwrap_or_default();
    if let Some(oldest) = oldest(&taken, killed) {
        let signal_handled = match seen.reaction() {
            Reaction::Unknown => ", or does not handle the signal",
            _ => "",
        };
        return format!(
            "{} still under way: the oldest is {oldest}. The shutdown waits for it without a \
             limit{signal_handled}",
            match taken.len() {
                1 => "1 request was".to_owned(),
                several => format!("{} were", count(several as u64, "request")),
            }
        )
        .into();
    }
    let handled = match seen.reaction() {
        Reaction::Unknown => "either the signal is not handled, or something",
        _ => "the program has a handler for the signal, and something",
    };
    let idle = seen.idle_to_the_end();
    let let_go = idle.iter().find_map(|idle| idle.let_go_ms);
    match let_go {
        Some(at) => format!(
            "{handled} in the shutdown waits without a limit. It is not the {} that the drill held \
             idle: they were let go from {} on, and the process stayed",
            idle_in_words(&idle),
            moment(at)
        ),
        None => format!("{handled} in the shutdown waits without a limit"),
    }
    .into()
}
