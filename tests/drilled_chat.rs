//! `examples/chat`, drilled with the clients that it is made for in its rooms.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use lifecycle_tests::{program, root};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

/// For what takes milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A drill that is under way.
struct Drill(thread::JoinHandle<Output>);

/// Plays the platform's stop against the chat, as `lifecycle drill examples/chat` does.
fn drill(log: &Path) -> Drill {
    let mut command = Command::new(program("lifecycle-cli", "lifecycle"));
    command
        .arg("drill")
        .arg(root().join("examples/chat"))
        .args(["--format", "json", "--warm-up", "4s", "--"])
        .arg(program("chat", "chat"))
        .env("CHAT_LOG", log)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("the drill starts");
    Drill(thread::spawn(move || {
        child.wait_with_output().expect("the drill ends")
    }))
}

impl Drill {
    /// What it measured; it must have passed.
    fn passed(self) -> Value {
        let output = self.0.join().expect("the drill does not panic");
        let words = String::from_utf8_lossy(&output.stderr);
        let measured: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {words}"));
        assert!(output.status.success(), "{words}\n{measured:#}");
        measured
    }
}

/// The ports are fixed; whatever holds them on this machine may not do so for long.
async fn ports_are_free() {
    let began = Instant::now();
    for port in [8081, 9091] {
        while let Err(error) = TcpListener::bind(("127.0.0.1", port)).await {
            assert!(began.elapsed() < PATIENCE, "port {port}: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A guest of the chat, who says something and stays until told to leave.
async fn guest(index: usize) -> (u16, bool) {
    let began = Instant::now();
    let stream = loop {
        match TcpStream::connect("127.0.0.1:8081").await {
            Ok(stream) => break stream,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let url = format!(
        "ws://127.0.0.1:8081/rooms/{}?name=guest-{index}",
        index / 10
    );
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream)
        .await
        .expect("it is let in");
    let hello = socket.send(Message::text("hello")).await;
    hello.expect("it is heard");
    let mut code = 0;
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => code = frame.code.into(),
            Some(Ok(_)) => {}
            end => return (code, end.is_none()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_with_clients_in_its_rooms() {
    ports_are_free().await;
    let place = tempfile::tempdir().expect("a folder");
    let log = place.path().join("said.jsonl");
    let drill = drill(&log);
    let guests: Vec<_> = (0..200).map(|index| tokio::spawn(guest(index))).collect();
    for guest in guests {
        let guest = tokio::time::timeout(PATIENCE, guest).await;
        assert_eq!(guest.expect("in time").expect("no panic"), (1001, true));
    }
    let measured = drill.passed();
    let said = std::fs::read_to_string(&log).expect("the log");
    let by_guests = said.lines().filter(|line| line.contains("guest-"));
    assert_eq!(by_guests.count(), 200);
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    // The drill's own clients: all were told to go, and none lost what it had open.
    for request in ["websocket /rooms/lobby?name=drill", "stream GET /feed"] {
        let kinds = measured["requests"]["kinds"].as_array().expect("kinds");
        let kind = kinds.iter().find(|kind| kind["request"] == request);
        let kind = kind.unwrap_or_else(|| panic!("{request}: {measured:#}"));
        let clients = &kind["sessions"]["clients"];
        assert_eq!(&kind["sessions"]["opened"], clients, "{kind:#}");
        assert_eq!(&kind["before"]["let_go"], clients, "{kind:#}");
    }
    let lost = ["before", "settling", "stopping"]
        .map(|phase| measured["requests"][phase]["lost"].as_u64());
    assert_eq!(lost, [Some(0); 3], "{measured:#}");
}
