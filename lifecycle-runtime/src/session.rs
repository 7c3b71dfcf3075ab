//! One run of a service from start-up to report, as the macro's `main` and the builder share it.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::control::Control;
use crate::environment::Environment;
use crate::executor;
use crate::health::{self, Health, Pulse};
use crate::plan::{Drift, Plan};
use crate::report::{self, Outcome, Report};
use crate::signals;
use crate::systemd::Systemd;
use crate::watchdog;
use crate::wiring::{Wiring, WiringError};

/// How long writing the report may take after an orderly end.
const REPORT_LIMIT: Duration = Duration::from_secs(1);

pub(crate) struct Session {
    pub(crate) control: Arc<Control>,
    /// What keeps the service from starting, found before it began.
    obstacle: Option<StartError>,
    /// Said once the service's own code had the chance to install a log subscriber.
    drift: Vec<String>,
    report: Option<PathBuf>,
    owns_process: bool,
    /// How long the async runtime may run no task before liveness fails.
    wedged_after: Duration,
}

/// Why a service does not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The plan contradicts itself; only one written by hand can.
    Plan(String),
    Drift(Vec<String>),
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
            Self::Plan(why) => write!(f, "the plan cannot be followed: {why}"),
            Self::Drift(differences) => f.write_str(&differences.join("; ")),
            Self::Signals(error) => write!(f, "signals cannot be watched: {error}"),
            Self::Pulse(error) => write!(f, "the async runtime cannot be watched: {error}"),
            Self::Runtime(error) => write!(f, "the async runtime cannot be built: {error}"),
            Self::Health(port, error) => {
                write!(f, "the health server cannot listen on port {port}: {error}")
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
        health.starting();
        let owns_process = environment.is_some();
        let mut environment = environment.unwrap_or_default();
        if platform.is_some() {
            environment.platform = platform;
        }
        let chosen = environment.choose(&plan);
        let (orders, received) = channel();
        let mut obstacle = plan.contradiction().map(StartError::Plan);
        let mut drift = chosen.drift;
        if !drift.is_empty() && plan.drift == Drift::Refuse && obstacle.is_none() {
            obstacle = Some(StartError::Drift(std::mem::take(&mut drift)));
        }
        let control = Control::new(
            plan,
            chosen.platform,
            chosen.timeline,
            health,
            owns_process.then_some(orders),
        );
        let systemd = if owns_process { Systemd::read() } else { None };
        if let Some(systemd) = &systemd {
            systemd.status("starting");
        }
        let control = Arc::new(control.managed_by(systemd));
        control.health.attach(&control);
        if owns_process {
            let watching =
                watchdog::watch(Arc::clone(&control), received, environment.report.clone())
                    .and_then(|()| signals::listen(Arc::clone(&control)));
            if let Err(error) = watching {
                obstacle.get_or_insert(StartError::Signals(error));
            }
        }
        Self {
            control,
            obstacle,
            drift,
            report: environment.report,
            owns_process,
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
        let report = match self.obstacle.take() {
            Some(obstacle) => self.refuse(&obstacle),
            None => self.run(start).await,
        };
        self.deliver(&report).await;
        report
    }

    async fn run<F>(&self, start: F) -> Report
    where
        F: Future<Output = Result<Wiring, StartError>>,
    {
        let control = &self.control;
        // Before the service's own code: a start that takes long is alive and not ready.
        let _aside = match self.serve_health().and_then(|it| Ok((it, self.watch()?))) {
            Ok(aside) => aside,
            Err(error) => return self.refuse(&error),
        };
        // On a stop the service's own future is dropped where it waits.
        let wiring = tokio::select! {
            biased;
            () = control.requested.cancelled() => return control.finished(),
            wiring = start => wiring,
        };
        for difference in &self.drift {
            tracing::warn!("{difference}");
        }
        let works =
            wiring.and_then(|wiring| wiring.resolve(&control.plan).map_err(StartError::Wiring));
        match works {
            Err(error) => self.refuse(&error),
            Ok(wired) if control.wired(wired.iter().map(|it| Arc::clone(&it.work)).collect()) => {
                executor::run(Arc::clone(control), wired).await
            }
            // The stop came between the last line of `main` and here.
            Ok(_) => control.finished(),
        }
    }

    /// The report of a service that does not start.
    pub(crate) fn refuse(&self, error: &StartError) -> Report {
        let line = error.to_string();
        tracing::error!(error = line.as_str(), "the service does not start");
        match error {
            _ if !self.owns_process => {}
            // As the standard library prints what `main` returns.
            StartError::Main { full, .. } => eprintln!("Error: {full}"),
            _ => eprintln!("Error: {}: {line}", self.control.plan.service),
        }
        self.control.start_failed(line);
        self.control.finished()
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
    fn watch(&self) -> Result<Option<(Pulse, AbortOnDrop)>, StartError> {
        if !self.owns_process {
            return Ok(None);
        }
        let pulse = Pulse::start(Arc::clone(&self.control), self.wedged_after)
            .map_err(StartError::Pulse)?;
        let answer = tokio::spawn(pulse.answer());
        Ok(Some((pulse, AbortOnDrop(answer.abort_handle()))))
    }

    /// Logs the report here, where the caller's log subscriber is, and writes it from a thread of
    /// its own, since the path may be a pipe that nobody reads.
    async fn deliver(&self, report: &Report) {
        if let Some(path) = self.report.clone() {
            let (said, heard) = tokio::sync::oneshot::channel();
            let copy = report.clone();
            let scribe = std::thread::Builder::new().name("lifecycle-report".to_owned());
            let writing = scribe.spawn(move || {
                report::write(&copy, &path);
                let _ = said.send(());
            });
            if writing.is_ok() && tokio::time::timeout(REPORT_LIMIT, heard).await.is_err() {
                tracing::error!("the report could not be written in time");
            }
        }
        report::log(report);
        // A service that does not start has said why already.
        if self.owns_process && report.outcome != Outcome::StartFailed {
            report::complain(report);
        }
    }
}

/// Ends a task together with its owner.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
