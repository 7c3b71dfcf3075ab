//! A program that probes itself: real processes, all of them this very program. With a scenario in
//! its environment it is the service, or its probe; without one it is the test.

#[path = "process/child.rs"]
mod child;
mod common;

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::ms;
use rustix::process::{Pid, Signal, kill_process};

/// What anything quick may take on a busy machine.
const QUICK: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    if let Ok(scenario) = env::var("SCENARIO") {
        return child::run(&scenario);
    }
    // A test runner that asks which tests there are hears of none.
    if env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    it_follows_the_service();
    println!("test it_follows_the_service ... ok");
    it_says_what_it_cannot_do();
    println!("test it_says_what_it_cannot_do ... ok");
    ExitCode::SUCCESS
}

fn it_follows_the_service() {
    // Free now, and most likely still when the service takes it.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("bound")
        .port();
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("termination-log");
    let probe = |word| probe("health", &[word], port, &report);

    let nobody = probe("live");
    assert_eq!(nobody.code, Some(1));
    let place = format!("Error: shop: not live: http://127.0.0.1:{port}/health/live: ");
    assert!(nobody.stderr.starts_with(&place), "{}", nobody.stderr);

    // It settles until it is killed, so that no probe can come too late.
    let mut service = Service::start("health-settling-long", port);
    service.until("starting");
    assert_eq!(probe("live").code, Some(0));
    let early = probe("ready");
    assert_eq!(early.code, Some(1));
    assert!(early.stderr.ends_with(": the answer is 503\n"));

    service.until("ready");
    for word in ["live", "ready"] {
        let up = probe(word);
        assert_eq!((up.code, &*up.stderr), (Some(0), ""));
    }

    service.signal(Signal::TERM);
    let begun = Instant::now();
    while probe("ready").code != Some(1) {
        assert!(begun.elapsed() < QUICK, "readiness went down");
        thread::sleep(ms(5));
    }
    assert_eq!(probe("live").code, Some(0));

    drop(service);
    for word in ["live", "ready"] {
        assert_eq!(probe(word).code, Some(1));
    }
    assert!(!report.exists(), "the report is the service's to write");
}

fn it_says_what_it_cannot_do() {
    let report = Path::new("/dev/null");
    let portless = probe("clean", &["live"], 0, report);
    assert_eq!(portless.code, Some(1));
    assert!(portless.stderr.contains("no health port"));
    assert_eq!(portless.stderr.lines().count(), 1);

    for words in [&["alive"][..], &[]] {
        let unknown = probe("health", words, 1, report);
        assert_eq!(unknown.code, Some(2));
        assert!(unknown.stderr.contains("`live` or `ready`"));
        assert_eq!(unknown.stderr.lines().count(), 1);
    }
}

struct Service {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Service {
    fn start(scenario: &str, port: u16) -> Self {
        let mut child = program(scenario, port)
            .env_remove("LIFECYCLE_REPORT")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// Reads the service's output up to this line.
    fn until(&mut self, line: &str) {
        let mut read = String::new();
        while read.trim_end() != line {
            read.clear();
            let count = self.lines.read_line(&mut read).expect("text");
            assert!(count > 0, "the service ended before it said {line}");
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the service is there");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Probed {
    code: Option<i32>,
    stderr: String,
}

/// Runs the program as a probe; the service's own output must not be there.
fn probe(scenario: &str, words: &[&str], port: u16, report: &Path) -> Probed {
    let mut child = program(scenario, port)
        .arg("--lifecycle-probe")
        .args(words)
        .env("LIFECYCLE_REPORT", report)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if begun.elapsed() > QUICK {
            let _ = child.kill();
        }
        thread::sleep(ms(5));
    };
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let output = output.expect("piped").read_to_string(&mut stdout);
    let errors = errors.expect("piped").read_to_string(&mut stderr);
    output.and(errors).expect("text");
    assert_eq!(stdout, "", "a probe serves nothing");
    Probed {
        code: status.code(),
        stderr,
    }
}

fn program(scenario: &str, port: u16) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    for name in [
        "LIFECYCLE_PLATFORM",
        "LIFECYCLE_DIGEST",
        "LIFECYCLE_GRACE_MS",
    ] {
        command.env_remove(name);
    }
    command
        .env("SCENARIO", scenario)
        .env("HEALTH_PORT", port.to_string())
        .stdin(Stdio::null());
    command
}
