//! Commands of an engine: each carries the drill's mark, so that its guard finds what is left of them.

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::guard::{MAKING, MARK};

/// How long an engine may take to answer a question.
const ANSWER: Duration = Duration::from_secs(30);
/// What an engine gets for fetching an image.
const FETCH: Duration = Duration::from_secs(3_600);

/// Between two looks at whether a command is done that has said all it has to say.
const LOOK: Duration = Duration::from_millis(1);

/// Reads a stream to its end, on a thread of its own.
fn all_of(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (done, all) = mpsc::channel();
    let read = move || {
        let mut text = Vec::new();
        if let Some(mut stream) = stream {
            // As far as it comes: how the command ended tells the rest.
            let _broken_off = stream.read_to_end(&mut text);
        }
        // Nobody waits any more when the command took too long.
        let _late = done.send(text);
    };
    // Without a thread nothing comes, which counts as too late.
    let _none = std::thread::Builder::new()
        .name("drill-tool".to_owned())
        .spawn(read);
    all
}

/// An engine's program, such as `docker` or `docker compose -p x`.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    words: Vec<String>,
    mark: String,
    /// Variables of its environment, for it to pass on.
    env: Vec<(String, String)>,
}

impl Tool {
    pub(crate) fn new(words: &[&str], mark: &str) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            mark: mark.to_owned(),
            env: Vec::new(),
        }
    }

    /// The same with further arguments in front of all others.
    pub(crate) fn with<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// The same with variables in its environment, where nobody else on this machine can read them.
    pub(crate) fn knowing(mut self, env: Vec<(String, String)>) -> Self {
        self.env = env;
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
            .envs(self.env.iter().map(|(name, value)| (name, value)))
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
        self.bounded(MARK, true, FETCH, arguments).await
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
            Err(_) => bail!(self.late(arguments, limit)),
        };
        self.answer(arguments, &output)
    }

    /// Asks a question that is answered at once, without leaving the thread.
    pub(crate) fn now(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.now_within(ANSWER, arguments)
    }

    /// The same for what takes as long as it takes.
    pub(crate) fn fetch_now(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.now_within(FETCH, arguments)
    }

    fn now_within(&self, limit: Duration, arguments: &[&str]) -> anyhow::Result<String> {
        let child = self.command(MARK, arguments).spawn();
        let mut child = child.with_context(|| format!("could not run `{}`", self.words[0]))?;
        let (stdout, stderr) = (all_of(child.stdout.take()), all_of(child.stderr.take()));
        let until = Instant::now() + limit;
        // Both streams end with the command; one that has started others may leave them open.
        let left = || until.saturating_duration_since(Instant::now());
        let streams = stdout
            .recv_timeout(left())
            .and_then(|stdout| Ok((stdout, stderr.recv_timeout(left())?)));
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if left().is_zero() => break None,
                None => std::thread::sleep(LOOK),
            }
        };
        let (Some(status), Ok((stdout, stderr))) = (status, streams) else {
            let _ended = child.kill();
            let _reaped = child.wait();
            bail!(self.late(arguments, limit));
        };
        let output = Output {
            status,
            stdout,
            stderr,
        };
        self.answer(arguments, &output)
    }

    /// A command that was not done in time, without what may be secret in its arguments.
    fn late(&self, arguments: &[&str], limit: Duration) -> String {
        let asked = arguments.first().copied().unwrap_or_default();
        format!(
            "`{} {asked}` did not end within {} s",
            self.words.join(" "),
            limit.as_secs()
        )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::new_mark;

    fn shell() -> Tool {
        Tool::new(&["sh", "-c"], &new_mark())
    }

    #[test]
    fn an_answer_may_be_long_and_has_its_time() {
        let long = shell().now(&["head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"]);
        assert_eq!(long.unwrap().len(), 300_000);
        let refused = shell().now(&["echo no such thing >&2; exit 1"]);
        assert!(refused.unwrap_err().to_string().ends_with("no such thing"));
        let never = shell().now_within(Duration::from_millis(50), &["sleep 300", "TOKEN=x"]);
        let said = never.unwrap_err().to_string();
        assert!(said.contains("did not end within"), "{said}");
        assert!(!said.contains("TOKEN"), "{said}");
    }

    #[tokio::test]
    async fn what_is_passed_on_is_not_in_the_line() {
        let env = vec![("HELD".to_owned(), "back".to_owned())];
        let tool = shell().knowing(env);
        assert_eq!(tool.ask(&["echo $HELD"]).await.unwrap(), "back");
        let late = tool.make(
            Duration::from_millis(50),
            &["sleep 300", "--env", "PASSWORD=x"],
        );
        let said = late.await.unwrap_err().to_string();
        assert!(!said.contains("PASSWORD"), "{said}");
    }
}
