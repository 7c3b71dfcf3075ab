//! Values that one connection's task writes, and others look at now and then.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A yes or no that only one connection's task and rarely somebody else looks at.
#[derive(Default)]
pub(in crate::http) struct Flag(AtomicBool);

impl Flag {
    pub(in crate::http) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(in crate::http) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets it and says what it was.
    pub(in crate::http) fn replace(&self, value: bool) -> bool {
        self.0.swap(value, Ordering::Relaxed)
    }
}

/// A number that only one connection's task changes.
#[derive(Default)]
pub(in crate::http) struct Count(AtomicU64);

impl Count {
    pub(in crate::http) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(in crate::http) fn add(&self, more: usize) {
        // One task writes, so there is nothing to lose between the two.
        self.0
            .store(self.get().wrapping_add(more as u64), Ordering::Relaxed);
    }
}
