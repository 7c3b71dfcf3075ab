//! The server that this crate brings, as the executor sees it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::accept;
use super::exchange::Handler;
use super::options::Options;
use super::server::{Server, Stage};
use crate::plan::{Plan, Step};
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// A server on hyper: not yet started, or with the tasks that serve.
pub(super) struct Own {
    listener: Mutex<Option<TcpListener>>,
    handler: Arc<dyn Handler>,
    pub(super) options: Options,
    running: OnceLock<Running>,
}

struct Running {
    server: Arc<Server>,
    /// Gives the listener back when the intake is stopped. Taken by `stop`.
    accepting: Mutex<Option<JoinHandle<TcpListener>>>,
}

impl Own {
    pub(super) fn new(listener: TcpListener, handler: Arc<dyn Handler>) -> Self {
        Self {
            listener: Mutex::new(Some(listener)),
            handler,
            options: Options::default(),
            running: OnceLock::new(),
        }
    }

    pub(super) fn begin(&self) {
        let listener = self
            .listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(listener) = listener else { return };
        let server = Arc::new(Server::new(Arc::clone(&self.handler), self.options.clone()));
        let accepting = tokio::spawn(accept::accept(Arc::clone(&server), listener));
        // Only who took the listener comes here, so nothing is ever set twice.
        let _ = self.running.set(Running {
            server,
            accepting: Mutex::new(Some(accepting)),
        });
    }

    pub(super) fn server(&self) -> Option<&Arc<Server>> {
        self.running.get().map(|running| &running.server)
    }
}

impl Work for Own {
    fn start(&self, plan: &Plan, _step: &Step) {
        if let Some(limit) = plan.keep_alive {
            // What the service has chosen itself stays.
            let _ = self.options.keep_alive.set(limit);
        }
        self.begin();
    }

    fn settle(&self) {
        if let Some(server) = self.server() {
            server.advance(Stage::Settling);
        }
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let Some(running) = self.running.get() else {
            // Never started: nobody has been accepted.
            let listener = self.listener.lock();
            drop(listener.unwrap_or_else(PoisonError::into_inner).take());
            return Box::pin(std::future::ready(Ok(())));
        };
        let server = Arc::clone(&running.server);
        let accepting = running.accepting.lock();
        let accepting = accepting.unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let linger = server.stop_intake();
            server.intake.notify_one();
            if let Some(accepting) = accepting
                && let Ok(listener) = accepting.await
            {
                accept::close(&server, listener, linger).await;
            }
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
            .map_or_else(Active::default, |server| server.active())
    }

    fn tally(&self) -> Tally {
        Tally {
            rejected: self.server().map_or(0, |server| server.rejections()),
            ..Tally::default()
        }
    }
}
