//! What is drilled: how it starts, is signalled, ends, and never outlives the drill.

pub(crate) mod output;
pub(crate) mod proc;
pub mod process;
pub mod ready;
pub(crate) mod running;
pub mod signalled;
pub mod subject;

pub use subject::Subject;
