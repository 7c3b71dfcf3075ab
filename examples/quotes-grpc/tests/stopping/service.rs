//! The real program in a directory of its own, and what it leaves behind.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// For what takes milliseconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The files of one test. Several services may use them one after another.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What the service has written at its close.
    pub(crate) fn prices(&self) -> Option<String> {
        fs::read_to_string(self.0.path().join("prices.txt")).ok()
    }

    /// Starts the service as Kubernetes would, with changes to the environment, and waits until it
    /// serves.
    pub(crate) fn start(&self, changes: &[(&str, &str)]) -> Service {
        let turn = turn();
        // Something else on this machine may hold the health port, perhaps not for long.
        for _ in 0..60 {
            let mut child = Command::new(env!("CARGO_BIN_EXE_quotes-grpc"))
                .env_clear()
                .env("GRPC_ADDR", "127.0.0.1:0")
                .env("PRICES_FILE", self.0.path().join("prices.txt"))
                .env("LIFECYCLE_PLATFORM", "kubernetes")
                .env("LIFECYCLE_REPORT", self.0.path().join("report.json"))
                .envs(changes.iter().copied())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let (said, serving) = mpsc::channel();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    println!("{line}");
                    if let Some((_, addr)) = line.split_once("serving address=") {
                        let _ = said.send(addr.trim().parse().unwrap());
                    }
                }
            });
            if let Ok(addr) = serving.recv_timeout(PATIENCE) {
                let report = self.0.path().join("report.json");
                return Service {
                    child,
                    addr,
                    report,
                    _turn: turn,
                };
            }
            let _ = child.kill();
            let _ = child.wait();
            std::thread::sleep(Duration::from_secs(1));
        }
        panic!("it does not serve");
    }
}

/// The health port is fixed, so one service runs at a time: across threads and across processes.
fn turn() -> File {
    let path = std::env::temp_dir().join("quotes-grpc-health-port.lock");
    // Reading is enough for a lock, and what another user made can only be read.
    let file = File::open(&path).or_else(|_| File::create(&path)).unwrap();
    file.lock().unwrap();
    file
}

/// A running service; it is killed when this is dropped.
pub(crate) struct Service {
    child: Child,
    addr: SocketAddr,
    report: std::path::PathBuf,
    _turn: File,
}

/// How a service ended.
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) report: serde_json::Value,
}

impl Service {
    /// A client of one connection, which it makes when it is first used.
    pub(crate) fn client(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.addr))
            .unwrap()
            .connect_lazy()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end that nobody forces.
    pub(crate) async fn exit(mut self) -> Exit {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let text = fs::read_to_string(&self.report).unwrap();
        Exit {
            code: status.code(),
            report: serde_json::from_str(&text).unwrap(),
        }
    }
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
        assert_eq!(self.code, Some(0), "{:#}", self.report);
        assert_eq!(self.report["outcome"], "clean");
        for step in self.report["steps"].as_array().unwrap() {
            assert_eq!(step["outcome"], "done", "{step}");
        }
    }

    /// The report's account of one step.
    pub(crate) fn step(&self, name: &str) -> &serde_json::Value {
        let steps = self.report["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()
    }
}
