//! Programs to be drilled, good and bad: this test binary, started again by itself.
//!
//! A thread a connection on plain sockets, so that nothing about their behaviour is borrowed from a
//! library that behaves well by itself.

mod server;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use self::server::Victim;
use super::super::{Endpoint, Load, Pace, Progress, RequestSpec, Script, Subject, Target};

const WAY: &str = "DRILL_VICTIM";
const PORT: &str = "DRILL_VICTIM_PORT";
const REPLICA: &str = "DRILL_VICTIM_REPLICA";

/// How a victim behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Readiness down at the signal, drains, exits 0.
    Polite,
    /// Polite, and leaves a report.
    Reporting,
    /// Does not handle the signal at all.
    DiesAtOnce,
    /// Handles the signal by doing nothing.
    Ignores,
    /// Polite, but exits 3.
    ExitsThree,
    /// Readiness always says no.
    NeverReady,
    /// Readiness says yes to the end.
    StaysReady,
    /// Liveness says no from the signal on.
    FailsLiveness,
    /// Answers 500 from the signal on.
    Errors,
    /// Refuses with 503 and `Retry-After` from the signal on.
    Refuses,
    /// Closes every kept-alive connection with the request unread from the signal on.
    ClosesIdle,
    /// Ends before it listens.
    DiesAtStart,
    /// Ends before it listens where it is not among the first three of its kind.
    DiesBesideOthers,
    /// Ends by itself after its hundredth request.
    Crashes,
    /// Leaves a child behind.
    LeavesChild,
    /// Ignores the signal, and has started children that leave its group and daemons of theirs.
    Scatters,
    /// Leaves in the moment of the signal, in order.
    LeavesAtOnce,
    /// Leaves at once when the signal comes again.
    DiesAtSecond,
    /// Takes a while to start, and leaves at once when the signal comes meanwhile.
    StartsSlowly,
    /// Takes a while to start, and forgets the signal that comes meanwhile.
    StartsAnyway,
    /// Waits without a limit for requests that are under way.
    WaitsForRequests,
    /// Waits for connections with half a request.
    WaitsForHeads,
    /// Waits until its clients close their connections.
    WaitsForIdle,
    /// Knows `LIFECYCLE_FAULTS` and does worse than what it is asked for.
    FaultsBadly,
    /// Has a lot to compute before it leaves.
    Toils,
    /// Answers nothing more from the signal on.
    SitsOn,
    /// Runs a drill of [`Way::Ignores`] itself.
    Driller,
    /// Runs a drill of [`Way::Scatters`] itself.
    KilledDriller,
}

const WAYS: [Way; 28] = [
    Way::Polite,
    Way::Reporting,
    Way::DiesAtOnce,
    Way::Ignores,
    Way::ExitsThree,
    Way::NeverReady,
    Way::StaysReady,
    Way::FailsLiveness,
    Way::Errors,
    Way::Refuses,
    Way::ClosesIdle,
    Way::DiesAtStart,
    Way::DiesBesideOthers,
    Way::Crashes,
    Way::LeavesChild,
    Way::Scatters,
    Way::LeavesAtOnce,
    Way::DiesAtSecond,
    Way::StartsSlowly,
    Way::StartsAnyway,
    Way::WaitsForRequests,
    Way::WaitsForHeads,
    Way::WaitsForIdle,
    Way::FaultsBadly,
    Way::Toils,
    Way::SitsOn,
    Way::Driller,
    Way::KilledDriller,
];

/// This test binary as a victim.
pub(crate) fn command() -> Vec<String> {
    let program = std::env::current_exe().unwrap().display().to_string();
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::play_the_victim");
    vec![
        program,
        "--exact".to_owned(),
        name,
        "--nocapture".to_owned(),
    ]
}

/// The environment that makes it one.
pub(crate) fn env(way: Way, port: u16) -> Vec<(String, String)> {
    vec![
        (WAY.to_owned(), format!("{way:?}")),
        (PORT.to_owned(), port.to_string()),
        (REPLICA.to_owned(), "{replica}".to_owned()),
    ]
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A victim as a target.
pub(crate) fn target(way: Way) -> Target {
    let port = free_port();
    Target {
        subject: Subject::Command(command()),
        directory: None,
        env: env(way, port),
        base: Some(Endpoint::on_port(port, "/")),
        finds_port: false,
        ready: Some(Endpoint::on_port(port, "/ready")),
        live: Some(Endpoint::on_port(port, "/live")),
        start_timeout: Duration::from_secs(20),
    }
}

/// A light load with slow requests that are under way when the signal comes.
pub(crate) fn load() -> Load {
    Load {
        pace: Pace::Open {
            rate: 150,
            kept_alive: 8,
            fresh_share: 0.2,
        },
        warm_up: Duration::from_millis(400),
        timeout: Duration::from_secs(10),
        requests: vec![RequestSpec::get("/")],
        slow: vec![RequestSpec::get("/slow")],
        slow_share: 0.3,
        ..Load::default()
    }
}

/// The guard of a drill that a test plays is this test binary too.
#[test]
fn stand_guard() {
    crate::guard::serve_if_asked();
}

#[test]
fn play_the_victim() {
    let Ok(way) = std::env::var(WAY) else { return };
    let way = WAYS
        .into_iter()
        .find(|it| format!("{it:?}") == way)
        .unwrap();
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    match way {
        Way::DiesAtStart => {
            eprintln!("no database at postgres://localhost");
            std::process::exit(9);
        }
        Way::DiesBesideOthers if !["1", "2", "3"].contains(&&*std::env::var(REPLICA).unwrap()) => {
            eprintln!("somebody holds the lock");
            std::process::exit(9);
        }
        Way::Driller => drill_another(Way::Ignores, port),
        Way::KilledDriller => drill_another(Way::Scatters, port),
        _ => Victim::serve(way, port),
    }
}

/// A driller that is itself interrupted.
fn drill_another(way: Way, port: u16) {
    let mut target = target(way);
    target.env = env(way, port);
    let address = |path| Endpoint::on_port(port, path);
    (target.base, target.ready, target.live) = (
        Some(address("/")),
        Some(address("/ready")),
        Some(address("/live")),
    );
    let progress: Progress = Arc::new(|event| println!("{event:?}"));
    let script = Script::new("victim", "Kubernetes", Duration::from_secs(600));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let load = load();
    let drill = super::super::run(&target, &script, &load, &progress);
    let error = runtime.block_on(drill).unwrap_err();
    println!("driller: {error}");
    std::process::exit(7);
}
