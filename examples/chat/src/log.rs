//! What was said, a line each.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::Mutex;

/// A file that lines are added to.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<BufWriter<File>>>);

impl Log {
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let file = File::options().append(true).create(true).open(path).await;
        let file = file.with_context(|| format!("cannot write to {}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(BufWriter::new(file)))))
    }

    /// Adds a line. It may be in memory until [`close`](Self::close).
    pub(crate) async fn write(&self, line: &str) -> Result<()> {
        let mut file = self.0.lock().await;
        file.write_all(line.as_bytes()).await?;
        file.write_all(b"\n").await?;
        Ok(())
    }

    /// Writes what is in memory, and waits until the disk has it.
    pub(crate) async fn close(&self) -> Result<()> {
        let mut file = self.0.lock().await;
        file.flush().await?;
        file.get_ref().sync_all().await?;
        Ok(())
    }
}
