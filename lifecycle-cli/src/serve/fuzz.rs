//! What fuzzers call: whatever a page may ask.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::{self, Served};
use super::document::Document;
use super::drilled::Program;
use super::guard::{Guard, TOKEN};
use crate::input;

const MANIFEST: &str =
    "lifecycle: 1\nservice: shop\nresources:\n  db: { kind: database, timeout: 2s }\n";
/// Longer than any answer takes; what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page's server, for a manifest in a directory of its own.
struct Here {
    runtime: Runtime,
    directory: tempfile::TempDir,
    token: String,
}

impl Here {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lifecycle.yaml");
        std::fs::write(&path, MANIFEST).expect("written");
        let input = input::one(Some(&path)).expect("it is read");
        let served = Arc::new(Served {
            document: Mutex::new(
                Document::open(path, "lifecycle.yaml".to_owned()).expect("it opens"),
            ),
            program: Program::new(Vec::new(), &input),
            session: Mutex::default(),
            drills: TaskTracker::new(),
            looking: Arc::new(Semaphore::new(1)),
            closing: CancellationToken::new(),
        });
        // The port that a host has who names none.
        let guard = Guard::new(80).expect("random numbers");
        let (_, token) = guard
            .url()
            .split_once("#token=")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("the page's address has it");
        let routes = api::routes(served, guard);
        let listener = {
            let _on = runtime.enter();
            UnixListener::bind(directory.path().join("page")).expect("a socket")
        };
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self {
            runtime,
            directory,
            token,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("lifecycle.yaml")
    }

    /// Status and body of the answer.
    fn ask(&self, line: &str, token: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\n{TOKEN}: {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let asking = async {
            let mut stream = UnixStream::connect(self.directory.path().join("page"))
                .await
                .expect("connected");
            let mut answer = Vec::new();
            // What is no request is refused before all of it has come.
            let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
            let _ = stream.read_to_end(&mut answer).await;
            answer
        };
        let answer = self
            .runtime
            .block_on(async { timeout(PATIENCE, asking).await });
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {line}"));
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let (_, body) = text.split_once("\r\n\r\n")?;
        Some((status, body.as_bytes().to_vec()))
    }
}

/// The first line is a method and a target, the rest the body. Who has no token changes nothing; who has
/// it finds no fault of this program, and in the file what was saved.
pub(crate) fn page(bytes: &[u8]) {
    thread_local! {
        static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
    }
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else {
        return;
    };
    if line.chars().any(char::is_control) || line.contains("HTTP/") {
        return;
    }
    HERE.with_borrow_mut(|here| {
        let here = here.get_or_insert_with(Here::new);
        let read = |here: &Here| std::fs::read_to_string(here.path()).expect("it is there");
        let before = read(here);
        if let Some((status, _)) = here.ask(line, "0", body) {
            assert!(status < 500, "{line}: {status}");
            assert!(
                !line.starts_with("POST /api/") || status >= 400,
                "{line}: {status}"
            );
        }
        assert_eq!(read(here), before, "without the token");
        let Some((status, answer)) = here.ask(line, &here.token, body) else {
            return;
        };
        assert!(
            status < 500,
            "{line}: {status} {}",
            String::from_utf8_lossy(&answer)
        );
        let after = read(here);
        let saved = |answer: &Value| answer["outcome"] == "saved";
        if line == "POST /api/save" && serde_json::from_slice(&answer).as_ref().is_ok_and(saved) {
            let asked: Value = serde_json::from_slice(body).expect("it was understood");
            let text = asked["text"].as_str().expect("it was understood");
            let one_kind = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
            assert_eq!(
                one_kind(&after).trim_start_matches('\u{feff}'),
                one_kind(text).trim_start_matches('\u{feff}')
            );
        } else {
            assert_eq!(after, before, "{line}");
        }
    });
}
