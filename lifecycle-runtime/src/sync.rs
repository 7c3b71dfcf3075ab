//! What the parts without a lock, and those with more than one, are made of.
//!
//! The standard library's and tokio's own, except when the models are checked: then every load, store,
//! lock and wake-up is loom's, which tries all the orders in which threads may see them. See
//! `.ci/models`.

#[cfg(not(lifecycle_loom))]
mod real {
    pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
    #[cfg(feature = "http")]
    pub(crate) use std::thread::yield_now;

    pub(crate) use tokio::sync::Notify;

    #[cfg(feature = "http")]
    pub(crate) type Map<K, V> = std::collections::HashMap<K, V>;
}

#[cfg(lifecycle_loom)]
mod notify;

#[cfg(lifecycle_loom)]
mod real {
    pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
    pub(crate) use loom::thread::yield_now;

    pub(crate) use super::notify::Notify;

    /// In the same order in every execution, or loom could not repeat one.
    pub(crate) type Map<K, V> = std::collections::BTreeMap<K, V>;
}

pub(crate) use self::real::*;

/// Runs a model in every interleaving that changes threads at most twice where nothing makes it:
/// more find nothing new in practice, and take exponentially longer.
#[cfg(all(test, lifecycle_loom))]
pub(crate) fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}
