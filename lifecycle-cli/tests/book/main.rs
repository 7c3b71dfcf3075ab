//! The book in `docs`: its commands are run, its snippets are read by what they are written for, its
//! links lead somewhere, and no page is forgotten. `docs/writing.md` has the rules.
//!
//! `LIFECYCLE_BLESS=1` writes what commands print, and the list of the rules' pages, anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the suite of containers uses all of it")]
#[path = "../containers/engine.rs"]
mod engine;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod elision;
mod links;
mod page;
mod snippets;
mod summary;
mod tools;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
}
