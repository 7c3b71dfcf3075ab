//! Connections that the drill holds open and does not use, as balancers, pools and browsers do.
//!
//! A server that waits for its connections before it leaves waits for these too. They are let go one
//! kind after the other shortly before SIGKILL, and a process that then leaves at once has told what
//! it was waiting for.

#![allow(
    clippy::struct_field_names,
    reason = "in JSON a number carries its unit in its name"
)]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::script::{Endpoint, Idle, Load, Protocol, RequestSpec, Script};
use super::stage::{Stage, millis_between};

/// What is left before SIGKILL when the first connections are let go: this share of the time from the
/// signal to it, and no more than [`LET_GO_MOST`].
const LET_GO_SHARE: u32 = 5;
const LET_GO_MOST: Duration = Duration::from_secs(2);
/// How long connecting, and the one request of a kept-alive connection, may take.
const OPENING: Duration = Duration::from_secs(5);
/// Between a close by the server and the next connection.
const AGAIN: Duration = Duration::from_millis(100);
/// How often the marks of the drill are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A server that takes no such connection this often is not asked again.
const TRIES: usize = 3;
/// An answer longer than this is read no further.
const ANSWER: usize = 1 << 20;

/// What an idle connection has carried.
///
/// ```
/// use lifecycle_drill::{idle::Kind, Record};
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let record = Record::read(&std::fs::read(file)?)?;
/// let held = |kind| record.first().idle.iter().filter(|it| it.kind == kind).count();
/// assert_eq!((held(Kind::KeptAlive), held(Kind::Silent)), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One request and its answer.
    KeptAlive,
    /// Nothing: opened ahead of need, as browsers and balancers do.
    Silent,
}

/// One connection that was open when the signal came. Moments in milliseconds from the signal.
///
/// Whether the server closed its idle connections, or waited for its clients:
///
/// ```
/// use lifecycle_drill::Record;
///
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/1/record.json");
/// let record = Record::read(&std::fs::read(file)?)?;
/// let idle = &record.first().idle;
/// assert_eq!(idle[0].closed_ms, Some(102.9));
/// assert!(idle.iter().all(|it| it.let_go_ms.is_none()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IdleConnection {
    /// What it has carried.
    pub kind: Kind,
    /// When the server closed it; null when it did not before the drill did.
    pub closed_ms: Option<f64>,
    /// When the drill closed it; null when the server did before.
    pub let_go_ms: Option<f64>,
}

/// A connection's end, before moments are told from the signal.
pub(crate) struct Held {
    kind: Kind,
    closed: Option<Instant>,
    let_go: Option<Instant>,
}

impl Held {
    pub(crate) fn told(&self, signalled: Instant) -> IdleConnection {
        let told = |at: Option<Instant>| at.map(|at| millis_between(signalled, at));
        IdleConnection {
            kind: self.kind,
            closed_ms: told(self.closed),
            let_go_ms: told(self.let_go),
        }
    }
}

/// What is held, and for how long.
pub(crate) struct Plan {
    address: SocketAddr,
    idle: Idle,
    /// The request of a kept-alive connection; without one that fits there are none of those.
    request: Option<Arc<[u8]>>,
    signal_to_kill: Duration,
}

impl Plan {
    pub(crate) fn new(base: &Endpoint, load: &Load, script: &Script) -> Self {
        let fits = |spec: &&RequestSpec| {
            spec.protocol == Protocol::Http1
                && spec.method == "GET"
                && spec.weight > 0
                && spec.port.is_none()
                && spec.read_over.is_zero()
        };
        let request = load.requests.iter().find(fits).map(|spec| {
            let mut head = format!(
                "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: lifecycle-drill\r\n",
                spec.path,
                base.authority()
            );
            for (name, value) in &spec.headers {
                let _infallible = write!(head, "{name}: {value}\r\n");
            }
            head.push_str("\r\n");
            Arc::from(head.into_bytes())
        });
        Self {
            address: base.address(),
            idle: load.idle,
            request,
            signal_to_kill: script.signal_to_kill(),
        }
    }

    /// How long after the signal connections of this kind are let go.
    fn let_go(&self, kind: Kind) -> Duration {
        let ahead = (self.signal_to_kill / LET_GO_SHARE).min(LET_GO_MOST);
        let ahead = match kind {
            Kind::KeptAlive => ahead,
            Kind::Silent => ahead / 2,
        };
        self.signal_to_kill.saturating_sub(ahead)
    }
}

/// Holds the connections until the process has ended.
pub(crate) async fn hold(plan: Plan, stage: &Arc<Stage>) -> Vec<Held> {
    let plan = Arc::new(plan);
    let kinds = [
        (Kind::KeptAlive, plan.idle.kept_alive),
        (Kind::Silent, plan.idle.silent),
    ];
    let mut holding = JoinSet::new();
    for (kind, count) in kinds {
        if kind == Kind::KeptAlive && plan.request.is_none() {
            continue;
        }
        for _ in 0..count {
            let (plan, stage) = (Arc::clone(&plan), Arc::clone(stage));
            holding.spawn(async move { hold_one(&plan, kind, &stage).await });
        }
    }
    let held = holding.join_all().await;
    held.into_iter().flatten().collect()
}

/// Holds one connection, and another one when the server closes it before the signal while routing
/// still leads there; `None` when there was none at the signal.
async fn hold_one(plan: &Plan, kind: Kind, stage: &Stage) -> Option<Held> {
    let mut failed = 0;
    while failed < TRIES {
        let over = stage.signalled().is_some() || stage.ended().is_some();
        if over || stage.halt.is_cancelled() || !stage.routed(Instant::now()) {
            return None;
        }
        match open(plan, kind).await {
            Some(stream) => {
                failed = 0;
                if let Some(held) = watch_one(plan, kind, stream, stage).await {
                    return Some(held);
                }
            }
            None => failed += 1,
        }
        sleep(AGAIN).await;
    }
    None
}

async fn open(plan: &Plan, kind: Kind) -> Option<TcpStream> {
    let opening = async {
        let mut stream = TcpStream::connect(plan.address).await.ok()?;
        if let (Kind::KeptAlive, Some(request)) = (kind, &plan.request) {
            stream.write_all(request).await.ok()?;
            read_answer(&mut stream).await?;
        }
        Some(stream)
    };
    timeout(OPENING, opening).await.ok().flatten()
}

/// Reads one answer to its end; `None` when there is none, or none after which the connection rests.
async fn read_answer(stream: &mut TcpStream) -> Option<()> {
    let mut received = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        match is_complete(&received) {
            Some(true) => return Some(()),
            Some(false) if received.len() < ANSWER => {}
            Some(false) | None => return None,
        }
        let count = stream.read(&mut chunk).await.ok()?;
        if count == 0 {
            return None;
        }
        received.extend_from_slice(chunk.get(..count)?);
    }
}

/// Whether an answer is here in full; `None` when it is none that leaves the connection open.
pub(crate) fn is_complete(received: &[u8]) -> Option<bool> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Some(false);
    };
    let (head, body) = received.split_at(end + 4);
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let (status, fields) = head.split_once("\r\n")?;
    let mut status = status.split(' ');
    if status.next() != Some("http/1.1") {
        return None;
    }
    let field = |name: &str| {
        fields.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found == name).then(|| value.trim())
        })
    };
    if field("connection").is_some_and(|value| value.contains("close")) {
        return None;
    }
    if matches!(status.next(), Some("204" | "304")) {
        return Some(true);
    }
    if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return Some(body.ends_with(b"0\r\n\r\n"));
    }
    let length: usize = field("content-length")?.parse().ok()?;
    Some(body.len() >= length)
}

/// Waits until the server closes the connection, or it is to be let go; `None` when it was closed
/// before the signal.
async fn watch_one(plan: &Plan, kind: Kind, mut stream: TcpStream, stage: &Stage) -> Option<Held> {
    let closed = async {
        let mut ignored = [0; 512];
        // What a server says on its way out, a 408 for instance, keeps the connection open no longer.
        while !matches!(stream.read(&mut ignored).await, Ok(0) | Err(_)) {}
        Instant::now()
    };
    let let_go = async {
        while stage.signalled().is_none() && !stage.halt.is_cancelled() {
            sleep(LOOK).await;
        }
        let signalled = stage.signalled().unwrap_or_else(Instant::now);
        tokio::select! {
            () = sleep_until((signalled + plan.let_go(kind)).into()) => {}
            () = stage.halt.cancelled() => {}
        }
    };
    let (closed, let_go) = tokio::select! {
        biased;
        closed = closed => (Some(closed), None),
        () = let_go => (None, Some(Instant::now())),
    };
    drop(stream);
    let signalled = stage.signalled()?;
    let open_at_signal = closed.is_none_or(|closed| closed >= signalled);
    open_at_signal.then_some(Held {
        kind,
        closed,
        let_go,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_connection_rests() {
        let complete = |text: &str| is_complete(text.as_bytes());
        assert_eq!(
            complete("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"),
            Some(false)
        );
        assert_eq!(
            complete("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            Some(true)
        );
        assert_eq!(complete("HTTP/1.1 204 No Content\r\n\r\n"), Some(true));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
        assert_eq!(complete(chunked), Some(false));
        assert_eq!(complete(&format!("{chunked}0\r\n\r\n")), Some(true));
        for closing in [
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
            "\u{0}\u{0}\r\n\r\n",
        ] {
            assert_eq!(complete(closing), None, "{closing}");
        }
    }

    #[test]
    fn connections_are_let_go_one_kind_after_the_other_and_before_sigkill() {
        let plan = |seconds| Plan {
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            idle: Idle::default(),
            request: None,
            signal_to_kill: Duration::from_secs(seconds),
        };
        let let_go = |seconds| {
            [Kind::KeptAlive, Kind::Silent].map(|kind| plan(seconds).let_go(kind).as_millis())
        };
        assert_eq!(let_go(30), [28_000, 29_000]);
        assert_eq!(let_go(5), [4_000, 4_500]);
    }
}
