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
pub(crate) mod position;
mod server;
mod wire;

use std::io::BufRead;
use std::sync::mpsc::{self, TryRecvError};

use anyhow::{Context as _, Result};
use lsp_server::Message;

use crate::Outcome;
use server::{Server, Told};

/// Serves one session.
///
/// # Errors
///
/// Where the client can no longer be written to.
pub(crate) fn run() -> Result<Outcome> {
    let incoming = read(std::io::BufReader::new(std::io::stdin()));
    let mut out = crate::out::bytes();
    let mut server = Server::default();
    loop {
        let next = match server.has_untold() {
            true => incoming.try_recv(),
            false => incoming.recv().map_err(|_| TryRecvError::Disconnected),
        };
        let told = match next {
            Ok(Ok(message)) => server.take(message),
            Ok(Err(words)) => {
                wire::write_unreadable(&mut out, &words).context("could not answer")?;
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

/// Reads messages until there are no more, on a thread that ends with the input or with the process.
fn read(
    mut input: impl BufRead + Send + 'static,
) -> mpsc::Receiver<std::result::Result<Message, String>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(Some(message)) = wire::read(&mut input) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A session whose messages are the lines of these bytes, after a beginning that is in order; a line
/// that begins with a space is passed on as it is, without its length before it.
#[cfg(any(fuzzing, clippy))]
pub(crate) fn session(bytes: &[u8]) {
    const BEGIN: [&[u8]; 2] = [
        br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#,
        br#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#,
    ];
    let mut input = Vec::new();
    for line in BEGIN.into_iter().chain(bytes.split(|byte| *byte == b'\n')) {
        if let Some(raw) = line.strip_prefix(b" ") {
            input.extend_from_slice(raw);
            input.push(b'\n');
        } else {
            input.extend_from_slice(format!("Content-Length: {}\r\n\r\n", line.len()).as_bytes());
            input.extend_from_slice(line);
        }
    }
    let (mut input, mut out) = (input.as_slice(), Vec::new());
    let mut server = Server::default();
    // The library does not know an answer to what has no number.
    let mut numberless = 0_usize;
    while let Ok(Some(message)) = wire::read(&mut input) {
        let told = match message {
            Ok(message) => server.take(message),
            Err(words) => {
                numberless += 1;
                wire::write_unreadable(&mut out, &words).expect("a buffer takes everything");
                continue;
            }
        };
        let Told::Say(mut messages) = told else {
            break;
        };
        while server.has_untold() {
            messages.extend(server.tell_findings());
        }
        for message in messages {
            message.write(&mut out).expect("a buffer takes everything");
        }
    }
    let mut answers = out.as_slice();
    while let Some(answer) = wire::read(&mut answers).expect("what was written is whole") {
        if let Err(words) = answer {
            numberless = numberless.checked_sub(1).expect(&words);
        }
    }
    assert_eq!(numberless, 0, "what cannot be read is answered");
}
