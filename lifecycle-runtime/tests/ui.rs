//! What `#[lifecycle::main]` refuses, in the compiler's words: one mistake a file, named for the
//! mistake, with the compiler's output beside it.
//!
//! `TRYBUILD=overwrite cargo test -p lifecycle-runtime --test ui` writes the output anew. Another
//! compiler has other words around ours: the output is compared under the release that wrote it, and
//! under any where `LIFECYCLE_UI=1` asks for it.

/// The compiler whose words are stored.
const RELEASE: &str = "1.95";

#[test]
fn mistakes_are_named() {
    let asked = ["LIFECYCLE_UI", "TRYBUILD"].map(|name| std::env::var_os(name).is_some());
    if !asked.contains(&true) && release().as_deref() != Some(RELEASE) {
        // Past the harness, which keeps what a passing test prints to itself.
        let why =
            format_args!("SKIPPED: the words beside the cases are those of rustc {RELEASE}\n");
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), why);
        return;
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
