//! The health protocol, `grpc.health.v1.Health`:
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::sync::watch;

use super::reply::Reply;
use super::wire::{Code, Status, first_string, frame, head, message, put_bytes};
use crate::work::BoxFuture;

/// Where calls of the protocol go.
const PREFIX: &str = "/grpc.health.v1.Health/";

const STOPPING: Status = Status(Code::Unavailable, "the server is stopping");

/// How far the server is. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Starting,
    Serving,
    /// The stop signal has come.
    Leaving,
    /// The intake has stopped: nobody is told anything any more.
    Over,
}

/// `HealthCheckResponse.ServingStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    Yes = 1,
    No = 2,
    /// There is no service of this name.
    Unknown = 3,
}

impl Serving {
    /// `HealthCheckResponse`: the status in field 1.
    fn message(self) -> [u8; 2] {
        [0x08, self as u8]
    }
}

impl From<State> for Serving {
    fn from(state: State) -> Self {
        match state {
            State::Serving => Self::Yes,
            State::Starting | State::Leaving | State::Over => Self::No,
        }
    }
}

/// What the server tells of its health, and to whom.
pub(super) struct Health {
    state: watch::Sender<State>,
    /// The services that have a health: that of the whole server, whose name is empty, and more.
    names: Mutex<BTreeSet<String>>,
    /// The service answers the protocol itself.
    left_to_service: AtomicBool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::Starting),
            names: Mutex::new(BTreeSet::from([String::new()])),
            left_to_service: AtomicBool::new(false),
        }
    }
}

impl Health {
    pub(super) fn add(&self, name: String) {
        self.names().insert(name);
    }

    pub(super) fn leave_to_service(&self) {
        self.left_to_service.store(true, Ordering::Relaxed);
    }

    /// Whether a call of `path` is answered here.
    pub(super) fn answers(&self, path: &str) -> bool {
        path.starts_with(PREFIX) && !self.left_to_service.load(Ordering::Relaxed)
    }

    /// Moves on to `state`, unless the server is further already, and tells the watchers.
    pub(super) fn advance(&self, state: State) {
        self.state.send_if_modified(|now| {
            let news = *now < state;
            *now = state.max(*now);
            news
        });
    }

    /// Answers a call of the protocol.
    pub(super) fn call<Q, B>(self: &Arc<Self>, request: Request<Q>) -> BoxFuture<Response<Reply<B>>>
    where
        Q: Body + Send + 'static,
        Q::Data: Send,
        Q::Error: Send,
    {
        let health = Arc::clone(self);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let method = &parts.uri.path()[PREFIX.len()..];
            let asked = health.asked(body);
            let answer = match method {
                "Check" => asked
                    .await
                    .and_then(|name| health.check(&name))
                    .map(Reply::once),
                "List" => asked.await.map(|_| Reply::once(health.list())),
                "Watch" => asked.await.map(|name| Reply::Watch {
                    watch: health.watch(&name),
                }),
                _ => Err(Status(Code::Unimplemented, "no such method")),
            };
            answer.map_or_else(Status::only, head)
        })
    }

    /// The service that the client asks for. Half a request is waited for until the intake stops.
    async fn asked<Q: Body>(&self, body: Q) -> Result<String, Status> {
        let mut state = self.state.subscribe();
        let message = tokio::select! {
            biased;
            message = message(body) => message?,
            _ = state.wait_for(|state| *state == State::Over) => return Err(STOPPING),
        };
        first_string(&message).ok_or(Status(
            Code::InvalidArgument,
            "the request is not a HealthCheckRequest",
        ))
    }

    fn check(&self, name: &str) -> Result<Bytes, Status> {
        if !self.knows(name) {
            return Err(Status(Code::NotFound, "no such service"));
        }
        Ok(frame(&Serving::from(*self.state.borrow()).message()))
    }

    /// `HealthListResponse`: in field 1 a map, which is a list of messages with the key in field 1
    /// and the value in field 2.
    fn list(&self) -> Bytes {
        let status = Serving::from(*self.state.borrow()).message();
        let mut list = Vec::new();
        for name in &*self.names() {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, name.as_bytes());
            put_bytes(&mut entry, 2, &status);
            put_bytes(&mut list, 1, &entry);
        }
        frame(&list)
    }

    fn watch(&self, name: &str) -> Watch {
        Watch {
            known: self.knows(name),
            told: None,
            next: Some(next(self.state.subscribe(), None)),
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.names().contains(name)
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of health: the status now, and again whenever it changes. Ends by itself when the
/// server's intake stops, so that a watcher holds up no drain.
pub(crate) struct Watch {
    known: bool,
    told: Option<Serving>,
    /// `None`: it has ended.
    next: Option<BoxFuture<(watch::Receiver<State>, State)>>,
}

/// Waits until the state is another than `seen`.
fn next(
    mut state: watch::Receiver<State>,
    seen: Option<State>,
) -> BoxFuture<(watch::Receiver<State>, State)> {
    Box::pin(async move {
        let now = state.wait_for(|now| Some(*now) != seen).await;
        // Without a server there is nobody left to change it.
        let now = now.map_or(State::Over, |now| *now);
        (state, now)
    })
}

impl Watch {
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        loop {
            let Some(waiting) = &mut self.next else {
                return Poll::Ready(None);
            };
            let (receiver, state) = ready!(Pin::new(waiting).poll(cx));
            let status = match self.known {
                true => Serving::from(state),
                false => Serving::Unknown,
            };
            let news = self.told.replace(status) != Some(status);
            // Whoever was told that all is well is told otherwise before the stream ends.
            if state == State::Over && !news {
                self.next = None;
                return Poll::Ready(Some(Frame::trailers(STOPPING.trailers())));
            }
            let seen = (state != State::Over).then_some(state);
            self.next = Some(next(receiver, seen));
            if news {
                return Poll::Ready(Some(Frame::data(frame(&status.message()))));
            }
        }
    }
}
