//! Telemetry: exporters flushed side by side, and what comes after the flush.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::closers::{Close, close_async, close_blocking};
use super::ending::Ending;
use super::{StartUp, wirable};
use crate::report::words;
use crate::tasks::{self, Tasks};
use crate::work::{Active, BoxFuture, Failure, Panicked, Window, Work};

/// Traces, metrics and logs waiting to be sent.
///
/// The step flushes, before clients are closed and the last lines are logged. What comes after that
/// is sent by [`finally`](Self::finally). The [manual](crate#the-manual) has a page with an example
/// for OpenTelemetry.
///
/// ```
/// # struct Sentry;
/// # impl Sentry { fn flush(&self) -> bool { true } }
/// # let sentry = Sentry;
/// use lifecycle::Telemetry;
///
/// let telemetry = Telemetry::blocking(move || match sentry.flush() {
///     true => Ok(()),
///     false => Err("events were not sent"),
/// });
/// ```
pub struct Telemetry(Exporters, StartUp);
wirable!(Telemetry, Telemetry);

impl Telemetry {
    /// Calls `flush` when the step's turn has come. It may return nothing or a `Result`; an error is
    /// reported and does not keep the later steps from running.
    pub fn new<F, Fut>(flush: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self::all([Exporter::new("", flush)])
    }

    /// Like [`new`](Self::new) for a flush that blocks its thread: it runs on a thread of its own, off
    /// the async workers. After the step's timeout nobody waits for it.
    pub fn blocking<F, O>(flush: F) -> Self
    where
        F: FnOnce() -> O + Send + 'static,
        O: Ending,
    {
        Self::all([Exporter::blocking("", flush)])
    }

    /// Several exporters, flushed side by side, each within the step's whole timeout. One that fails or
    /// hangs keeps none of the others, and the report names it.
    ///
    /// ```
    /// # #[derive(Clone)] struct Provider;
    /// # impl Provider {
    /// #     fn force_flush(&self) -> Result<(), String> { Ok(()) }
    /// #     fn shutdown(&self) -> Result<(), String> { Ok(()) }
    /// # }
    /// # let (traces, logs) = (Provider, Provider);
    /// use lifecycle::{Exporter, Telemetry};
    ///
    /// let telemetry = Telemetry::all([("traces", traces), ("logs", logs)].map(|(name, provider)| {
    ///     let last = provider.clone();
    ///     Exporter::blocking(name, move || provider.force_flush())
    ///         .finally_blocking(move || last.shutdown())
    /// }));
    /// ```
    pub fn all(exporters: impl IntoIterator<Item = Exporter>) -> Self {
        Self(Exporters::of(exporters), StartUp::default())
    }

    /// Calls `last` at the very end: when all steps have ended and the report has been logged, so that
    /// both can still be sent.
    ///
    /// It has what is left until the plan's deadline, less 100 ms for the process to leave, and no more
    /// than the step's own timeout. Where steps took their whole windows, half of the reserve is left,
    /// and the report is written first, for a second at most. It is not called where a flush was cut
    /// off: what hung once would hang again. An error or a timeout of it makes the step a failed one in
    /// the report, which is then written again.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn finally<F, Fut>(mut self, last: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        self.0.push_last(close_async(last));
        self
    }

    /// Like [`finally`](Self::finally) for a call that blocks its thread.
    #[must_use = "a resource does nothing before it is wired"]
    pub fn finally_blocking<F, O>(mut self, last: F) -> Self
    where
        F: FnOnce() -> O + Send + 'static,
        O: Ending,
    {
        self.0.push_last(close_blocking(last));
        self
    }
}

/// One of the exporters of [`Telemetry::all`].
///
/// ```
/// use lifecycle::{Exporter, Telemetry};
/// # struct Client;
/// # impl Client {
/// #     async fn flush(&self) -> Result<(), String> { Ok(()) }
/// #     async fn close(self) {}
/// # }
/// # let (spans, last) = (Client, Client);
/// # fn write_profile() -> std::io::Result<()> { Ok(()) }
///
/// let telemetry = Telemetry::all([
///     Exporter::new("spans", move || async move { spans.flush().await })
///         .finally(move || last.close()), // after the report has been logged
///     Exporter::blocking("profile", write_profile),
/// ]);
/// ```
#[must_use = "an exporter does nothing before it is part of a `Telemetry`"]
pub struct Exporter {
    name: String,
    flush: Close,
    last: Option<Close>,
}

impl Exporter {
    /// Calls `flush` when the step's turn has come; the report calls it `name`.
    pub fn new<F, Fut>(name: impl Into<String>, flush: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        Self {
            name: name.into(),
            flush: close_async(flush),
            last: None,
        }
    }

    /// Like [`new`](Self::new) for a flush that blocks its thread.
    pub fn blocking<F, O>(name: impl Into<String>, flush: F) -> Self
    where
        F: FnOnce() -> O + Send + 'static,
        O: Ending,
    {
        Self {
            name: name.into(),
            flush: close_blocking(flush),
            last: None,
        }
    }

    /// Calls `last` at the very end, as [`Telemetry::finally`] does; not if this exporter's flush was
    /// cut off.
    pub fn finally<F, Fut>(mut self, last: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output: Ending> + Send + 'static,
    {
        self.last = Some(close_async(last));
        self
    }

    /// Like [`finally`](Self::finally) for a call that blocks its thread.
    pub fn finally_blocking<F, O>(mut self, last: F) -> Self
    where
        F: FnOnce() -> O + Send + 'static,
        O: Ending,
    {
        self.last = Some(close_blocking(last));
        self
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All exporters of one resource.
#[derive(Clone)]
struct Exporters(Arc<Mutex<Vec<Part>>>);

/// An exporter on its way.
struct Part {
    name: String,
    flush: Option<Close>,
    last: Option<Close>,
    /// Since when it has been flushing.
    flushing: Option<Instant>,
    running: Option<AbortHandle>,
}

impl Exporters {
    fn of(exporters: impl IntoIterator<Item = Exporter>) -> Self {
        let parts = exporters.into_iter().map(|exporter| Part {
            name: exporter.name,
            flush: Some(exporter.flush),
            last: exporter.last,
            flushing: None,
            running: None,
        });
        Self(Arc::new(Mutex::new(parts.collect())))
    }

    /// A call at the end that belongs to none of them alone.
    fn push_last(&mut self, last: Close) {
        self.lock().push(Part {
            name: String::new(),
            flush: None,
            last: Some(last),
            flushing: None,
            running: None,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work for Exporters {
    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        None
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let this = self.clone();
        let mut calls = Vec::new();
        for (at, part) in self.lock().iter_mut().enumerate() {
            if let Some(flush) = part.flush.take() {
                part.flushing = Some(Instant::now());
                calls.push((at, part.name.clone(), flush));
            }
        }
        Box::pin(side_by_side(
            calls,
            Box::new({
                let this = this.clone();
                move |at, running| this.lock()[at].running = Some(running)
            }),
            Box::new(move |at| this.lock()[at].flushing = None),
        ))
    }

    fn abandon(&self) {
        for part in self.lock().iter() {
            if let Some(running) = &part.running {
                running.abort();
            }
        }
    }

    fn active(&self) -> Active {
        let parts = self.lock();
        let flushing = || {
            parts
                .iter()
                .filter_map(|part| Some((part.flushing?, &part.name)))
        };
        Active {
            count: flushing().count() as u64,
            oldest: flushing().map(|(since, _)| since.elapsed()).max(),
            names: flushing()
                .map(|(_, name)| name.clone())
                .filter(|name| !name.is_empty())
                .collect(),
        }
    }

    fn finally(&self) -> Option<BoxFuture<Result<(), Failure>>> {
        let mut parts = self.lock();
        let any_hangs = parts.iter().any(|part| part.flushing.is_some());
        let mut calls = Vec::new();
        for (at, part) in parts.iter_mut().enumerate() {
            // What belongs to all of them is spared where any of them hangs.
            let hangs = match part.name.is_empty() {
                true => any_hangs,
                false => part.flushing.is_some(),
            };
            if let Some(last) = part.last.take().filter(|_| !hangs) {
                calls.push((at, part.name.clone(), last));
            }
        }
        if calls.is_empty() {
            return None;
        }
        Some(Box::pin(side_by_side(
            calls,
            Box::new(|_, _| {}),
            Box::new(|_| {}),
        )))
    }
}

/// Runs all of `calls`; the failure has the words of all that failed, each under its name.
async fn side_by_side(
    calls: Vec<(usize, String, Close)>,
    begun: Box<dyn Fn(usize, AbortHandle) + Send>,
    ended: Box<dyn Fn(usize) + Send>,
) -> Result<(), Failure> {
    let mut running = Tasks::default();
    // In the order of the exporters, whichever ends first.
    let mut called: Vec<(usize, String, Option<Failure>)> = Vec::with_capacity(calls.len());
    for (number, (at, name, call)) in calls.into_iter().enumerate() {
        // A task each, within it: a panic ends one.
        let task = tasks::spawn(async move { call().await });
        begun(at, task.abort_handle());
        called.push((at, name, None));
        running.spawn(number, async move { tasks::joined(task.await) });
    }
    while let Some((number, result)) = running.next().await {
        let (at, name, failed) = &mut called[number];
        ended(*at);
        if let Err(failure) = result {
            // Said at once: where another one hangs, nobody is left to return it to.
            tracing::error!(exporter = name.as_str(), error = %words(&*failure), "telemetry was not sent");
            *failed = Some(failure);
        }
    }
    let failures: Vec<(String, Failure)> = called
        .into_iter()
        .filter_map(|(_, name, failed)| Some((name, failed?)))
        .collect();
    let panicked = failures.iter().any(|(_, failure)| failure.is::<Panicked>());
    let said: Vec<String> = failures
        .iter()
        .map(|(name, failure)| match name.as_str() {
            "" => words(&**failure),
            name => format!("{name}: {}", words(&**failure)),
        })
        .collect();
    match (said.is_empty(), panicked) {
        (true, _) => Ok(()),
        (false, true) => Err(Box::new(Panicked(said.join("; ")))),
        (false, false) => Err(said.join("; ").into()),
    }
}
