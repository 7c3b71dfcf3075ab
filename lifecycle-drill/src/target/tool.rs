//! Commands of an engine: each carries the drill's mark, so that its guard finds what is left of them.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::guard::{MAKING, MARK};

/// How long an engine may take to answer a question.
const ANSWER: Duration = Duration::from_secs(30);

/// An engine's program, such as `docker` or `docker compose -p x`.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    words: Vec<String>,
    mark: String,
}

impl Tool {
    pub(crate) fn new(words: &[&str], mark: &str) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            mark: mark.to_owned(),
        }
    }

    /// The same with further arguments in front of all others.
    pub(crate) fn with<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// The whole command line.
    pub(crate) fn line(&self, arguments: &[&str]) -> Vec<String> {
        let further = arguments.iter().map(|word| (*word).to_owned());
        self.words.iter().cloned().chain(further).collect()
    }

    fn command(&self, mark: &str, arguments: &[&str]) -> Command {
        let line = self.line(arguments);
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env(mark, &self.mark)
            // What interrupts the drill is not for the engine's command.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Asks a question, and is ended when nobody waits for the answer any more.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.bounded(MARK, true, ANSWER, arguments).await
    }

    /// The same for what takes as long as it takes, such as fetching an image.
    pub(crate) async fn fetch(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.bounded(MARK, true, Duration::from_secs(3_600), arguments)
            .await
    }

    /// Has the engine make something. When the drill breaks off meanwhile the command is let finish, for
    /// what it makes has to be there to be removed.
    pub(crate) async fn make(&self, limit: Duration, arguments: &[&str]) -> anyhow::Result<String> {
        self.bounded(MAKING, false, limit, arguments).await
    }

    async fn bounded(
        &self,
        mark: &str,
        ends_with_us: bool,
        limit: Duration,
        arguments: &[&str],
    ) -> anyhow::Result<String> {
        let mut command = tokio::process::Command::from(self.command(mark, arguments));
        command.kill_on_drop(ends_with_us);
        let output = match tokio::time::timeout(limit, command.output()).await {
            Ok(output) => output.with_context(|| format!("could not run `{}`", self.words[0]))?,
            Err(_) => bail!(
                "`{}` did not end within {} s",
                self.line(arguments).join(" "),
                limit.as_secs()
            ),
        };
        self.answer(arguments, &output)
    }

    /// Asks a question that is answered at once, without leaving the thread.
    pub(crate) fn now(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(MARK, arguments).output();
        let output = output.with_context(|| format!("could not run `{}`", self.words[0]))?;
        self.answer(arguments, &output)
    }

    fn answer(&self, arguments: &[&str], output: &Output) -> anyhow::Result<String> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // The last lines hold the reason; before it there is progress.
        let lines: Vec<&str> = said.trim().lines().collect();
        let last = lines[lines.len().saturating_sub(6)..].join("\n");
        let asked = arguments.first().copied().unwrap_or_default();
        bail!("`{} {asked}`: {last}", self.words.join(" "))
    }

    /// Starts a command that goes on telling until it is dropped.
    pub(crate) fn follow(&self, arguments: &[&str]) -> anyhow::Result<Follower> {
        let child = self.command(MARK, arguments).spawn();
        let child = child.with_context(|| format!("could not run `{}`", self.words[0]))?;
        Ok(Follower { child })
    }
}

/// A command that tells what an engine does. Dropping it ends it.
pub(crate) struct Follower {
    child: Child,
}

impl Follower {
    /// Its standard output; once.
    pub(crate) fn stdout(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().context("its output was taken")
    }

    /// Its standard error; once.
    pub(crate) fn stderr(&mut self) -> anyhow::Result<ChildStderr> {
        self.child.stderr.take().context("its output was taken")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
