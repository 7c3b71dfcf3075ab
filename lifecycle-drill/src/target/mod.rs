//! What is drilled: how it starts, is signalled, ends, and never outlives the drill.

pub mod compose;
pub(crate) mod container;
mod handed;
pub(crate) mod image;
pub(crate) mod output;
pub(crate) mod proc;
pub mod process;
pub mod ready;
pub(crate) mod running;
pub mod signalled;
pub(crate) mod stopping;
pub mod subject;
pub(crate) mod tool;
pub mod unit;

pub use compose::Compose;
pub use image::Image;
pub use subject::Subject;
pub use unit::Unit;
