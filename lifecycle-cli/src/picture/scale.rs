//! Milliseconds as places: the one scale of a picture, and its ruler.

/// Where a moment is drawn, between two edges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Where zero is.
    pub(crate) from: f64,
    /// Where the end is.
    pub(crate) to: f64,
    /// What the end is, in milliseconds; more than zero.
    pub(crate) end_ms: u64,
}

impl Scale {
    /// The place of a moment; what lies beyond the end is drawn at the end.
    pub(crate) fn x(&self, at_ms: u64) -> f64 {
        self.from + share(at_ms.min(self.end_ms), self.end_ms) * (self.to - self.from)
    }

    /// The place and the width of a stretch: what is there can be seen, however short it is.
    pub(crate) fn span(&self, start_ms: u64, end_ms: u64) -> (f64, f64) {
        let (start, end) = (self.x(start_ms), self.x(end_ms));
        (start.min(self.to - 2.0), (end - start).max(2.0))
    }
}

/// The part of a whole that this is.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a picture's pixel is far coarser than 2^-52 of its scale"
    )]
    let (part, whole) = (part as f64, whole.max(1) as f64);
    part / whole
}

/// Round numbers, at least so many pixels apart.
pub(crate) fn ticks(scale: &Scale, apart: f64) -> Vec<u64> {
    const STEPS: [u64; 20] = [
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        20_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        1_800_000,
        3_600_000,
        7_200_000,
        21_600_000,
        86_400_000,
        604_800_000,
        2_592_000_000,
    ];
    let fits = |step: &&u64| scale.x(**step) - scale.from >= apart || **step > scale.end_ms;
    let step = STEPS.iter().find(fits).copied().unwrap_or(scale.end_ms);
    (0..=64)
        .map(|tick| tick * step.max(1))
        .take_while(|tick| *tick <= scale.end_ms)
        .collect()
}
