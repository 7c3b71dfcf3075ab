//! What is said besides the result: on standard error, and not with `--quiet`. Errors are no talk.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lifecycle_manifest::render::one_line;

static HUSHED: AtomicBool = AtomicBool::new(false);

/// From here on nothing is said.
pub(crate) fn hush() {
    HUSHED.store(true, Ordering::Relaxed);
}

pub(crate) fn is_hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// Without what would move the cursor, or turn the direction of the text after it.
pub(crate) fn clean(text: &str) -> String {
    let clean = |letter: char| match letter {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(clean).collect()
}

/// A path as it can be said: one with line breaks or a terminal's commands in it stays one line, and
/// commands nothing.
pub(crate) fn legible(path: &Path) -> String {
    one_line(&path.display().to_string()).into_owned()
}

/// Says a line, unless `--quiet` was given.
macro_rules! say {
    ($($words:tt)*) => {
        if !$crate::talk::is_hushed() {
            $crate::talk::tell!($($words)*);
        }
    };
}

/// Says a line, whatever was given. Where nobody can hear it, because standard error is closed or full,
/// the work goes on: the exit code tells how it ended.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _unheard = writeln!(anstream::stderr(), $($words)*);
    }};
}

/// The same for words that have their line ends.
pub(crate) fn put(words: &str) {
    let _unheard = anstream::stderr().write_all(words.as_bytes());
}

pub(crate) use say;
pub(crate) use tell;
