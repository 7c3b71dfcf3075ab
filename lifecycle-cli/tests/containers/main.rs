//! Docker and Compose: what is generated, read by Compose's own schema and by Compose itself, and
//! carried out by a real engine beside the drill; and the image of the program itself.
//!
//! `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `check-jsonschema`, `LIFECYCLE_COMPOSE` a
//! Compose of version 2; docker-compose 1 and the engine are found by their names. What is not there
//! is said to be skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drilled;
mod engine;
mod files;
mod played;
mod podman;
mod restricted;
mod shipped;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use engine::{compose, good, has};

/// Texts that some reader on the way takes for something else.
const ODD: [&str; 12] = [
    "a: b # c",
    "it's \"x\"",
    "$HOME ${HOME} $$HOME $",
    "a\\b\\n",
    "two\nlines",
    "{{ x }} {% y %}",
    "- a",
    "~",
    "0x10",
    "é\u{2028}\u{85}✓",
    "`id` $(id)",
    " leading and trailing ",
];

/// What `gen` writes for a target, its standard output.
fn generated(directory: &Path, args: &[&str]) -> String {
    let output = support::run(directory, &[&["gen"], args].concat());
    assert!(
        output.status.success(),
        "{args:?}: {}",
        support::answer(&output)
    );
    support::stdout(&output)
}
