//! Who the signal went to, and what each process would do with it.
//!
//! The processes are found before the stop is asked, which takes a moment on a busy machine; what each
//! does with the signal is read again right before it goes out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proc;
use crate::secrets::masked_line;

/// No more descendants are described than this; the others are counted.
const MOST: usize = 32;
/// No more of a command line is kept.
const ARGUMENTS: usize = 24;
const ARGUMENT_CHARS: usize = 200;

/// The processes of the target when it was to stop.
///
/// ```
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let signalled = measured.process.signalled.unwrap();
/// // The program itself was signalled, and had started nothing.
/// assert_eq!(signalled.main.program, "peer-scenarios");
/// assert_eq!(signalled.descendants_in_all, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signalled {
    /// The process that was started, which the signal went to: in a container, its process 1.
    pub main: Seen,
    /// Those below it, the oldest ids first, 32 at most. They get no signal unless
    /// `everyone` is set.
    pub descendants: Vec<Seen>,
    /// How many there were in all.
    pub descendants_in_all: usize,
    /// The signal went to the descendants too, as this platform's does.
    pub everyone: bool,
}

/// One process, as `/proc` showed it.
///
/// ```
/// use lifecycle_drill::target::signalled::{Reaction, Role};
/// use lifecycle_drill::Measured;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let seen = measured.process.signalled.unwrap().main;
/// assert_eq!(seen.command, ["./peer-scenarios"]);
/// assert_eq!((seen.role, seen.reaction), (Role::Program, Reaction::Handles));
/// assert!(seen.listens);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Its id on this machine.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// The program's name, without its directory: `node`.
    pub program: String,
    /// Its command line, the program first; long ones are cut.
    pub command: Vec<String>,
    /// What sort of program it is.
    pub role: Role,
    /// What becomes of the signal there.
    pub reaction: Reaction,
    /// It holds a socket that takes connections.
    pub listens: bool,
    /// It is process 1 of a container: the kernel keeps from it every signal it has no handler for.
    pub first: bool,
    /// It was still there shortly after the first process had left by itself; absent where that did not
    /// come to pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlived: Option<bool>,
}

/// What sort of program a process is, by its name.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::target::signalled::{Reaction, Role, Seen};
/// use lifecycle_drill::{verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// let signalled = measured.process.signalled.as_mut().unwrap();
/// let program = signalled.main.clone();
/// signalled.main = Seen {
///     role: Role::Shell,
///     reaction: Reaction::Default,
///     listens: false,
///     ..program.clone()
/// };
/// signalled.descendants.push(program);
/// let findings = verdict::findings(&measured, Duration::from_secs(10));
/// assert_eq!(findings[0].name, "shell-first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A shell: passes no signal on to what it has started.
    Shell,
    /// npm, yarn, pnpm and their like, which run the program through a shell of their own.
    PackageRunner,
    /// tini, dumb-init and their like, whose work it is to pass signals on.
    Init,
    /// Anything else.
    Program,
}

/// What a process does with a signal.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::target::{process::Status, signalled::Reaction};
/// use lifecycle_drill::{verdict, Measured};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let mut measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
/// measured.process.status = Some(Status::Signal(15));
/// measured.process.signalled.as_mut().unwrap().main.reaction = Reaction::Default;
/// let findings = verdict::findings(&measured, Duration::from_secs(10));
/// assert_eq!(findings[0].name, "signal-not-handled");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// It has a handler. That of a language's runtime counts as one: Go and Java have one always.
    Handles,
    /// It ignores the signal.
    Ignores,
    /// It blocks the signal, as programs do that wait for it (`sigwait`, `signalfd`).
    Blocks,
    /// Nothing is set: the system ends it on the spot, unless it is a container's process 1.
    Default,
    /// It could not be looked at.
    Unknown,
}

impl Signalled {
    /// The process that takes the connections, as far as one does: what the operator calls the program.
    ///
    /// ```
    /// use lifecycle_drill::target::signalled::{Role, Seen};
    /// use lifecycle_drill::Measured;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
    /// let measured: Measured = serde_json::from_slice(&std::fs::read(file)?)?;
    /// let mut signalled = measured.process.signalled.unwrap();
    /// assert_eq!(signalled.server(), Some(&signalled.main));
    ///
    /// // The same behind a shell, which takes no connections:
    /// let program = signalled.main.clone();
    /// signalled.main = Seen { role: Role::Shell, listens: false, ..program.clone() };
    /// signalled.descendants.push(program);
    /// assert_eq!(signalled.server(), Some(&signalled.descendants[0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn server(&self) -> Option<&Seen> {
        std::iter::once(&self.main)
            .chain(&self.descendants)
            .find(|seen| seen.listens)
    }

    /// Looks again at what each does with the signal: quick enough for the moment before it goes out.
    pub(crate) fn look_again(&mut self, signal: i32) {
        for seen in std::iter::once(&mut self.main).chain(&mut self.descendants) {
            // What has gone meanwhile is told as it was.
            if let Some(masks) = proc::masks(seen.pid.cast_signed()) {
                seen.reaction = reaction(Some(masks), signal);
            }
        }
    }

    /// Notes who is still there now that the first process has left.
    pub(crate) fn note_outliving(&mut self) {
        for seen in &mut self.descendants {
            let now = proc::entry(seen.pid.cast_signed());
            seen.outlived = Some(now.is_some_and(|now| !now.zombie));
        }
    }

    /// Looks at a process and everything below it.
    pub(crate) fn look(main: i32, signal: i32, everyone: bool) -> Self {
        let below = proc::descendants(main).unwrap_or_default();
        let pids: Vec<i32> = std::iter::once(main)
            .chain(below.iter().take(MOST).map(|it| it.pid))
            .collect();
        let listeners = proc::listeners(&pids);
        let mut all = pids
            .iter()
            .map(|pid| seen(*pid, signal, listeners.contains_key(pid)));
        let main = all.next().unwrap_or_else(|| seen(main, signal, false));
        Self {
            main,
            descendants: all.collect(),
            descendants_in_all: below.len(),
            everyone,
        }
    }
}

fn seen(pid: i32, signal: i32, listens: bool) -> Seen {
    let cut = |word: String| word.chars().take(ARGUMENT_CHARS).collect();
    let command: Vec<String> = masked_line(&proc::arguments(pid))
        .into_iter()
        .take(ARGUMENTS)
        .map(cut)
        .collect();
    let parent = proc::entry(pid).map_or(0, |it| it.parent);
    Seen {
        pid: pid.cast_unsigned(),
        parent: parent.cast_unsigned(),
        program: name_of(&command).to_owned(),
        role: role(&command),
        reaction: reaction(proc::masks(pid), signal),
        listens,
        first: proc::is_first(pid),
        outlived: None,
        command,
    }
}

fn name_of(command: &[String]) -> &str {
    let program = command.first().map_or("", String::as_str);
    // Programs may write their own title here: `nginx: master process …`, `npm start`.
    let program = program.split([' ', ':']).next().unwrap_or_default();
    // A login shell's begins with a dash.
    program
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .trim_start_matches('-')
}

/// What sort of program a command line is of.
///
/// ```
/// use lifecycle_drill::target::signalled::{role, Role};
///
/// let role = |line: &str| role(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
/// assert_eq!(role("/bin/sh -c ./shop"), Role::Shell);
/// assert_eq!(role("npm start"), Role::PackageRunner);
/// assert_eq!(role("tini -- ./shop"), Role::Init);
/// assert_eq!(role("bun run start"), Role::PackageRunner);
/// assert_eq!(role("bun server.ts"), Role::Program);
/// ```
pub fn role(command: &[String]) -> Role {
    let runs = |name: &str| {
        matches!(
            name,
            "npm" | "npx" | "yarn" | "yarnpkg" | "pnpm" | "pnpx" | "bun" | "bunx" | "corepack"
        )
    };
    match name_of(command) {
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "fish" => Role::Shell,
        "busybox"
            if command
                .get(1)
                .is_some_and(|applet| applet == "sh" || applet == "ash") =>
        {
            Role::Shell
        }
        "tini" | "tini-static" | "dumb-init" | "docker-init" | "catatonit" | "s6-svscan"
        | "runit" | "runsv" | "supervisord" | "init" => Role::Init,
        // `bun server.ts` is a program, `bun run start` is not.
        "bun"
            if command
                .get(1)
                .is_none_or(|word| word != "run" && word != "start") =>
        {
            Role::Program
        }
        name if runs(name) => Role::PackageRunner,
        "node" | "nodejs" => {
            let script = command.iter().skip(1).find(|word| !word.starts_with('-'));
            let script = script.map_or("", |script| script.rsplit('/').next().unwrap_or_default());
            let script = script
                .trim_end_matches(".js")
                .trim_end_matches(".cjs")
                .trim_end_matches("-cli");
            match runs(script) {
                true => Role::PackageRunner,
                false => Role::Program,
            }
        }
        _ => Role::Program,
    }
}

fn reaction(masks: Option<proc::Masks>, signal: i32) -> Reaction {
    let Some(masks) = masks else {
        return Reaction::Unknown;
    };
    let has = |mask: u64| {
        u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
    };
    if has(masks.caught) {
        Reaction::Handles
    } else if has(masks.ignored) {
        Reaction::Ignores
    } else if has(masks.blocked) {
        Reaction::Blocks
    } else {
        Reaction::Default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_names() {
        let role = |line: &str| {
            let words: Vec<String> = line.split('|').map(str::to_owned).collect();
            super::role(&words)
        };
        for shell in ["sh|-c|node x", "/bin/bash", "-bash", "/bin/busybox|sh|-c|x"] {
            assert_eq!(role(shell), Role::Shell, "{shell}");
        }
        for runner in [
            "npm start",
            "npm|run|start",
            "/usr/bin/node|/usr/bin/npm|start",
            "node|--x|/usr/lib/node_modules/npm/bin/npm-cli.js|start",
            "/usr/bin/node|/opt/yarn/bin/yarn.js|start",
            "bun|run|start",
        ] {
            assert_eq!(role(runner), Role::PackageRunner, "{runner}");
        }
        for program in [
            "node|server.js",
            "bun|server.ts",
            "java|-jar|x.jar",
            "nginx: master process",
        ] {
            assert_eq!(role(program), Role::Program, "{program}");
        }
        assert_eq!(role("/sbin/docker-init|--|x"), Role::Init);
        assert_eq!(super::role(&[]), Role::Program);
    }

    #[test]
    fn a_handler_is_told_from_what_is_ignored_and_blocked() {
        let masks = |caught, ignored, blocked| {
            let masks = proc::Masks {
                blocked,
                ignored,
                caught,
            };
            reaction(Some(masks), 15)
        };
        assert_eq!(masks(1 << 14, 0, 0), Reaction::Handles);
        assert_eq!(masks(0, 1 << 14, 0), Reaction::Ignores);
        assert_eq!(masks(0, 0, 1 << 14), Reaction::Blocks);
        assert_eq!(masks(1 << 13, 1 << 1, 1 << 15), Reaction::Default);
        assert_eq!(reaction(None, 15), Reaction::Unknown);
    }
}
