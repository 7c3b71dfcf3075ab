//! What a drill is told: the platform's script, the process, and the load.
//!
//! Plain values without a manifest behind them.
//! Whoever has a timeline fills them in; the engine decides nothing that these do not say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hyper::Uri;
use lifecycle_manifest::platform::Signal;

use crate::secrets::masked;
use crate::target::Subject;
use crate::verdict::Expectations;

/// What the platform does, from the moment a stop is asked until nothing is left.
///
/// ```text
/// stop asked ── deregistration ──▶ grace starts ── hook ──▶ signal ──▶ … ──▶ SIGKILL
///     └── routing_lag: requests keep arriving ──▶│
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    /// The service's name, for the heading.
    pub service: String,
    /// The platform's key in the manifest: `kubernetes`, `ecs`.
    pub platform: String,
    /// The platform's name for people: `Kubernetes`, `Amazon ECS`.
    pub platform_label: String,
    /// What the platform waits for before the grace period begins: a target group's deregistration,
    /// a delay, hooks. `None` where nothing precedes the grace period.
    pub deregistration: Option<Duration>,
    /// That is the most it takes: it is over as soon as routing has ended and nothing is in flight, as
    /// on ECS behind a target group. Elsewhere it takes its whole time.
    pub deregistration_ends_early: bool,
    /// What the platform runs inside the grace period, before the signal: Kubernetes' `preStop`.
    ///
    /// A hook that outlives the grace period is cut at its end, as kubelet cuts it.
    pub hook: Option<Duration>,
    /// The signal that asks the process to stop.
    pub signal: Signal,
    /// The signal goes to every process of the service, as it does under systemd's `control-group`,
    /// PM2's tree kill and Heroku; elsewhere to the first alone.
    pub signals_everyone: bool,
    /// From the start of the grace period to SIGKILL.
    pub grace: Duration,
    /// The least time between the signal and SIGKILL, however long the hook took.
    ///
    /// Kubernetes: 2s. Zero where the platform has no such floor.
    pub kill_floor: Duration,
    /// How long clients keep sending new requests after the stop was asked.
    ///
    /// After it, no router would send this instance anything, and the drill sends nothing more.
    /// The requests that are under way then are still followed to their end.
    pub routing_lag: Duration,
    /// How long after the signal readiness may still say yes without being called late.
    pub readiness_budget: Duration,
    /// Whether the platform goes on probing liveness once the stop was asked.
    ///
    /// Where it does not (Kubernetes, for the main containers), a failure after that is a warning.
    pub liveness_probed: bool,
    /// From the signal to the planned end of the process; `None` when no plan says so.
    pub deadline: Option<Duration>,
    /// Set for the process, beside what it inherits: `LIFECYCLE_PLATFORM` and its relatives.
    ///
    /// `LIFECYCLE_REPORT` is the engine's own and always points into a directory of this drill.
    pub env: Vec<(String, String)>,
    /// Who pays the settle time, in words: `preStop sleep 5s`.
    pub settle_payer: String,
    /// The plan beside which the measured steps are shown, in the order in which to show them.
    pub steps: Vec<PlannedStep>,
    /// What the drill is held to.
    pub expect: Expectations,
}

/// One step as the plan has it. Times count from the signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The resource's name.
    pub name: String,
    /// The resource's kind: `http-server`.
    pub kind: String,
    /// The latest moment at which it begins.
    pub start: Duration,
    /// How long it may take by itself.
    pub timeout: Duration,
    /// The latest moment at which it has ended, its unwinding included.
    pub end: Duration,
}

/// The process to be drilled.
#[derive(Clone, Debug)]
pub struct Target {
    /// What is drilled, and how it comes to run.
    pub subject: Subject,
    /// Where it runs; the drill's own working directory when `None`.
    pub directory: Option<PathBuf>,
    /// Set for the process after the script's own, so that these win.
    pub env: Vec<(String, String)>,
    /// Where requests go; without it there is no load, and nothing is said about requests.
    ///
    /// Its path is not used: each request brings its own.
    pub base: Option<Endpoint>,
    /// Without `base`: requests go to the port that the program opens by itself, found among its
    /// sockets. Of several the lowest, those that only this machine can reach last.
    pub finds_port: bool,
    /// The readiness probe. Without it the process is ready once `base` accepts a connection.
    pub ready: Option<Endpoint>,
    /// The liveness probe.
    pub live: Option<Endpoint>,
    /// How long the process has until it is ready.
    pub start_timeout: Duration,
}

/// A loopback address and a path. The type holds no other address, so that no drill ever puts load
/// on a machine that is not this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
    authority: String,
    path: String,
}

impl Endpoint {
    /// A path on a port of 127.0.0.1.
    pub fn on_port(port: u16, path: impl Into<String>) -> Self {
        Self::on_loopback(false, port, path)
    }

    /// The same, or on `::1` for what listens there alone.
    pub(crate) fn on_loopback(only_six: bool, port: u16, path: impl Into<String>) -> Self {
        let ip = match only_six {
            true => IpAddr::V6(Ipv6Addr::LOCALHOST),
            false => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let address = SocketAddr::new(ip, port);
        Self {
            address,
            authority: address.to_string(),
            path: path.into(),
        }
    }

    /// Reads `http://127.0.0.1:8080/health/ready`; `localhost` means 127.0.0.1.
    ///
    /// Errors: another scheme than http, no port, or a host that is not this machine.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("`{url}` is not a URL"))?;
        ensure!(
            uri.scheme_str() == Some("http"),
            "`{url}` does not start with http://; a drill speaks plain HTTP/1.1 only"
        );
        let host = uri.host().unwrap_or_default();
        let Some(port) = uri.port_u16() else {
            bail!("`{url}` names no port; write it out, as in http://127.0.0.1:8080");
        };
        let ip = match host.trim_start_matches('[').trim_end_matches(']') {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            literal => literal.parse().with_context(|| {
                format!("`{host}` is not an address of this machine; a drill only targets loopback")
            })?,
        };
        ensure!(
            ip.is_loopback(),
            "{ip} is not this machine; a drill only targets loopback"
        );
        let path = uri
            .path_and_query()
            .map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let address = SocketAddr::new(ip, port);
        Ok(Self {
            address,
            authority: format!("{host}:{port}"),
            path: path.to_owned(),
        })
    }

    /// The whole of it: `http://127.0.0.1:8080/ready`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path)
    }

    /// The same host at another port; the same port when `None`.
    #[must_use]
    pub fn at_port(&self, port: Option<u16>) -> Self {
        let Some(port) = port else {
            return self.clone();
        };
        let host = self.authority.rsplit_once(':');
        let host = host.map_or(self.authority.as_str(), |(host, _)| host);
        Self {
            address: SocketAddr::new(self.address.ip(), port),
            authority: format!("{host}:{port}"),
            path: self.path.clone(),
        }
    }

    /// Where to connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the `Host` header says.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path and query, with the leading slash.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The requests that are under way while the platform stops the process.
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

/// Connections that the drill holds and does not use; see [`crate::idle`].
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

/// How requests are spaced.
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

/// One kind of request.
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

impl Script {
    /// From the signal to SIGKILL, as planned: what the hook leaves of the grace period.
    pub fn signal_to_kill(&self) -> Duration {
        self.grace
            .saturating_sub(self.hook_in_grace())
            .max(self.kill_floor)
    }

    /// The part of the hook that the grace period allows.
    pub fn hook_in_grace(&self) -> Duration {
        self.hook.unwrap_or_default().min(self.grace)
    }

    /// From the stop asked to the signal, as planned, when the deregistration takes its whole time.
    pub fn asked_to_signal(&self) -> Duration {
        self.deregistration.unwrap_or_default() + self.hook_in_grace()
    }
}

impl Script {
    /// A script of nothing but a signal and a grace period: no hook, no steps, no routing lag.
    ///
    /// `label` is the platform's name for people; its key is the same in small letters.
    pub fn new(service: impl Into<String>, label: &str, grace: Duration) -> Self {
        Self {
            service: service.into(),
            platform: label.to_lowercase(),
            platform_label: label.to_owned(),
            deregistration: None,
            deregistration_ends_early: true,
            hook: None,
            signal: Signal::Term,
            signals_everyone: false,
            grace,
            kill_floor: Duration::ZERO,
            routing_lag: Duration::ZERO,
            readiness_budget: Duration::from_secs(1),
            liveness_probed: true,
            deadline: None,
            env: Vec::new(),
            settle_payer: "the program itself".to_owned(),
            steps: Vec::new(),
            expect: Expectations::default(),
        }
    }
}

/// No drill waits longer than this for anything: what is beyond is a slip of the unit.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Refuses what cannot be played.
pub(super) fn validate(target: &Target, script: &Script, load: &Load) -> anyhow::Result<()> {
    target.subject.validate()?;
    let spans = [
        ("the grace period", script.grace),
        ("the routing lag", script.routing_lag),
        (
            "the deregistration",
            script.deregistration.unwrap_or_default(),
        ),
        ("the hook", script.hook.unwrap_or_default()),
        ("the floor before SIGKILL", script.kill_floor),
        ("the start timeout", target.start_timeout),
        ("the warm-up", load.warm_up),
        ("the request timeout", load.timeout),
    ];
    for (what, span) in spans {
        ensure!(
            span <= LONGEST,
            "{what} is longer than a day; no drill lasts that long"
        );
    }
    ensure!(
        target.base.is_some() || target.ready.is_some() || target.finds_port,
        "neither an address nor a readiness URL is known, so nothing can tell when the process is up"
    );
    let fresh_share = match load.pace {
        Pace::Open { fresh_share, .. } => fresh_share,
        Pace::Closed { .. } => 0.0,
    };
    for share in [fresh_share, load.slow_share] {
        ensure!(
            (0.0..=1.0).contains(&share),
            "a share is between 0 and 1, not {share}"
        );
    }
    let mut requests = load.requests.iter().chain(&load.slow).peekable();
    ensure!(
        requests.peek().is_none() || requests.any(|spec| spec.weight > 0),
        "every request has weight 0, so none would be sent"
    );
    let sessions = load.sessions.iter().map(|session| &session.request);
    for spec in load.requests.iter().chain(&load.slow).chain(sessions) {
        ensure!(
            spec.send_over <= LONGEST && spec.read_over <= LONGEST,
            "`{}` takes longer than a day; no drill lasts that long",
            spec.label()
        );
        ensure!(
            spec.path.starts_with('/'),
            "the path `{}` does not begin with a slash",
            spec.path
        );
    }
    ensure!(
        load.sessions
            .iter()
            .all(|it| it.every != Some(Duration::ZERO)),
        "a client of a WebSocket says its message without a pause"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_a_target() {
        for good in [
            "http://127.0.0.1:8080/x",
            "http://localhost:80",
            "http://[::1]:9/a?b=c",
        ] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1:1/",
            "http://127.0.0.1/",
            "http://10.0.0.1:80/",
            "http://example.com:80/",
            "http://0.0.0.0:80/",
            "127.0.0.1:80",
            "",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_keeps_its_host_and_query() {
        let endpoint = Endpoint::parse("http://localhost:8080/health?full=1").unwrap();
        assert_eq!(endpoint.authority(), "localhost:8080");
        assert_eq!(endpoint.path(), "/health?full=1");
        assert_eq!(endpoint.address().to_string(), "127.0.0.1:8080");
        assert_eq!(
            Endpoint::parse("http://[::1]:8080").unwrap().authority(),
            "[::1]:8080"
        );
    }

    #[test]
    fn another_port_is_on_the_same_host() {
        for (url, other) in [
            ("http://localhost:8080/x", "localhost:9090"),
            ("http://[::1]:8080", "[::1]:9090"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.at_port(None), endpoint);
            let there = endpoint.at_port(Some(9_090));
            assert_eq!(there.authority(), other);
            assert_eq!(there.address().ip(), endpoint.address().ip());
            assert_eq!(there.address().port(), 9_090);
        }
    }

    #[test]
    fn a_load_of_no_weight_is_refused() {
        let script = Script::new("victim", "Kubernetes", Duration::from_secs(30));
        let target = crate::tests::victim::target(crate::tests::victim::Way::Polite);
        let none = RequestSpec {
            weight: 0,
            ..RequestSpec::get("/")
        };
        let refused = |requests: &[RequestSpec], slow: &[RequestSpec]| {
            let load = Load {
                requests: requests.to_vec(),
                slow: slow.to_vec(),
                ..Load::default()
            };
            validate(&target, &script, &load).is_err()
        };
        let one = std::slice::from_ref(&none);
        let some = [RequestSpec::get("/")];
        assert!(refused(one, &[]) && refused(&[], one) && refused(one, one));
        assert!(!refused(&[], &[]) && !refused(one, &some) && !refused(&some, one));
    }

    #[test]
    fn the_hook_is_inside_the_grace_period_and_the_floor_holds() {
        let seconds = Duration::from_secs;
        let mut script = Script::new("victim", "Kubernetes", seconds(30));
        script.hook = Some(seconds(5));
        script.kill_floor = seconds(2);
        assert_eq!(script.signal_to_kill(), seconds(25));
        script.hook = Some(seconds(40));
        assert_eq!(script.asked_to_signal(), seconds(30));
        assert_eq!(script.signal_to_kill(), seconds(2));
    }
}
