//! What happened over time, in slices of equal length: what a picture of a drill is drawn from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A drill in slices. However long it lasted and however many requests it sent, there are at most
/// [`Series::MOST`] of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// When the first slice begins, in milliseconds from the timeline's zero.
    pub start_ms: f64,
    /// How long each lasts, in milliseconds.
    pub slice_ms: f64,
    /// The slices, in order and without gaps.
    pub slices: Vec<Slice>,
}

impl Series {
    /// More slices than this no picture can show.
    pub const MOST: usize = 600;
}

/// One slice. A request belongs to the one in which it was to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Answered, and not with a server error.
    pub served: u32,
    /// 503 with `Connection: close` or `Retry-After`.
    pub refused: u32,
    /// No connection, or one that closed before the request was written.
    pub refused_at_connect: u32,
    /// Any other 5xx.
    pub server_error: u32,
    /// Accepted, and neither answered nor refused.
    pub lost: u32,
    /// The most requests that were under way at one moment of the slice.
    pub in_flight: u32,
    /// The slowest served request, in milliseconds; null where none was served.
    pub slowest_ms: Option<f32>,
    /// The median of the served ones, in milliseconds; null where none was served.
    pub median_ms: Option<f32>,
}
