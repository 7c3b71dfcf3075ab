//! The text layer: where things stand in the file, and what stands there.
//!
//! Knows YAML and positions, and nothing of what a manifest means.

mod fault;
mod functions;
mod mapping;
mod meter;
mod parse;
mod route;
mod source;
mod stream;
mod tree;

pub use fault::{Limits, SyntaxError, SyntaxErrorKind};
pub use mapping::Mapping;
pub use parse::parse;
pub use route::{Route, Segment};
pub use source::{Position, Source, Span};
pub use stream::parse_stream;
pub use tree::{Comment, Document, Entry, Node, Part, Value};
