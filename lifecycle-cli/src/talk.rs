//! What is said besides the result: on standard error, and not with `--quiet`. Errors are no talk.

use std::sync::atomic::{AtomicBool, Ordering};

static HUSHED: AtomicBool = AtomicBool::new(false);

/// From here on nothing is said.
pub(crate) fn hush() {
    HUSHED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// Says a line, unless `--quiet` was given.
macro_rules! say {
    ($($words:tt)*) => {
        if !$crate::talk::is_hushed() {
            anstream::eprintln!($($words)*);
        }
    };
}

pub(crate) use say;
