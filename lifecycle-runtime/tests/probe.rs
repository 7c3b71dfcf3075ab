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
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
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
    two_instances_share_a_host();
    println!("test two_instances_share_a_host ... ok");
    it_says_what_it_cannot_do();
    println!("test it_says_what_it_cannot_do ... ok");
    ExitCode::SUCCESS
}

fn it_follows_the_service() {
    let port = free_port();
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("termination-log");
    let probe = |word| probe("health", &[word], port, &report);

    let nobody = probe("live");
    assert_eq!(nobody.code, Some(1));
    let place = format!("Error: shop: not live: http://127.0.0.1:{port}/health/live: ");
    assert!(nobody.stderr.starts_with(&place), "{}", nobody.stderr);

    // It settles until it is killed, so that no probe can come too late.
    let mut service = Service::start("health-settling-long", port, &[]);
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

/// One plan, one host, two processes: the environment gives the second a health port of its own.
fn two_instances_share_a_host() {
    let (planned, other) = (free_port(), free_port());
    let own = [("LIFECYCLE_HEALTH_PORT", &*other.to_string())];
    let report = Path::new("/dev/null");
    let mut first = Service::start("health-settling-long", planned, &[]);
    let mut second = Service::start("health-settling-long", planned, &own);
    first.until("ready");
    second.until("ready");
    let ready =
        |environment: &[(&str, &str)]| probe_in("health", &["ready"], planned, report, environment);
    assert_eq!(ready(&[]).code, Some(0));
    assert_eq!(ready(&own).code, Some(0));

    drop(first);
    let gone = ready(&[]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains(&format!("127.0.0.1:{planned}/")));
    assert_eq!(ready(&own).code, Some(0));
    second.signal(Signal::TERM);
    let begun = Instant::now();
    while ready(&own).code != Some(1) {
        assert!(begun.elapsed() < QUICK, "readiness went down");
    }
}

fn it_says_what_it_cannot_do() {
    let report = Path::new("/dev/null");
    for port in ["0", "65536", "ninety"] {
        let wrong = [("LIFECYCLE_HEALTH_PORT", port)];
        let refused = probe_in("health", &["live"], 1, report, &wrong);
        assert_eq!(refused.code, Some(2));
        let words = format!("Error: shop: LIFECYCLE_HEALTH_PORT is `{port}`, which is no port");
        assert!(refused.stderr.starts_with(&words), "{}", refused.stderr);
        let (code, stderr) = ended(program("health", 1).envs(wrong));
        assert_eq!(code, Some(1), "the service does not start");
        assert!(stderr.starts_with(&words), "{stderr}");
    }
    // Where there is no port to change, there is nobody to ask.
    let own = [("LIFECYCLE_HEALTH_PORT", "9090")];
    let portless = probe_in("clean", &["live"], 0, report, &own);
    assert_eq!(portless.code, Some(1));
    assert!(portless.stderr.contains("no health port"));

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

/// Free now, and most likely still when the service takes it.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("bound")
        .port()
}

struct Service {
    child: Child,
    lines: Receiver<String>,
}

impl Service {
    fn start(scenario: &str, port: u16, environment: &[(&str, &str)]) -> Self {
        let mut child = program(scenario, port)
            .env_remove("LIFECYCLE_REPORT")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        // On a thread of its own, since a read from a pipe has no time limit.
        let (said, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                if said.send(line.expect("text")).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Reads the service's output up to this line.
    fn until(&mut self, line: &str) {
        loop {
            match self.lines.recv_timeout(QUICK) {
                Ok(read) if read == line => return,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("it did not say {line} within {QUICK:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before it said {line}"),
            }
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
    probe_in(scenario, words, port, report, &[])
}

fn probe_in(
    scenario: &str,
    words: &[&str],
    port: u16,
    report: &Path,
    environment: &[(&str, &str)],
) -> Probed {
    let (code, stderr) = ended(
        program(scenario, port)
            .arg("--lifecycle-probe")
            .args(words)
            .env("LIFECYCLE_REPORT", report)
            .envs(environment.iter().copied()),
    );
    Probed { code, stderr }
}

/// How the program ends, and what it says on standard error; on standard output it says nothing.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command
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
    assert_eq!(stdout, "", "it serves nothing");
    (status.code(), stderr)
}

fn program(scenario: &str, port: u16) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    for name in [
        "LIFECYCLE_PLATFORM",
        "LIFECYCLE_DIGEST",
        "LIFECYCLE_GRACE_MS",
        "LIFECYCLE_HEALTH_PORT",
    ] {
        command.env_remove(name);
    }
    command
        .env("SCENARIO", scenario)
        .env("HEALTH_PORT", port.to_string())
        .stdin(Stdio::null());
    command
}
