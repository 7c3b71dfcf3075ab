//! A drill for people, 80 columns wide.
//!
//! Colour only repeats what the words say. The text carries its colours; print it through
//! `anstream`, which drops them where they are not wanted.

mod compared;
mod requests;
mod rolling;
mod run;
mod several;
mod text;

pub(super) use compared::{compared, whole};
pub(super) use rolling::{exit, rolling};
pub(crate) use run::run;
pub(super) use run::{load, planned, times};
pub(super) use several::several;
