//! What a request can come to, other than its answer.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(crate) enum Problem {
    /// There is no such thing.
    NotFound,
    /// What was sent does not make sense, in words for the client.
    Unprocessable(String),
    /// The service is on its way out and cannot finish this; another instance can.
    Leaving,
    /// Our own fault. The client learns nothing of it, the log does.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::Unprocessable(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: String,
        }
        let (status, error) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not found".to_owned()),
            Self::Unprocessable(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
            Self::Leaving => (
                StatusCode::SERVICE_UNAVAILABLE,
                "this instance is stopping, try again".to_owned(),
            ),
            Self::Database(error) => {
                tracing::error!(%error, "a request failed on the database");
                let answer = "something went wrong on our side".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, answer)
            }
        };
        let mut response = (status, Json(Body { error })).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let at_once = header::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, at_once);
        }
        response
    }
}
