//! Threads that want all the processor time there is, beside the process.
//!
//! They are the guard's and not the drill's, because a kernel may give each session its share, whatever
//! the priorities in it (sched(7), autogrouping): the guard is of one session with the process that it
//! started, so that there the two are weighed against each other, and the drill stays quick.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

/// The lowest priority there is.
pub(crate) const LOWEST: i32 = 19;
/// Threads for each processor, all with the process's priority: it gets one share in nine.
const BESIDE: usize = 8;
/// From one look at whether it is over to the next.
const SPIN: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Burners {
    over: Arc<AtomicBool>,
}

impl Burners {
    pub(super) fn start(&self) -> io::Result<()> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors * BESIDE {
            let over = Arc::clone(&self.over);
            std::thread::Builder::new()
                .name("drill-burn".to_owned())
                .spawn(move || burn(&over))?;
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn burn(over: &AtomicBool) {
    // Of this thread alone: the guard itself stays quick. A system that cannot do that has only more of a
    // starvation.
    let _quick = setpriority_process(Some(rustix::thread::gettid()), LOWEST);
    while !over.load(Ordering::Relaxed) {
        let next = Instant::now() + SPIN;
        while Instant::now() < next {
            std::hint::spin_loop();
        }
    }
}
