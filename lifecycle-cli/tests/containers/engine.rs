//! A Docker engine of one's own: its data, its socket and its processes are gone when the test is.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::support;

/// Engines on one machine get into each other's way.
static TURN: Mutex<()> = Mutex::new(());

/// Compose of version 2, if there is one.
pub(crate) fn compose() -> Option<PathBuf> {
    std::env::var_os("LIFECYCLE_COMPOSE").map(PathBuf::from)
}

/// A program of the machine, if it answers.
pub(crate) fn has(program: &str) -> bool {
    let answered = Command::new(program).arg("--version").output();
    answered.is_ok_and(|output| output.status.success())
}

/// A command's answer, which has to be good.
pub(crate) fn good(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        support::answer(&output)
    );
    support::stdout(&output)
}

pub(crate) struct Engine {
    directory: tempfile::TempDir,
    daemon: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Engine {
    /// Starts one without networks: containers keep to themselves. `None` where it cannot be had, which
    /// is said.
    pub(crate) fn start() -> Option<Self> {
        Self::started(&["--bridge=none"])
    }

    /// Starts one whose containers can publish ports, through its own proxy. With Compose, where there is
    /// one.
    pub(crate) fn with_network() -> Option<Self> {
        let engine = Self::started(&[])?;
        if let Some(compose) = compose() {
            let plugins = engine.directory.path().join("cli-plugins");
            std::fs::create_dir(&plugins).unwrap();
            std::os::unix::fs::symlink(compose, plugins.join("docker-compose")).unwrap();
        }
        Some(engine)
    }

    fn started(networks: &[&str]) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if !has("dockerd") || !has("docker") {
            support::skipped("there is no Docker engine (dockerd, docker)");
            return None;
        }
        if !rustix::process::getuid().is_root() {
            support::skipped("a Docker engine needs root");
            return None;
        }
        // A socket's path is short.
        let directory = tempfile::Builder::new()
            .prefix("dk")
            .tempdir_in("/tmp")
            .unwrap();
        let at = |name: &str| directory.path().join(name);
        let log = std::fs::File::create(at("log")).unwrap();
        let daemon = Command::new("dockerd")
            .args(networks)
            .args(["--iptables=false", "--ip6tables=false"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("socket").display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut engine = Self {
            directory,
            daemon,
            _turn: turn,
        };
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = engine.docker().args(["version"]).output().unwrap();
            if answer.status.success() {
                return Some(engine);
            }
            let gone = engine.daemon.try_wait().unwrap().is_some();
            if gone || Instant::now() > patience {
                let log = std::fs::read_to_string(engine.directory.path().join("log"));
                let log = log.unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(3).collect();
                support::skipped(&format!("the Docker engine does not start: {last:?}"));
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.directory.path().join("socket").display())
    }

    /// Any command that talks to it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", self.host());
        command.env("DOCKER_CONFIG", self.directory.path());
        command
    }

    pub(crate) fn docker(&self) -> Command {
        self.command("docker")
    }

    /// An image of these files that runs this command.
    pub(crate) fn image(&self, name: &str, root: &Path, command: &[&str]) {
        self.import(name, root, command, "LABEL of=tests");
    }

    /// The same, and it says where it listens.
    pub(crate) fn exposing(&self, name: &str, root: &Path, command: &[&str]) {
        self.import(name, root, command, "EXPOSE 8080");
    }

    /// An image like another one, with more instructions.
    pub(crate) fn derived(&self, name: &str, base: &str, more: &str) {
        let context = tempfile::tempdir_in(self.directory.path()).unwrap();
        std::fs::write(
            context.path().join("Dockerfile"),
            format!("FROM {base}\n{more}\n"),
        )
        .unwrap();
        let build = ["build", "--quiet", "--tag", name];
        good(self.docker().args(build).arg(context.path()));
    }

    fn import(&self, name: &str, root: &Path, command: &[&str], more: &str) {
        let tar = self.directory.path().join("image.tar");
        good(
            Command::new("tar")
                .arg("-C")
                .arg(root)
                .arg("-cf")
                .arg(&tar)
                .arg("."),
        );
        let command = format!("CMD {}", serde_json::to_string(command).unwrap());
        good(
            self.docker()
                .args(["import", "-c", &command, "-c", more])
                .arg(&tar)
                .arg(name),
        );
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let all = self.docker().args(["ps", "--all", "--quiet"]).output();
        let all = all
            .map(|output| support::stdout(&output))
            .unwrap_or_default();
        let ids: Vec<&str> = all.split_whitespace().collect();
        if !ids.is_empty() {
            let _ = self.docker().args(["rm", "--force"]).args(ids).output();
        }
        if let Some(pid) = rustix::process::Pid::from_raw(self.daemon.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.daemon.wait();
    }
}

/// The root of an image with a program of ours that says what happens to it.
pub(crate) struct Victim {
    root: tempfile::TempDir,
}

impl Victim {
    pub(crate) fn build() -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/victim.c");
        let built = Command::new("cc")
            .args(["-static", "-O1", "-pthread", "-o"])
            .arg(root.path().join("victim"))
            .arg(source)
            .output();
        if !built.is_ok_and(|output| output.status.success()) {
            support::skipped("there is no C compiler that builds static programs");
            return None;
        }
        Some(Self { root })
    }

    /// With a shell and its tools beside it, if they are there to be had.
    pub(crate) fn with_tools(self) -> Option<Self> {
        let tools = ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from);
        let Some(busybox) = tools.iter().find(|path| path.exists()) else {
            support::skipped("there is no static busybox");
            return None;
        };
        let bin = self.root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::copy(busybox, bin.join("busybox")).unwrap();
        for tool in ["sh", "sleep", "timeout"] {
            std::os::unix::fs::symlink("busybox", bin.join(tool)).unwrap();
        }
        Some(self)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.root.path().join("victim")
    }
}
