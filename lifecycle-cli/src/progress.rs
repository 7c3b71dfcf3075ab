//! How far a long run is: on a terminal, and only once it has been long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::talk;

/// What ends sooner is not spoken of.
const PATIENCE: Duration = Duration::from_secs(1);

/// Draws often enough to look alive.
const REFRESH_HZ: u8 = 10;

pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// So many manifests are to be checked.
    pub(crate) fn over(count: usize) -> Self {
        let bar = ProgressBar::hidden();
        bar.set_length(count as u64);
        if let Ok(style) = ProgressStyle::with_template("checked {pos} of {len} manifests") {
            bar.set_style(style);
        }
        Self {
            bar,
            started: Instant::now(),
        }
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.started.elapsed() > PATIENCE && !talk::is_hushed() {
            // Hidden again by itself where standard error is no terminal.
            self.bar
                .set_draw_target(ProgressDrawTarget::stderr_with_hz(REFRESH_HZ));
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
