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

use crate::work::{BoxFuture, Failure, Panicked, caught};

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

/// Numbered tasks side by side, all ended when it is dropped.
///
/// They all end in the same way, so that tokio's set is compiled once.
#[derive(Default)]
pub(crate) struct Tasks(JoinSet<(usize, Result<(), Failure>)>);

impl Tasks {
    /// Begins one on the current runtime; its panic is its failure.
    pub(crate) fn spawn(
        &mut self,
        number: usize,
        future: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) -> AbortHandle {
        self.begin(number, Box::pin(future))
    }

    fn begin(&mut self, number: usize, future: BoxFuture<Result<(), Failure>>) -> AbortHandle {
        let numbered: BoxFuture<_> = Box::pin(async move {
            let result = caught(future).await;
            (number, result.unwrap_or_else(|panic| Err(panic.into())))
        });
        self.0.spawn(numbered)
    }

    /// The next that ends, and how; `None` once none is left. One that was aborted is passed over.
    pub(crate) async fn next(&mut self) -> Option<(usize, Result<(), Failure>)> {
        loop {
            if let Ok(ended) = self.0.join_next().await? {
                return Some(ended);
            }
        }
    }
}

/// How a task ended, a panic among the failures.
pub(crate) fn joined(joined: Result<Result<(), Failure>, JoinError>) -> Result<(), Failure> {
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(payload) => Err(Panicked::new(&*payload).into()),
        Err(_) => Err("dropped before it had ended".into()),
    })
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
    async fn an_ended_tasks_result_is_that_it_was() {
        let task = AbortOnDrop::spawn(std::future::pending::<()>());
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }

    #[tokio::test]
    async fn a_panic_is_the_failure_of_its_number_and_an_abort_is_nobodys() {
        let mut tasks = Tasks::default();
        tasks.spawn(7, async { panic!("no") });
        let aborted = tasks.spawn(8, std::future::pending());
        let (number, result) = tasks.next().await.expect("one has ended");
        let failure = result.expect_err("it has panicked");
        assert_eq!((number, failure.to_string()), (7, "no".to_owned()));
        assert!(failure.is::<crate::work::Panicked>());
        aborted.abort();
        assert!(tasks.next().await.is_none());
    }

    #[tokio::test]
    async fn its_result_is_the_tasks() {
        assert_eq!(AbortOnDrop::spawn(async { 7 }).await.ok(), Some(7));
    }
}
