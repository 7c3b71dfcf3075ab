//! What is sent while the platform stops the process: which requests, how spaced, over which
//! connections.

use std::time::Duration;

use crate::secrets::masked;

/// The requests that are under way while the platform stops the process.
///
/// ```
/// use lifecycle_drill::{Load, Pace, RequestSpec};
///
/// let load = Load {
///     requests: vec![RequestSpec::get("/"), RequestSpec::get("/orders")],
///     slow: vec![RequestSpec::get("/report")],
///     slow_share: 0.05,
///     ..Load::default()
/// };
/// assert!(!load.is_empty());
/// assert!(matches!(load.pace, Pace::Open { rate: 200, .. }));
/// // By itself it sends nothing.
/// assert!(Load::default().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Load {
    /// Who decides when the next request leaves.
    pub pace: Pace,
    /// How long the load runs before the stop is asked.
    pub warm_up: Duration,
    /// How long a request may take before it counts as never answered.
    pub timeout: Duration,
    /// The share of requests taken from `slow`, 0 to 1; without meaning while `slow` is empty.
    pub slow_share: f64,
    /// The ordinary requests.
    pub requests: Vec<RequestSpec>,
    /// Requests that are known to take long, longer than the settle time best of all: those are
    /// the ones still under way when the signal comes.
    pub slow: Vec<RequestSpec>,
    /// Sockets and streams that clients keep open beside the requests.
    pub sessions: Vec<SessionSpec>,
    /// Decides which request comes when: the same seed is the same sequence.
    pub seed: u64,
    /// No more than this many requests in all.
    pub max_requests: u64,
    /// No more than this many requests at once; those beyond are counted as not sent.
    pub max_in_flight: usize,
    /// Connections that are held open beside the requests.
    pub idle: Idle,
}

impl Load {
    /// Nothing would be sent.
    pub const fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.slow.is_empty() && self.sessions.is_empty()
    }

    /// The ports that it names beside the target's own.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let sessions = self.sessions.iter().map(|session| &session.request);
        let requests = self.requests.iter().chain(&self.slow).chain(sessions);
        requests.filter_map(|request| request.port).collect()
    }
}

impl Default for Load {
    /// 200 requests a second, a fifth of them on connections of their own, three seconds before the
    /// stop. It sends nothing until `requests` has an entry.
    fn default() -> Self {
        Self {
            pace: Pace::Open {
                rate: 200,
                kept_alive: 16,
                fresh_share: 0.2,
            },
            warm_up: Duration::from_secs(3),
            timeout: Duration::from_secs(60),
            slow_share: 0.1,
            requests: Vec::new(),
            slow: Vec::new(),
            sessions: Vec::new(),
            seed: 0x5EED,
            max_requests: 500_000,
            max_in_flight: 4_096,
            idle: Idle::default(),
        }
    }
}

/// How requests are spaced.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// use lifecycle_drill::{Load, Pace};
/// # use lifecycle_drill::{Endpoint, Progress, Script, Subject, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let usual = Pace::Open { rate: 200, kept_alive: 16, fresh_share: 0.2 };
/// assert_eq!(Load::default().pace, usual);
///
/// let percent = Pace::Open { rate: 200, kept_alive: 16, fresh_share: 20.0 };
/// let load = Load { pace: percent, ..Load::default() };
/// # let target = Target {
/// #     subject: Subject::Command(vec!["./shop".to_owned()]),
/// #     directory: None,
/// #     env: Vec::new(),
/// #     base: Some(Endpoint::on_port(8080, "/")),
/// #     finds_port: false,
/// #     ready: Some(Endpoint::on_port(8080, "/ready")),
/// #     live: None,
/// #     start_timeout: Duration::from_secs(10),
/// # };
/// # let script = Script::new("shop", "Kubernetes", Duration::from_secs(30));
/// # let progress: Progress = Arc::new(|_| {});
/// let error = lifecycle_drill::run(&target, &script, &load, &progress).await.unwrap_err();
/// assert_eq!(error.to_string(), "a share is between 0 and 1, not 20");
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Requests leave on a schedule, answered or not, as they do when many independent users send
    /// them. Latency counts from the scheduled moment, so a server that stalls cannot hide it.
    Open {
        /// Requests a second.
        rate: u32,
        /// The most connections kept alive in the pool; the pool is filled before one is reused.
        kept_alive: usize,
        /// The share of requests, 0 to 1, sent on a connection of their own.
        fresh_share: f64,
    },
    /// Every client sends its next request as soon as the last was answered: saturation.
    Closed {
        /// Clients that keep their connection.
        kept_alive: usize,
        /// Clients that open a connection for every request.
        fresh: usize,
    },
}

/// Connections that the drill holds and does not use; see [`crate::idle`].
///
/// ```
/// use lifecycle_drill::{Idle, Load};
///
/// assert_eq!(Load::default().idle, Idle { kept_alive: 2, silent: 1 });
/// // A server whose clients are known to speak at once:
/// let spoken = Idle { silent: 0, ..Idle::default() };
/// assert_eq!(spoken, Idle { kept_alive: 2, ..Idle::NONE });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// How many that have carried one request: the first GET of [`Load::requests`].
    pub kept_alive: usize,
    /// How many on which nothing was ever sent.
    pub silent: usize,
}

impl Idle {
    /// None at all.
    pub const NONE: Self = Self {
        kept_alive: 0,
        silent: 0,
    };
}

impl Default for Idle {
    /// Two kept alive and one silent.
    fn default() -> Self {
        Self {
            kept_alive: 2,
            silent: 1,
        }
    }
}

/// One kind of request.
///
/// ```
/// use lifecycle_drill::RequestSpec;
///
/// let order = RequestSpec {
///     method: "POST".to_owned(),
///     headers: vec![("content-type".to_owned(), "application/json".to_owned())],
///     body: br#"{ "sku": 4711 }"#.to_vec(),
///     weight: 3,
///     ..RequestSpec::get("/orders?token=hunter2")
/// };
/// assert_eq!(order.label(), "POST /orders?token=***");
/// // Three of it to one of this:
/// assert_eq!(RequestSpec::get("/").weight, 1);
/// ```
#[derive(Clone, Debug)]
pub struct RequestSpec {
    /// What it is sent in.
    pub protocol: Protocol,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, with the leading slash; in gRPC the service and its method.
    pub path: String,
    /// Further headers, `content-type` for instance.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none. In gRPC the message, without its frame.
    pub body: Vec<u8>,
    /// How often it is chosen beside the others of its list; 0 is never.
    pub weight: u32,
    /// The port it goes to, of the target's own host; the target's own port when `None`.
    pub port: Option<u16>,
    /// The body leaves in pieces over this time; zero for at once.
    pub send_over: Duration,
    /// The answer is read in pieces over this time; zero for as it comes.
    pub read_over: Duration,
}

/// What a request is sent in.
///
/// ```
/// use lifecycle_drill::{Protocol, RequestSpec};
///
/// let stock = RequestSpec { protocol: Protocol::Http2, ..RequestSpec::get("/stock") };
/// assert_eq!(stock.label(), "http2 GET /stock");
/// assert_eq!(RequestSpec::get("/stock").protocol, Protocol::Http1);
///
/// let quote = RequestSpec::grpc("/shop.Quotes/Get", Vec::new());
/// assert_eq!((quote.protocol, &*quote.method), (Protocol::Grpc, "POST"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: a connection carries one request at a time.
    #[default]
    Http1,
    /// HTTP/2 by prior knowledge: a connection carries many at once.
    Http2,
    /// A gRPC call with one message, over HTTP/2.
    Grpc,
}

impl RequestSpec {
    /// A GET of this path, with weight 1.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            protocol: Protocol::Http1,
            method: "GET".to_owned(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            weight: 1,
            port: None,
            send_over: Duration::ZERO,
            read_over: Duration::ZERO,
        }
    }

    /// A gRPC call of this method (`/shop.Quotes/Get`) with this encoded message, with weight 1.
    pub fn grpc(path: impl Into<String>, message: Vec<u8>) -> Self {
        Self {
            protocol: Protocol::Grpc,
            method: "POST".to_owned(),
            body: message,
            ..Self::get(path)
        }
    }

    /// For people: `GET /`, `http2 GET /`, `grpc /shop.Quotes/Get`.
    pub fn label(&self) -> String {
        let path = masked(&self.path);
        match self.protocol {
            Protocol::Http1 => format!("{} {path}", self.method),
            Protocol::Http2 => format!("http2 {} {path}", self.method),
            Protocol::Grpc => format!("grpc {path}"),
        }
    }
}

/// Clients that each keep a socket or a stream open until the server ends it, and then open it
/// again, for as long as they are routed to the process.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::{Load, RequestSpec, SessionKind, SessionSpec};
///
/// let chat = SessionSpec {
///     kind: SessionKind::WebSocket,
///     request: RequestSpec { body: b"hello".to_vec(), ..RequestSpec::get("/chat") },
///     clients: 20,
///     every: Some(Duration::from_millis(500)),
/// };
/// assert_eq!(chat.label(), "websocket /chat");
/// let load = Load { sessions: vec![chat], ..Load::default() };
/// assert!(!load.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct SessionSpec {
    /// What is kept open.
    pub kind: SessionKind,
    /// How it is opened: path, headers and port, and for a stream protocol, method and body. The body
    /// of a WebSocket is what its client says.
    pub request: RequestSpec,
    /// How many clients.
    pub clients: usize,
    /// How often a client says its message on a WebSocket; once when `None`. Not zero.
    pub every: Option<Duration>,
}

/// What a client keeps open.
///
/// ```
/// use lifecycle_drill::{RequestSpec, SessionKind, SessionSpec};
///
/// let label = |kind, request| SessionSpec { kind, request, clients: 1, every: None }.label();
/// let events = RequestSpec::get("/events");
/// assert_eq!(label(SessionKind::WebSocket, events.clone()), "websocket /events");
/// assert_eq!(label(SessionKind::Stream, events), "stream GET /events");
/// let prices = RequestSpec::grpc("/shop.Quotes/Watch", Vec::new());
/// assert_eq!(label(SessionKind::Stream, prices), "stream grpc /shop.Quotes/Watch");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A WebSocket (RFC 6455, over HTTP/1.1).
    WebSocket,
    /// An answer that goes on: server-sent events, a long poll, a gRPC stream.
    Stream,
}

impl SessionSpec {
    /// For people: `websocket /chat`, `stream GET /events`.
    pub fn label(&self) -> String {
        match self.kind {
            SessionKind::WebSocket => format!("websocket {}", masked(&self.request.path)),
            SessionKind::Stream => format!("stream {}", self.request.label()),
        }
    }
}
