//! A real systemd starts generated units and stops them, booted in a container over this machine's own
//! file system; beside it `lifecycle drill` plays the same manifest with the same program.

use std::collections::HashMap;
use std::path::Path;

use super::booted::{Left, System};
use super::subject::{DRAINS, arguments};
use super::support::{self, run};
use super::{this_program, words, write};

/// `date` is asked before and after each stop. A unit that is up has said so.
const DRILL: &str = r#"
now() { date +%s%3N; }
stop() {
    for _ in $(seq 200); do grep -q '^up' "/share/$1.out" && break; sleep 0.05; done
    echo "$1.asked=$(now)" >>/share/log
    systemctl stop "$1.service"
    echo "$1.over=$(now)" >>/share/log
    systemctl show -p Result -p ExecMainStatus -p ExecMainCode "$1.service" | sed "s/^/$1./" >>/share/log
}
systemctl start drains.service ignores.service asked.service
systemctl show ignores.service >/share/shown
systemctl cat ignores.service >/share/cat
stop drains
stop ignores
stop asked
systemctl start words.service
stop words
echo done=1 >>/share/log
systemctl --no-block poweroff --force --force
"#;

/// In the container: no more of the system than is needed, and what the program says into a file.
pub(super) const HERE: &str =
    "[Unit]\nDefaultDependencies=no\n[Service]\nStandardError=null\nStandardOutput=file:/share/";

/// A service with three seconds, and one second before the signal.
fn manifest(service: &str, program: &str, words: &[String], port: u16, more: &str) -> String {
    let mut exec = vec![program.to_owned()];
    exec.extend_from_slice(words);
    format!(
        "\
lifecycle: 1
service: {service}
budget: {{ reserve: 250ms }}
traffic: {{ settle: 0s }}
resources:
  http: {{ kind: http-server, port: {port}, timeout: 2s }}
platforms:
  systemd:
    exec: {}
    grace_period: 3s
{more}",
        words::list(&exec)
    )
}

/// What `lifecycle drill` measured: asked, signalled, killed and ended, in milliseconds from the stop.
struct Drilled {
    signalled: f64,
    killed: Option<f64>,
    ended: f64,
    signal: String,
}

fn drill(folder: &Path, name: &str, port: u16) -> Drilled {
    let program = this_program().display().to_string();
    let mut command = support::lifecycle(folder);
    command.args([
        "drill",
        "--platform",
        "systemd",
        "--format",
        "json",
        "--no-traffic",
        "--warm-up",
        "200ms",
        "--",
    ]);
    command
        .arg(program)
        .args(arguments(name))
        .args(["--", &port.to_string()]);
    let output = command.output().unwrap();
    let measured: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", support::answer(&output)));
    let at = |key: &str| measured["timeline"][key].as_f64();
    let asked = at("asked_ms").unwrap();
    Drilled {
        signalled: at("signalled_ms").unwrap() - asked,
        killed: at("killed_ms").map(|killed| killed - asked),
        ended: at("ended_ms").unwrap() - asked,
        signal: measured["signal"].as_str().unwrap().to_owned(),
    }
}

pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Generates a service's unit into the folder that the container takes its units from.
fn generate(work: &Path, service: &str, text: &str) {
    let folder = work.join(service);
    std::fs::create_dir_all(&folder).unwrap();
    write(&folder.join("lifecycle.yaml"), text);
    let units = work.join("units");
    let generated = run(&folder, &["gen", "systemd", "-o", units.to_str().unwrap()]);
    assert!(
        generated.status.success(),
        "{}",
        support::answer(&generated)
    );
    let here = units.join(format!("{service}.service.d"));
    std::fs::create_dir_all(&here).unwrap();
    write(&here.join("here.conf"), &format!("{HERE}{service}.out\n"));
}

#[test]
#[allow(
    clippy::too_many_lines,
    reason = "one boot, and everything that it shows"
)]
fn a_real_systemd_stops_generated_units_as_the_drill_plays_them() {
    let Some(system) = System::running("units in a real systemd", DRILL, "") else {
        return;
    };
    let work = system.path();

    let port = free_port();
    let subject = |name: &str| {
        let mut words = arguments(name);
        words.extend(["--".to_owned(), port.to_string()]);
        words
    };
    let slept = "    exec_stop: 1s\n";
    let with_port = |service: &str, name: &str, more: &str| {
        let text = manifest(service, "/share/subject", &subject(name), port, more);
        generate(work, service, &text);
    };
    // One after another they may have the same port; side by side they may not.
    let ports: Vec<u16> = (0..2).map(|_| free_port()).collect();
    with_port("drains", "drains", slept);
    let own = |name: &str, port: u16| {
        let mut words = arguments(name);
        words.extend(["--".to_owned(), port.to_string()]);
        words
    };
    generate(
        work,
        "ignores",
        &manifest(
            "ignores",
            "/share/subject",
            &own("ignores", ports[0]),
            ports[0],
            &format!("    type: exec\n{slept}"),
        ),
    );
    let hangs =
        "    kill_signal: SIGINT\n    exec_stop: { command: [/bin/sleep, '60'], timeout: 1s }\n";
    generate(
        work,
        "asked",
        &manifest(
            "asked",
            "/share/subject",
            &own("drains", ports[1]),
            ports[1],
            hangs,
        ),
    );
    let odd = words::odd();
    let mut said = arguments("says_what_it_is_told");
    said.push("--".to_owned());
    said.extend(odd.iter().cloned());
    let written = format!(
        "    exec_stop: {{ command: {}, timeout: 5s }}\n",
        words::list(
            &[
                vec![
                    "/bin/sh".to_owned(),
                    "-c".to_owned(),
                    "for word; do printf '%s\\000' \"$word\"; done >/share/stop".to_owned(),
                    "sh".to_owned()
                ],
                odd.clone(),
            ]
            .concat()
        )
    )
    .replace("timeout: 5s", "timeout: 3s");
    generate(
        work,
        "words",
        &manifest("words", "/share/subject", &said, port, &written),
    );

    let subject = this_program();
    let Some(Left { log, console }) = system.boot(&[("subject", subject.as_path())]) else {
        return;
    };
    let log: HashMap<&str, &str> = log
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!(log.get("done"), Some(&"1"), "{log:?}\n{console}");
    let said_by =
        |service: &str| std::fs::read_to_string(work.join(format!("share/{service}.out"))).unwrap();
    let moment = |service: &str, what: &str| -> Option<f64> {
        let text = said_by(service);
        text.lines()
            .find_map(|line| line.strip_prefix(what)?.trim().parse().ok())
    };
    let asked =
        |service: &str| -> f64 { log[format!("{service}.asked").as_str()].parse().unwrap() };
    let over = |service: &str| -> f64 {
        log[format!("{service}.over").as_str()]
            .parse::<f64>()
            .unwrap()
            - asked(service)
    };
    let signalled = |service: &str, signal: &str| moment(service, signal).unwrap() - asked(service);

    // The same manifests, played.
    let near = |real: f64, played: f64, what: &str| {
        println!("{what}: systemd {real:.0} ms, drill {played:.0} ms");
        assert!(
            (real - played).abs() < 900.0,
            "{what}: systemd {real:.0} ms, drill {played:.0} ms"
        );
    };
    let result = |service: &str, key: &str| log[format!("{service}.{key}").as_str()].to_owned();

    let played = drill(&work.join("drains"), "drains", port);
    assert_eq!((played.signal.as_str(), played.killed), ("SIGTERM", None));
    near(
        signalled("drains", "SIGTERM"),
        played.signalled,
        "the signal to one that drains",
    );
    near(over("drains"), played.ended, "the end of one that drains");
    assert!(over("drains") >= 900.0 + DRAINS.as_secs_f64() * 1_000.0);
    assert_eq!(
        (
            result("drains", "Result").as_str(),
            result("drains", "ExecMainStatus").as_str()
        ),
        ("success", "0")
    );

    let played = drill(&work.join("ignores"), "ignores", ports[0]);
    near(
        signalled("ignores", "SIGTERM"),
        played.signalled,
        "the signal to one that ignores it",
    );
    near(
        over("ignores"),
        played.ended,
        "the end of one that ignores it",
    );
    near(over("ignores"), played.killed.unwrap(), "SIGKILL");
    assert_eq!(moment("ignores", "gone"), None);
    assert_eq!(
        (
            result("ignores", "Result").as_str(),
            result("ignores", "ExecMainStatus").as_str()
        ),
        ("timeout", "9")
    );

    // A command that hangs is killed at its own timeout, and the signal is the one that was asked for.
    let played = drill(&work.join("asked"), "drains", ports[1]);
    assert_eq!(played.signal, "SIGINT");
    near(signalled("asked", "SIGINT"), played.signalled, "SIGINT");
    near(
        over("asked"),
        played.ended,
        "the end of one that is asked by SIGINT",
    );
    assert_eq!(result("asked", "Result"), "success");

    // Every word is the manifest's, for what starts and for what runs before the signal.
    let text = said_by("words");
    let line = |what: &str| {
        text.lines()
            .find(|line| line.starts_with(what))
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(line("words "), format!("words {odd:?}"));
    let stopped = std::fs::read(work.join("share/stop")).unwrap();
    let stopped: Vec<String> = stopped
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    assert_eq!(stopped[..stopped.len() - 1], odd[..]);
    let told = line("told ");
    for variable in [
        "(\"LIFECYCLE_PLATFORM\", \"systemd\")",
        "(\"LIFECYCLE_GRACE_MS\", \"3000\")",
    ] {
        assert!(told.contains(variable), "{told}");
    }

    // What systemd says of its own unit is what the manifest says.
    for shown in ["shown", "cat"] {
        let bytes = std::fs::read(work.join("share").join(shown)).unwrap();
        let checked = support::given(
            &work.join("ignores"),
            &["check", "lifecycle.yaml", "--against", "-"],
            &bytes,
        );
        let answer = support::answer(&checked);
        assert!(
            checked.status.success() && !answer.contains("[LC7"),
            "{shown}\n{answer}"
        );
        assert!(
            answer.contains("compared with unit ignores"),
            "{shown}\n{answer}"
        );
    }
}
