//! Other programs that the service runs: started and stopped with it, never left behind.

mod ending;
pub(crate) mod group;
mod process;
mod short;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::Command;
use tokio::time::timeout;

pub use ending::StopSignal;
use ending::{Manner, judge};
use process::Process;
pub use short::{Child, Children, NotStarted};

use super::served::{Hub, Served};
use super::{StartUp, wirable};
use crate::plan::{Plan, Step};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// Another program that the service runs for as long as it lives: a proxy, a language server, a worker
/// in another language.
///
/// ```no_run
/// use std::process::Command;
/// use lifecycle::{ChildProcess, StopSignal};
///
/// let mut nginx = Command::new("nginx");
/// nginx.args(["-g", "daemon off;"]);
/// let proxy = ChildProcess::new(nginx).stop_signal(StopSignal::Quit);
/// ```
///
/// ```yaml
/// resources:
///   http:  { kind: http-server, port: 8080, timeout: 15s, after: [proxy] }
///   proxy: { kind: child-process, timeout: 10s, on_failure: restart }
/// ```
///
/// It is started with the service. An exit that nobody asked for is a failure, also one with status 0:
/// the service stops in order, or with `on_failure: restart` the program is started again, as
/// [`Restarts`](crate::Restarts) describes.
///
/// When the step's window opens, the program gets its stop signal, and has the step's timeout to exit.
/// An exit with status 0, by that very signal, or with 128 and its number, which is how a shell reports
/// it, is a good end; any other is the step's failure. At the timeout the program is killed, and the
/// report says so.
///
/// # Its own children
///
/// The program leads a process group of its own. The signal goes to the program alone, which knows best
/// what its workers need; see [`signal_group`](Self::signal_group). When the program has exited, what is
/// left of its group gets the signal too, and has the rest of the time; at the end all of it is killed.
/// So Ctrl-C at a terminal does not reach it past the plan, and it cannot read from that terminal: see
/// [`shared_group`](Self::shared_group).
///
/// # Never left behind
///
/// The group is killed also when the future that watches over it is dropped, when the step could not
/// end it in time, and when the watchdog or a second Ctrl-C ends the service. Nothing can be done when
/// the service itself is killed by SIGKILL, or aborts. In a container the program goes too then, if the
/// service is the container's first process, since the kernel ends the whole namespace with it
/// (`pid_namespaces(7)`); under systemd by its control group. Elsewhere `setpriv --pdeathsig KILL` in
/// front of the program asks the kernel to end it (`setpriv(1)`, util-linux).
///
/// # Its environment
///
/// It inherits the service's, without what was said to the service alone: the variables of
/// [the environment's page](crate::manual::environment), and systemd's `NOTIFY_SOCKET`, `WATCHDOG_…` and
/// `LISTEN_…`. So a program that is built with this crate too does not compare its plan with this one's
/// deployment, want its health port or write over its report, and does not tell systemd about the unit.
/// What the command sets itself, the program gets:
///
/// ```no_run
/// use std::process::Command;
/// use lifecycle::ChildProcess;
///
/// let mut worker = Command::new("worker");
/// worker.env("LIFECYCLE_REPORT", "/run/worker/report.json");
/// if let Some(platform) = std::env::var_os("LIFECYCLE_PLATFORM") {
///     worker.env("LIFECYCLE_PLATFORM", platform);
/// }
/// let worker = ChildProcess::new(worker);
/// ```
///
/// # Started on demand
///
/// Programs that handlers start and wait for go through [`handle`](Self::handle); see [`Children`].
pub struct ChildProcess(Kept, StartUp);
wirable!(ChildProcess as Supervised, ChildProcess);

/// What the program is, until it is wired.
struct Kept {
    hub: Arc<Hub>,
    owner: u64,
    main: Option<Main>,
}

struct Main {
    name: String,
    command: Mutex<Command>,
    manner: Manner,
    owner: u64,
}

impl ChildProcess {
    /// Runs `command`, from the standard library or from tokio. Its standard streams are those of the
    /// service unless it says otherwise.
    pub fn new(command: impl Into<Command>) -> Self {
        let command = command.into();
        let owner = group::owner();
        let main = Main {
            name: ending::name_of(&command),
            command: Mutex::new(command),
            manner: Manner::default(),
            owner,
        };
        Self::with(owner, Some(main))
    }

    /// Runs nothing by itself: all programs are started on demand, through [`handle`](Self::handle).
    pub fn on_demand() -> Self {
        Self::with(group::owner(), None)
    }

    fn with(owner: u64, main: Option<Main>) -> Self {
        let kept = Kept {
            hub: Arc::default(),
            owner,
            main,
        };
        Self(kept, StartUp::default())
    }

    fn manner(mut self, change: impl FnOnce(&mut Manner)) -> Self {
        if let Some(main) = &mut self.0.main {
            change(&mut main.manner);
        }
        self
    }

    /// The signal that asks the program to stop; SIGTERM unless set.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn stop_signal(self, signal: StopSignal) -> Self {
        self.manner(|manner| manner.signal = signal)
    }

    /// Sends the signal to the whole group at once, and not first to the program alone: for a program
    /// that does not pass it on, such as a shell script.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn signal_group(self) -> Self {
        self.manner(|manner| manner.to_all = true)
    }

    /// Leaves the program in the service's own process group: it can read from the terminal, and
    /// Ctrl-C reaches it directly. What it starts itself is out of reach then.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn shared_group(self) -> Self {
        self.manner(|manner| manner.group = false)
    }

    /// An exit with status 0 while the service runs is just an end: for a program that does something
    /// once. Others are failures all the same.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn may_end(self) -> Self {
        self.manner(|manner| manner.may_end = true)
    }

    /// Starts further programs, from handlers.
    pub fn handle(&self) -> Children {
        Children::new(Arc::clone(&self.0.hub), self.0.owner)
    }
}

impl fmt::Debug for Main {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Main")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Main {
    /// Runs the program once, to its end.
    async fn run(&self, hub: &Hub) -> Result<(), Failure> {
        let name = &*self.name;
        let manner = self.manner;
        let started = {
            let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
            Process::start(&mut command, manner.group, self.owner)
        };
        let mut process = started.map_err(|error| format!("`{name}` was not started: {error}"))?;
        let target = process.target();
        let _working = hub.roster.enter(&format_args!("{name} ({})", target.pid()));
        tracing::info!(program = name, pid = %target.pid(), "started");

        let asked = tokio::select! {
            biased;
            () = hub.requested.cancelled() => true,
            () = process.exited() => false,
        };
        let mut killed = false;
        if asked {
            match manner.to_all {
                true => target.signal_all(manner.signal.number()),
                false => target.signal(manner.signal.number()),
            }
            let gone = async {
                process.exited().await;
                manner.dismiss(&process).await;
            };
            tokio::select! {
                biased;
                () = gone => {}
                () = hub.cancellation.cancelled() => {
                    killed = true;
                    target.signal_all(ending::KILL);
                }
            }
            process.exited().await;
        } else {
            // Its children must not live on beside those of the next start.
            let unwind = hub.unwind.get().copied().unwrap_or_default();
            let _ = timeout(unwind, manner.dismiss(&process)).await;
        }
        let status = process.reap().await?;
        tracing::info!(program = name, %status, asked, killed, "exited");
        judge(name, status, asked, killed, manner)
    }
}

/// The program under its step: as anything that is served, and killed where that is not enough.
struct Supervised {
    served: Served,
    owner: u64,
}

impl From<Kept> for Supervised {
    fn from(kept: Kept) -> Self {
        let Kept { hub, owner, main } = kept;
        let served = match main {
            Some(main) => {
                let main = Arc::new(main);
                Served::again(move |hub| {
                    let main = Arc::clone(&main);
                    async move { main.run(&hub).await }
                })
            }
            None => Served::new(|hub| async move {
                hub.requested.cancelled().await;
                Ok(())
            })
            .aside(),
        };
        Self {
            served: served.sharing(hub),
            owner,
        }
    }
}

impl Work for Supervised {
    fn start(&self, plan: &Plan, step: &Step) {
        self.served.start(plan, step);
    }

    fn serves(&self) -> bool {
        self.served.serves()
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        self.served.ended()
    }

    fn settle(&self) {
        self.served.settle();
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        self.served.stop(window)
    }

    fn cancel(&self) {
        self.served.cancel();
    }

    fn abandon(&self) {
        self.served.abandon();
        // Not left to futures that are dropped when their worker thread has time for it.
        group::kill_all_of(self.owner);
    }

    fn active(&self) -> Active {
        self.served.active()
    }

    fn tally(&self) -> Tally {
        self.served.tally()
    }
}
