//! One job: read an image, shrink it, write the thumbnail.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lifecycle::Cancellation;
use serde::Deserialize;

use crate::image::Image;

/// What a message says, as JSON.
#[derive(Debug, Deserialize)]
struct Job {
    /// The image, under `IMAGES_DIR`: a binary PPM.
    source: PathBuf,
    /// Where the thumbnail goes, under `IMAGES_DIR`.
    target: PathBuf,
    /// How wide it is to be, in pixels.
    width: usize,
}

/// Shrinks images in a folder.
pub(crate) struct Resizer {
    folder: PathBuf,
    latency: Duration,
}

impl Resizer {
    /// Images are in `folder`, and the store takes `latency` to hand out each.
    pub(crate) fn new(folder: PathBuf, latency: Duration) -> Self {
        Self { folder, latency }
    }

    /// Does one job. Dropped before it resolves, it has written no thumbnail; done twice, it has
    /// written the same one twice.
    pub(crate) async fn handle(&self, body: &[u8], cancelled: Cancellation) -> Result<()> {
        let job: Job = serde_json::from_slice(body).context("not a job")?;
        let (source, target) = (self.path(&job.source)?, self.path(&job.target)?);
        tokio::time::sleep(self.latency).await;
        let bytes = tokio::fs::read(&source)
            .await
            .with_context(|| format!("cannot read {}", source.display()))?;
        // A thread cannot be dropped as a future can: it has to look whether its time is over.
        let shrinking = tokio::task::spawn_blocking(move || {
            let image = Image::from_ppm(&bytes)?;
            let small = image.shrunk_to(job.width, || cancelled.is_cancelled());
            small.context("told to stop").map(|image| image.to_ppm())
        });
        let thumbnail = shrinking.await??;
        // Under another name first, so that there is no moment of half a thumbnail.
        let unfinished = target.with_extension("unfinished");
        tokio::fs::write(&unfinished, thumbnail)
            .await
            .with_context(|| format!("cannot write {}", unfinished.display()))?;
        std::fs::rename(&unfinished, &target)
            .with_context(|| format!("cannot write {}", target.display()))?;
        tracing::info!(target = %job.target.display(), "done");
        Ok(())
    }

    /// A path inside the folder.
    fn path(&self, path: &Path) -> Result<PathBuf> {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        if path.as_os_str().is_empty() || !path.components().all(inside) {
            bail!("{} does not stay in the folder", path.display());
        }
        Ok(self.folder.join(path))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    async fn handled(folder: &Path, body: &str) -> Result<()> {
        let resizer = Resizer::new(folder.to_owned(), Duration::ZERO);
        resizer
            .handle(body.as_bytes(), Cancellation::default())
            .await
    }

    #[tokio::test]
    async fn a_thumbnail_is_written_beside_its_image() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a.ppm"),
            b"P6 2 1 255\n\x00\x00\x00\x08\x08\x08",
        )
        .unwrap();
        let body = r#"{"source":"a.ppm","target":"a.small.ppm","width":1}"#;
        handled(folder.path(), body).await.unwrap();
        let thumbnail = std::fs::read(folder.path().join("a.small.ppm")).unwrap();
        assert_eq!(thumbnail, b"P6\n1 1\n255\n\x04\x04\x04");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_is_no_job_of_ours_fails() {
        let folder = tempfile::tempdir().unwrap();
        for body in [
            "",
            "{}",
            r#"{"source":"none.ppm","target":"b","width":1}"#,
            r#"{"source":"../a.ppm","target":"b","width":1}"#,
            r#"{"source":"/etc/passwd","target":"b","width":1}"#,
        ] {
            assert!(handled(folder.path(), body).await.is_err(), "{body}");
        }
    }
}
