//! What is left of a drill that is killed: nothing.
//!
//! Each round marks its processes with a variable of its own, which all of them inherit, so that what
//! is left is found wherever it has gone.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::victim::{self, Way};
use super::{kubernetes, quiet};
use crate::target::proc;
use crate::{Event, Progress, run};

const ROUND: &str = "DRILL_TEST_ROUND";
/// How many drills are killed; `LIFECYCLE_KILLS` asks for more of them.
const KILLS: u64 = 10;
/// From the start of the first drill to be killed to the last: by then the signal is long out.
const LATEST: Duration = Duration::from_secs(2);

fn of(round: &str) -> Vec<proc::Entry> {
    proc::with_variable(ROUND, round)
}

fn told(processes: &[proc::Entry]) -> Vec<String> {
    processes
        .iter()
        .map(|it| format!("{} ({}): {:?}", it.pid, it.parent, proc::arguments(it.pid)))
        .collect()
}

/// Waits for a guard to have done its work.
fn assert_nothing_left(round: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let left = of(round);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{round}: {:#?}", told(&left));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_drill_that_is_killed_leaves_nothing_whenever_that_is() {
    let kills = std::env::var("LIFECYCLE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut most = 0;
    let mut daemons = 0;
    for at in 0..kills {
        let round = format!("kill-{}-{at}", std::process::id());
        let command = victim::command();
        let mut driller = Command::new(&command[0])
            .args(&command[1..])
            .envs(victim::env(Way::KilledDriller, victim::free_port()))
            .env(ROUND, &round)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the start, the load and the stop.
        let moment = LATEST * u32::try_from(at).unwrap() / u32::try_from(kills).unwrap();
        std::thread::sleep(moment);
        let alive = of(&round);
        most = most.max(alive.len());
        // Who has lost its parent and its group.
        daemons += usize::from(
            alive
                .iter()
                .any(|it| proc::arguments(it.pid) == ["sleep", "301"]),
        );
        driller.kill().unwrap();
        driller.wait().unwrap();
        assert_nothing_left(&round);
    }
    // It did have something to leave.
    assert!(most >= 7, "at most {most} processes were there at once");
    assert!(daemons > 0);
}

#[tokio::test]
async fn a_drill_whose_guard_is_killed_cleans_up_itself() {
    let round = format!("guard-{}", std::process::id());
    let mut target = victim::target(Way::Scatters);
    target.env.push((ROUND.to_owned(), round.clone()));
    let guard = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&guard);
    let progress: Progress = Arc::new(move |event| match event {
        Event::Started { pid } => {
            *seen.lock().unwrap() = proc::entry(pid.cast_signed()).unwrap().parent;
        }
        Event::StopAsked => {
            let guard = rustix::process::Pid::from_raw(*seen.lock().unwrap()).unwrap();
            rustix::process::kill_process(guard, rustix::process::Signal::KILL).unwrap();
        }
        _ => {}
    });
    let mut script = kubernetes();
    script.grace = Duration::from_secs(1);
    let error = run(&target, &script, &victim::load(), &progress)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("guard was ended"), "{error}");
    assert_nothing_left(&round);
}

#[tokio::test]
async fn daemons_of_the_program_end_with_the_drill() {
    let round = format!("daemons-{}", std::process::id());
    let mut target = victim::target(Way::Scatters);
    target.env.push((ROUND.to_owned(), round.clone()));
    let mut script = kubernetes();
    script.grace = Duration::from_secs(1);
    let measured = run(&target, &script, &victim::load(), &quiet())
        .await
        .unwrap();
    assert!(measured.process.sigkill_needed);
    let signalled = measured.process.signalled.unwrap();
    assert_eq!(signalled.main.pid, signalled.server().unwrap().pid);
    // It is all over when the drill is, and not some time later.
    assert!(of(&round).is_empty(), "{:#?}", told(&of(&round)));
}

#[tokio::test]
async fn a_process_that_runs_already_is_stopped_and_measured() {
    let port = victim::free_port();
    let command = victim::command();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .envs(victim::env(Way::Polite, port))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut target = victim::target(Way::Polite);
    target.subject = crate::Subject::Pid(child.id());
    // Its port is found.
    (target.base, target.finds_port) = (None, true);
    target.ready = Some(crate::Endpoint::on_port(port, "/ready"));
    target.live = None;
    let measured = run(&target, &kubernetes(), &victim::load(), &quiet())
        .await
        .unwrap();
    assert_eq!(measured.address, Some(format!("http://127.0.0.1:{port}/")));
    assert!(measured.requests.unwrap().before.served > 0);
    let seen = measured.process.signalled.unwrap();
    assert_eq!(seen.main.pid, child.id());
    assert_eq!(
        seen.main.reaction,
        crate::target::signalled::Reaction::Handles
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_kill_was_needed_also_where_nobody_keeps_how_it_ended() {
    use std::io::BufRead as _;
    // Whoever ignores the end of its children never has one to reap: what they end with is lost at once. Not
    // every `sh` does that when told.
    let words =
        "trap '' TERM CHLD; sleep 60 >/dev/null 2>&1 & echo $!; exec sleep 60 >/dev/null 2>&1";
    let mut parent = Command::new("bash")
        .args(["-c", words])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(parent.stdout.take().unwrap());
    let pid = said.lines().next().unwrap().unwrap().parse().unwrap();
    // Somebody else listens for it.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut target = victim::target(Way::Ignores);
    target.subject = crate::Subject::Pid(pid);
    target.base = Some(crate::Endpoint::on_port(port, "/"));
    (target.ready, target.live) = (None, None);
    let mut script = kubernetes();
    script.grace = Duration::from_secs(1);
    let measured = run(&target, &script, &crate::Load::default(), &quiet()).await;
    parent.kill().unwrap();
    parent.wait().unwrap();
    let measured = measured.unwrap();
    assert_eq!(measured.process.status, None);
    assert!(measured.timeline.killed_ms.is_some());
    assert!(measured.process.sigkill_needed);
    let expected = ["signal-not-handled", "sigkill-needed"];
    assert_eq!(super::failures(&measured), expected);
    assert!(!measured.passed);
}

#[tokio::test]
async fn a_process_that_runs_already_is_left_alone_before_its_signal() {
    let port = victim::free_port();
    let command = victim::command();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .envs(victim::env(Way::NeverReady, port))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut target = victim::target(Way::NeverReady);
    target.subject = crate::Subject::Pid(child.id());
    target.base = Some(crate::Endpoint::on_port(port, "/"));
    target.ready = Some(crate::Endpoint::on_port(port, "/ready"));
    target.start_timeout = Duration::from_millis(800);
    let measured = run(&target, &kubernetes(), &victim::load(), &quiet())
        .await
        .unwrap();
    assert!(measured.waited.unwrap().last.contains("503"));
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn a_signal_for_everyone_reaches_everyone() {
    for everyone in [false, true] {
        let mut target = victim::target(Way::Polite);
        let words = format!(
            "sh -c 'trap \"echo child asked\" TERM; while :; do sleep 0.05; done' & exec {}",
            victim::command().join(" ")
        );
        target.subject = crate::Subject::Command(vec!["sh".to_owned(), "-c".to_owned(), words]);
        let mut script = kubernetes();
        script.signals_everyone = everyone;
        let measured = run(&target, &script, &victim::load(), &quiet())
            .await
            .unwrap();
        let asked = measured.output.iter().any(|line| line == "child asked");
        assert_eq!(asked, everyone, "{:?}", measured.output);
        let seen = measured.process.signalled.unwrap();
        assert_eq!(seen.everyone, everyone);
        let child = &seen.descendants[0];
        assert_eq!(child.role, crate::target::signalled::Role::Shell);
        assert_eq!(child.outlived, Some(true));
        assert_eq!(
            measured.process.left_behind.map(|left| left > 0),
            Some(true)
        );
    }
}
