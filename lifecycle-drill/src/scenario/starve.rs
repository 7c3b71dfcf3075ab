//! Little processor time for the process: it has the lowest priority, and threads that want all there
//! is stand beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, setpriority_pgrp, setpriority_process};

use crate::stage::Stage;

/// The lowest priority there is.
const LOWEST: i32 = 19;
/// Where the scheduler gives each session its share, whatever the priorities in it: the session's priority
/// at which it gets as little beside one other.
const SESSION: &str = "10";
/// Threads beside the process for each processor, all with its priority: it gets one share in nine.
const BESIDE: usize = 8;
/// However many processors there are, no more threads than this.
const MOST: usize = 64;
/// However long the drill lasts, they end.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// From one look at whether it is over to the next.
const SPIN: Duration = Duration::from_millis(1);

/// Starves the process, and what it started, until the stage is halted or the process has ended.
///
/// Errors: the priority cannot be lowered, as of a process of another user.
pub(super) fn start(pid: u32, stage: &Arc<Stage>) -> anyhow::Result<()> {
    let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
    setpriority_pgrp(group, LOWEST).context("could not lower the priority of the process")?;
    // sched(7): with autogrouping priorities only count within a session, and the process has one of its
    // own.
    let session = format!("/proc/{pid}/autogroup");
    match std::fs::write(session, SESSION) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("could not lower the priority of the process's session");
        }
        _ => {}
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let until = Instant::now() + LONGEST;
    for _ in 0..(processors * BESIDE).min(MOST) {
        let stage = Arc::clone(stage);
        std::thread::Builder::new()
            .name("drill-burn".to_owned())
            .spawn(move || burn(&stage, until))?;
    }
    Ok(())
}

fn burn(stage: &Stage, until: Instant) {
    // Of this thread alone, so that the drill itself stays quick; a system that cannot do that has only
    // more of a starvation.
    let _quick = setpriority_process(Some(rustix::thread::gettid()), LOWEST);
    while !stage.halt.is_cancelled() && stage.ended().is_none() {
        let next = Instant::now() + SPIN;
        if next > until {
            return;
        }
        while Instant::now() < next {
            std::hint::spin_loop();
        }
    }
}
