//! Critical sections: what must not be begun once the service stops, and not be cut off either.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::closed::Closed;
use super::roster::{Roster, Working};
use super::{StartUp, wirable};
use crate::cancellation::Cancellation;
use crate::work::{Active, BoxFuture, Failure, Tally, Window, Work};

/// A gate before work that has to be finished once it is begun: transactions, transfers, a write that
/// two systems must both see.
///
/// While the service runs, everybody is let in. When the step's window opens, the gate closes: whoever
/// comes now gets [`Closed`], an error that says that nothing has been begun; those inside finish, and
/// the step waits for them. What is still inside at the timeout is named in the report.
///
/// ```
/// use lifecycle::CriticalSection;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lifecycle::Closed> {
/// let transfers = CriticalSection::new();
/// let gate = transfers.handle(); // for the handlers; clones are cheap
///
/// // In a handler, a task or a plain thread:
/// let inside = gate.enter("transfer 4711")?;
/// // … take from one account, give to the other …
/// drop(inside);
///
/// // The same around a future:
/// let sum = gate.run("transfer 4712", async { 40 + 2 }).await?;
/// # assert_eq!(sum, 42);
/// # Ok(())
/// # }
/// ```
///
/// In the manifest it is a `critical-section`. By default it closes as soon as draining begins, side by
/// side with the servers, so that requests that are still served cannot begin another transaction. Let
/// the server `use` it (`uses: [transfers]`) if they shall: then it closes when the server has drained.
///
/// ```yaml
/// resources:
///   http:      { kind: http-server, port: 8080, timeout: 15s, uses: [transfers] }
///   transfers: { kind: critical-section, timeout: 5s }
/// ```
pub struct CriticalSection(Shared, StartUp);
wirable!(CriticalSection, CriticalSection);

#[derive(Debug, Clone, Default)]
struct Shared {
    roster: Arc<Roster>,
    cancellation: Cancellation,
}

impl CriticalSection {
    /// A gate that is open.
    pub fn new() -> Self {
        Self(Shared::default(), StartUp::default())
    }

    /// What the service's own code passes through.
    pub fn handle(&self) -> Gate {
        Gate(self.0.clone())
    }
}

impl Default for CriticalSection {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets work into a [`CriticalSection`], from tasks and from plain threads. Clones share it.
///
/// ```
/// use lifecycle::{Closed, CriticalSection, Gate};
///
/// # async fn pay() {}
/// # async fn roll_back() {}
/// async fn transfer(gate: &Gate, order: u64) -> Result<(), Closed> {
///     let inside = gate.enter(format!("order {order}"))?; // nothing has happened yet
///     tokio::select! {
///         () = pay() => {}
///         () = inside.cancelled() => roll_back().await,
///     }
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # assert!(transfer(&CriticalSection::new().handle(), 7).await.is_ok());
/// # }
/// ```
#[derive(Clone)]
pub struct Gate(Shared);

impl Gate {
    /// Enters, unless the gate has closed; the work is inside until the returned guard is dropped.
    ///
    /// It waits for nothing and takes one short lock. `name` is what the report calls this piece of
    /// work if it does not end in time.
    ///
    /// # Errors
    ///
    /// [`Closed`] once the step's window has opened. No entry slips through in between: the step waits
    /// for each one that was not refused.
    pub fn enter(&self, name: impl fmt::Display) -> Result<Inside, Closed> {
        Ok(Inside {
            _working: self.0.roster.try_enter(&name)?,
            cancellation: self.0.cancellation.clone(),
        })
    }

    /// Enters and runs `work` inside.
    ///
    /// # Errors
    ///
    /// [`Closed`], and then `work` has not been polled.
    pub async fn run<F: Future>(
        &self,
        name: impl fmt::Display,
        work: F,
    ) -> Result<F::Output, Closed> {
        let _inside = self.enter(name)?;
        Ok(work.await)
    }

    /// Whether the gate has closed.
    pub fn is_closed(&self) -> bool {
        self.0.roster.is_closed()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Stands for one piece of work inside a [`CriticalSection`]; dropping it leaves.
///
/// ```
/// use lifecycle::CriticalSection;
///
/// let gate = CriticalSection::new().handle();
/// let inside = gate.enter("import").expect("the gate is open");
/// let mut rows = (1..=3).peekable();
/// while rows.peek().is_some() && !inside.is_cancelled() {
///     let _row = rows.next(); // … in one transaction
/// }
/// drop(inside); // others wait for this to be left
/// # assert_eq!(rows.next(), None);
/// ```
#[derive(Debug)]
#[must_use = "the work has left as soon as this guard is dropped; bind it to a name such as `_inside`"]
pub struct Inside {
    _working: Working,
    cancellation: Cancellation,
}

impl Inside {
    /// Resolves when the step's timeout has passed: roll back within `budget.unwind`. Nothing stops
    /// work that does not look at this, and what it uses is closed next.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.cancellation.cancelled()
    }

    /// Whether the step's timeout has passed.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}

impl Work for Shared {
    fn ended(&self) -> Option<BoxFuture<Result<(), String>>> {
        None
    }

    fn stop(&self, _window: Window) -> BoxFuture<Result<(), Failure>> {
        let roster = Arc::clone(&self.roster);
        // What panicked while the service ran was its own affair; from here on it is lost work.
        roster.forget_lost();
        roster.close();
        Box::pin(async move {
            roster.drained().await;
            roster.lost_work()
        })
    }

    fn cancel(&self) {
        self.cancellation.fire();
    }

    fn active(&self) -> Active {
        self.roster.active()
    }

    fn tally(&self) -> Tally {
        self.roster.tally()
    }
}
