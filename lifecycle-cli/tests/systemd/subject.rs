//! What is stopped: this test program itself, started with the name of a test that is ignored otherwise.
//!
//! Each says on standard output what happens to it, with the milliseconds since 1970.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

/// How long the one that drains takes.
pub(crate) const DRAINS: Duration = Duration::from_millis(1_500);

/// The arguments that have this program be one of these.
pub(crate) fn arguments(name: &str) -> Vec<String> {
    let name = format!("subject::{name}");
    [
        name.as_str(),
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn now() -> u128 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_millis()
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // The harness has begun a line.
    writeln!(out, "\n{what} {}", now()).unwrap();
    out.flush().unwrap();
}

/// The port is what the last argument says.
fn listen() -> TcpListener {
    let port: u16 = std::env::args().next_back().unwrap().parse().unwrap();
    TcpListener::bind(("127.0.0.1", port)).unwrap()
}

/// `sd_notify(3)`, as far as it is needed here.
fn notify(message: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(message.as_bytes(), socket).unwrap();
}

/// Runs until one of the signals that a stop is asked with, and hands over its name.
fn until_asked(then: impl FnOnce(&'static str)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).unwrap();
        let mut int = signal(SignalKind::interrupt()).unwrap();
        let mut usr2 = signal(SignalKind::user_defined2()).unwrap();
        say("up");
        notify("READY=1");
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
            _ = usr2.recv() => "SIGUSR2",
        }
    });
    say(asked);
    then(asked);
}

#[test]
#[ignore = "a program for the other tests"]
fn drains() {
    let listener = listen();
    until_asked(|_| {
        std::thread::sleep(DRAINS);
        say("gone");
    });
    drop(listener);
}

#[test]
#[ignore = "a program for the other tests"]
fn ignores() {
    let _listener = listen();
    until_asked(|_| {
        std::thread::sleep(Duration::from_secs(60));
        say("gone");
    });
}

/// Says its arguments behind `--` and what it is told, in a form that holds every character.
#[test]
#[ignore = "a program for the other tests"]
fn says_what_it_is_told() {
    let words = std::env::args().skip_while(|word| word != "--").skip(1);
    println!("\nwords {:?}", words.collect::<Vec<_>>());
    let mut told: Vec<(String, String)> = std::env::vars()
        .filter(|(name, _)| name.starts_with("LIFECYCLE_"))
        .collect();
    told.sort();
    println!("told {told:?}");
    until_asked(|_| {});
}
