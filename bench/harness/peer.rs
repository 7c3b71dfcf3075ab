//! A peer's process: started, told to stop, waited for.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

/// After this a peer that was told to stop is killed: longer than any of them may drain.
pub const PATIENCE: Duration = Duration::from_secs(12);

/// Everyone, the runtime itself last. `axum` and `hyper` do not shut down at all; they say what the
/// others pay for it.
pub const PEERS: [&str; 10] = [
    "axum",
    "axum-graceful",
    "hyper",
    "hyper-util",
    "axum-server",
    "task-tracker",
    "tokio-graceful",
    "tokio-graceful-shutdown",
    "actix-web",
    "lifecycle",
];

pub struct Peer {
    process: Child,
    pub address: SocketAddr,
}

/// How a peer ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    pub took: Duration,
    status: ExitStatus,
}

impl Peer {
    pub fn start(name: &str) -> anyhow::Result<Self> {
        Self::spawn(&mut Command::new(program(name)?)).with_context(|| format!("{name} starts"))
    }

    /// The same through another program, such as valgrind.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env_remove("LIFECYCLE_PLATFORM")
            .spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("its address")?;
        Ok(Self { process, address })
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> anyhow::Result<Instant> {
        let at = Instant::now();
        kill_process(Pid::from_child(&self.process), Signal::TERM)?;
        Ok(at)
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(self) -> anyhow::Result<Ended> {
        let begun = self.terminate()?;
        self.ended(begun)
    }

    /// Waits for the end; who takes longer than [`PATIENCE`] is killed.
    pub fn ended(mut self, begun: Instant) -> anyhow::Result<Ended> {
        let (over, waiting) = channel::<()>();
        let pid = Pid::from_child(&self.process);
        let killer = std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE).is_err() {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let status = self.process.wait()?;
        let took = begun.elapsed();
        let _ = over.send(());
        let _ = killer.join();
        Ok(Ended { took, status })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => write!(f, "exit {code}"),
            (None, Some(9)) => write!(f, "**killed** after {} s", PATIENCE.as_secs()),
            (None, Some(15)) => f.write_str("ended by the signal"),
            (None, other) => write!(f, "signal {}", other.unwrap_or_default()),
        }
    }
}

/// A peer's program, which lies beside this one.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}
