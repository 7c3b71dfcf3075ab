//! The server that this crate brings, as the executor sees it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::task::JoinHandle;

use super::accept;
use super::exchange::Handler;
use super::listen::Listener;
use super::options::Options;
use super::server::{Server, Stage};
use crate::plan::{Plan, Step};
use crate::tasks;
use crate::work::{Active, BoxFuture, FOR_EVER, Failure, Tally, Window, Work};

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
    accepting: Mutex<Vec<JoinHandle<Listener>>>,
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
        let accepting = listeners
            .into_iter()
            .map(|listener| tasks::spawn(accept::accept(Arc::clone(&server), listener)));
        // Only who took the listeners comes here, so nothing is ever set twice.
        let _ = self.running.set(Running {
            accepting: Mutex::new(accepting.collect()),
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
        let mut accepting = running
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let accepting = std::mem::take(&mut *accepting);
        Box::pin(async move {
            let linger = server.stop_intake(window);
            let mut listeners = Vec::with_capacity(accepting.len());
            for accepting in accepting {
                listeners.extend(accepting.await);
            }
            accept::close(&server, listeners, linger).await;
            server.drain(linger).await.map_err(Into::into)
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
