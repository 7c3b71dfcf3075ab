//! A program that was built without `metrics`: the same face, and nothing behind it.

use std::time::Duration;

use crate::plan::Phase;
use crate::report::{Outcome, Report, StepReport};
use crate::signals::Signal;

pub(crate) const ENABLED: bool = false;

pub(crate) fn describe() {}
pub(crate) fn ready(_after: Duration) {}
pub(crate) fn in_flight(_resource: &str, _count: u64) {}
pub(crate) fn stopping(_signal: Option<Signal>) {}
pub(crate) fn settled(_after: Duration) {}
pub(crate) fn step(_step: &StepReport, _so_far: Outcome) {}
pub(crate) fn phase(_phase: Phase, _took: Duration) {}
pub(crate) fn over(_report: &Report, _late: &[u64]) {}
