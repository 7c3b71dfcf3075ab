//! The real program in a directory of its own, and what it leaves behind.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client;

/// `traffic.health.port` in `lifecycle.yaml`.
const HEALTH: ([u8; 4], u16) = ([127, 0, 0, 1], 9090);
/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The files of one test. Several services may use them one after another.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.mail()).unwrap();
        place
    }

    pub(crate) fn database(&self) -> String {
        let path = self.0.path().join("checkout.db");
        format!("sqlite://{}?mode=rwc", path.display())
    }

    pub(crate) fn mail(&self) -> PathBuf {
        self.0.path().join("mail")
    }

    fn report(&self) -> PathBuf {
        self.0.path().join("report.json")
    }

    /// Starts the service as Kubernetes would, with changes to the environment, and waits until it
    /// is ready.
    pub(crate) async fn start(&self, changes: &[(&str, &str)]) -> Service {
        for _ in 0..60 {
            let mut service = self.launch(changes);
            service.addr = service.serving.recv_timeout(PATIENCE).ok();
            if service.addr.is_some() {
                while service.ready().await != Some(200) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                return service;
            }
            let log = service.log();
            assert!(log.contains("health server cannot listen"), "{log}");
            // Something else on this machine holds the health port, perhaps not for long.
            drop(service);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("the health port never became free");
    }

    /// Starts the service and does not wait for anything.
    pub(crate) fn launch(&self, changes: &[(&str, &str)]) -> Service {
        let turn = turn();
        let mut command = Command::new(env!("CARGO_BIN_EXE_checkout-api"));
        command
            .env_clear()
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("DATABASE_URL", self.database())
            .env("MAIL_DIR", self.mail())
            .env("LIFECYCLE_PLATFORM", "kubernetes")
            .env("LIFECYCLE_REPORT", self.report())
            .envs(changes.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (said, serving) = mpsc::channel();
        let copy = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, addr)) = line.split_once("serving address=") {
                    let _ = said.send(addr.trim().parse().unwrap());
                }
                let mut log = copy.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Service {
            child,
            addr: None,
            serving,
            log,
            report: self.report(),
            _turn: turn,
        }
    }
}

/// The health port is fixed, so one service runs at a time: across threads and across processes.
fn turn() -> File {
    let path = std::env::temp_dir().join("checkout-api-health-port.lock");
    // Reading is enough for a lock, and what another user made can only be read.
    let file = File::open(&path).or_else(|_| File::create(&path)).unwrap();
    file.lock().unwrap();
    file
}

/// A running service; it is killed when this is dropped.
pub(crate) struct Service {
    child: Child,
    addr: Option<SocketAddr>,
    serving: mpsc::Receiver<SocketAddr>,
    log: Arc<Mutex<String>>,
    report: PathBuf,
    _turn: File,
}

/// How a service ended.
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    /// Since it was first waited for.
    pub(crate) took: Duration,
    pub(crate) report: serde_json::Value,
    pub(crate) log: String,
}

impl Service {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What readiness answers, or `None` while nobody listens.
    pub(crate) async fn ready(&self) -> Option<u16> {
        status("/health/ready").await
    }

    /// What liveness answers, or `None` while nobody listens.
    pub(crate) async fn live(&self) -> Option<u16> {
        status("/health/live").await
    }

    /// Waits for the end that nobody forces.
    pub(crate) async fn exit(mut self) -> Exit {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "it does not end; it says:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let took = since.elapsed();
        let text = fs::read_to_string(&self.report).unwrap();
        Exit {
            code: status.code(),
            took,
            report: serde_json::from_str(&text).unwrap(),
            log: self.log(),
        }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn status(path: &str) -> Option<u16> {
    match client::once(HEALTH.into(), &client::get(path)).await {
        client::Answer::Complete(response) => Some(response.status),
        _ => None,
    }
}

impl Exit {
    /// A clean end: exit code 0, every step done, as the report has it.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.code, Some(0), "it says:\n{}", self.log);
        assert_eq!(self.report["outcome"], "clean");
        assert_eq!(self.report["exit_code"], 0);
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
