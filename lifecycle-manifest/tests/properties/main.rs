//! What holds of every manifest, over manifests nobody has written.
//!
//! The models here are naive on purpose: squares and exponentials over small inputs, written from the
//! design and not from the code.

mod arithmetic;
mod clouds;
mod digest;
mod fixes;
mod model;
mod plan;
mod robust;
mod spans;
mod yaml;
