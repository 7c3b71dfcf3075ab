//! What `#[lifecycle::main]` refuses, in the compiler's words: one mistake a file, named for the
//! mistake, with the compiler's output beside it.
//!
//! `TRYBUILD=overwrite cargo test -p lifecycle-runtime --test ui` writes the output anew. Another
//! compiler has other words around ours: the output is compared under the release that wrote it, and
//! under any where `LIFECYCLE_UI=1` asks for it.

#[path = "../../tests/skipped.rs"]
mod skipped;

use skipped::skipped;

/// The compiler whose words are stored.
const RELEASE: &str = "1.95";

#[test]
fn mistakes_are_named() {
    let asked = ["LIFECYCLE_UI", "TRYBUILD"].map(|name| std::env::var_os(name).is_some());
    if !asked.contains(&true) && release().as_deref() != Some(RELEASE) {
        return skipped(&format!(
            "the words beside the cases are those of rustc {RELEASE}"
        ));
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// `1.95` of `rustc 1.95.0 (…)`.
fn release() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc)
        .arg("--version")
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    let mut parts = version.split(' ').nth(1)?.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}
