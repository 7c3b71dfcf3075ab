//! The same program, stopped by a real engine and by the drill: the same signal, the same order, the
//! same seconds.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::engine::{Engine, Victim};
use super::{compose, generated, good, support};

/// How a stop went, in milliseconds.
#[derive(Debug)]
struct Course {
    signal: String,
    /// From the stop asked to the signal.
    to_signal: f64,
    /// From the signal to the end.
    to_end: f64,
    killed: bool,
}

impl Course {
    /// Below a second apart in each part, on a machine that may be busy.
    fn agrees(&self, other: &Self) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() < 900.0;
        self.signal == other.signal
            && self.killed == other.killed
            && near(self.to_signal, other.to_signal)
            && near(self.to_end, other.to_end)
    }

    fn drilled(
        directory: &std::path::Path,
        platform: &str,
        victim: &Victim,
        args: &[&str],
    ) -> Self {
        let mut command = support::lifecycle(directory);
        command.args([
            "drill",
            "--platform",
            platform,
            "--format",
            "json",
            "--warm-up",
            "300ms",
        ]);
        command.arg("--").arg(victim.program()).args(args);
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", support::answer(&output)));
        let at = |key: &str| report["timeline"][key].as_f64().unwrap();
        Self {
            signal: report["signal"].as_str().unwrap().to_owned(),
            to_signal: at("signalled_ms") - at("asked_ms"),
            to_end: at("ended_ms") - at("signalled_ms"),
            killed: report["process"]["sigkill_needed"].as_bool().unwrap(),
        }
    }

    /// Of a container that was asked to stop at this time.
    fn of(engine: &Engine, container: &str, asked: f64) -> Self {
        let log = good(engine.docker().args(["logs", container]));
        let signal = log.lines().find(|line| line.contains(" SIG")).unwrap();
        let (at, name) = signal.split_once(' ').unwrap();
        let signalled: f64 = at.parse().unwrap();
        let of = |field: &str| {
            let format = format!("{{{{.State.{field}}}}}");
            good(
                engine
                    .docker()
                    .args(["inspect", "--format", &format, container]),
            )
        };
        let finished = of("FinishedAt");
        let finished =
            good(std::process::Command::new("date").args(["+%s%3N", "--date", finished.trim()]));
        Self {
            signal: name.to_owned(),
            to_signal: signalled - asked,
            to_end: finished.trim().parse::<f64>().unwrap() - signalled,
            killed: of("ExitCode").trim() == "137",
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of this century")]
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis() as f64
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn until_ready(engine: &Engine, container: &str) {
    for _ in 0..100 {
        let log = engine.docker().args(["logs", container]).output().unwrap();
        if support::stdout(&log).contains("ready") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{container} is not ready after 10s");
}

#[test]
fn docker_stops_what_the_script_has_started_as_the_drill_does() {
    let (Some(victim), Some(engine)) = (Victim::build(), Engine::start()) else {
        return;
    };
    let port = free_port();
    let manifest = format!(
        "lifecycle: 1\nservice: victim\ntraffic: {{ health: {{ port: {port} }} }}\nresources:\n  jobs: {{ kind: task, timeout: 1s }}\nplatforms:\n  docker: {{ image: \"victim:1\", grace_period: 3s, stop_signal: SIGINT }}\n"
    );
    let project = support::project(&[("lifecycle.yaml", &manifest)]);
    let at = project.path();
    for target in [&["docker"][..], &["docker", "--patch"]] {
        generated(at, &[target, &["-o", "."]].concat());
    }
    let port = port.to_string();
    for (works, killed) in [("700", false), ("never", true)] {
        engine.image("victim:1", victim.root(), &["/victim", works, &port]);
        let mut script = engine.command("sh");
        script.current_dir(at);
        good(script.args(["run.sh", "--detach", "--network", "none"]));
        until_ready(&engine, "victim");

        // What the engine says of it is what the manifest means.
        let inspected = good(engine.docker().args(["inspect", "victim"]));
        let args = ["check", "--against", "-", "lifecycle.yaml"];
        let checked = support::stdout(&support::given(at, &args, inspected.as_bytes()));
        assert!(
            checked.contains("compared with container victim"),
            "{checked}"
        );
        assert!(checked.contains("nothing to object to"), "{checked}");

        let asked = now();
        good(engine.docker().args(["stop", "victim"]));
        let real = Course::of(&engine, "victim", asked);
        let drilled = Course::drilled(at, "docker", &victim, &[works, &port]);
        assert_eq!(real.killed, killed, "{real:?}");
        assert!(real.agrees(&drilled), "{works}: {real:?} and {drilled:?}");
        eprintln!("docker, {works}: {real:?}; drilled: {drilled:?}");
        good(engine.docker().args(["rm", "victim"]));
    }

    // The flags alone, with the rest by hand.
    let flags = std::fs::read_to_string(at.join("docker.flags")).unwrap();
    let mut run = engine.docker();
    run.args(["run", "--detach", "--network=none", "--name=victim"]);
    good(run.args(flags.split_whitespace()).arg("victim:1"));
    let inspected = good(engine.docker().args(["inspect", "victim"]));
    let args = ["check", "--against", "-", "lifecycle.yaml"];
    let checked = support::stdout(&support::given(at, &args, inspected.as_bytes()));
    assert!(checked.contains("nothing to object to"), "{checked}");
    let drafted = ["init", "--stdout", "--from", "-"];
    let drafted = support::given(at, &drafted, inspected.as_bytes());
    let drafted = support::stdout(&drafted);
    for line in [
        "  docker:",
        "    grace_period: 3s",
        "    stop_signal: SIGINT",
    ] {
        assert!(drafted.contains(&format!("\n{line}\n")), "{drafted}");
    }
}

#[test]
fn compose_runs_the_hook_to_its_bound_and_then_stops_as_the_drill_does() {
    let Some(compose) = compose() else {
        support::skipped("LIFECYCLE_COMPOSE names no Compose 2");
        return;
    };
    let Some(victim) = Victim::build().and_then(Victim::with_tools) else {
        return;
    };
    let Some(engine) = Engine::start() else {
        return;
    };
    let port = free_port();
    // The hook hangs, and is ended where the manifest says.
    let manifest = format!(
        "lifecycle: 1\nservice: victim\ntraffic: {{ health: {{ port: {port} }} }}\nresources:\n  jobs: {{ kind: task, timeout: 1s }}\nplatforms:\n  compose: {{ image: \"victim:1\", grace_period: 3s, pre_stop: {{ exec: [sleep, \"60\"], timeout: 2s }} }}\n"
    );
    let own = "services:\n  victim:\n    network_mode: none\n    container_name: victim\n";
    let project = support::project(&[("lifecycle.yaml", &manifest), ("own.yaml", own)]);
    let at = project.path();
    generated(at, &["compose", "-o", "."]);
    let port = port.to_string();
    let run = |args: &[&str]| {
        let mut command = engine.command(&compose);
        command.current_dir(at);
        command.args(["-p", "victim", "-f", "compose.yaml", "-f", "own.yaml"]);
        good(command.args(args));
    };
    for (works, killed) in [("700", false), ("never", true)] {
        engine.image("victim:1", victim.root(), &["/victim", works, &port]);
        run(&["up", "--detach"]);
        until_ready(&engine, "victim");
        let asked = now();
        run(&["stop"]);
        let real = Course::of(&engine, "victim", asked);
        let drilled = Course::drilled(at, "compose", &victim, &[works, &port]);
        assert_eq!(real.killed, killed, "{real:?}");
        assert!(real.agrees(&drilled), "{works}: {real:?} and {drilled:?}");
        eprintln!("compose, {works}: {real:?}; drilled: {drilled:?}");
        run(&["down"]);
    }
}
