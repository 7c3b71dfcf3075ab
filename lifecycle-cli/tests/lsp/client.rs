//! An editor for tests: speaks to `lifecycle lsp` over its standard input and output, counts columns
//! and applies edits by itself.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::{Value, json};

/// Longer than any answer takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    told: VecDeque<Value>,
    next_id: i32,
    settings: Value,
}

/// One open text, as the editor has it.
pub(crate) struct Text {
    pub(crate) uri: String,
    pub(crate) version: i32,
    pub(crate) content: String,
}

impl Client {
    /// Starts `lifecycle lsp` and says nothing.
    pub(crate) fn spawn() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifecycle"));
        command.args(["lsp", "--stdio"]);
        Self::of(command)
    }

    /// Starts a server and says nothing.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            messages,
            told: VecDeque::new(),
            next_id: 0,
            settings: Value::Null,
        }
    }

    /// What a server that asks for its settings is told.
    pub(crate) fn settings(&mut self, settings: Value) {
        let params = json!({ "settings": settings.clone() });
        self.settings = settings;
        self.notify("workspace/didChangeConfiguration", params);
    }

    /// The next message that is not a question of the server's, which are answered.
    fn receive(&mut self) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap();
            if message.get("id").is_none() || message.get("method").is_none() {
                return message;
            }
            let sections = message["params"]["items"].as_array();
            let sections = sections.map(Vec::as_slice).unwrap_or_default();
            let settings = sections.iter().map(|item| {
                let section = item["section"].as_str().unwrap_or_default();
                self.settings[section].clone()
            });
            let result = match message["method"].as_str() {
                Some("workspace/configuration") => settings.collect(),
                _ => Value::Null,
            };
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            let answer = answer.to_string();
            self.raw(format!("Content-Length: {}\r\n\r\n{answer}", answer.len()).as_bytes());
        }
    }

    /// Starts the server and begins a session with these capabilities.
    pub(crate) fn start(capabilities: &Value) -> (Self, Value) {
        let mut client = Self::spawn();
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        let answer = client.request("initialize", params);
        client.notify("initialized", json!({}));
        (client, answer)
    }

    /// Bytes, whatever they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    fn send(&mut self, message: impl Into<Message>) {
        let mut bytes = Vec::new();
        message.into().write(&mut bytes).unwrap();
        self.raw(&bytes);
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.send(Notification::new(method.to_owned(), params));
    }

    /// Asks, and waits for the answer: its result.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Asks, and waits for the error: its code.
    pub(crate) fn refused(&mut self, method: &str, params: Value) -> i64 {
        let answer = self.ask(method, params);
        answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("{answer}"))
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(Request::new(RequestId::from(id), method.to_owned(), params));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            self.told.push_back(message);
        }
    }

    /// The next message that answers nothing.
    pub(crate) fn next(&mut self) -> Value {
        match self.told.pop_front() {
            Some(message) => message,
            None => self.receive(),
        }
    }

    /// What was told without being asked for, and has arrived when a question has been answered.
    pub(crate) fn heard(&mut self) -> Vec<Value> {
        // Findings are told once nothing is waiting, so before the second question is read.
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(50));
            self.ask("nothing/of/the/kind", json!({}));
        }
        self.told.drain(..).collect()
    }

    pub(crate) fn open(&mut self, uri: &str, text: &str) -> Text {
        self.notify(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "yaml", "version": 1, "text": text } }),
        );
        Text {
            uri: uri.to_owned(),
            version: 1,
            content: text.to_owned(),
        }
    }

    /// Replaces a piece of the text, in the editor and at the server.
    pub(crate) fn edit(&mut self, text: &mut Text, piece: &str, with: &str) {
        let range = text.range(piece);
        self.change(text, &range, with);
    }

    pub(crate) fn change(&mut self, text: &mut Text, range: &Value, with: &str) {
        text.apply(range, with);
        text.version += 1;
        let change = json!({ "range": range, "text": with });
        let params = json!({
            "textDocument": { "uri": text.uri, "version": text.version },
            "contentChanges": [change],
        });
        self.notify("textDocument/didChange", params);
    }

    /// The findings of a text's present version.
    pub(crate) fn findings(&mut self, text: &Text) -> Vec<Value> {
        loop {
            let message = self.next();
            assert_eq!(
                message["method"], "textDocument/publishDiagnostics",
                "{message}"
            );
            let params = &message["params"];
            if params["uri"] == text.uri && params["version"] == text.version {
                return params["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    /// Asks about the place of a piece of text.
    pub(crate) fn ask_at(&mut self, method: &str, text: &Text, piece: &str) -> Value {
        let params = json!({
            "textDocument": { "uri": text.uri },
            "position": text.range(piece)["start"],
            "context": { "includeDeclaration": true },
        });
        self.request(method, params)
    }

    /// The words of a hover.
    pub(crate) fn hover(&mut self, text: &Text, piece: &str) -> String {
        let answer = self.ask_at("textDocument/hover", text, piece);
        answer["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Closes the server's input, and waits for its exit code.
    pub(crate) fn leave(mut self) -> i32 {
        self.stdin = None;
        self.wait()
    }

    /// Ends the session as the protocol has it.
    pub(crate) fn end(mut self) -> i32 {
        assert_eq!(self.request("shutdown", Value::Null), Value::Null);
        self.notify("exit", Value::Null);
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Nothing to kill where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message as it stands on the wire.
fn read(stdout: &mut BufReader<impl std::io::Read>) -> Option<Value> {
    use std::io::{BufRead as _, Read as _};
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stdout.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

impl Text {
    /// The range of a piece, in UTF-16 units.
    pub(crate) fn range(&self, piece: &str) -> Value {
        let at = self
            .content
            .find(piece)
            .unwrap_or_else(|| panic!("{piece} in {}", self.content));
        json!({ "start": self.position(at), "end": self.position(at + piece.len()) })
    }

    pub(crate) fn position(&self, offset: usize) -> Value {
        let before = &self.content[..offset];
        let line = before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let character = before[start..].encode_utf16().count();
        json!({ "line": line, "character": character })
    }

    fn offset(&self, position: &Value) -> usize {
        let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
        let character = usize::try_from(position["character"].as_u64().unwrap()).unwrap();
        let start: usize = self
            .content
            .split_inclusive('\n')
            .take(line)
            .map(str::len)
            .sum();
        let units: Vec<u16> = self.content[start..]
            .encode_utf16()
            .take(character)
            .collect();
        start + String::from_utf16(&units).unwrap().len()
    }

    pub(crate) fn apply(&mut self, range: &Value, with: &str) {
        let (start, end) = (self.offset(&range["start"]), self.offset(&range["end"]));
        self.content.replace_range(start..end, with);
    }

    /// The text of a range.
    pub(crate) fn slice(&self, range: &Value) -> &str {
        &self.content[self.offset(&range["start"])..self.offset(&range["end"])]
    }
}
