//! What a platform answers to whoever writes its files, where it does not show in a sum.

use std::time::Duration;

use super::systemd::{ExecStop, KillMode, ServiceType, seconds};
use super::{NomadDriver, Platform, SecurityContext, Signal};
use crate::{Analysis, Resolved};

fn resolved(kind: &str, platform: &str) -> Resolved {
    let text = format!(
        "lifecycle: 1\nservice: shop\nresources: {{ it: {{ kind: {kind}, timeout: 1s }} }}\n\
         platforms: {{ {platform} }}\n"
    );
    let analysis = Analysis::of(&text);
    analysis
        .resolved
        .unwrap_or_else(|| panic!("{text}: {:?}", analysis.findings))
}

fn entry(platform: &str) -> Platform {
    let resolved = resolved("task", platform);
    resolved.manifest.platforms.iter().next().unwrap().clone()
}

#[test]
fn a_word_of_the_manifest_is_the_platforms_own() {
    for word in ["rolling", "immediate", "canary", "bluegreen"] {
        let fly = entry(&format!("fly: {{ strategy: {word} }}"));
        let strategy = fly.fly().unwrap().strategy.as_ref().unwrap();
        assert_eq!(strategy.value.name(), word);
    }
    for word in ["off", "stop", "suspend"] {
        let fly = entry(&format!("fly: {{ auto_stop: {word} }}"));
        let auto_stop = fly.fly().unwrap().auto_stop.as_ref().unwrap();
        assert_eq!(auto_stop.value.name(), word);
    }
    for word in ["consul", "nomad"] {
        let nomad = entry(&format!("nomad: {{ service_provider: {word} }}"));
        assert_eq!(nomad.nomad().unwrap().service_provider().name(), word);
    }
    let kubernetes = entry("kubernetes: { security_context: none }");
    let security = kubernetes.kubernetes().unwrap().security();
    assert_eq!(security, SecurityContext::Yours);
}

#[test]
fn a_driver_of_nomads_has_its_name_and_its_signal() {
    for (word, runs_images, signal) in [
        ("docker", true, Signal::Term),
        ("podman", true, Signal::Term),
        ("exec", false, Signal::Int),
        ("raw_exec", false, Signal::Int),
    ] {
        let nomad = entry(&format!("nomad: {{ driver: {word} }}"));
        let nomad = nomad.nomad().unwrap();
        let driver: NomadDriver = nomad.driver();
        let said = (driver.name(), driver.runs_images(), driver.signal());
        assert_eq!(said, (word, runs_images, signal));
        assert_eq!(nomad.signal(), signal);
    }
}

#[test]
fn what_nomad_takes_for_healthy_is_shorter_than_its_deadline() {
    let millis = |millis| Some(Duration::from_millis(millis));
    for (deadline, times) in [
        ("10m", (None, None)),
        ("0s", (None, None)),
        ("300s1ms", (None, None)),
        ("300s", (millis(270_000), None)),
        ("11s113ms", (millis(10_001), None)),
        ("11s112ms", (millis(10_000), millis(9_000))),
    ] {
        let nomad = entry(&format!("nomad: {{ progress_deadline: {deadline} }}"));
        assert_eq!(nomad.nomad().unwrap().healthy_times(), times, "{deadline}");
    }
}

#[test]
fn pm2_knows_what_runs_a_program_by_its_ending() {
    for (keys, known) in [
        ("script: ./shop.js", true),
        ("script: ./shop.py", true),
        ("script: ./shop.d/shop", false),
        ("script: ./shop.bin", false),
        ("instances: 1", false),
    ] {
        let pm2 = entry(&format!("pm2: {{ {keys} }}"));
        assert_eq!(pm2.pm2().unwrap().has_interpreter(), known, "{keys}");
    }
}

#[test]
fn a_signal_goes_to_everybody_where_the_platform_says_so() {
    for (platform, everyone) in [
        ("docker: {}", false),
        ("heroku: {}", true),
        ("pm2: {}", true),
        ("pm2: { treekill: false }", false),
        ("systemd: {}", false),
        ("systemd: { kill_mode: control-group }", true),
        ("systemd: { kill_mode: process }", false),
    ] {
        assert_eq!(entry(platform).signals_everyone(), everyone, "{platform}");
    }
    for (platform, images) in [
        ("docker: {}", false),
        ("ecs: {}", true),
        ("kubernetes: {}", true),
    ] {
        assert_eq!(entry(platform).signal_is_the_images(), images, "{platform}");
    }
}

#[test]
fn a_unit_says_what_the_manifest_does() {
    let systemd = entry(
        "systemd: { type: exec, kill_mode: process, \
         exec_stop: [1500ms, { command: [/bin/a, b], timeout: 5s }] }",
    );
    let systemd = systemd.systemd().unwrap();
    assert_eq!(systemd.service_type(), ServiceType::Exec);
    assert_eq!(systemd.kill_mode(), KillMode::Process);
    let words: Vec<Vec<String>> = systemd.exec_stop.iter().map(ExecStop::words).collect();
    assert_eq!(words, [["/bin/sleep", "1.5"], ["/bin/a", "b"]]);
    assert_eq!(seconds(Duration::from_secs(5)), "5");
}

#[test]
fn herokus_router_sends_to_what_takes_requests() {
    for (kind, keys, process) in [
        ("http-server", "", "web"),
        ("task", "", "worker"),
        ("task", "process_type: clock", "clock"),
    ] {
        let resolved = resolved(kind, &format!("heroku: {{ {keys} }}"));
        let heroku = resolved.manifest.platforms.get("heroku").unwrap();
        let heroku = heroku.heroku().unwrap();
        assert_eq!(heroku.process_type(&resolved.manifest), process);
    }
}

/// Five hundred names, those of the resources and those of the timeouts together.
#[test]
fn the_nearest_resource_is_looked_for_among_some_hundreds() {
    let helps = |resources: usize, timeouts: usize| {
        let names = |count: usize| (1..count).map(|at| format!("job-{at}"));
        let task = |name| format!("  {name}: {{ kind: task, timeout: 5s }}\n");
        let timeout = |name| format!("      {name}: 5s\n");
        let resources: String = names(resources).map(task).collect();
        let timeouts: String = names(timeouts).map(timeout).collect();
        let analysis = Analysis::of(&format!(
            "lifecycle: 1\nservice: shop\nresources:\n  http: {{ kind: http-server, timeout: 5s }}\n{resources}\
             platforms:\n  kubernetes:\n    timeouts:\n      htp: 5s\n{timeouts}"
        ));
        let unknown = |it: &&crate::Finding| it.message == "there is no resource `htp`";
        let found: Vec<_> = analysis.findings.iter().filter(unknown).collect();
        assert_eq!(found.len(), 1);
        found[0].help.len()
    };
    assert_eq!(helps(250, 250), 1);
    assert_eq!(helps(251, 250), 0);
}
