//! `lifecycle serve` as a process, and whoever talks to it over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::lifecycle;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server; killed where a test breaks off.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    pub(crate) token: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

impl Server {
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Self {
        Self::start_with(directory, args, &[])
    }

    pub(crate) fn start_with(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = lifecycle(directory)
            .arg("serve")
            .envs(env.iter().copied())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut url).unwrap();
        let parts = url
            .trim_end()
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split_once("/#token="));
        let Some((port, token)) = parts else {
            panic!("this is no address: {url:?}");
        };
        Self {
            port: port.parse().unwrap(),
            token: token.to_owned(),
            child,
        }
    }

    /// As the page asks.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let own = format!(
            "X-Lifecycle-Token: {}\r\nContent-Type: application/json\r\nOrigin: http://127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\n",
            self.token, self.port
        );
        let body = body.map(ToString::to_string).unwrap_or_default();
        self.send(
            method,
            path,
            &format!("127.0.0.1:{}", self.port),
            &own,
            &body,
        )
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, Some(body));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Anything at all; `headers` end with a line's end.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        host: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let length = body.len();
        self.raw(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
    }

    /// These bytes, in one piece: who is refused before all was read may not hear of it.
    pub(crate) fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{request:?}: {text:?}"));
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// What happens in the drill, entry by entry, until the stream ends or `each` says no.
    pub(crate) fn watch(&self, mut each: impl FnMut(&Value) -> bool) -> TcpStream {
        let mut stream = self.connect();
        write!(
            stream,
            "GET /api/drill/after/0 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX-Lifecycle-Token: {}\r\n\r\n",
            self.port, self.token
        )
        .unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let status = lines.next().unwrap().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        // Lines of JSON among those of the encoding in chunks.
        for line in lines {
            let line = line.unwrap();
            if line.starts_with('{') && !each(&serde_json::from_str(&line).unwrap()) || line == "0"
            {
                break;
            }
        }
        stream
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Ctrl-C; gives how it ended and how long that took.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        while asked.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, asked.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("Ctrl-C did not end it");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
