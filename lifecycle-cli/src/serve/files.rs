//! The page's own files, which are part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::Refusal;
use crate::picture::style;

struct File {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! file {
    ($name:literal, $kind:expr) => {
        File {
            name: $name,
            kind: $kind,
            content: include_str!(concat!("../../templates/serve/", $name)),
        }
    };
}

/// All there is: a request names one of these or gets nothing.
const FILES: &[File] = &[
    file!("index.html", HTML),
    file!("page.css", STYLE),
    file!("page.js", SCRIPT),
    file!("ask.js", SCRIPT),
    file!("editor.js", SCRIPT),
    file!("findings.js", SCRIPT),
    file!("timeline.js", SCRIPT),
    file!("drill.js", SCRIPT),
    file!("make.js", SCRIPT),
    // The one look of every picture.
    File {
        name: "picture.css",
        kind: STYLE,
        content: style::CSS,
    },
    // Its hatchings, to be put into the page once.
    File {
        name: "patterns.svg",
        kind: "text/plain; charset=utf-8",
        content: style::PATTERNS,
    },
    file!("icon.svg", "image/svg+xml"),
];

pub(super) async fn index() -> Response {
    answer("index.html")
}

pub(super) async fn named(Path(name): Path<String>) -> Response {
    answer(&name)
}

fn answer(name: &str) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => ([(header::CONTENT_TYPE, file.kind)], file.content).into_response(),
        None => {
            Refusal::new(StatusCode::NOT_FOUND, "there is nothing of this name").into_response()
        }
    }
}
