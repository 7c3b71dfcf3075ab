//! What was measured, as people read it.

mod human;
pub(in crate::drill) mod words;

pub(crate) use human::human;
