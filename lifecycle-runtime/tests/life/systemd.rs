//! What a service manager hears: a real socket, real processes.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

use rustix::process::Signal;

use crate::common::ms;
use crate::running::{QUICK, Running, start};

/// The manager's end of a service's socket.
struct Manager {
    socket: UnixDatagram,
    name: String,
    _folder: Option<tempfile::TempDir>,
}

impl Manager {
    fn with_a_path() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        Self {
            socket: UnixDatagram::bind(&path).unwrap(),
            name: path.to_str().unwrap().to_owned(),
            _folder: Some(folder),
        }
    }

    fn abstract_one() -> Self {
        let name = format!("lifecycle-life-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self {
            socket: UnixDatagram::bind_addr(&address).unwrap(),
            name: format!("@{name}"),
            _folder: None,
        }
    }

    fn start(&self, scenario: &str, environment: &[(&str, &str)]) -> Running {
        let mut environment = environment.to_vec();
        environment.push(("NOTIFY_SOCKET", &self.name));
        start(scenario, &environment)
    }

    /// The next message, or `None` when none comes for so long.
    fn hears(&self, within: std::time::Duration) -> Option<String> {
        let mut datagram = [0; 4096];
        self.socket.set_read_timeout(Some(within)).unwrap();
        let length = self.socket.recv(&mut datagram).ok()?;
        Some(String::from_utf8(datagram[..length].to_vec()).unwrap())
    }

    /// The next message that begins so; those before it.
    fn until(&self, beginning: &str) -> (String, Vec<String>) {
        let mut before = Vec::new();
        loop {
            let Some(message) = self.hears(QUICK) else {
                panic!("{beginning} did not come, but {before:?}");
            };
            if message.starts_with(beginning) {
                return (message, before);
            }
            before.push(message);
        }
    }
}

#[test]
fn the_whole_life_is_told_over_either_kind_of_socket() {
    for manager in [Manager::with_a_path(), Manager::abstract_one()] {
        let mut child = manager.start("busy", &[]);
        assert_eq!(manager.hears(QUICK).unwrap(), "STATUS=starting");
        child.until("starting");
        let (ready, before) = manager.until("READY=1");
        assert_eq!((&*ready, before), ("READY=1\nSTATUS=ready", Vec::new()));
        child.until("working");

        child.signal(Signal::TERM);
        let (stopping, before) = manager.until("STOPPING=1\n");
        assert_eq!(before, Vec::<String>::new(), "nothing changed meanwhile");
        // The plan's deadline of 4 s, and half a second for the end.
        assert_eq!(
            stopping,
            "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=4500000"
        );
        let (status, _) = manager.until("STATUS=");
        assert_eq!(status, "STATUS=stopping: work 1 in flight");
        assert_eq!(child.end(QUICK).code, Some(80));
    }
}

#[test]
fn a_service_that_settles_says_for_whom() {
    let manager = Manager::with_a_path();
    let mut child = manager.start("busy-and-settling", &[]);
    child.until("working");
    manager.until("READY=1");
    child.signal(Signal::TERM);
    let (stopping, _) = manager.until("STOPPING=1\n");
    assert!(
        stopping.ends_with("\nEXTEND_TIMEOUT_USEC=6500000"),
        "{stopping}"
    );
    let (status, _) = manager.until("STATUS=");
    assert_eq!(status, "STATUS=settling: work 1 in flight");
    // The step may not have begun yet when the settle time is over, and is told then.
    let (status, _) = manager.until("STATUS=stopping: ");
    assert_eq!(status, "STATUS=stopping: work 1 in flight");
}

#[test]
fn a_service_that_does_not_start_says_why() {
    let manager = Manager::with_a_path();
    let child = manager.start("no-start", &[]);
    let (status, before) = manager.until("STATUS=did not start");
    assert_eq!(status, "STATUS=did not start: no database: refused");
    assert_eq!(before, ["STATUS=starting"]);
    assert_eq!(child.end(QUICK).code, Some(1));
}

#[test]
fn the_watchdog_is_fed_until_the_executor_is_wedged() {
    let manager = Manager::with_a_path();
    let interval = ms(800);
    let micros = interval.as_micros().to_string();
    let mut child = manager.start("wedged-later", &[("WATCHDOG_USEC", &micros)]);
    child.until("ready");
    manager.until("READY=1");
    let begun = Instant::now();
    for _ in 0..4 {
        manager.until("WATCHDOG=1");
    }
    assert!(
        begun.elapsed() >= interval,
        "no more often than it is wanted"
    );
    child.until("blocked");
    let blocked = Instant::now();
    let mut fed = Instant::now();
    while fed.elapsed() < 2 * interval {
        if manager.hears(ms(50)).as_deref() == Some("WATCHDOG=1") {
            fed = Instant::now();
        }
        assert!(blocked.elapsed() < QUICK, "it is fed although it is wedged");
    }
}

#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let manager = Manager::with_a_path();
    let environment = [("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1")];
    let mut child = manager.start("idle", &environment);
    child.until("ready");
    manager.until("READY=1");
    while let Some(message) = manager.hears(ms(600)) {
        assert_ne!(message, "WATCHDOG=1");
    }
}

#[test]
fn without_a_manager_or_with_a_strange_one_it_serves_all_the_same() {
    for socket in ["", "/nowhere/at/all", "vsock:2:1"] {
        let mut child = start("idle", &[("NOTIFY_SOCKET", socket)]);
        child.until("ready");
        child.signal(Signal::TERM);
        assert_eq!(child.end(QUICK).code, Some(0));
    }
}
