//! A client that reads slowly on purpose.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// In how many pauses an answer of unknown length is read that is read slowly.
const PAUSES: u32 = 10;

/// Holds a reader back, so that an answer takes its time.
pub(crate) struct ReadPace {
    began: Instant,
    over: Duration,
    length: Option<u64>,
    read: u64,
    pauses: u32,
}

impl ReadPace {
    /// An answer of `length` bytes, where that is known.
    pub(crate) fn new(over: Duration, length: Option<u64>) -> Self {
        Self {
            began: Instant::now(),
            over,
            length: length.filter(|length| *length > 0),
            read: 0,
            pauses: 0,
        }
    }

    /// Waits as long as this many bytes more should have taken.
    pub(crate) async fn took(&mut self, bytes: usize) {
        if self.over.is_zero() {
            return;
        }
        self.read += bytes as u64;
        self.pauses += 1;
        let due = match self.length {
            Some(length) => self.over.mul_f64(share(self.read, length)),
            None => self.over / PAUSES * self.pauses.min(PAUSES),
        };
        sleep((self.began + due).saturating_duration_since(Instant::now())).await;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "answers are far shorter than 2^52 bytes"
)]
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64).clamp(0.0, 1.0)
}
