//! What a victim does: it serves, and stops as its way is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::Way;

/// How long a polite victim goes on accepting after the signal.
const LINGER: Duration = Duration::from_millis(150);
/// How long a polite victim waits for what does not come to its end.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a slow start takes.
const START: Duration = Duration::from_millis(400);
/// The processor time that toil takes.
const TOIL: Duration = Duration::from_millis(400);

/// A server that stops as its way is.
pub(super) struct Victim {
    way: Way,
    stopping: AtomicBool,
    closed: AtomicBool,
    connections: AtomicUsize,
    busy: AtomicUsize,
    served: AtomicUsize,
}

impl Victim {
    pub(super) fn serve(way: Way, port: u16) {
        let victim = Arc::new(Self {
            way,
            stopping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
        });
        if way == Way::LeavesChild {
            // In a session, and so a group, of its own.
            let child = std::process::Command::new("setsid")
                .args(["sleep", "300"])
                .spawn()
                .unwrap();
            println!("child {}", child.id());
            // To be left behind, and ended by whoever cleans up.
            drop(child);
        }
        if way == Way::Scatters {
            // One in its group, one in a session of its own, and a family of orphans.
            let words =
                "sleep 300 & setsid sleep 300 & (setsid sh -c 'sleep 301 & wait' &) ; exit 0";
            let mut shell = std::process::Command::new("sh");
            assert!(shell.args(["-c", words]).status().unwrap().success());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        if matches!(way, Way::StartsSlowly | Way::StartsAnyway) {
            runtime.block_on(start_slowly(way));
        }
        let fault = std::env::var("LIFECYCLE_FAULTS").unwrap_or_default();
        if way == Way::FaultsBadly && fault == "does-it-obey" {
            let report = r#"{"version":1,"outcome":"start-failed","exit_code":1,
                "cause":"LIFECYCLE_FAULTS: what is that?"}"#;
            std::fs::write(report_path(), report).unwrap();
            std::process::exit(1);
        }
        // A listener that a program opens by itself has a backlog of 128; so has this one.
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let accepting = Arc::clone(&victim);
        std::thread::spawn(move || accepting.accept(&listener));
        if way == Way::DiesAtOnce {
            std::thread::sleep(Duration::from_secs(600));
        }
        runtime.block_on(async {
            let mut term = terminations();
            loop {
                term.recv().await;
                if !matches!(way, Way::Ignores | Way::Scatters) {
                    break;
                }
            }
            if way == Way::DiesAtSecond {
                std::thread::spawn(move || victim.stop(Instant::now()));
                term.recv().await;
                std::process::exit(130);
            }
            victim.stop(Instant::now());
        });
    }

    /// What happens from the signal on.
    fn stop(&self, signalled: Instant) -> ! {
        self.stopping.store(true, SeqCst);
        let stay = match self.way {
            // Longer than routing lags, so that nothing but their fault is seen.
            Way::StaysReady | Way::FailsLiveness | Way::Errors | Way::Refuses => {
                Duration::from_millis(800)
            }
            Way::LeavesAtOnce => std::process::exit(0),
            _ => LINGER,
        };
        std::thread::sleep(stay);
        let endless = matches!(self.way, Way::WaitsForRequests | Way::SitsOn);
        let waited = Instant::now();
        while self.busy.load(SeqCst) > 0 && (endless || waited.elapsed() < PATIENCE) {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.closed.store(true, SeqCst);
        // Of connections it waits for those that end by themselves now.
        while self.connections.load(SeqCst) > self.busy.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        match self.way {
            Way::FaultsBadly => fault_badly(),
            Way::Toils => toil(),
            _ => {}
        }
        if self.way == Way::Reporting {
            let total = signalled.elapsed().as_millis();
            let path = report_path();
            let report = format!(
                r#"{{"version":1,"service":"victim","outcome":"clean","exit_code":0,"total_ms":{total},
                "steps":[{{"name":"http","kind":"http-server","phase":"drain","outcome":"done",
                "start_ms":0,"end_ms":{total},"timeout_ms":5000,"active":0}}]}}"#
            );
            std::fs::write(path, report).unwrap();
        }
        std::process::exit(if self.way == Way::ExitsThree { 3 } else { 0 });
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        listener.set_nonblocking(true).unwrap();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    self.connections.fetch_add(1, SeqCst);
                    let victim = Arc::clone(&self);
                    std::thread::spawn(move || {
                        victim.converse(stream);
                        victim.connections.fetch_sub(1, SeqCst);
                    });
                }
                // It listens to the end, so that liveness holds as long as the process lives.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// One connection, request after request.
    fn converse(&self, mut stream: TcpStream) {
        stream.set_nonblocking(false).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let mut received = Vec::new();
        let mut requests = 0;
        let mut chunk = [0; 4_096];
        loop {
            let head = received.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = head else {
                match stream.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(count) => received.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        let stays = match self.way {
                            Way::WaitsForIdle => received.is_empty(),
                            Way::WaitsForHeads => !received.is_empty(),
                            _ => false,
                        };
                        if self.closed.load(SeqCst) && !stays {
                            return;
                        }
                    }
                    Err(_) => return,
                }
                continue;
            };
            let head = String::from_utf8_lossy(&received[..end]).into_owned();
            received.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            requests += 1;
            if self.way == Way::ClosesIdle && requests > 1 && self.stopping.load(SeqCst) {
                return;
            }
            let close = head.contains("connection: close");
            self.busy.fetch_add(1, SeqCst);
            let body = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let body = body.map_or(0, |length| length.parse::<usize>().unwrap());
            while path != "/early" && received.len() < body {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => received.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => {
                        self.busy.fetch_sub(1, SeqCst);
                        return;
                    }
                }
            }
            received.drain(..body.min(received.len()));
            let probed = matches!(&*path, "/ready" | "/live");
            while !probed && self.way == Way::SitsOn && self.stopping.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let (status, extra) = self.answer(&path);
            let close = close || self.stopping.load(SeqCst);
            let connection = if close { "connection: close\r\n" } else { "" };
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n{connection}{extra}\r\nok");
            let written = stream.write_all(answer.as_bytes());
            self.busy.fetch_sub(1, SeqCst);
            if written.is_err() || close {
                return;
            }
        }
    }

    fn answer(&self, path: &str) -> (u16, &'static str) {
        let stopping = self.stopping.load(SeqCst);
        match path {
            "/ready" if self.way == Way::NeverReady => (503, ""),
            "/ready" if stopping && self.way != Way::StaysReady => (503, ""),
            "/live" if stopping && self.way == Way::FailsLiveness => (500, ""),
            "/ready" | "/live" => (200, ""),
            _ if stopping && self.way == Way::Errors => (500, ""),
            _ if stopping && self.way == Way::Refuses => (503, "retry-after: 1\r\n"),
            path => {
                if self.served.fetch_add(1, SeqCst) == 100 && self.way == Way::Crashes {
                    std::process::abort();
                }
                match path {
                    "/slow" => std::thread::sleep(Duration::from_millis(300)),
                    "/slower" => std::thread::sleep(Duration::from_secs(10)),
                    _ => {}
                }
                (200, "")
            }
        }
    }
}

fn report_path() -> PathBuf {
    PathBuf::from(std::env::var_os("LIFECYCLE_REPORT").unwrap())
}

fn terminations() -> tokio::signal::unix::Signal {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap()
}

/// Waits for something before it listens.
async fn start_slowly(way: Way) {
    let mut term = terminations();
    tokio::select! {
        () = tokio::time::sleep(START) => {}
        _ = term.recv(), if way == Way::StartsSlowly => std::process::exit(0),
    }
}

/// Whatever it is asked for goes wrong as far as it can.
fn fault_badly() {
    let faults = std::env::var("LIFECYCLE_FAULTS").unwrap_or_default();
    // A fault that is not noticed.
    if faults.contains("die:") {
        let report = r#"{"version":1,"outcome":"clean","exit_code":0,
            "steps":[{"name":"db","outcome":"done"}]}"#;
        std::fs::write(report_path(), report).unwrap();
        return;
    }
    if faults.contains("panic") {
        std::process::abort();
    }
    // What hangs, hangs.
    if !faults.is_empty() {
        std::thread::sleep(Duration::from_secs(600));
    }
    // And what cannot be written is a failure.
    if std::fs::write(report_path(), r#"{"version":1}"#).is_err() {
        std::process::exit(101);
    }
}

/// So much work as takes so long when there is a processor for it.
fn toil() {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let used = || {
        getrusage(UsageWho::RUSAGE_THREAD)
            .unwrap()
            .user_time()
            .num_milliseconds()
    };
    let until = used() + i64::try_from(TOIL.as_millis()).unwrap();
    while used() < until {
        for _ in 0..10_000 {
            std::hint::spin_loop();
        }
    }
}
