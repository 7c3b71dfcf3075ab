//! E-mail, by way of a mail relay's pickup directory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Hands mails to the relay.
#[derive(Debug, Clone)]
pub(crate) struct Mailer {
    directory: Option<PathBuf>,
    latency: Duration,
}

impl Mailer {
    /// Mails go to `directory`, or to the log without one; the relay takes `latency` for each.
    pub(crate) fn new(directory: Option<PathBuf>, latency: Duration) -> Self {
        Self { directory, latency }
    }

    /// Sends one mail. Dropped before it resolves, it has sent nothing; `id` names the mail, so that
    /// the relay can tell a repetition from a second mail.
    pub(crate) async fn send(&self, id: &str, to: &str, text: &str) -> Result<()> {
        tokio::time::sleep(self.latency).await;
        let Some(directory) = &self.directory else {
            tracing::debug!(id, to, "a mail, not delivered: MAIL_DIR is not set");
            return Ok(());
        };
        let mail = format!("To: {to}\nSubject: Your order\nMessage-ID: <{id}@shop>\n\n{text}\n");
        let path = directory.join(format!("{id}.eml"));
        // In one call that does not wait, so that there is no moment of half a mail.
        std::fs::write(&path, mail).with_context(|| format!("cannot write {}", path.display()))
    }
}
