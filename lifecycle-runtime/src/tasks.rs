//! Tasks and threads, each begun in one place.
//!
//! tokio compiles its whole task anew for every type of future, for each of its schedulers, and the
//! standard library its thread for every closure. A box makes them one type: an allocation where a task
//! begins, and much less to compile for every service. A connection's task is not among them: there are
//! too many of those.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use crate::work::BoxFuture;

/// A task on the current runtime.
#[track_caller]
pub(crate) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    boxed(Box::pin(future))
}

#[track_caller]
fn boxed<T: Send + 'static>(future: BoxFuture<T>) -> JoinHandle<T> {
    tokio::spawn(future)
}

/// A task that is one of a set.
#[track_caller]
pub(crate) fn spawn_in<T: Send + 'static>(
    set: &mut JoinSet<T>,
    future: impl Future<Output = T> + Send + 'static,
) -> AbortHandle {
    let future: BoxFuture<T> = Box::pin(future);
    set.spawn(future)
}

/// A thread that nobody joins.
pub(crate) fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    begin(name.to_owned(), Box::new(run))
}

fn begin(name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    std::thread::Builder::new().name(name).spawn(run).map(drop)
}

/// A task that ends together with whoever waits for it.
pub(crate) struct AbortOnDrop<T>(JoinHandle<T>);

impl<T: Send + 'static> AbortOnDrop<T> {
    /// Begins one on the current runtime.
    pub(crate) fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(spawn(future))
    }
}

impl<T> AbortOnDrop<T> {
    /// Ends it; its result tells that it was.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_task_ends_with_its_handle() {
        let (held, gone) = oneshot::channel::<()>();
        let task = AbortOnDrop::spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        tokio::task::yield_now().await;
        drop(task);
        assert!(gone.await.is_err(), "what it held is dropped");
    }

    #[tokio::test]
    async fn its_result_is_the_tasks() {
        assert_eq!(AbortOnDrop::spawn(async { 7 }).await.ok(), Some(7));
    }
}
