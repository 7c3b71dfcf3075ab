//! Programs that are started on demand: by a handler, for one piece of work.

use std::fmt;
use std::io;
use std::process::{ExitStatus, Output};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ending::{KILL, Manner, name_of};
use super::process::Process;
use crate::resource::closed::Closed;
use crate::resource::nursery::Matter;
use crate::resource::served::Hub;

/// Starts programs that a handler waits for, under the eyes of a
/// [`ChildProcess`](crate::ChildProcess). Clones share it.
///
/// ```
/// use std::process::{Command, Stdio};
/// use lifecycle::ChildProcess;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tools = ChildProcess::on_demand();
/// let programs = tools.handle(); // for the handlers
///
/// let mut date = Command::new("date");
/// date.arg("+%Y").stdout(Stdio::piped());
/// let output = programs.spawn(date)?.wait_with_output().await?;
/// assert!(output.status.success());
/// # Ok(())
/// # }
/// ```
///
/// They are work in flight. When the step's window opens, no other is started ([`Closed`]), and those
/// that run are waited for, counted and named with their process number. At the timeout they get
/// SIGTERM, and after `budget.unwind` they are killed. Each leads a group of its own, of which nothing
/// lives longer than itself. What was said to the service alone they do not inherit, unless their command
/// sets it: see [`ChildProcess`](crate::ChildProcess#its-environment).
#[derive(Clone)]
pub struct Children {
    hub: Arc<Hub>,
    owner: u64,
}

impl Children {
    pub(super) fn new(hub: Arc<Hub>, owner: u64) -> Self {
        Self { hub, owner }
    }

    /// Starts `command`, from the standard library or from tokio.
    ///
    /// # Errors
    ///
    /// [`NotStarted::Closed`] once the step's window has opened, and [`NotStarted::Failed`] for what
    /// the system says, such as a program that does not exist.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn(&self, command: impl Into<Command>) -> Result<Child, NotStarted> {
        let mut command = command.into();
        let name = name_of(&command);
        // From here on the step waits, whatever becomes of the start.
        let entered = self.hub.roster.try_enter(&name)?;
        let mut process = Process::start(&mut command, true, self.owner)?;
        let pid = process.target().pid();
        let name = format!("{name} ({pid})");
        let working = self.hub.roster.enter(&name);
        drop(entered);

        let (said, heard) = oneshot::channel();
        let unwanted = CancellationToken::new();
        let (stdin, stdout, stderr) = {
            let child = process.child();
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        };
        let child = Child {
            stdin,
            stdout,
            stderr,
            pid: pid.as_raw_nonzero().get().unsigned_abs(),
            unwanted: unwanted.clone().drop_guard(),
            exit: Exit::Running(heard),
        };
        let cancellation = self.hub.cancellation.clone();
        let watching = async move {
            let status = watch(process, unwanted, cancellation.cancelled()).await;
            // Nobody may want to know.
            let _ = said.send(status);
            Ok(())
        };
        self.hub
            .children
            .spawn(&self.hub.roster, working, name, Matter::Log, watching);
        Ok(child)
    }

    /// Whether the step's window has opened, so that nothing is started any more.
    pub fn is_closed(&self) -> bool {
        self.hub.roster.is_closed()
    }
}

/// Waits for the program, and kills it when nobody wants it any more.
async fn watch(
    mut process: Process,
    unwanted: CancellationToken,
    cancelled: impl Future<Output = ()>,
) -> io::Result<ExitStatus> {
    let target = process.target();
    tokio::select! {
        biased;
        () = process.exited() => {}
        () = unwanted.cancelled() => {
            target.signal_all(KILL);
            process.exited().await;
        }
        () = cancelled => {
            target.signal_all(Manner::default().signal.number());
            tokio::select! {
                biased;
                () = process.exited() => {}
                () = unwanted.cancelled() => {
                    target.signal_all(KILL);
                    process.exited().await;
                }
            }
        }
    }
    process.reap().await
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Why a program was not started.
///
/// ```
/// use std::process::Command;
/// use lifecycle::{ChildProcess, NotStarted};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let programs = ChildProcess::on_demand().handle();
/// let answer = match programs.spawn(Command::new("/no/such/program")) {
///     Ok(_) => "it runs".to_owned(),
///     Err(NotStarted::Closed(closed)) => format!("try again in {:?}", closed.retry_after()),
///     Err(NotStarted::Failed(error)) => error.kind().to_string(),
///     Err(other) => other.to_string(),
/// };
/// assert_eq!(answer, "entity not found");
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum NotStarted {
    /// The service is stopping.
    Closed(Closed),
    /// The system refused.
    Failed(io::Error),
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Failed(error) => write!(f, "the program was not started: {error}"),
        }
    }
}

impl std::error::Error for NotStarted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Closed(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl From<Closed> for NotStarted {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// A program that was started on demand. Dropping it kills the program and its group.
///
/// ```
/// use std::process::{Command, Stdio};
/// use lifecycle::ChildProcess;
/// use tokio::io::AsyncWriteExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let programs = ChildProcess::on_demand().handle();
/// let mut sort = Command::new("sort");
/// sort.stdin(Stdio::piped()).stdout(Stdio::piped());
///
/// let mut sorting = programs.spawn(sort)?;
/// let mut input = sorting.stdin.take().ok_or("no standard input")?;
/// input.write_all(b"b\na\n").await?;
/// drop(input); // the end of its input
/// let output = sorting.wait_with_output().await?;
/// assert_eq!(output.stdout, b"a\nb\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the program is killed as soon as this is dropped"]
pub struct Child {
    /// Its standard input, if the command piped it.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if the command piped it.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if the command piped it.
    pub stderr: Option<ChildStderr>,
    pid: u32,
    unwanted: DropGuard,
    exit: Exit,
}

#[derive(Debug)]
enum Exit {
    Running(oneshot::Receiver<io::Result<ExitStatus>>),
    Known(io::Result<ExitStatus>),
}

/// The same once more.
fn again(known: &io::Result<ExitStatus>) -> io::Result<ExitStatus> {
    known.as_ref().copied().map_err(|error| {
        error.raw_os_error().map_or_else(
            || io::Error::new(error.kind(), error.to_string()),
            io::Error::from_raw_os_error,
        )
    })
}

impl Child {
    /// Its process number. Once the program has exited, it may be another's.
    pub fn id(&self) -> u32 {
        self.pid
    }

    /// Closes the program's standard input, if it was not taken, and waits for its exit. Can be called
    /// again, which gives the same, and be dropped while it waits.
    ///
    /// # Errors
    ///
    /// If the system does not tell, or the program was killed because the step's time was over and
    /// nobody was left to wait for it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        let heard = match &mut self.exit {
            Exit::Known(known) => return again(known),
            Exit::Running(heard) => heard.await,
        };
        let killed = |_| Err(io::Error::other("killed at the end of the service"));
        let known = heard.unwrap_or_else(killed);
        let told = again(&known);
        self.exit = Exit::Known(known);
        told
    }

    /// Waits for the exit and collects what the program writes, where the command piped it.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and if a pipe cannot be read.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let (status, stdout, stderr) =
            tokio::try_join!(self.wait(), collected(stdout), collected(stderr))?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Kills the program and its group.
    pub fn kill(self) {
        drop(self.unwanted);
    }
}

async fn collected(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
