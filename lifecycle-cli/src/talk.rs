//! What is said besides the result: on standard error, and not with `--quiet`. Errors are no talk.
//!
//! And the result's own way out, standard output, whose errors say what they are errors of.

use std::io::{self, StdoutLock, Write};
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

/// A path as it can be said: one with line breaks or a terminal's commands in it stays one line, and
/// commands nothing.
pub(crate) fn legible(path: &Path) -> String {
    one_line(&path.display().to_string()).into_owned()
}

/// Standard output for a result, with colours where they can be seen.
pub(crate) fn output() -> Output<anstream::AutoStream<StdoutLock<'static>>> {
    Output(anstream::stdout().lock())
}

/// Standard output for bytes that are to stay as they are.
pub(crate) fn plain_output() -> Output<StdoutLock<'static>> {
    Output(io::stdout().lock())
}

/// A way out. An error of it keeps its kind, so that a reader who has gone can be told from a full disk.
pub(crate) struct Output<W>(W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(could_not_print)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(could_not_print)
    }
}

fn could_not_print(error: io::Error) -> io::Error {
    match error.kind() {
        // What is interrupted is tried again, and nobody speaks of it.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, format!("could not print: {error}")),
    }
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
