//! How long somebody is waited for, where this machine may be too busy to look.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Between two looks at the clock.
const STEP: Duration = Duration::from_millis(20);
/// What a timer may be late by on a machine that has nothing else to do.
const LATE: Duration = Duration::from_millis(10);

/// Waits until so much time has passed in which this thread was not held back.
///
/// An answer that came, or would have come, while others had the processor is late by no fault of whoever
/// gave it.
pub(crate) async fn own_time(limit: Duration) {
    let mut left = limit;
    while !left.is_zero() {
        let step = STEP.min(left);
        let began = Instant::now();
        sleep(step).await;
        let passed = began.elapsed();
        let counted = match passed > step + LATE {
            true => step,
            false => passed,
        };
        left = left.saturating_sub(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn on_a_machine_that_has_time_it_is_the_time() {
        let began = Instant::now();
        own_time(LIMIT).await;
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_could_look_is_not_counted() {
        let began = Instant::now();
        let held_back = async {
            sleep(Duration::from_millis(100)).await;
            tokio::time::advance(Duration::from_millis(700)).await;
        };
        tokio::join!(own_time(LIMIT), held_back);
        let passed = began.elapsed();
        assert!(passed >= Duration::from_millis(1_660), "{passed:?}");
        assert!(passed <= Duration::from_millis(1_700), "{passed:?}");
    }
}
