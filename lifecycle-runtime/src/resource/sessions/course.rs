//! How something that is polled, a body, a stream or a socket, comes to its end.

use std::task::{Context, Poll};

use super::farewell::Farewell;
use super::session::Session;
use crate::work::BoxFuture;

/// How much of what is ready at the farewell is still passed on. One that is always ready has no end,
/// and what waits in a channel for this client has rarely more.
const LAST_ITEMS: u32 = 64;

/// Goes from the beginning of a session to its end.
pub(super) struct Course {
    session: Session,
    /// Resolves with the next thing that concerns the session.
    next: BoxFuture<Next>,
    farewell: Option<Farewell>,
    left: u32,
    over: bool,
}

enum Next {
    Leave(Farewell),
    Cancel,
}

/// What to do now.
pub(super) enum Turn {
    /// Pass on what comes, and wait for it.
    Open,
    /// Say goodbye.
    Leaving(Farewell),
    /// End, at once.
    Over,
}

impl Course {
    /// `leaves`: whether the farewell concerns it; one that does not is only ended at the timeout.
    pub(super) fn new(session: Session, leaves: bool) -> Self {
        let leaving = session.leaving();
        let next = match leaves {
            true => Box::pin(async move { Next::Leave(leaving.await) }),
            false => cancelled(&session),
        };
        Self {
            session,
            next,
            farewell: None,
            left: LAST_ITEMS,
            over: false,
        }
    }

    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        // A resolved future is replaced before it could be polled again.
        while !self.over
            && let Poll::Ready(next) = self.next.as_mut().poll(cx)
        {
            match next {
                Next::Leave(farewell) => {
                    self.farewell = Some(farewell);
                    self.next = cancelled(&self.session);
                }
                Next::Cancel => self.over = true,
            }
        }
        match &self.farewell {
            _ if self.over => Turn::Over,
            Some(farewell) => Turn::Leaving(farewell.clone()),
            None => Turn::Open,
        }
    }

    /// Whether one more of what is ready may pass after the farewell.
    pub(super) fn may_pass(&mut self) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    #[cfg(feature = "futures")]
    pub(super) fn session(&self) -> &Session {
        &self.session
    }
}

fn cancelled(session: &Session) -> BoxFuture<Next> {
    let cancelled = session.cancelled();
    Box::pin(async move {
        cancelled.await;
        Next::Cancel
    })
}
