//! What is said besides the result: on standard error, and not with `--quiet`. Errors are no talk.

use std::sync::atomic::{AtomicBool, Ordering};

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

/// Says a line, unless `--quiet` was given.
macro_rules! say {
    ($($words:tt)*) => {
        if !$crate::talk::is_hushed() {
            anstream::eprintln!($($words)*);
        }
    };
}

pub(crate) use say;
