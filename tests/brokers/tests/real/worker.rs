//! A worker's process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Queue;

/// What anything quick may take on a busy machine.
const QUICK: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub(crate) enum Lease {
    /// 2 s.
    Short,
    /// 60 s: longer than a scene.
    Long,
}

impl Lease {
    pub(crate) fn millis(self) -> u64 {
        match self {
            Self::Short => 2000,
            Self::Long => 60_000,
        }
    }
}

pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
    stderr: Receiver<String>,
    report: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// From SIGTERM on.
    pub(crate) took: Duration,
    /// The step of the consumer in the report.
    pub(crate) jobs: Value,
    /// All of what went wrong, for a failing test.
    pub(crate) told: String,
}

impl Worker {
    pub(crate) fn start(queue: &impl Queue, name: &str, lease: Lease) -> Self {
        let program = match lease {
            Lease::Short => env!("CARGO_BIN_EXE_worker-short-lease"),
            Lease::Long => env!("CARGO_BIN_EXE_worker-long-lease"),
        };
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("termination-log");
        let mut command = Command::new(program);
        for name in ["PLATFORM", "DIGEST", "GRACE_MS"] {
            command.env_remove(format!("LIFECYCLE_{name}"));
        }
        let mut child = command
            .envs(queue.environment())
            .env("QUEUE", name)
            .env("LIFECYCLE_REPORT", &report)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let (said, stderr) = channel();
        let mut pipe = child.stderr.take().unwrap();
        spawn(move || {
            let mut text = String::new();
            let _ = pipe.read_to_string(&mut text);
            let _ = said.send(text);
        });
        Self {
            child,
            lines,
            stderr,
            report,
            _folder: folder,
        }
    }

    /// Waits for the worker to say so.
    pub(crate) fn says(&mut self, wanted: &str) {
        self.says_all(&[wanted]);
    }

    /// Waits for the worker to say all of it, in whatever order.
    pub(crate) fn says_all(&mut self, wanted: &[&str]) {
        let began = Instant::now();
        let mut missing = wanted.to_vec();
        while !missing.is_empty() {
            let left = QUICK.saturating_sub(began.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                let told = self.stderr.recv().unwrap_or_default();
                panic!("the worker does not say {missing:?}:\n{told}");
            };
            missing.retain(|wanted| line != *wanted);
        }
    }

    pub(crate) fn terminate(&self) -> Instant {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        Instant::now()
    }

    /// Waits for the end after [`terminate`](Self::terminate).
    pub(crate) fn ended(mut self, terminated: Instant) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(terminated.elapsed() < QUICK, "the worker does not end");
            sleep(Duration::from_millis(10));
        };
        let took = terminated.elapsed();
        let text = std::fs::read_to_string(&self.report).unwrap_or_default();
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        let steps = report["steps"].as_array().cloned().unwrap_or_default();
        let jobs = steps.into_iter().find(|step| step["name"] == "jobs");
        Ended {
            code: status.code(),
            took,
            jobs: jobs.unwrap_or_default(),
            told: format!("{text}\n{}", self.stderr.recv().unwrap_or_default()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
