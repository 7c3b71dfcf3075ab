//! The server that this crate brings, as the executor sees it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::accept;
use super::exchange::Handler;
use super::listen::Listener;
use super::options::Options;
use super::server::{Server, Stage};
use crate::plan::{Plan, Step};
use crate::tasks;
use crate::work::{Active, BoxFuture, FOR_EVER, Failure, Panicked, Tally, Window, Work, caught};

/// A server on hyper: not yet started, or with the tasks that serve.
pub(super) struct Own {
    /// Until it starts.
    listeners: Mutex<Vec<Listener>>,
    handler: Arc<dyn Handler>,
    pub(super) options: Options,
    running: OnceLock<Running>,
}

struct Running {
    server: Arc<Server>,
    /// Give the listeners back when the intake is stopped. Taken by `stop`.
    accepting: Mutex<Vec<JoinHandle<Option<Listener>>>>,
    broken: Arc<Broken>,
}

/// Whether a listener that the service brought has panicked, and takes nobody in any more.
#[derive(Default)]
struct Broken {
    why: OnceLock<String>,
    told: CancellationToken,
}

impl Broken {
    /// Accepting gave this; `None` if it panicked.
    fn kept<T>(&self, accepted: Result<T, Panicked>) -> Option<T> {
        let panic = match accepted {
            Ok(accepted) => return Some(accepted),
            Err(panic) => panic.0,
        };
        tracing::error!(
            panic,
            "accepting connections panicked; the listener takes nobody in any more"
        );
        // The first is the one that is told.
        let _ = self
            .why
            .set(format!("accepting connections panicked: {panic}"));
        self.told.cancel();
        None
    }

    fn why(&self) -> Result<(), String> {
        self.why.get().cloned().map_or(Ok(()), Err)
    }
}

/// Accepts on a task of its own.
fn accepting(
    server: &Arc<Server>,
    broken: &Arc<Broken>,
    listener: Listener,
) -> JoinHandle<Option<Listener>> {
    let (server, broken) = (Arc::clone(server), Arc::clone(broken));
    tasks::spawn(async move { broken.kept(caught(accept::accept(server, listener)).await) })
}

impl Own {
    pub(super) fn new(listener: Listener, handler: Arc<dyn Handler>) -> Self {
        Self {
            listeners: Mutex::new(vec![listener]),
            handler,
            options: Options::default(),
            running: OnceLock::new(),
        }
    }

    /// Adds a listener, before the start.
    pub(super) fn listen(&mut self, listener: Listener) {
        let listeners = self.listeners.get_mut();
        listeners
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    pub(super) fn begin(&self) {
        let listeners = self.take_listeners();
        if listeners.is_empty() {
            return;
        }
        let server = Arc::new(Server::new(Arc::clone(&self.handler), self.options.clone()));
        let broken = Arc::default();
        let accepting = listeners
            .into_iter()
            .map(|listener| accepting(&server, &broken, listener));
        // Only who took the listeners comes here, so nothing is ever set twice.
        let _ = self.running.set(Running {
            accepting: Mutex::new(accepting.collect()),
            broken,
            server,
        });
    }

    fn take_listeners(&self) -> Vec<Listener> {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *listeners)
    }

    pub(super) fn server(&self) -> Option<&Arc<Server>> {
        self.running.get().map(|running| &running.server)
    }
}

impl Work for Own {
    fn start(&self, plan: &Plan, _step: &Step) {
        if let Some(limit) = plan.keep_alive {
            // What the service has chosen itself stays.
            let _ = self.options.keep_alive.set(limit.min(FOR_EVER));
        }
        self.begin();
    }

    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        let broken = self
            .running
            .get()
            .map(|running| Arc::clone(&running.broken));
        Some(Box::pin(async move {
            match broken {
                Some(broken) => {
                    broken.told.cancelled().await;
                    broken.why()
                }
                None => std::future::pending().await,
            }
        }))
    }

    fn settle(&self) {
        if let Some(server) = self.server() {
            server.advance(Stage::Settling);
        }
    }

    fn stop(&self, window: Window) -> BoxFuture<Result<(), Failure>> {
        let Some(running) = self.running.get() else {
            // Never started: nobody has been accepted.
            drop(self.take_listeners());
            return Box::pin(std::future::ready(Ok(())));
        };
        let server = Arc::clone(&running.server);
        let broken = Arc::clone(&running.broken);
        let mut accepting = running
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let accepting = std::mem::take(&mut *accepting);
        Box::pin(async move {
            let linger = server.stop_intake(window);
            let mut listeners = Vec::with_capacity(accepting.len());
            let mut lost = Ok(());
            for accepting in accepting {
                match accepting.await {
                    Ok(listener) => listeners.extend(listener),
                    Err(error) => lost = tasks::joined(Err(error)),
                }
            }
            broken.kept(caught(accept::close(&server, listeners, linger)).await);
            server.drain(linger).await?;
            broken.why().map_err(Panicked)?;
            lost
        })
    }

    fn cancel(&self) {
        if let Some(server) = self.server() {
            server.cancel();
        }
    }

    fn abandon(&self) {
        if let Some(server) = self.server() {
            server.abandon();
        }
    }

    fn active(&self) -> Active {
        self.server()
            .map_or_else(Active::default, |server| server.unfinished())
    }

    fn tally(&self) -> Tally {
        Tally {
            rejected: self.server().map_or(0, |server| server.rejections()),
            ..Tally::default()
        }
    }
}
