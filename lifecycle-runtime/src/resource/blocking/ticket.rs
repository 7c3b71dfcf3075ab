//! What a piece of blocking work returns, awaited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

/// Resolves to what a piece of blocking work returned.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let work = lifecycle::BlockingWork::new().handle();
/// let ticket = work.spawn("hash", |_| 6 * 7)?;
/// assert_eq!(ticket.await?, 42);
///
/// // Nobody waits for this one; it is counted until its end all the same.
/// drop(work.spawn("thumbnail 7", |_| { /* … */ })?);
/// # Ok(())
/// # }
/// ```
#[must_use = "without its ticket nobody learns what the work returned; `drop` it to say so"]
pub struct Ticket<T> {
    pub(super) name: String,
    pub(super) receiver: oneshot::Receiver<Result<T, String>>,
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Lost>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let received = ready!(Pin::new(&mut self.receiver).poll(context));
        let result = received.map_or_else(|_| Err(None), |result| result.map_err(Some));
        Poll::Ready(result.map_err(|panic| Lost {
            name: std::mem::take(&mut self.name),
            panic,
        }))
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Blocking work that returned nothing: it panicked, or the step's timeout passed before a thread was
/// free for it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lifecycle::Closed> {
/// let work = lifecycle::BlockingWork::new().handle();
/// let ticket = work.spawn("import", |_| panic!("row 7 has no price"))?;
/// let Err(lost): Result<(), _> = ticket.await else { unreachable!() };
/// assert_eq!(lost.panic(), Some("row 7 has no price"));
/// assert_eq!(lost.to_string(), "`import` panicked: row 7 has no price");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    name: String,
    panic: Option<String>,
}

impl Lost {
    /// The panic's message; `None` if the work was never begun.
    pub fn panic(&self) -> Option<&str> {
        self.panic.as_deref()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.panic {
            Some(panic) => write!(f, "`{name}` panicked: {panic}"),
            None => write!(f, "`{name}` was not begun before the service stopped"),
        }
    }
}

impl std::error::Error for Lost {}
