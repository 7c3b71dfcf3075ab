//! A whole process: its tokio runtime, its service, its exit code.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use crate::environment::Environment;
use crate::health::health;
use crate::lifecycle::{StopHandle, announce};
use crate::plan::Plan;
use crate::probe;
use crate::report::words;
use crate::session::{Session, StartError};
use crate::wiring::{Resources, Wiring};
use crate::work::{Panicked, caught};

/// The tokio runtime of a service, and what `#[lifecycle::main]` puts around it.
///
/// ```no_run
/// # use lifecycle::{Resources, Wiring, plan::Plan};
/// # struct Mine;
/// # impl Resources for Mine { fn wire(self, _: &mut Wiring) {} }
/// # async fn start() -> Result<Mine, String> { Ok(Mine) }
/// # fn main_with(plan: &'static Plan) -> std::process::ExitCode {
/// lifecycle::Runtime::multi_thread().worker_threads(4).run(plan, start)
/// # }
/// ```
#[derive(Debug)]
pub struct Runtime {
    tokio: tokio::runtime::Builder,
    wedged_after: Option<Duration>,
}

impl Runtime {
    /// A runtime with one worker thread a core, or as many as [`worker_threads`](Self::worker_threads) says.
    pub fn multi_thread() -> Self {
        Self::of(tokio::runtime::Builder::new_multi_thread())
    }

    /// A runtime that runs everything on the main thread.
    pub fn current_thread() -> Self {
        Self::of(tokio::runtime::Builder::new_current_thread())
    }

    /// How many worker threads a [`multi_thread`](Self::multi_thread) runtime has; zero counts as one.
    #[must_use]
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.tokio.worker_threads(count.max(1));
        self
    }

    /// After how long without running any task the runtime counts as wedged, so that
    /// [liveness](crate::manual::health#liveness) fails; 30 s unless set, and never with [`Duration::MAX`].
    #[must_use]
    pub fn wedged_after(mut self, limit: Duration) -> Self {
        self.wedged_after = Some(limit);
        self
    }

    fn of(tokio: tokio::runtime::Builder) -> Self {
        Self {
            tokio,
            wedged_after: None,
        }
    }

    /// Runs `main`, then what it returned until the service is asked to stop, then the plan.
    ///
    /// SIGTERM and SIGINT belong to this call from its beginning until the end of the process. Return
    /// the exit code from `main` soon: once a stop has begun, the watchdog ends the process at the
    /// plan's deadline, whatever it is doing then.
    ///
    /// A process whose first argument is `--lifecycle-probe` does none of this. It asks the service
    /// that runs beside it, on 127.0.0.1 and the plan's health port, whether it is `live` or `ready`,
    /// as the second argument says, and returns the answer within a second:
    /// [0, 1 or 2](crate::manual::health#the-program-as-its-own-probe). So let nothing come before this call that a
    /// health check must not do every few seconds.
    pub fn run<M, F>(self, plan: &'static Plan, main: M) -> ExitCode
    where
        M: FnOnce() -> F,
        F: Future<Output: MainResult>,
    {
        self.run_boxed(plan, Box::pin(started(main)))
    }

    /// The same for a start whose type is no service's own: all that follows is compiled here, once, and
    /// not with every change of a service.
    fn run_boxed(mut self, plan: &'static Plan, start: Start<'_>) -> ExitCode {
        if let Some(code) = probe::asked(plan) {
            return code;
        }
        #[cfg(all(target_os = "linux", feature = "process"))]
        crate::init();
        let environment = Environment::read();
        let session = Session::begin(plan.into(), Some(environment), None, health())
            .wedged_after(self.wedged_after);
        announce(StopHandle::of(&session.control));
        let runtime = match self.tokio.enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return session.refuse(&StartError::Runtime(error)).into(),
        };
        let report = runtime.block_on(session.drive(start));
        // Dropping the runtime would wait for blocking tasks without limit.
        runtime.shutdown_background();
        #[cfg(all(unix, feature = "process"))]
        crate::resource::child::group::kill_all();
        report.into()
    }
}

/// What [`started`] returns.
type Start<'a> = Pin<Box<dyn Future<Output = Result<Wiring, StartError>> + 'a>>;

/// What `main` wires, or why it did not come to that.
pub(crate) async fn started<M, F>(main: M) -> Result<Wiring, StartError>
where
    M: FnOnce() -> F,
    F: Future<Output: MainResult>,
{
    use sealed::IntoWiring as _;
    // Boxed: how large it is, is the service's affair.
    begun(Box::pin(async { main().await.into_wiring() })).await
}

type Main<'a> = Pin<Box<dyn Future<Output = Result<Wiring, sealed::NotStarted>> + 'a>>;

async fn begun(main: Main<'_>) -> Result<Wiring, StartError> {
    use sealed::NotStarted;
    match caught(main).await {
        Ok(Ok(wiring)) => Ok(wiring),
        Ok(Err(NotStarted { line, full })) => Err(StartError::Main { line, full }),
        Err(panic) => Err(StartError::panicked(&panic)),
    }
}

/// What a service's `main` may return: [`Resources`], or a `Result` of them with any error that can
/// be shown, such as `anyhow::Error` or `Box<dyn Error>`.
///
/// ```
/// use lifecycle::{MainResult, Runtime};
///
/// /// A start that several binaries of a workspace share.
/// fn run<M, F>(plan: &'static lifecycle::plan::Plan, main: M) -> std::process::ExitCode
/// where
///     M: FnOnce() -> F,
///     F: Future<Output: MainResult>,
/// {
///     Runtime::multi_thread().run(plan, main)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`main` returns `{Self}`, which holds nothing to stop later",
    label = "return `Resources`, or a `Result` of it",
    note = "write `async fn main() -> anyhow::Result<Resources>` and end it with `Ok(Resources {{ … }})`"
)]
pub trait MainResult: sealed::IntoWiring {}

impl<R: Resources> MainResult for R {}
impl<R: Resources, E: std::fmt::Display + std::fmt::Debug> MainResult for Result<R, E> {}

mod sealed {
    use super::{Resources, Wiring};

    /// Why `main` returned no resources: in a line, and in full.
    pub struct NotStarted {
        pub(crate) line: String,
        pub(crate) full: String,
    }

    pub trait IntoWiring {
        fn into_wiring(self) -> Result<Wiring, NotStarted>;
    }

    impl<R: Resources> IntoWiring for R {
        fn into_wiring(self) -> Result<Wiring, NotStarted> {
            let mut wiring = Wiring::default();
            self.wire(&mut wiring);
            Ok(wiring)
        }
    }

    impl<R: Resources, E: std::fmt::Display + std::fmt::Debug> IntoWiring for Result<R, E> {
        fn into_wiring(self) -> Result<Wiring, NotStarted> {
            match self {
                Ok(resources) => resources.into_wiring(),
                // The alternate form of anyhow and its like shows the whole chain in one line.
                Err(error) => Err(NotStarted {
                    line: format!("{error:#}"),
                    full: format!("{error:?}"),
                }),
            }
        }
    }
}

impl StartError {
    fn panicked(panic: &Panicked) -> Self {
        let line = format!("main panicked: {}", words(panic));
        Self::Main {
            full: line.clone(),
            line,
        }
    }
}
