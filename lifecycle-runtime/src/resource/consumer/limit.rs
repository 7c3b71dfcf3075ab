//! How the unwind time of a consumer's step is shared out.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::resource::served::Hub;

/// A moment within the unwind time, which begins when the step is cancelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    tenths: u32,
}

impl Limit {
    /// A handler that has seen its cancellation returns by then, or is dropped.
    pub(super) const HANDLER: Self = Self { tenths: 4 };
    /// The queue has answered by then, or its answer does not count: what is left of the unwind time
    /// is for the report.
    pub(super) const HAND_BACK: Self = Self { tenths: 9 };

    /// This share of the unwind time.
    pub(super) fn share(self, hub: &Hub) -> Duration {
        hub.unwind.get().copied().unwrap_or_default() * self.tenths / 10
    }

    /// Resolves at this moment; never, as long as the step is not cancelled.
    pub(super) async fn passed(self, hub: &Hub) {
        hub.cancellation.cancelled().await;
        let cancelled_at = hub.cancelled_at.get().copied();
        sleep_until(cancelled_at.unwrap_or_else(Instant::now) + self.share(hub)).await;
    }
}
