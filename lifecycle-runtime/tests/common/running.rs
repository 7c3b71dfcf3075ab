//! A test program that starts itself again, with a scenario in its environment: real processes, real
//! signals. The program has a test called `subject` that runs the scenario.
#![allow(dead_code, reason = "each test program uses its part")]

use std::env;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::ms;
#[allow(unused_imports, reason = "each test program uses its part")]
pub(crate) use crate::common::skipped;

/// What anything quick may take on a busy machine.
pub(crate) const QUICK: Duration = Duration::from_secs(10);

/// How long a child that says nothing is listened to. Longer than anything takes, and not for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the process with the code of a scenario: a test cannot return one.
pub(crate) fn exit(code: ExitCode) -> ! {
    // `ExitCode` can only be compared.
    let number = (0..=255)
        .find(|&number| ExitCode::from(number) == code)
        .unwrap_or(255);
    std::process::exit(number.into());
}

/// The arguments that run the test `subject` and nothing else.
const SUBJECT: [&str; 5] = [
    "subject",
    "--exact",
    "--ignored",
    "--nocapture",
    "--test-threads=1",
];

pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Lines,
    errors: Lines,
    report: PathBuf,
    _folder: tempfile::TempDir,
}

/// What a child says, line by line. It is read no faster than it is asked for: some tests are about a
/// pipe that nobody reads.
struct Lines {
    /// Until the first line is asked for.
    pipe: Option<Box<dyn Read + Send>>,
    lines: Option<Receiver<String>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        Self {
            pipe: Some(Box::new(pipe)),
            lines: None,
        }
    }

    /// The next line, with its end; `None` when there will be none.
    fn next(&mut self) -> Option<String> {
        if let Some(pipe) = self.pipe.take() {
            self.lines = Some(read(pipe));
        }
        let lines = self.lines.as_ref().expect("read from the first time on");
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child has said nothing for {PATIENCE:?}"),
        }
    }

    fn rest(&mut self) -> String {
        std::iter::from_fn(|| self.next()).collect()
    }
}

/// Reads on a thread of its own, since a read from a pipe has no time limit.
fn read(pipe: Box<dyn Read + Send>) -> Receiver<String> {
    let (said, heard) = sync_channel(0);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        while pipe.read_line(&mut line).expect("text") > 0 {
            if said.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    heard
}

pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Option<Value>,
    pub(crate) took: Duration,
}

pub(crate) fn start(scenario: &str, environment: &[(&str, &str)]) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("termination-log");
    start_with(scenario, environment, folder, report)
}

pub(crate) fn start_with(
    scenario: &str,
    environment: &[(&str, &str)],
    folder: tempfile::TempDir,
    report: PathBuf,
) -> Running {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(SUBJECT).stdin(Stdio::null());
    spawn(command, scenario, environment, folder, report)
}

/// As [`start`], at a terminal: what is written to the child's `stdin` is typed.
///
/// `script` of util-linux opens the pseudo-terminal; without it the answer is `None`.
pub(crate) fn start_at_terminal(
    scenario: &str,
    environment: &[(&str, &str)],
    redirection: &str,
) -> Option<Running> {
    Command::new("script").arg("--version").output().ok()?;
    let program = env::current_exe().expect("this program");
    let line = format!(
        "exec '{}' {} {redirection}",
        program.display(),
        SUBJECT.join(" ")
    );
    let mut command = Command::new("script");
    command
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &line,
            "/dev/null",
        ])
        .stdin(Stdio::piped());
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("termination-log");
    Some(spawn(command, scenario, environment, folder, report))
}

/// As [`start`], by another program that is given this one and its arguments as its last.
pub(crate) fn start_by(
    mut starter: Command,
    scenario: &str,
    environment: &[(&str, &str)],
) -> Running {
    let program = env::current_exe().expect("this program");
    starter.arg(program).args(SUBJECT).stdin(Stdio::null());
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("termination-log");
    spawn(starter, scenario, environment, folder, report)
}

fn spawn(
    mut command: Command,
    scenario: &str,
    environment: &[(&str, &str)],
    folder: tempfile::TempDir,
    report: PathBuf,
) -> Running {
    for name in [
        "LIFECYCLE_PLATFORM",
        "LIFECYCLE_DIGEST",
        "LIFECYCLE_GRACE_MS",
        "LIFECYCLE_AWS",
        "LIFECYCLE_HEALTH_PORT",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
    ] {
        command.env_remove(name);
    }
    command
        .env("SCENARIO", scenario)
        .env("LIFECYCLE_REPORT", &report);
    command.envs(environment.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("this program starts");
    let lines = Lines::of(child.stdout.take().expect("piped"));
    let errors = Lines::of(child.stderr.take().expect("piped"));
    Running {
        child,
        lines,
        errors,
        report,
        _folder: folder,
    }
}

impl Running {
    /// Reads the child's output up to a line that ends so. (The test harness writes into the first.)
    pub(crate) fn until(&mut self, line: &str) {
        let said = self.next_line(|read| read.trim_end().ends_with(line));
        assert!(said.is_some(), "the child ended before it said {line}");
    }

    /// Reads the child's output up to a line that is `wanted`.
    pub(crate) fn until_some(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        self.next_line(wanted).expect("the child says such a line")
    }

    fn next_line(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let begun = Instant::now();
        loop {
            let said = self.lines.next()?;
            if wanted(&said) {
                return Some(said);
            }
            let passed = begun.elapsed();
            assert!(passed < PATIENCE, "waited for {PATIENCE:?}, up to {said}");
        }
    }

    /// Types a key at the child's terminal.
    pub(crate) fn press(&mut self, key: u8) {
        let typed = self.child.stdin.as_mut().expect("a terminal");
        typed.write_all(&[key]).expect("it listens");
        typed.flush().expect("it listens");
    }

    /// Reads so many lines of what the child says on standard error.
    pub(crate) fn errors(&mut self, lines: usize) -> String {
        let mut read = String::new();
        for _ in 0..lines {
            let Some(said) = self.errors.next() else {
                panic!("the child ended after it said {read}");
            };
            read += &said;
        }
        read
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the child is there");
    }

    /// Waits for the end, and for no more than `bound`.
    pub(crate) fn end(mut self, bound: Duration) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break status;
            }
            assert!(
                begun.elapsed() < bound,
                "the child has not ended after {bound:?}"
            );
            thread::sleep(ms(5));
        };
        let took = begun.elapsed();
        let stdout = self.lines.rest();
        let stderr = self.errors.rest();
        let report = read_report(&self.report);
        Ended {
            code: status.code(),
            stdout,
            stderr,
            report,
            took,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_report(path: &Path) -> Option<Value> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    assert!(text.len() <= 4096);
    Some(serde_json::from_str(&text).expect("the report is valid JSON"))
}

impl Ended {
    pub(crate) fn report(&self) -> &Value {
        self.report.as_ref().expect("a report was written")
    }
}

/// A port that is free, and most likely still when a child takes it: not of the range from which the
/// system gives ports out by itself, and never the same one twice.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let nth = std::process::id()
            .wrapping_mul(61)
            .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(nth % 20_000).expect("it fits");
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// The status that the port answers.
pub(crate) fn get(port: u16, path: &str) -> u16 {
    ask(port, path, "").0
}

/// The status and the body that the port answers to a request with these header lines.
pub(crate) fn ask(port: u16, path: &str, headers: &str) -> (u16, String) {
    try_ask(port, path, headers).expect("the health server answers")
}

/// As [`ask`]; `None` where nobody listens, or goes before the answer.
pub(crate) fn try_ask(port: u16, path: &str, headers: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n{headers}\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

/// Waits until `holds`, and for no more than [`QUICK`].
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < QUICK, "{what}: not after {QUICK:?}");
        thread::sleep(ms(5));
    }
}
