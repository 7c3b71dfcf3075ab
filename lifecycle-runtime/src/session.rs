//! One run of a service from start-up to report, as the macro's `main` and the builder share it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "testing")]
use std::sync::mpsc::Receiver;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use tokio::time::timeout;

use crate::control::{Control, timeout_of};
use crate::environment::Environment;
use crate::executor;
use crate::faults::Faults;
use crate::health::{self, Health, Pulse};
use crate::metrics;
use crate::plan::{Drift, Plan};
use crate::report::{self, Outcome, Report};
use crate::signals;
use crate::systemd::Systemd;
use crate::tasks::{self, AbortOnDrop, Tasks};
use crate::watchdog::{self, Order};
use crate::wiring::{Wired, Wiring, WiringError};
use crate::work::NoEnd;

/// How long writing the report may take after an orderly end.
const REPORT_LIMIT: Duration = Duration::from_secs(1);

/// What is kept of the time before the deadline for the process to leave by itself.
const MARGIN: Duration = Duration::from_millis(100);

/// A disk that is always full, for the fault of that name (Linux, full(4)).
const FULL_DISK: &str = "/dev/full";

const HEALTH_PORT_IGNORED: &str =
    "LIFECYCLE_HEALTH_PORT is set and ignored: the plan has no health port";

const FAULTS_IGNORED: &str = "LIFECYCLE_FAULTS is set and ignored: the program was built without the \
                              feature `faults`";

#[cfg(not(feature = "aws"))]
const AWS_IGNORED: &str = "LIFECYCLE_AWS is set and ignored: the program was built without the feature \
                           `aws`";

/// The heartbeat, and the task that answers it.
type Heartbeat = (Pulse, AbortOnDrop<()>);

/// What answers for the process while it lives.
type Beside = (Option<health::Server>, Option<Heartbeat>);

pub(crate) struct Session {
    pub(crate) control: Arc<Control>,
    /// What keeps the service from starting, found before it began.
    obstacle: Option<StartError>,
    /// Said once the service's own code had the chance to install a log subscriber: drift, faults.
    notes: Vec<String>,
    report: Option<PathBuf>,
    owns_process: bool,
    faults: Faults,
    /// How long the async runtime may run no task before liveness fails.
    wedged_after: Duration,
}

/// Why a service does not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The plan contradicts itself; only one written by hand can.
    Plan(String),
    Drift(Vec<String>),
    /// `LIFECYCLE_FAULTS` asks for what there is not.
    Faults(String),
    HealthPort(String),
    Signals(io::Error),
    Runtime(io::Error),
    Health(u16, io::Error),
    Pulse(io::Error),
    /// The service's `main` failed: in a line, and in full.
    Main {
        line: String,
        full: String,
    },
    Wiring(WiringError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HealthPort(why) => f.write_str(why),
            Self::Plan(why) => write!(f, "the plan cannot be followed: {why}"),
            Self::Drift(differences) => f.write_str(&differences.join("; ")),
            Self::Faults(error) => write!(f, "LIFECYCLE_FAULTS: {error}"),
            Self::Signals(error) => write!(f, "signals cannot be watched: {error}"),
            Self::Pulse(error) => write!(f, "the async runtime cannot be watched: {error}"),
            Self::Runtime(error) => write!(f, "the async runtime cannot be built: {error}"),
            Self::Health(port, error) => {
                write!(f, "the health server cannot listen on port {port}: {error}")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => f.write_str(
                        "; does the service run already? The port is that of `traffic.health`",
                    ),
                    _ => Ok(()),
                }
            }
            Self::Main { line, .. } => f.write_str(line),
            Self::Wiring(error) => error.fmt(f),
        }
    }
}

impl Session {
    /// Reads the environment and takes the signals. A session without `environment` is embedded: it
    /// leaves signals and process alone.
    pub(crate) fn begin(
        plan: Cow<'static, Plan>,
        environment: Option<Environment>,
        platform: Option<String>,
        health: Health,
    ) -> Self {
        let owns_process = environment.is_some();
        let mut environment = environment.unwrap_or_default();
        if platform.is_some() {
            environment.platform = platform;
        }
        let (orders, received) = channel();
        let orders = owns_process.then_some(orders);
        let systemd = if owns_process { Systemd::read() } else { None };
        if let Some(systemd) = &systemd {
            systemd.status("starting");
        }
        let aws = environment.aws.take();
        let mut session = Self::assemble(
            plan,
            environment,
            health,
            orders,
            systemd,
            Faults::default(),
        );
        session.owns_process = owns_process;
        if owns_process {
            let control = &session.control;
            let watching = watchdog::watch(Arc::clone(control), received, session.report.clone())
                .and_then(|()| signals::listen(Arc::clone(control)));
            if let Err(error) = watching {
                session.obstacle.get_or_insert(StartError::Signals(error));
            }
        }
        if let Some(words) = aws
            && session.obstacle.is_none()
        {
            session.ask_aws(&words);
        }
        session
    }

    #[cfg(feature = "aws")]
    fn ask_aws(&mut self, words: &str) {
        self.notes.extend(crate::aws::obey(words, &self.control));
    }

    #[cfg(not(feature = "aws"))]
    fn ask_aws(&mut self, _: &str) {
        self.notes.push(AWS_IGNORED.to_owned());
    }

    /// A session that nobody but its caller sends signals to, and whose watchdog is its caller too.
    #[cfg(feature = "testing")]
    pub(crate) fn rehearse(
        plan: Cow<'static, Plan>,
        platform: Option<String>,
        faults: Faults,
    ) -> (Self, Receiver<Order>) {
        let environment = Environment {
            platform,
            ..Environment::default()
        };
        let mut plan = plan.into_owned();
        // Tests run side by side, and each would want the port.
        if let Some(health) = &mut plan.health {
            health.port = None;
        }
        let (orders, received) = channel();
        let health = Health::default();
        let session = Self::assemble(plan.into(), environment, health, Some(orders), None, faults);
        (session, received)
    }

    fn assemble(
        mut plan: Cow<'static, Plan>,
        environment: Environment,
        health: Health,
        orders: Option<Sender<Order>>,
        systemd: Option<Systemd>,
        mut faults: Faults,
    ) -> Self {
        health.starting();
        let chosen = environment.choose(&plan);
        let mut obstacle = plan.contradiction().map(StartError::Plan);
        let mut notes = chosen.drift;
        if !notes.is_empty() && plan.drift == Drift::Refuse && obstacle.is_none() {
            obstacle = Some(StartError::Drift(std::mem::take(&mut notes)));
        }
        match (environment.health_port(&plan), &environment.health_port) {
            (Ok(_), None) => {}
            (Ok(None), Some(_)) => notes.push(HEALTH_PORT_IGNORED.to_owned()),
            (Ok(port), Some(_)) => {
                if let Some(health) = &mut plan.to_mut().health {
                    health.port = port;
                }
            }
            (Err(why), _) => {
                obstacle.get_or_insert(StartError::HealthPort(why));
            }
        }
        match environment.faults {
            Some(text) if cfg!(feature = "faults") => match Faults::parse(&text, &plan) {
                Ok(asked) => faults = asked,
                Err(error) => {
                    obstacle.get_or_insert(StartError::Faults(error.to_string()));
                }
            },
            Some(_) => notes.push(FAULTS_IGNORED.to_owned()),
            None => {}
        }
        if !faults.names().is_empty() {
            let names = faults.names().join("; ");
            notes.push(format!(
                "FAULTS ARE ON, this is not a service to rely on: {names}"
            ));
        }
        let report = match faults.report_full() {
            true => Some(FULL_DISK.into()),
            false => environment.report,
        };
        let mut control = Control::new(plan, chosen.platform, chosen.timeline, health, orders);
        control.systemd = systemd;
        control.faults = faults.names();
        let control = Arc::new(control);
        control.health.attach(&control);
        Self {
            control,
            obstacle,
            notes,
            report,
            owns_process: false,
            faults,
            wedged_after: health::WEDGED_AFTER,
        }
    }

    pub(crate) fn wedged_after(mut self, limit: Option<Duration>) -> Self {
        self.wedged_after = limit.unwrap_or(self.wedged_after);
        self
    }

    /// Starts the service, runs it, stops it; the report is delivered.
    pub(crate) async fn drive<F>(mut self, start: F) -> Report
    where
        F: Future<Output = Result<Wiring, StartError>>,
    {
        // Health is answered to the very end: a platform that finds nobody takes the process for dead.
        let (report, _beside) = match self.obstacle.take() {
            Some(obstacle) => (self.refuse(&obstacle), None),
            // Before the service's own code: a start that takes long is alive and not ready.
            None => match self.beside() {
                Ok(beside) => (self.run(start).await, Some(beside)),
                Err(error) => (self.refuse(&error), None),
            },
        };
        self.deliver(&report).await;
        self.finish(report).await
    }

    /// What is left to do once the report has been logged; a failure is reported in its turn.
    async fn finish(&self, mut report: Report) -> Report {
        let control = &self.control;
        // The process has to be gone before its watchdog wakes up.
        let left = control.left().saturating_sub(MARGIN);
        let mut calls = Tasks::default();
        for (index, call) in control.last_calls() {
            let limit = left.min(timeout_of(&control.timeline, index));
            calls.spawn(index, async move {
                let called = timeout(limit, tasks::spawn(call)).await;
                called.map_or_else(|_| Err(NoEnd(limit).into()), tasks::joined)
            });
        }
        let mut failed = false;
        while let Some((index, result)) = calls.next().await {
            let (outcome, Some(error)) = executor::ending(result) else {
                continue;
            };
            let error = format!("at the very end: {error}");
            let resource = &*control.plan.steps[index].name;
            tracing::error!(resource, error, "what came last was not sent");
            report.failed_at_the_end(index, outcome, error);
            failed = true;
        }
        if failed {
            self.write(&report).await;
            self.complain(&report);
        }
        report
    }

    async fn run<F>(&self, start: F) -> Report
    where
        F: Future<Output = Result<Wiring, StartError>>,
    {
        let control = &self.control;
        // On a stop the service's own future is dropped where it waits.
        let wiring = tokio::select! {
            biased;
            () = control.requested.cancelled() => return control.finished(),
            wiring = start => wiring,
        };
        metrics::describe();
        for note in &self.notes {
            tracing::warn!("{note}");
            if self.owns_process {
                report::unless_logged(format_args!("{}: {note}", control.plan.service));
            }
        }
        let wired = wiring
            .and_then(|wiring| wiring.resolve(&control.plan).map_err(StartError::Wiring))
            .map(|wired| self.with_faults(wired));
        match wired {
            Err(error) => self.refuse(&error),
            Ok(wired) if control.wired(wired.iter().map(|it| Arc::clone(&it.work)).collect()) => {
                executor::run(Arc::clone(control), wired).await
            }
            // The stop came between the last line of `main` and here.
            Ok(_) => control.finished(),
        }
    }

    fn with_faults(&self, mut wired: Vec<Wired>) -> Vec<Wired> {
        let steps = self.control.plan.steps.iter().enumerate();
        for (wired, (at, step)) in wired.iter_mut().zip(steps) {
            wired.work = self.faults.put_into(at, step, Arc::clone(&wired.work));
        }
        wired
    }

    /// The report of a service that does not start.
    pub(crate) fn refuse(&self, error: &StartError) -> Report {
        let line = error.to_string();
        tracing::error!(error = line.as_str(), "the service does not start");
        match error {
            _ if !self.owns_process => {}
            // As the standard library prints what `main` returns, where that has more to say than the
            // line: a chain of causes, a backtrace. Otherwise it is Rust's notation for a struct.
            StartError::Main { full, .. } if full.lines().nth(1).is_some() => {
                eprintln!("Error: {full}");
            }
            StartError::Main { line, .. } => eprintln!("Error: {line}"),
            _ => eprintln!("Error: {}: {line}", self.control.plan.service),
        }
        self.control.start_failed(line);
        self.control.finished()
    }

    /// What runs beside the service as long as it is kept.
    fn beside(&self) -> Result<Beside, StartError> {
        Ok((self.serve_health()?, self.watch()?))
    }

    fn serve_health(&self) -> Result<Option<health::Server>, StartError> {
        let Some(paths) = self.control.plan.health.clone() else {
            return Ok(None);
        };
        let Some(port) = paths.port else {
            return Ok(None);
        };
        let server = health::Server::start(port, paths, self.control.health.clone());
        match server {
            Ok(server) => Ok(Some(server)),
            Err(error) => Err(StartError::Health(port, error)),
        }
    }

    /// The heartbeat of the runtime that this is called on. An embedded service has none: its host's
    /// clock may be paused, and the runtime is the host's to watch.
    fn watch(&self) -> Result<Option<Heartbeat>, StartError> {
        if !self.owns_process {
            return Ok(None);
        }
        let pulse = Pulse::start(Arc::clone(&self.control), self.wedged_after)
            .map_err(StartError::Pulse)?;
        let answer = AbortOnDrop::spawn(pulse.answer());
        Ok(Some((pulse, answer)))
    }

    /// Logs the report here, where the caller's log subscriber is.
    async fn deliver(&self, report: &Report) {
        self.write(report).await;
        report::log(report);
        // A service that does not start has said why already.
        if report.outcome != Outcome::StartFailed {
            self.complain(report);
        }
    }

    /// Writes the report from a thread of its own, since the path may be a pipe that nobody reads; and
    /// here where the system gives no thread.
    async fn write(&self, report: &Report) {
        let Some(path) = self.report.clone() else {
            return;
        };
        let (said, heard) = tokio::sync::oneshot::channel();
        let (copy, to) = (report.clone(), path.clone());
        let writing = tasks::thread("lifecycle-report", move || {
            report::write(&copy, &to);
            let _ = said.send(());
        });
        match writing {
            Ok(()) => {
                if timeout(REPORT_LIMIT, heard).await.is_err() {
                    tracing::error!("the report could not be written in time");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no thread for the report; it is written without");
                report::write(report, &path);
            }
        }
    }

    fn complain(&self, report: &Report) {
        if self.owns_process {
            report::complain(report);
        }
    }
}
