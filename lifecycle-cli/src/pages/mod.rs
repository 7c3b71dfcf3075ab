//! The pages of the book that are made of what the program knows, so that they cannot say what is not
//! so: the reference of the command line and of the manifest, and the facts of each platform.
//!
//! `LIFECYCLE_BLESS=1 cargo test -p lifecycle-cli --lib pages` writes them anew.

mod commands;
mod manifest;
mod platforms;

use std::path::{Path, PathBuf};

/// Where the book is.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The page has this text from the line `<!-- NAME: …-->` to the line `<!-- /NAME -->`.
fn hold_part(page: &str, name: &str, fresh: &str) {
    let path = docs().join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let text = text.replace("\r\n", "\n");
    let (begin, end) = (format!("<!-- {name}: "), format!("<!-- /{name} -->\n"));
    let (head, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page} has no line `{begin}…-->`"));
    let (mark, rest) = rest.split_once('\n').unwrap_or_default();
    let (there, tail) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{page} has no line `{end}`"));
    let fresh = format!("\n{fresh}\n");
    if there != fresh {
        let whole = format!("{head}{begin}{mark}\n{fresh}{end}{tail}");
        stale(&path, there, &fresh, &whole);
    }
}

/// Writes the page where that is asked for, and fails with the difference where it is not.
fn stale(path: &Path, there: &str, fresh: &str, whole: &str) {
    let blessed = std::env::var_os("LIFECYCLE_BLESS").is_some_and(|value| value == "1");
    assert!(
        blessed,
        "{} is stale; LIFECYCLE_BLESS=1 writes it anew\n{}",
        path.display(),
        similar::TextDiff::from_lines(there, fresh).unified_diff()
    );
    std::fs::write(path, whole).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// What stands in a cell of a table.
fn cell(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    lines.join("<br>").replace('|', "\\|")
}
