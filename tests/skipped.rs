//! How every test in this workspace says that it was skipped: by way of `lifecycle_tests`, or with this
//! file as a module of its own.

/// Says past the harness, which keeps what a passing test prints to itself, that something was not
/// tested.
///
/// # Panics
///
/// Where `LIFECYCLE_NO_SKIPS` is `1`, which asks that everything be tested, or is a list with commas in
/// between that names something `what` speaks of: `.ci/there` names what it has seen to be there.
pub(crate) fn skipped(what: &str) {
    let insisted = std::env::var("LIFECYCLE_NO_SKIPS").unwrap_or_default();
    let mut names = insisted.split(',').filter(|name| !name.is_empty());
    let insists = names.any(|name| name == "1" || what.contains(name));
    assert!(!insists, "LIFECYCLE_NO_SKIPS={insisted}: {what}");
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("SKIPPED: {what}\n"));
}
