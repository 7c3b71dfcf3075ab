//! The service at a real pseudo-terminal, and somebody at its keyboard.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::service::{PATIENCE, turn};

const CTRL_C: u8 = 0x03;

/// A running service; the terminal hangs up when this is dropped.
pub(crate) struct Terminal {
    child: Child,
    pub(crate) addr: SocketAddr,
    _place: TempDir,
    _turn: File,
}

impl Terminal {
    /// Starts the service on no platform. `None`: there is no `script` that opens a terminal.
    pub(crate) fn open() -> Option<Self> {
        Command::new("script").arg("--version").output().ok()?;
        let turn = turn();
        let place = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let line = format!("exec '{}'", env!("CARGO_BIN_EXE_chat"));
        let child = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line])
            .arg("/dev/null")
            .env_remove("LIFECYCLE_PLATFORM")
            .env("HTTP_ADDR", addr.to_string())
            .env("CHAT_LOG", place.path().join("said.jsonl"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(began.elapsed() < PATIENCE, "nobody listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self {
            child,
            addr,
            _place: place,
            _turn: turn,
        })
    }

    pub(crate) fn press_ctrl_c(&mut self) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(&[CTRL_C]).unwrap();
        keyboard.flush().unwrap();
    }

    /// The exit code, which `script` passes on.
    pub(crate) async fn code(mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
