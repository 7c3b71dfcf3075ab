//! Faults put into a service on purpose: for tests, and for drills of a real process.
//!
//! A fault is a [`Work`] around another. What it wraps is stopped all the same, so a drill with a
//! database that "hangs" leaves no connection behind; only the end of the step is not what it should be.

mod grammar;

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::plan::{Plan, Step};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// What a resource does wrong.
///
/// Written as in `LIFECYCLE_FAULTS`: `hang`, `slow:3s`, `fail`, `panic`, `block:5s`, `die:2s`.
///
/// ```
/// use std::time::Duration;
/// use lifecycle::testing::Fault;
///
/// assert_eq!("slow:1m30s".parse(), Ok(Fault::Slow(Duration::from_secs(90))));
/// assert_eq!(Fault::Hang.to_string(), "hang");
/// assert_eq!(
///     "slow".parse::<Fault>().unwrap_err().to_string(),
///     "`slow` needs a time: `slow:3s`",
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It stops, and never says so; it ignores its cancellation too.
    Hang,
    /// It stops, and says so this much later; it lets go at once when it is cancelled.
    Slow(Duration),
    /// It stops, and ends with an error.
    Fail,
    /// It stops, and panics.
    Panic,
    /// It blocks an async worker for so long before it stops.
    Block(Duration),
    /// While the service runs it ends with an error, so long after it was started.
    Die(Duration),
}

/// Why a text is no fault.
///
/// ```
/// use lifecycle::testing::Fault;
///
/// let error = "hnag".parse::<Fault>().unwrap_err();
/// assert!(error.to_string().contains("hang"), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault(pub(crate) String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownFault {}

/// What goes wrong with a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// By the resource's name.
    pub(crate) resources: Vec<(String, Fault)>,
    /// Every async worker is blocked for so long once the service is asked to stop.
    pub(crate) executor: Option<Duration>,
    /// The report cannot be written: the disk is full.
    report_full: bool,
}

impl Faults {
    /// Each as it would be written.
    pub(crate) fn names(&self) -> Vec<String> {
        let resources = self
            .resources
            .iter()
            .map(|(name, fault)| format!("{name}={fault}"));
        let executor = self
            .executor
            .map(|time| format!("executor={}", Fault::Block(time)));
        let report = self.report_full.then(|| "report=full".to_owned());
        resources.chain(executor).chain(report).collect()
    }

    pub(crate) const fn report_full(&self) -> bool {
        self.report_full
    }

    /// What the names mean must be there, and cannot be meant twice.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), UnknownFault> {
        for (at, (name, _)) in self.resources.iter().enumerate() {
            if !plan.steps.iter().any(|step| step.name == *name) {
                let known: Vec<&str> = plan.steps.iter().map(|step| &*step.name).collect();
                let known = known.join(", ");
                return Err(UnknownFault(format!(
                    "the plan has no resource `{name}`; it has {known}"
                )));
            }
            if self.resources[..at].iter().any(|(other, _)| other == name) {
                return Err(UnknownFault(format!("`{name}` has two faults")));
            }
        }
        Ok(())
    }

    /// `work`, or `work` with the fault that was asked for.
    pub(crate) fn put_into(&self, at: usize, step: &Step, work: Arc<dyn Work>) -> Arc<dyn Work> {
        let fault = self.resources.iter().find(|(name, _)| step.name == *name);
        let fault = fault.map(|&(_, fault)| fault);
        let executor = self.executor.filter(|_| at == 0);
        if fault.is_none() && executor.is_none() {
            return work;
        }
        Arc::new(Faulty {
            work,
            fault,
            executor,
            cancelled: CancellationToken::new(),
            died: CancellationToken::new(),
        })
    }
}

/// Blocks every worker of the current runtime; returns once they are.
fn block_workers(time: Duration) {
    let runtime = tokio::runtime::Handle::current();
    if runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread {
        std::thread::sleep(time);
        return;
    }
    let workers = runtime.metrics().num_workers();
    let (blocked, heard) = std::sync::mpsc::channel();
    for _ in 0..workers {
        let blocked = blocked.clone();
        runtime.spawn(async move {
            // Nobody hears it where this thread is itself a worker, and has gone on.
            let _ = blocked.send(());
            std::thread::sleep(time);
        });
    }
    for _ in 0..workers {
        if heard.recv_timeout(Duration::from_secs(1)).is_err() {
            break;
        }
    }
}

/// A resource with a fault.
struct Faulty {
    work: Arc<dyn Work>,
    fault: Option<Fault>,
    /// Blocks the executor once the service is asked to stop.
    executor: Option<Duration>,
    cancelled: CancellationToken,
    /// It has ended while the service ran.
    died: CancellationToken,
}

/// What the report says of a fault that is an error.
const WORDS: &str = "an injected fault";

impl Work for Faulty {
    fn start(&self, plan: &Plan, step: &Step) {
        self.work.start(plan, step);
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        let ended = self.work.ended();
        let Some(Fault::Die(after)) = self.fault else {
            return ended;
        };
        let died = self.died.clone();
        Some(Box::pin(async move {
            let ended = async {
                match ended {
                    Some(ended) => ended.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                result = ended => result,
                () = tokio::time::sleep(after) => {
                    died.cancel();
                    Err(WORDS.to_owned())
                }
            }
        }))
    }

    fn ready(&self) {
        self.work.ready();
    }

    fn serves(&self) -> bool {
        self.work.serves()
    }

    fn settle(&self) {
        if let Some(time) = self.executor {
            block_workers(time);
        }
        self.work.settle();
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        let (fault, cancelled) = (self.fault, self.cancelled.clone());
        if let Some(Fault::Block(time)) = fault {
            // Where a client that blocks would do it: on the worker that polls it.
            let work = Arc::clone(&self.work);
            return Box::pin(async move {
                std::thread::sleep(time);
                work.stop(window).await
            });
        }
        let stopping = self.work.stop(window);
        let died = self.died.is_cancelled();
        Box::pin(async move {
            let result = stopping.await;
            match fault {
                Some(Fault::Die(_)) if died => return Err(WORDS.into()),
                None | Some(Fault::Die(_) | Fault::Block(_)) => {}
                Some(Fault::Hang) => pending().await,
                Some(Fault::Slow(by)) => tokio::select! {
                    () = tokio::time::sleep(by) => {}
                    () = cancelled.cancelled() => {}
                },
                Some(Fault::Fail) => return Err(WORDS.into()),
                Some(Fault::Panic) => panic!("{WORDS}"),
            }
            result
        })
    }

    fn cancel(&self) {
        self.work.cancel();
        self.cancelled.cancel();
    }

    fn abandon(&self) {
        self.work.abandon();
    }

    fn active(&self) -> Active {
        self.work.active()
    }

    fn finally(&self) -> Option<BoxFuture<Result<(), Failure>>> {
        self.work.finally()
    }

    fn tally(&self) -> Tally {
        self.work.tally()
    }
}
