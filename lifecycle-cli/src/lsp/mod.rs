//! `lifecycle lsp`: a language server over standard input and output.
//!
//! It shows what [`Analysis`](lifecycle_manifest::Analysis) knows and computes nothing of its own.
//! Messages are answered one after another; findings are told once no message is waiting, so that
//! quick typing is not answered letter by letter.

mod actions;
mod completion;
mod definition;
mod diagnostics;
mod documents;
mod hints;
mod hover;
mod position;
mod server;

use std::io::{BufRead, Write};
use std::sync::mpsc::{self, TryRecvError};

use anyhow::{Context as _, Result};
use lsp_server::{ErrorCode, Message};

use crate::Outcome;
use server::{Server, Told};

/// Serves one session.
///
/// # Errors
///
/// Where the client can no longer be written to.
pub(crate) fn run() -> Result<Outcome> {
    let incoming = read(std::io::BufReader::new(std::io::stdin()));
    let mut out = std::io::stdout().lock();
    let mut server = Server::default();
    loop {
        let next = match server.has_untold() {
            true => incoming.try_recv(),
            false => incoming.recv().map_err(|_| TryRecvError::Disconnected),
        };
        let told = match next {
            Ok(Ok(message)) => server.take(message),
            Ok(Err(words)) => {
                unreadable(&mut out, &words)?;
                continue;
            }
            Err(TryRecvError::Empty) => Told::Say(server.tell_findings()),
            // The client has gone without a word.
            Err(TryRecvError::Disconnected) => Told::Exit(Outcome::Findings),
        };
        match told {
            Told::Say(messages) => {
                for message in messages {
                    message.write(&mut out).context("could not answer")?;
                }
            }
            Told::Exit(outcome) => return Ok(outcome),
        }
    }
}

/// Reads messages until there are no more. What is no message is passed on as words about it, and
/// reading goes on behind it.
fn read(
    mut input: impl BufRead + Send + 'static,
) -> mpsc::Receiver<std::result::Result<Message, String>> {
    let (sender, receiver) = mpsc::channel();
    // Ends with the input, or with the process.
    std::thread::spawn(move || {
        loop {
            let message = match Message::read(&mut input) {
                Ok(Some(message)) => Ok(message),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    Err(error.to_string().chars().take(200).collect())
                }
                Ok(None) | Err(_) => break,
            };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The answer to what cannot be read has no number to answer to, which the library does not know.
fn unreadable(out: &mut impl Write, words: &str) -> Result<()> {
    let answer = serde_json::json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": { "code": ErrorCode::ParseError as i32, "message": words },
    });
    let text = answer.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{text}", text.len())
        .and_then(|()| out.flush())
        .context("could not answer")
}
