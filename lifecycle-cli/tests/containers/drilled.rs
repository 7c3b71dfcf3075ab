//! Drills of images and of Compose projects, on a real engine: it plays the stop itself, or the drill
//! does, and nothing is left of either.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::engine::{Engine, Victim};
use super::{compose, good, support};

fn drill(engine: &Engine, directory: &Path, args: &[&str]) -> Command {
    let mut command = engine.command(env!("CARGO_BIN_EXE_lifecycle"));
    command
        .current_dir(directory)
        .args([
            "drill",
            "--format",
            "json",
            "--warm-up",
            "300ms",
            "--rate",
            "50",
        ])
        .args(args);
    command
}

fn measured(engine: &Engine, directory: &Path, args: &[&str]) -> Value {
    let output = drill(engine, directory, args).output().unwrap();
    let measured: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{args:?}: {}", support::answer(&output)));
    let address = measured["address"].as_str().unwrap_or_default();
    assert!(address.starts_with("http://127.0.0.1:"), "{measured:#}");
    assert_ne!(measured["requests"]["before"]["served"], 0, "{measured:#}");
    assert_eq!(made(engine), "", "{args:?}");
    measured
}

/// What drills have made and not removed.
fn made(engine: &Engine) -> String {
    let list = |args: &[&str]| good(engine.docker().args(args));
    let containers = list(&["ps", "--all", "--quiet"]);
    let networks = list(&["network", "ls", "--quiet", "--filter", "name=lifecycle"]);
    let volumes = list(&["volume", "ls", "--quiet"]);
    format!("{containers}{networks}{volumes}")
}

fn millis(measured: &Value, moment: &str) -> f64 {
    let at = measured["timeline"][moment].as_f64();
    at.unwrap_or_else(|| panic!("no {moment}: {measured:#}"))
}

#[test]
fn an_image_is_stopped_by_its_engine_or_by_the_drill() {
    let Some(victim) = Victim::build().and_then(Victim::with_tools) else {
        return;
    };
    let Some(engine) = Engine::with_network() else {
        return;
    };
    engine.exposing(
        "victim:1",
        victim.root(),
        &["/victim", "700", "8080", "everywhere"],
    );
    let nothing = tempfile::tempdir().unwrap();
    let at = nothing.path();

    // `docker stop`: the image says where it listens, and the engine when it signalled.
    let stopped = measured(&engine, at, &["--image", "victim:1"]);
    assert_eq!(stopped["platform"], "docker");
    assert_eq!(stopped["process"]["status"]["code"], 0, "{stopped:#}");
    assert_eq!(stopped["process"]["sigkill_needed"], false);
    let main = &stopped["process"]["signalled"]["main"];
    assert_eq!(main["first"], true, "{main:#}");
    // It waits for the signal with sigwait.
    assert_eq!(main["reaction"], "blocks", "{main:#}");
    let worked = millis(&stopped, "ended_ms") - millis(&stopped, "signalled_ms");
    assert!((600.0..5_000.0).contains(&worked), "{worked}");
    let said = stopped["output"].to_string();
    assert!(said.contains("SIGTERM"), "{said}");

    // One that does not stop, with the engine's own two seconds.
    let manifest = "lifecycle: 1\nservice: victim\nbudget: { reserve: 250ms }\ntraffic: { settle: 0s }\nresources:\n  http: { kind: http-server, port: 8080, timeout: 1s }\nplatforms:\n  docker: { grace_period: 2s }\n";
    let project = support::project(&[("lifecycle.yaml", manifest)]);
    let never = [
        "--image",
        "victim:1",
        "--",
        "/victim",
        "never",
        "8080",
        "everywhere",
    ];
    let killed = measured(&engine, project.path(), &never);
    assert_eq!(killed["process"]["sigkill_needed"], true, "{killed:#}");
    let after = millis(&killed, "killed_ms") - millis(&killed, "signalled_ms");
    assert!((1_900.0..6_000.0).contains(&after), "{after}");

    // On another platform the drill signals. A shell is the container's first process and takes no note.
    let shell = [
        "--image",
        "victim:1",
        "--platform",
        "kubernetes",
        "--grace",
        "2s",
        "--port",
        "8080",
        "--",
        "sh",
        "-c",
        "/victim 0 8080 everywhere; true",
    ];
    let deaf = measured(&engine, at, &shell);
    assert_eq!(deaf["platform"], "kubernetes");
    assert_eq!(deaf["process"]["sigkill_needed"], true, "{deaf:#}");
    let main = &deaf["process"]["signalled"]["main"];
    assert_eq!(
        (&main["role"], &main["reaction"], &main["first"]),
        (&"shell".into(), &"default".into(), &true.into())
    );
    let below = &deaf["process"]["signalled"]["descendants"][0];
    assert_eq!(below["listens"], true, "{below:#}");

    // Nginx and others name their signal: whoever obeys images sends that one.
    engine.derived("quits:1", "victim:1", "STOPSIGNAL SIGQUIT");
    for platform in ["docker", "kubernetes", "ecs"] {
        let args = [
            "--image",
            "quits:1",
            "--platform",
            platform,
            "--port",
            "8080",
        ];
        let quit = measured(&engine, at, &args);
        assert_eq!(
            (&quit["platform"], &quit["signal"]),
            (&platform.into(), &"SIGQUIT".into())
        );
        assert_eq!(quit["process"]["status"]["code"], 0, "{quit:#}");
        let said = quit["output"].to_string();
        assert!(said.contains("SIGQUIT"), "{platform}: {said}");
    }

    // A drill that is killed leaves no container, wherever it was.
    for moment in [150, 500, 900, 1_400] {
        let mut drill = drill(&engine, at, &["--image", "victim:1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        drill.kill().unwrap();
        drill.wait().unwrap();
        until_nothing_is_left(&engine);
    }
}

/// A killed drill's guard works on. Its last command may be about to make something: nothing was
/// made for a while only then is nothing left.
fn until_nothing_is_left(engine: &Engine) {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        if guards(engine) == 0 {
            let left = made(engine);
            assert_eq!(left, "");
            return;
        }
        assert!(Instant::now() < until, "{}", made(engine));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The guards of drills on this engine.
fn guards(engine: &Engine) -> usize {
    let host = format!("DOCKER_HOST={}", engine.host());
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter(|process| {
            let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
            let environ = read("environ");
            let mut variables = environ.split(|byte| *byte == 0);
            read("cmdline").starts_with(b"lifecycle-drill-guard")
                && variables.any(|variable| variable == host.as_bytes())
        })
        .count()
}

#[test]
fn a_compose_project_is_stopped_by_compose_and_removed() {
    if compose().is_none() {
        support::skipped("LIFECYCLE_COMPOSE names no Compose 2");
        return;
    }
    let (Some(victim), Some(engine)) = (Victim::build(), Engine::with_network()) else {
        return;
    };
    engine.exposing(
        "victim:1",
        victim.root(),
        &["/victim", "700", "8080", "everywhere"],
    );
    let file = "\
services:
  shop:
    image: victim:1
    stop_grace_period: 3s
    stop_signal: SIGINT
    depends_on: [db]
    ports: [\"8080\"]
    volumes: [data:/data]
  db:
    image: victim:1
    command: [/victim, never]
volumes: { data: {} }
";
    let project = support::project(&[("compose.yaml", file)]);
    let at = project.path();
    let both = ["--compose", "compose.yaml"];
    let unnamed = drill(&engine, at, &both).output().unwrap();
    let answer = support::answer(&unnamed);
    assert!(
        answer.contains("name one: --compose-service NAME"),
        "{answer}"
    );

    let shop = ["--compose", "compose.yaml", "--compose-service", "shop"];
    let stopped = measured(&engine, at, &shop);
    assert_eq!(stopped["platform"], "compose");
    assert_eq!(stopped["signal"], "SIGINT");
    assert_eq!(stopped["planned"]["grace_ms"], 3_000.0);
    assert_eq!(stopped["process"]["status"]["code"], 0, "{stopped:#}");
    assert!(
        stopped["output"].to_string().contains("SIGINT"),
        "{stopped:#}"
    );

    let mut killed = drill(&engine, at, &shop)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    killed.kill().unwrap();
    killed.wait().unwrap();
    until_nothing_is_left(&engine);
}
