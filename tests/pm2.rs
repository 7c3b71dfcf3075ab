//! The real PM2: it reads what is generated for it, and stops a program as the drill plays it.
//!
//! `LIFECYCLE_PM2` names the program `pm2`; without it this suite says that it was skipped. Every test
//! has a daemon of its own, in a home of its own, which is ended with it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use lifecycle_tests::{PEER_PORT, program, root, skipped};
use serde_json::Value;

/// Ports are shared, and so are the cores on which moments are compared.
static TURN: Mutex<()> = Mutex::new(());

/// How far apart a moment under PM2 and the same in a drill may be: PM2 runs `ps` before it signals,
/// and looks every 100 ms.
const APART: u64 = 900;

/// A daemon of PM2's.
struct Pm2 {
    program: PathBuf,
    home: tempfile::TempDir,
    /// Where it is started, and its programs with it.
    directory: tempfile::TempDir,
}

impl Pm2 {
    fn new() -> Option<Self> {
        let Some(program) = std::env::var_os("LIFECYCLE_PM2") else {
            skipped("LIFECYCLE_PM2 names no pm2");
            return None;
        };
        Some(Self {
            program: program.into(),
            home: tempfile::tempdir().unwrap(),
            directory: tempfile::tempdir().unwrap(),
        })
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(arguments)
            .current_dir(self.directory.path())
            .env("PM2_HOME", self.home.path())
            .env("HOME", self.home.path())
            .env("PM2_LOG_DATE_FORMAT", "YYYY-MM-DDTHH:mm:ss.SSS")
            .env("PM2_DISABLE_VERSION_CHECK", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// `pm2 start` of a file.
    fn start(&self, file: &Path) {
        let started = self.run(&["start", file.to_str().unwrap()]);
        let words = String::from_utf8_lossy(&started.stdout).into_owned()
            + &String::from_utf8_lossy(&started.stderr);
        assert!(started.status.success(), "{words}");
        assert!(
            !words.contains("[WARN]") || words.contains("not running, starting"),
            "{words}"
        );
    }

    /// What PM2 knows of its programs.
    fn list(&self) -> Vec<Value> {
        let listed = String::from_utf8(self.run(&["jlist"]).stdout).unwrap();
        // A daemon that is started by this very command says so first.
        let json = listed.lines().rfind(|line| line.starts_with('[')).unwrap();
        serde_json::from_str(json).unwrap()
    }

    fn log(&self) -> Vec<(u64, String)> {
        let log = std::fs::read_to_string(self.home.path().join("pm2.log")).unwrap_or_default();
        log.lines()
            .filter_map(|line| {
                let (time, said) = line.split_at_checked("2026-11-21T11:32:02.123".len())?;
                Some((
                    millis_of_day(time)?,
                    said.trim_start_matches(": ").to_owned(),
                ))
            })
            .collect()
    }

    /// Stops a program, and says at which milliseconds from then on the log has each of these.
    fn stop(&self, name: &str, wanted: &[&str]) -> Vec<u64> {
        assert!(self.run(&["stop", name]).status.success());
        let log = self.log();
        let begin = log
            .iter()
            .position(|(_, said)| said.contains(&format!("Stopping app:{name}")))
            .unwrap_or_else(|| panic!("{log:#?}"));
        let at = |wanted: &&str| {
            let mut after = log[begin..].iter();
            let (time, _) = after
                .find(|(_, said)| said.contains(*wanted))
                .unwrap_or_else(|| panic!("`{wanted}` is not in {log:#?}"));
            (time + DAY - log[begin].0) % DAY
        };
        wanted.iter().map(at).collect()
    }

    /// A file of the directory that it is started in.
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Pm2 {
    fn drop(&mut self) {
        self.run(&["kill"]);
    }
}

const DAY: u64 = 24 * 3_600 * 1_000;

/// `…T11:32:02.123` in milliseconds.
fn millis_of_day(time: &str) -> Option<u64> {
    let (_, clock) = time.split_once('T')?;
    let (clock, millis) = clock.split_once('.')?;
    let mut parts = clock.split(':').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis.parse::<u64>().ok()?)
}

/// The command, built once.
fn tool() -> &'static Path {
    static TOOL: OnceLock<PathBuf> = OnceLock::new();
    TOOL.get_or_init(|| program("lifecycle-cli", "lifecycle"))
}

fn lifecycle(directory: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(tool())
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {words}");
    output
}

/// The drill of a program in its directory.
fn drill(directory: &Path, manifest: &str, command: &[&str]) -> Value {
    let output = Command::new(tool())
        .args(["drill", manifest, "--platform", "pm2", "--format", "json"])
        .args(["--warm-up", "300ms", "--rate", "20", "--"])
        .args(command)
        .current_dir(directory)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

fn milliseconds(measured: &Value, pointer: &str) -> u64 {
    let number = measured.pointer(pointer).and_then(Value::as_f64);
    let number = number.unwrap_or_else(|| panic!("no {pointer} in {measured:#}"));
    Duration::from_secs_f64(number / 1_000.0)
        .as_millis()
        .try_into()
        .unwrap()
}

fn wait_for(port: u16) {
    let until = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_generated_file_means_to_pm2_what_the_manifest_says() {
    let Some(pm2) = Pm2::new() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Every character that means something to YAML, JSON, JavaScript or a shell.
    let odd = "\"op'\u{2028}\u{e9}${HOME}`x`\\{{y}}#:-";
    let script = format!("sh{odd}");
    let arguments = [
        odd.to_owned(),
        format!("{odd} a\nb"),
        String::new(),
        "yes".to_owned(),
    ];
    let text = "#!/bin/sh\nprintf '%s\\0' \"$@\" > given.$$\nexec sleep 60\n";
    executable(&pm2.path(&script), text);
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let manifest = format!(
        "lifecycle: 1\nservice: shop\nresources:\n  job: {{ kind: task, timeout: 3s }}\nplatforms:\n  pm2:\n    \
         {{ grace_period: 5001ms, treekill: false, kill_retry_time: 150ms, wait_ready: false, \
         listen_timeout: 4s, instances: 2, script: {}, args: [{}] }}\n",
        json(&format!("./{script}")),
        arguments
            .each_ref()
            .map(|argument| json(argument))
            .join(", ")
    );
    std::fs::write(pm2.path("lifecycle.yaml"), manifest).unwrap();
    lifecycle(pm2.directory.path(), &["gen", "pm2", "-o", "pm2"]);
    pm2.start(&pm2.path("pm2/ecosystem.config.json"));

    let list = pm2.list();
    assert_eq!(list.len(), 2, "{list:#?}");
    for process in &list {
        let known = &process["pm2_env"];
        let held = |key: &str| known[key].clone();
        assert_eq!(held("status"), "online");
        let there = std::fs::canonicalize(pm2.path(&script)).unwrap();
        assert_eq!(held("pm_exec_path"), there.to_str().unwrap());
        assert_eq!(held("exec_interpreter"), "none");
        assert_eq!(held("exec_mode"), "fork_mode");
        assert_eq!(held("kill_timeout"), 5_001);
        assert_eq!(held("kill_retry_time"), 150);
        assert_eq!(held("listen_timeout"), 4_000);
        assert_eq!(held("treekill"), false);
        assert_eq!(known["env"]["LIFECYCLE_PLATFORM"], "pm2");
        assert_eq!(known["env"]["LIFECYCLE_GRACE_MS"], "5001");
        let given = std::fs::read(pm2.path(&format!("given.{}", process["pid"]))).unwrap();
        let given: Vec<&str> = std::str::from_utf8(&given).unwrap().split('\0').collect();
        assert_eq!(given[..arguments.len()], arguments);
    }

    // And what PM2 has made of it is what the manifest says.
    let listed = serde_json::to_string(&list).unwrap();
    std::fs::write(pm2.path("jlist.json"), listed).unwrap();
    let checked = lifecycle(pm2.directory.path(), &["check", "--against", "jlist.json"]);
    let words = String::from_utf8_lossy(&checked.stdout);
    assert!(words.contains("nothing to object to"), "{words}");
    let drafted = lifecycle(
        pm2.directory.path(),
        &["init", "--from", "jlist.json", "--stdout"],
    );
    let words = String::from_utf8_lossy(&drafted.stdout);
    assert!(words.contains("grace_period: 5s1ms"), "{words}");
}

#[test]
fn a_program_that_stops_in_time_stops_alike_under_pm2_and_in_a_drill() {
    let Some(pm2) = Pm2::new() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let peer = program("lifecycle-tests", "peer-lifecycle");
    std::os::unix::fs::symlink(&peer, pm2.path("peer")).unwrap();
    let manifest = root().join("tests/peers/lifecycle.yaml");
    let manifest = manifest.to_str().unwrap();
    lifecycle(pm2.directory.path(), &["gen", "pm2", manifest, "-o", "."]);
    pm2.start(&pm2.path("ecosystem.config.json"));
    wait_for(PEER_PORT);
    let seen = pm2.stop(
        "peer",
        &[
            "App [peer:0] exited with code [0]",
            "msg=process tree killed",
        ],
    );
    let [exited, noticed] = seen[..] else {
        panic!("{seen:?}")
    };
    assert!(pm2.log().iter().all(|(_, said)| !said.contains("SIGKILL")));
    assert_eq!(pm2.list()[0]["pm2_env"]["status"], "stopped");
    // PM2 looks every 100 ms.
    assert!(noticed >= exited && noticed <= exited + APART, "{seen:?}");

    let measured = drill(pm2.directory.path(), manifest, &[peer.to_str().unwrap()]);
    assert_eq!(measured["process"]["status"]["code"], 0, "{measured:#}");
    assert_eq!(measured["process"]["sigkill_needed"], false, "{measured:#}");
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    let drilled = milliseconds(&measured, "/process/exit_ms");
    assert!(exited.abs_diff(drilled) <= APART, "{exited} and {drilled}");
    println!("stopped in time: PM2 {exited} ms (noticed at {noticed}), drill {drilled} ms");
}

#[test]
fn a_program_that_hangs_is_killed_alike_under_pm2_and_in_a_drill() {
    const GRACE: u64 = 1_500;
    const HANGS: &str = "process.on('SIGINT', () => {});\n\
        require('http').createServer((_, answer) => answer.end('hello')).listen(18083, '127.0.0.1');\n";
    let Some(pm2) = Pm2::new() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(pm2.path("hangs.js"), HANGS).unwrap();
    let manifest = format!(
        "lifecycle: 1\nservice: hangs\nresources:\n  \
         http: {{ kind: http-server, port: 18083, timeout: 900ms }}\nplatforms:\n  \
         pm2: {{ grace_period: {GRACE}ms, script: ./hangs.js }}\n"
    );
    std::fs::write(pm2.path("lifecycle.yaml"), manifest).unwrap();
    lifecycle(pm2.directory.path(), &["gen", "pm2", "-o", "."]);
    pm2.start(&pm2.path("ecosystem.config.json"));
    wait_for(18_083);
    let seen = pm2.stop(
        "hangs",
        &[
            "still alive after 1500ms, sending SIGKILL",
            "App [hangs:0] exited with code [0] via signal [SIGKILL]",
        ],
    );
    let [killed, ended] = seen[..] else {
        panic!("{seen:?}")
    };

    let measured = drill(pm2.directory.path(), ".", &["node", "hangs.js"]);
    assert_eq!(measured["process"]["sigkill_needed"], true, "{measured:#}");
    assert_eq!(measured["signal"], "SIGINT", "{measured:#}");
    let at = |name: &str| milliseconds(&measured, &format!("/timeline/{name}"));
    let drilled = at("killed_ms") - at("signalled_ms");
    for (whose, time) in [("PM2", killed), ("the drill", drilled)] {
        let late = time.checked_sub(GRACE);
        assert!(
            late.is_some_and(|late| late <= APART),
            "{whose} killed after {time} ms"
        );
    }
    assert!(ended >= killed, "{seen:?}");
    println!("killed: PM2 after {killed} ms (gone at {ended}), drill after {drilled} ms");
}
