//! The part of tokio's `Notify` that the models use, as its documentation promises it, on loom's lock.
//!
//! tokio's own is made of the standard library's primitives unless all of tokio is compiled for loom,
//! which leaves no sockets to compile this crate with. tokio checks its own with loom; here the
//! question is whether this crate uses it well.

use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use loom::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often all have been notified.
    rounds: usize,
    /// `notify_one` has found nobody.
    permit: bool,
    waiting: Vec<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Hears of every `notify_waiters` from now on, whether it has been polled or not.
    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            since: self.lock().rounds,
        }
    }

    pub(crate) fn notify_waiters(&self) {
        let mut state = self.lock();
        state.rounds += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn notify_one(&self) {
        let mut state = self.lock();
        state.permit = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Who comes first takes the permit, the others wait on.
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    since: usize,
}

impl Notified<'_> {
    /// For `notify_waiters` it is enough to exist.
    #[allow(clippy::unused_self, reason = "as tokio's")]
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        false
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.notify.lock();
        if state.rounds != self.since || std::mem::take(&mut state.permit) {
            return Poll::Ready(());
        }
        state.waiting.push(cx.waker().clone());
        Poll::Pending
    }
}
