//! Standard output. Whoever reads it may have seen enough and leave: that is no failure of ours, unlike
//! any other pipe that is closed.

use std::io::{self, StdoutLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::AutoStream;

/// Nobody reads standard output any more.
static LEFT: AtomicBool = AtomicBool::new(false);

/// Standard output, which remembers that its reader has left.
pub(crate) struct Out<W>(W);

/// For text, which loses its colours where they are not wanted.
pub(crate) fn text() -> Out<AutoStream<StdoutLock<'static>>> {
    Out(anstream::stdout().lock())
}

/// For bytes that are written as they are.
pub(crate) fn bytes() -> Out<StdoutLock<'static>> {
    Out(io::stdout().lock())
}

/// Whether the reader has left since this was last asked.
pub(crate) fn has_reader_left() -> bool {
    LEFT.swap(false, Ordering::Relaxed)
}

/// The error keeps its kind, and says what it is an error of.
fn noted<T>(written: io::Result<T>) -> io::Result<T> {
    written.map_err(|error| match error.kind() {
        // What is interrupted is tried again, and nobody speaks of it.
        io::ErrorKind::Interrupted => error,
        kind => {
            if kind == io::ErrorKind::BrokenPipe {
                LEFT.store(true, Ordering::Relaxed);
            }
            io::Error::new(kind, format!("could not print: {error}"))
        }
    })
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        noted(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        noted(self.0.flush())
    }
}
