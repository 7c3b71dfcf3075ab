//! Clients that keep a socket or a stream open, for as long as the server lets them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::Patience;
use super::lane::{Lane, Share};
use super::outcome::{Lost, Outcome};
use super::tally::Finished;
use super::template::Template;
use super::websocket::{Messages, Opening};
use super::{Generator, Kind};
use crate::script::{SessionKind, SessionSpec};

/// A client whose stream came to its end asks again after this long; browsers wait longer.
const AGAIN: Duration = Duration::from_millis(100);
/// One that was refused, or lost its stream, takes longer.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// A kind of session.
pub(crate) struct Session {
    pub(crate) kind: Arc<Kind>,
    pub(crate) clients: usize,
    way: Way,
}

/// How it is opened.
enum Way {
    WebSocket(Box<Opening>),
    /// An answer that goes on.
    Stream,
}

impl Session {
    pub(crate) fn new(
        spec: &SessionSpec,
        authority: &str,
        lane: Arc<Lane>,
        number: usize,
    ) -> anyhow::Result<Self> {
        let mut template = Template::new(&spec.request, authority)?;
        template.label = spec.label();
        let way = match spec.kind {
            SessionKind::WebSocket => Way::WebSocket(Box::new(Opening::new(spec, authority)?)),
            SessionKind::Stream => Way::Stream,
        };
        Ok(Self {
            kind: Arc::new(Kind {
                number,
                template,
                lane,
            }),
            clients: spec.clients,
            way,
        })
    }
}

impl Generator {
    /// One client: opens, keeps, and opens again, until nothing is routed to the process any more.
    pub(super) async fn keep_open(&self, session: &Session, first: Duration) {
        let halted = self.stage.halt.cancelled();
        tokio::select! {
            () = halted => {}
            () = self.open_again_and_again(session, first) => {}
        }
    }

    async fn open_again_and_again(&self, session: &Session, first: Duration) {
        sleep(first).await;
        while self.stage.routed(Instant::now()) {
            if !self.may_send() {
                return;
            }
            let outcome = self.one_session(session).await;
            sleep(match outcome {
                Outcome::LetGo | Outcome::Served(_) => AGAIN,
                _ => AFTER_FAILURE,
            })
            .await;
        }
    }

    async fn one_session(&self, session: &Session) -> Outcome {
        let (kind, began) = (&session.kind, Instant::now());
        // What the halt of a drill finds open was never ended by anybody.
        let mut watched = Watched {
            generator: self,
            kind,
            began,
            outcome: Outcome::Lost(Lost::Unanswered),
            messages: Messages::default(),
            opened: CancellationToken::new(),
        };
        let until = began + self.timeout;
        let is_open = &watched.opened;
        let opened = || {
            is_open.cancel();
            self.lock_tally().opened(kind.number);
        };
        // The one that is about to open has its time for it.
        let hung_up = async {
            self.stage.hang_up.cancelled().await;
            is_open.cancelled().await;
        };
        let kept = async {
            match &session.way {
                Way::WebSocket(opening) => {
                    let address = kind.lane.address();
                    opening
                        .keep(address, until, &opened, &mut watched.messages)
                        .await
                }
                Way::Stream => {
                    let patience = Patience::Head(until, &opened);
                    let place = kind.lane.place(&kind.template, Share::Fresh).await;
                    let (outcome, _) = kind.lane.send(&kind.template, patience, place).await;
                    match outcome {
                        Outcome::Served(..300) => Outcome::LetGo,
                        // gRPC's way to end a stream that was open: go elsewhere.
                        Outcome::Refused if is_open.is_cancelled() => Outcome::LetGo,
                        other => other,
                    }
                }
            }
        };
        watched.outcome = tokio::select! {
            outcome = kept => outcome,
            () = hung_up => Outcome::LetGo,
        };
        watched.outcome
    }
}

/// Records a session however it ends.
struct Watched<'a> {
    generator: &'a Generator,
    kind: &'a Kind,
    began: Instant,
    outcome: Outcome,
    messages: Messages,
    opened: CancellationToken,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.generator.record_session(
            &Finished {
                kind: self.kind,
                intended: self.began,
                sent: self.began,
                outcome: self.outcome,
            },
            self.opened.is_cancelled(),
            self.messages,
        );
    }
}
