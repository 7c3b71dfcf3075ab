//! The guard's own side.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions};

use super::burn::Burners;
use super::order::{Further, Order, Start, Word};
use super::sweep::sweep;
use super::{ASKED, MARK};
use crate::target::proc;
use crate::target::process::wait_unreaped;

/// How often those who lost their parent are reaped.
const REAPING: Duration = Duration::from_millis(500);

/// Becomes the guard of a drill, when the process was started as one; then it does not return.
///
/// Every program that calls [`run`](crate::run) calls this first thing in its `main`, before it reads
/// its arguments, starts threads or a runtime.
///
/// A test that drills has a `main` of its own (`harness = false`), and begins with it:
///
/// ```no_run
/// use std::sync::Arc;
/// # use std::time::Duration;
/// # use lifecycle_drill::{Endpoint, Script, Subject, Target};
/// use lifecycle_drill::{Load, Progress};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// lifecycle_drill::guard::serve_if_asked();
///
/// // Whoever comes here is no guard.
/// let runtime = tokio::runtime::Runtime::new()?;
/// # let target = Target {
/// #     subject: Subject::Command(vec!["./shop".to_owned()]),
/// #     directory: None,
/// #     env: Vec::new(),
/// #     base: Some(Endpoint::on_port(8080, "/")),
/// #     finds_port: false,
/// #     ready: Some(Endpoint::on_port(8080, "/ready")),
/// #     live: None,
/// #     start_timeout: Duration::from_secs(10),
/// # };
/// # let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// let (load, progress): (_, Progress) = (Load::default(), Arc::new(|_| {}));
/// let drill = lifecycle_drill::run(&target, &script, &load, &progress);
/// assert!(runtime.block_on(drill)?.passed);
/// # Ok(())
/// # }
/// ```
pub fn serve_if_asked() {
    if std::env::var_os(ASKED).is_some() {
        let done = serve();
        std::process::exit(match done {
            Ok(()) => 0,
            Err(_) => 1,
        });
    }
}

fn serve() -> io::Result<()> {
    // Whoever signals the drill's session does not mean the guard.
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut reader = BufReader::new(line.try_clone()?);
    let line = Mutex::new(line);
    let say = |word: &Word| -> io::Result<()> {
        let mut text = serde_json::to_vec(word)?;
        text.push(b'\n');
        line.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&text)
    };

    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        // The drill was over before it began.
        return Ok(());
    }
    let order: Order = serde_json::from_str(&first)?;
    let child = order.start.as_ref().map(|start| begin(start, &order.mark));
    // The streams are the process's alone: their end is its end.
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let child = match child.transpose() {
        Ok(child) => child,
        Err(error) => return say(&Word::Failed { error }),
    };
    let main = child.as_ref().map(Pid::from_child);
    let told = match main {
        Some(pid) => say(&Word::Started {
            pid: pid.as_raw_nonzero().get(),
        }),
        None => say(&Word::Ready),
    };

    let reaping = Arc::new(Mutex::new(true));
    let burners = Burners::default();
    std::thread::scope(|scope| -> io::Result<()> {
        if told.is_ok() {
            if let Some(pid) = main {
                let (say, burners) = (&say, &burners);
                scope.spawn(move || {
                    let status = wait_unreaped(pid);
                    burners.stop();
                    // A drill that does not listen any more is over.
                    let _over = say(&Word::Ended { status });
                });
            }
            let reaping = Arc::clone(&reaping);
            std::thread::Builder::new()
                .name("drill-reaper".to_owned())
                .spawn(move || {
                    loop {
                        std::thread::sleep(REAPING);
                        let reaping = reaping.lock().unwrap_or_else(PoisonError::into_inner);
                        if !*reaping {
                            return;
                        }
                        reap(main);
                    }
                })?;
            // This ends when the drill does, however that is.
            for further in reader.lines().map_while(Result::ok) {
                let done = match serde_json::from_str(&further) {
                    Ok(Further::Starve) => burners.start(),
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = done {
                    let what = format!("the drill's guard could not do `{further}`: {error}");
                    let _over = say(&Word::Left { what });
                }
            }
        }
        burners.stop();
        // From here on the guard has children of its own, and reaps them itself.
        *reaping.lock().unwrap_or_else(PoisonError::into_inner) = false;
        let root = rustix::process::getpid().as_raw_nonzero().get();
        for what in sweep(&order.mark, Some(root), None, &order.undo) {
            let _nobody_listens = say(&Word::Left { what });
        }
        Ok(())
    })?;
    // Nobody is left to be watched; not every machine has an init that reaps what it inherits.
    drop(child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while let Ok(Some(_)) = rustix::process::waitid(WaitId::All, options) {}
    Ok(())
}

fn begin(start: &Start, mark: &str) -> Result<Child, String> {
    let Some((program, arguments)) = start.command.split_first() else {
        return Err("there is no command to run".to_owned());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .env_remove(ASKED)
        .env(MARK, mark);
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    for name in &start.without {
        command.env_remove(name);
    }
    for (name, value) in &start.env {
        command.env(name, value);
    }
    if let Some(descriptors) = start.descriptors {
        // The guard needs few itself.
        crate::descriptors::allow(descriptors)
            .map_err(|error| format!("could not limit the descriptors of `{program}`: {error}"))?;
    }
    command
        .spawn()
        .map_err(|error| format!("could not start `{program}`: {error}"))
}

/// Reaps the children that have ended, all but the one that the drill watches.
fn reap(main: Option<Pid>) {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let main = main.map(|pid| pid.as_raw_nonzero().get());
    for entry in proc::all().unwrap_or_default() {
        if entry.zombie
            && entry.parent == own
            && Some(entry.pid) != main
            && let Some(pid) = Pid::from_raw(entry.pid)
        {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // Somebody has reaped it already: just as well.
            let _gone = rustix::process::waitid(WaitId::Pid(pid), options);
        }
    }
}
