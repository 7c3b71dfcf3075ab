//! What the page may ask, in JSON.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Json, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{self, Answer, Wanted};
use super::document::{self, Document, Ends, Unsaved};
use super::drilled::{self, Asked, Program, Started};
use super::files;
use super::guard::{self, Guard};
use super::session::Session;
use crate::catalogue;

/// A manifest as JSON: no character of a text takes more than six.
pub(super) const LONGEST_BODY: usize = document::LONGEST * 6 + 4_096;

/// What all requests share.
pub(super) struct Served {
    pub(super) document: Mutex<Document>,
    /// What a drill may run.
    pub(super) program: Program,
    /// The drill that is under way, or the last one.
    pub(super) session: Mutex<Option<Arc<Session>>>,
    /// The tasks that play drills.
    pub(super) drills: TaskTracker,
    /// Texts are looked at one after another: who types quickly does not take every core.
    pub(super) looking: Arc<Semaphore>,
    /// Fires when this program ends.
    pub(super) closing: CancellationToken,
}

/// Why a request was not answered, in words for the page.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self {
            status,
            words: words.into(),
        }
    }

    fn fault(error: &anyhow::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Words {
            error: String,
        }
        (self.status, Json(Words { error: self.words })).into_response()
    }
}

type Answered<T> = Result<Json<T>, Refusal>;

/// Everything there is to ask, behind its guard.
pub(super) fn routes(served: Arc<Served>, guard: Guard) -> Router {
    Router::new()
        .route("/", get(files::index))
        .route("/{file}", get(files::named))
        .route("/report/{name}", get(report))
        .route("/api/document", get(open))
        .route("/api/look", post(look))
        .route("/api/fix", post(fix))
        .route("/api/save", post(save))
        .route("/api/explain/{rule}", get(explain))
        .route("/api/drill", post(start))
        .route("/api/drill/stop", post(stop))
        .route("/api/drill/after/{number}", get(watch))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(guard, guard::admit))
        .layer(middleware::from_fn(guard::harden))
        .with_state(served)
}

async fn nothing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing of this name")
}

/// What the page begins with.
#[derive(Serialize)]
struct Begin {
    name: String,
    text: String,
    revision: u64,
    ends: Ends,
    /// What a drill would run; `None`: nothing was named.
    command: Option<String>,
    /// A drill has been started, by another page or before this one was loaded again.
    has_drill: bool,
}

async fn open(State(served): State<Arc<Served>>) -> Answered<Begin> {
    let begin = blocking(move || {
        let opened = lock(&served.document).look()?;
        Ok(Begin {
            name: opened.name,
            text: opened.text,
            revision: opened.revision,
            ends: opened.ends,
            command: served.program.shown(),
            has_drill: lock(&served.session).is_some(),
        })
    });
    begin.await.map(Json)
}

#[derive(Deserialize)]
struct Text {
    text: String,
    #[serde(flatten)]
    wanted: Wanted,
}

async fn look(State(served): State<Arc<Served>>, Json(asked): Json<Text>) -> Answered<Answer> {
    let name = lock(&served.document).name().to_owned();
    let turn = turn(&served).await?;
    let answer = blocking(move || {
        let _until_done = turn;
        answer::answer(&name, &asked.text, &asked.wanted)
    });
    answer.await.map(Json)
}

#[derive(Serialize)]
struct Fixed {
    /// `None`: there was nothing to mend.
    text: Option<String>,
}

async fn fix(State(served): State<Arc<Served>>, Json(asked): Json<Text>) -> Answered<Fixed> {
    let turn = turn(&served).await?;
    let fixed = blocking(move || {
        let _until_done = turn;
        Ok(Fixed {
            text: answer::fixed(&asked.text),
        })
    });
    fixed.await.map(Json)
}

#[derive(Deserialize)]
struct Save {
    text: String,
    /// The revision that was edited.
    revision: u64,
    /// The revision is not the one that was edited, but the one that was seen to have taken its place:
    /// write over that.
    #[serde(default)]
    force: bool,
}

/// What came of it. That the file has changed is no fault of anybody's, and an answer like the other.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum Saved {
    Saved {
        revision: u64,
    },
    /// The revision is the one that is there now.
    Changed {
        words: &'static str,
        revision: u64,
    },
}

async fn save(State(served): State<Arc<Served>>, Json(asked): Json<Save>) -> Answered<Saved> {
    let saved =
        blocking(move || Ok(lock(&served.document).save(&asked.text, asked.revision, asked.force)));
    match saved.await? {
        Ok(revision) => Ok(Json(Saved::Saved { revision })),
        Err(Unsaved::Changed(revision)) => Ok(Json(Saved::Changed {
            revision,
            words: "The file has changed on disk since it was loaded, and was left as it is.",
        })),
        Err(Unsaved::Failed(error)) => Err(Refusal::fault(&error)),
    }
}

#[derive(Serialize)]
struct Page {
    text: String,
}

async fn explain(Path(rule): Path<String>) -> Answered<Page> {
    let text = catalogue::explained(&rule);
    let text = text.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such rule"))?;
    Ok(Json(Page { text }))
}

async fn start(State(served): State<Arc<Served>>, Json(asked): Json<Asked>) -> Answered<Started> {
    drilled::start(&served, asked).await.map(Json)
}

/// What came of asking for a stop: nothing that was not known before.
#[derive(Serialize)]
struct Stopping {}

async fn stop(State(served): State<Arc<Served>>) -> Json<Stopping> {
    if let Some(session) = &*lock(&served.session) {
        session.stop();
    }
    Json(Stopping {})
}

/// What happens in the drill, a line of JSON each, from an entry on to the end.
async fn watch(
    State(served): State<Arc<Served>>,
    Path(number): Path<u64>,
) -> Result<Response, Refusal> {
    let session = lock(&served.session).clone();
    let session =
        session.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "no drill was started"))?;
    let lines = futures_util::stream::unfold((session, number), |(session, number)| async move {
        let entries = session.after(number).await?;
        let last = entries.last()?.number;
        let mut lines = Vec::new();
        for entry in &entries {
            // Plain values: what cannot be written breaks the stream off, which the page says.
            if let Err(error) = serde_json::to_writer(&mut lines, entry) {
                return Some((Err(error), (session, u64::MAX)));
            }
            lines.push(b'\n');
        }
        Some((Ok(Bytes::from(lines)), (session, last)))
    });
    let closing = served.closing.clone();
    let lines = futures_util::StreamExt::take_until(lines, closing.cancelled_owned());
    Ok((
        [(header::CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(lines),
    )
        .into_response())
}

async fn report(
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let session = lock(&served.session).clone();
    let html = session.and_then(|session| session.report(&name));
    let html = html
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "this report is not there any more"))?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// It goes with the work and not with the request: a page that asks again and no longer waits for the
/// answer has not ended the work on it.
async fn turn(served: &Served) -> Result<OwnedSemaphorePermit, Refusal> {
    let turn = Arc::clone(&served.looking).acquire_owned().await;
    turn.map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "this program is ending"))
}

/// Reads, writes and looks at texts off the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Refusal::fault(&error)),
        Err(error) => Err(Refusal::fault(&anyhow::anyhow!(
            "{error}; this is a fault of lifecycle itself, please report it"
        ))),
    }
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
