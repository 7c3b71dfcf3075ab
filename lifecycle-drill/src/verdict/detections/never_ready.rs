//! The process did not become ready.

use crate::measured::{Course, Finding};
use crate::verdict::Detection;
use crate::verdict::evidence::Evidence;
use crate::words::span;

pub(super) static DETECTION: Detection = Detection {
    name: "never-ready",
    what: "The process was not ready within the time it has to start (`--start-timeout`).",
    cause: "It listens on another port or path than the drill was told, or it waits for something \
            that is not there.",
    remedy: "Read its last lines; correct `port` and `traffic.health` in the manifest, or give `--port` \
             and `--ready` as the program has them.",
    look,
};

fn look(seen: &Evidence<'_>) -> Option<Finding> {
    if seen.measured.course != Course::NeverReady {
        return None;
    }
    let limit = seen.start_timeout.as_secs_f64() * 1_000.0;
    let waited = seen.measured.waited.as_ref();
    let words = waited.map_or_else(String::new, |waited| format!(": {}", waited.words()));
    let cause = match waited {
        Some(waited) if waited.listens.is_empty() => {
            "it opened no port: it waits for something that is not there, or it starts more slowly than \
             this; its last lines are below"
        }
        Some(waited) if waited.last.contains("answered") => {
            "it answers, and says that it is not ready: something that it needs is not there, or the \
             path is another one; its last lines are below"
        }
        Some(_) => {
            "it listens on another port than the drill was told; correct `port` and `traffic.health` in \
             the manifest, or give `--port` and `--ready` as the program has them"
        }
        None => {
            "it listens on another port or path than the drill was told, or it waits for something \
             that is not there; its last lines are below"
        }
    };
    DETECTION.failure(
        Some(seen.measured.timeline.started_ms + limit),
        format!("the process was not ready within {}{words}", span(limit)),
        cause,
    )
}
