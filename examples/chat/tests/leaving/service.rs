//! The real program in a directory of its own, and what it leaves behind.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// For what takes milliseconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A running service; it is killed when this is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) addr: SocketAddr,
    log: Arc<Mutex<String>>,
    place: TempDir,
    _turn: File,
}

/// How a service ended.
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    /// Since the signal.
    pub(crate) took: Duration,
    pub(crate) report: Value,
    /// What each client said, as it was written down.
    said: HashMap<String, Vec<String>>,
    pub(crate) log: String,
}

impl Service {
    /// Starts the service as Kubernetes would, and waits until it serves.
    pub(crate) fn start() -> Self {
        for _ in 0..60 {
            let (mut child, place, turn) = launch();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let log = Arc::new(Mutex::new(String::new()));
            let (says, serving) = mpsc::channel();
            let copy = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    if let Some((_, addr)) = line.split_once("serving address=") {
                        let _ = says.send(addr.trim().parse().unwrap());
                    }
                    let mut log = copy.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            });
            match serving.recv_timeout(PATIENCE) {
                Ok(addr) => {
                    return Self {
                        child,
                        addr,
                        log,
                        place,
                        _turn: turn,
                    };
                }
                Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let log = log.lock().unwrap();
                    assert!(log.contains("health server cannot listen"), "{log}");
                }
            }
            // Something else on this machine holds the health port, perhaps not for long.
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("the health port never became free");
    }

    pub(crate) fn signal(&self, signal: Signal) -> Instant {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        Instant::now()
    }

    /// Waits for the end that nobody forces.
    pub(crate) async fn exit(mut self, since: Instant) -> Exit {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let log = self.log.lock().unwrap().clone();
            assert!(
                since.elapsed() < PATIENCE,
                "it does not end; it says:\n{log}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let took = since.elapsed();
        let read = |name| fs::read_to_string(self.place.path().join(name)).unwrap();
        Exit {
            code: status.code(),
            took,
            report: serde_json::from_str(&read("report.json")).unwrap(),
            said: said(&read("said.jsonl")),
            log: self.log.lock().unwrap().clone(),
        }
    }
}

fn launch() -> (Child, TempDir, File) {
    let turn = turn();
    let place = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_chat"))
        .env_clear()
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("CHAT_LOG", place.path().join("said.jsonl"))
        .env("LIFECYCLE_PLATFORM", "kubernetes")
        .env("LIFECYCLE_REPORT", place.path().join("report.json"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    (child, place, turn)
}

/// The health port is fixed, so one service runs at a time: across threads and across processes.
pub(crate) fn turn() -> File {
    let path = std::env::temp_dir().join("chat-health-port.lock");
    // Reading is enough for a lock, and what another user made can only be read.
    let file = File::open(&path).or_else(|_| File::create(&path)).unwrap();
    file.lock().unwrap();
    file
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exit {
    /// A clean end: exit code 0, every step done, as the report has it.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.code, Some(0), "it says:\n{}", self.log);
        assert_eq!(self.report["outcome"], "clean");
        for step in self.report["steps"].as_array().unwrap() {
            assert_eq!(step["outcome"], "done", "{step}");
        }
    }

    /// The report's account of one step.
    pub(crate) fn step(&self, name: &str) -> &Value {
        let steps = self.report["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()
    }

    /// What this client said, as it was written down.
    pub(crate) fn said_by(&self, name: &str) -> &[String] {
        self.said.get(name).map_or(&[], Vec::as_slice)
    }
}

fn said(log: &str) -> HashMap<String, Vec<String>> {
    let mut said: HashMap<_, Vec<String>> = HashMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        said.entry(text("from")).or_default().push(text("text"));
    }
    said
}
