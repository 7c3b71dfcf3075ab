//! A person at a terminal: what is typed goes in, what is shown comes out.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::active;

struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Terminal {
    fn new(directory: &Path, args: &[&str]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program: OwnedFd = rustix::fs::open(
            name.as_c_str(),
            OFlags::RDWR | OFlags::NOCTTY,
            Mode::empty(),
        )
        .unwrap();
        let end = || program.try_clone().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
            .args(args)
            .current_dir(directory)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keys = File::from(person);
        let mut screen = keys.try_clone().unwrap();
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // The terminal is gone when the last end of the program is.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keys,
            shown,
            seen: String::new(),
            child,
        }
    }

    /// Waits until these words are on the screen, and forgets all up to them.
    fn sees(&mut self, words: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(at) = self.seen.find(words) {
                self.seen.drain(..at + words.len());
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.shown.recv_timeout(left) else {
                panic!("never saw {words:?}, but {:?}", self.seen);
            };
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// These words come up within a moment.
    fn has_seen(&mut self, words: &str) -> bool {
        while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(200)) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.seen.contains(words)
    }

    fn types(&mut self, keys: &str) {
        // Where the program has ended, nobody reads.
        self.keys.write_all(keys.as_bytes()).ok();
    }

    fn ends(mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().unwrap();
        panic!("it does not end; seen {:?}", self.seen);
    }
}

const DOWN: &str = "\u{1b}[B";

#[test]
fn the_questions_are_answered_one_after_another() {
    let project = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::new(project.path(), &["init"]);
    terminal.sees("What is the service called?");
    terminal.types("Bad Name\r");
    terminal.sees("lower-case letters");
    // The refused answer is gone; a new one is typed.
    terminal.types("checkout\r");
    terminal.sees("What does it hold?");
    terminal.sees("queue-consumer");
    // http-server is marked; four further down is the queue-consumer.
    terminal.types(&format!("{} \r", DOWN.repeat(4)));
    terminal.sees("Which port");
    terminal.types("\r");
    terminal.sees("Where does it run?");
    terminal.sees("Cloud Run");
    terminal.types(&format!("{DOWN} \r"));
    terminal.sees("wrote lifecycle.yaml");
    assert_eq!(terminal.ends(), Some(0));
    let text = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
    for line in [
        "service: checkout",
        "  http: { kind: http-server, port: 8080, timeout: 15s }",
        "  jobs: { kind: queue-consumer, timeout: 10s }",
        "  kubernetes:",
        "  ecs:",
    ] {
        assert!(active(&text).contains(&line), "{line}\n{text}");
    }
    assert!(
        lifecycle_manifest::Analysis::of(&text).findings.is_empty(),
        "{text}"
    );
}

#[test]
fn enter_alone_takes_every_default() {
    let project = tempfile::tempdir().unwrap();
    let shop = project.path().join("shop");
    std::fs::create_dir(&shop).unwrap();
    let mut terminal = Terminal::new(&shop, &["init"]);
    for question in [
        "What is the service called?",
        "What does it hold?",
        "Which port",
        "Where does it run?",
    ] {
        terminal.sees(question);
        terminal.types("\r");
    }
    terminal.sees("wrote lifecycle.yaml");
    assert_eq!(terminal.ends(), Some(0));
    let asked = std::fs::read_to_string(shop.join("lifecycle.yaml")).unwrap();
    let unasked = super::out(&super::lifecycle(&shop, &["init", "--stdout"]));
    assert_eq!(asked, unasked);
}

#[test]
fn who_turns_away_has_written_nothing() {
    for (before, key) in [(0, "\u{3}"), (1, "\u{1b}"), (1, "\u{3}")] {
        let project = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::new(project.path(), &["init"]);
        terminal.sees("What is the service called?");
        if before == 1 {
            terminal.types("\r");
            terminal.sees("What does it hold?");
        }
        // A key that comes before the question listens is lost, as this terminal belongs to nobody.
        while !terminal.has_seen("nothing was written") {
            terminal.types(key);
        }
        assert_eq!(terminal.ends(), Some(2), "{key:?}");
        assert_eq!(
            std::fs::read_dir(project.path()).unwrap().count(),
            0,
            "{key:?}"
        );
    }
}

#[test]
fn an_interrupt_gives_the_cursor_back() {
    let project = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::new(project.path(), &["init"]);
    terminal.sees("What is the service called?");
    terminal.types("\r");
    terminal.sees("What does it hold?");
    terminal.sees("custom");
    let pid = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    terminal.sees("\u{1b}[?25h");
    terminal.sees("nothing was written");
    assert_eq!(terminal.ends(), Some(2));
}

#[test]
fn flags_and_yes_ask_nothing() {
    for args in [
        &["init", "--yes"][..],
        &["init", "--service", "shop"],
        &["init", "--port", "80"],
    ] {
        let project = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::new(project.path(), args);
        terminal.sees("wrote lifecycle.yaml");
        assert_eq!(terminal.ends(), Some(0));
        assert!(project.path().join("lifecycle.yaml").exists());
    }
}
