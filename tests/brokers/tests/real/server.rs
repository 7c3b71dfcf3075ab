//! Servers that end with the test that started them.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What a server may take to start on a busy machine.
const STARTS: Duration = Duration::from_secs(90);
/// What it may take to end, before it is killed.
const ENDS: Duration = Duration::from_secs(10);

/// A server's process, ended when it is dropped.
pub(crate) struct Process(Mutex<Option<Child>>);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(Mutex::new(Some(child.unwrap())))
    }

    /// Waits until `up` says so.
    pub(crate) fn wait_until(&self, up: impl Fn() -> bool) {
        let began = Instant::now();
        while !up() {
            let mut child = self.0.lock().unwrap();
            if let Some(status) = child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the server ended: {status}");
            }
            drop(child);
            assert!(began.elapsed() < STARTS, "the server does not start");
            sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a machine that loses power does.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.0.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.0.lock().ok().and_then(|mut child| child.take()) else {
            return;
        };
        let began = Instant::now();
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        while began.elapsed() < ENDS {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn installed(program: &str) -> bool {
    let found = |folder: &Path| folder.join(program).is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/bin"].map(Path::new);
    std::env::split_paths(&path).any(|folder| found(&folder)) || more.into_iter().any(found)
}

/// Runs async code where a scene needs it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
