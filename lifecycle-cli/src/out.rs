//! Standard output. Whoever reads it may have seen enough and leave: that is no failure of ours, unlike
//! any other pipe that is closed.

use std::io::{StdoutLock, Write};
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
    Out(std::io::stdout().lock())
}

/// Whether the reader has left since this was last asked.
pub(crate) fn has_reader_left() -> bool {
    LEFT.swap(false, Ordering::Relaxed)
}

fn noted<T>(written: std::io::Result<T>) -> std::io::Result<T> {
    if let Err(error) = &written
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        LEFT.store(true, Ordering::Relaxed);
    }
    written
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        noted(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        noted(self.0.flush())
    }
}
