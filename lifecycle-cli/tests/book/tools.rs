//! What pages need beside a shell: programs that CI has installed, a Docker engine, PM2, and a
//! stand-in for the program `shop` that many pages speak of.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::engine::{Engine, Victim, compose};

/// What the stand-in is called in an engine.
const IMAGE: &str = "registry.example.com/shop:1.0.0";

/// What is started once a page asks for it, and is gone with this.
pub(crate) struct Tools {
    home: tempfile::TempDir,
    stand_in: OnceCell<Option<Victim>>,
    engine: OnceCell<Option<Engine>>,
}

impl Tools {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            stand_in: OnceCell::new(),
            engine: OnceCell::new(),
        }
    }

    /// Why what a fence needs cannot be had, if so.
    pub(crate) fn lacks(&self, need: &str) -> Option<String> {
        let lacks = |is_there: bool, what: &str| (!is_there).then(|| what.to_owned());
        match need {
            "docker" => lacks(self.engine().is_some(), "there is no Docker engine"),
            "compose" => lacks(compose().is_some(), "LIFECYCLE_COMPOSE names no Compose 2")
                .or_else(|| self.lacks("docker")),
            "pm2" => lacks(is_there(need), "LIFECYCLE_PM2 names no pm2")
                .or_else(|| lacks(self.stand_in().is_some(), "there is no program to start")),
            program => lacks(is_there(program), &format!("there is no {program}")),
        }
    }

    /// A program that answers on the two ports that the pages name, and leaves soon after a signal.
    fn stand_in(&self) -> Option<&Victim> {
        self.stand_in.get_or_init(Victim::build).as_ref()
    }

    fn engine(&self) -> Option<&Engine> {
        let start = || {
            let stand_in = self.stand_in()?;
            let engine = Engine::with_network()?;
            let command = ["/victim", "200", "8080,9090", "everywhere"];
            engine.exposing(IMAGE, stand_in.root(), &command);
            Some(engine)
        };
        self.engine.get_or_init(start).as_ref()
    }

    /// A shell that finds all of it, in a directory of its own.
    pub(crate) fn shell(&self, desk: &Path) -> Command {
        let mut shell = match self.engine.get() {
            Some(Some(engine)) => engine.command("bash"),
            _ => Command::new("bash"),
        };
        if let Some(Some(stand_in)) = self.stand_in.get() {
            let built = desk.join("target/release");
            std::fs::create_dir_all(&built).unwrap();
            std::fs::copy(stand_in.program(), built.join("shop")).unwrap();
        }
        self.prepared(&mut shell);
        shell.current_dir(desk);
        shell
    }

    fn prepared(&self, command: &mut Command) {
        command
            .env("PATH", path())
            .env("PM2_HOME", self.pm2())
            .env("PM2_DISABLE_VERSION_CHECK", "true");
    }

    fn pm2(&self) -> PathBuf {
        self.home.path().join("pm2")
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        if self.pm2().exists() {
            let mut kill = Command::new("pm2");
            self.prepared(&mut kill);
            let _ = kill.arg("kill").stdin(Stdio::null()).output();
        }
    }
}

/// Where programs are found: the one under test, then what CI has installed, then the machine's own.
fn path() -> String {
    let installed = ["LIFECYCLE_HELM", "LIFECYCLE_PM2"].map(|name| std::env::var(name).ok());
    let programs = [Some(env!("CARGO_BIN_EXE_lifecycle").to_owned())]
        .into_iter()
        .chain(installed)
        .flatten();
    let mut path: Vec<String> = programs
        .map(|it| Path::new(&it).parent().unwrap().display().to_string())
        .collect();
    path.extend(std::env::var("PATH"));
    path.join(":")
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&path()).any(|directory| directory.join(program).is_file())
}
