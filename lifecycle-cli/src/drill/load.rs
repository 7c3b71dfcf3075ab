//! The load of a drill, from the command line and the manifest's `drill`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lifecycle_drill::traffic::grpc::HEALTH_CHECK;
use lifecycle_drill::{Load, Pace, Protocol, RequestSpec, SessionKind, SessionSpec};
use lifecycle_manifest::{DrillBody, DrillProtocol, DrillRequest, Kind, Resolved};

use super::proto;
use crate::cli::DrillArgs;
use crate::input;

/// Connections in each pool of kept-alive ones.
const KEPT_ALIVE: u32 = 16;
/// The share of requests on a connection of their own, in a hundred; and the share of slow ones.
const FRESH: u8 = 20;
const SLOW_SHARE: f64 = 0.05;
/// Clients of a socket or a stream.
const CLIENTS: usize = 10;

pub(super) fn load(args: &DrillArgs, resolved: &Resolved) -> Result<Load> {
    let drill = resolved.manifest.drill.clone().unwrap_or_default();
    let connections = &drill.connections;
    let kept_alive = connections.kept_alive.as_ref();
    let kept_alive = kept_alive.map_or(KEPT_ALIVE, |kept| kept.value) as usize;
    let fresh = connections.fresh.as_ref();
    let fresh = fresh.map_or(FRESH, |fresh| fresh.value);
    let rate = args
        .rate
        .or(drill.rate.as_ref().map(|rate| rate.value))
        .unwrap_or(200);
    let pace = match args.saturate {
        true => Pace::Closed {
            kept_alive: 64,
            fresh: 8,
        },
        false => Pace::Open {
            rate,
            kept_alive,
            fresh_share: f64::from(fresh) / 100.0,
        },
    };
    let mut load = Load {
        pace,
        warm_up: args.warm_up,
        slow_share: SLOW_SHARE,
        seed: args.seed.unwrap_or(Load::default().seed),
        ..Load::default()
    };
    if args.no_traffic {
        return Ok(load);
    }
    let ports = Ports { args, resolved };
    let directory = input::directory_of(args.directory.as_deref());
    if !args.requests.is_empty() {
        for spec in &args.requests {
            add(&mut load, &asked(spec)?, &ports, &directory)?;
        }
    } else if !drill.requests.is_empty() {
        for request in &drill.requests {
            add(&mut load, request, &ports, &directory)?;
        }
    } else {
        for request in by_kinds(args, resolved) {
            add(&mut load, &request, &ports, &directory)?;
        }
    }
    if load.requests.is_empty() && !load.slow.is_empty() && !args.requests.is_empty() {
        std::mem::swap(&mut load.requests, &mut load.slow);
    }
    if load.slow.is_empty() {
        load.slow_share = 0.0;
    }
    Ok(load)
}

/// What a service is sent whose manifest does not say: what its resources answer. What only claims
/// jobs is sent nothing.
fn by_kinds(args: &DrillArgs, resolved: &Resolved) -> Vec<DrillRequest> {
    let plain = |protocol, path: &str| DrillRequest {
        protocol,
        path: path.to_owned(),
        ..DrillRequest::default()
    };
    let listens = |wanted: Kind| {
        let mut resources = resolved.manifest.resources.iter();
        resources.any(|it| it.kind.value == wanted && it.port.is_some())
    };
    let mut requests = Vec::new();
    if listens(Kind::HttpServer) {
        requests.push(plain(DrillProtocol::Http, "/"));
    }
    if listens(Kind::GrpcServer) {
        requests.push(plain(DrillProtocol::Grpc, HEALTH_CHECK));
    }
    // One without a port is let in by another server, at a path that only its manifest can tell.
    if listens(Kind::Websocket) {
        requests.push(plain(DrillProtocol::Websocket, "/"));
    }
    if listens(Kind::Stream) {
        requests.push(plain(DrillProtocol::Stream, "/"));
    }
    if requests.is_empty() && (args.port.is_some() || super::target::finds_port(args, resolved)) {
        requests.push(plain(DrillProtocol::Http, "/"));
    }
    requests
}

/// Where requests go.
struct Ports<'a> {
    args: &'a DrillArgs,
    resolved: &'a Resolved,
}

impl Ports<'_> {
    /// The port of the first resource that speaks a protocol; `None` for the main one.
    fn of(&self, protocol: DrillProtocol) -> Option<u16> {
        let kind = match protocol {
            DrillProtocol::Http | DrillProtocol::Http2 => Kind::HttpServer,
            DrillProtocol::Grpc => Kind::GrpcServer,
            DrillProtocol::Websocket => Kind::Websocket,
            DrillProtocol::Stream => Kind::Stream,
        };
        let mut resources = self.resolved.manifest.resources.iter();
        let port = resources
            .find_map(|it| it.port.as_ref().filter(|_| it.kind.value == kind))
            .map(|port| port.value);
        let main = self.resolved.plan.main_port(&self.resolved.manifest);
        // What the command line says is where everything is.
        port.filter(|port| self.args.port.is_none() && Some(*port) != main)
    }
}

/// Adds an entry of the mix.
fn add(load: &mut Load, request: &DrillRequest, ports: &Ports<'_>, directory: &Path) -> Result<()> {
    let spec = RequestSpec {
        protocol: match request.protocol {
            DrillProtocol::Http2 => Protocol::Http2,
            DrillProtocol::Grpc => Protocol::Grpc,
            DrillProtocol::Http | DrillProtocol::Websocket | DrillProtocol::Stream => {
                Protocol::Http1
            }
        },
        method: match (request.protocol, &request.method) {
            (DrillProtocol::Grpc, _) => "POST".to_owned(),
            (_, Some(method)) => method.clone(),
            (_, None) => "GET".to_owned(),
        },
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: body(request, directory)?,
        weight: request.weight.unwrap_or(1),
        port: ports.of(request.protocol),
        send_over: request.send_over.unwrap_or(Duration::ZERO),
        read_over: request.read_over.unwrap_or(Duration::ZERO),
    };
    let kind = match request.protocol {
        DrillProtocol::Websocket => Some(SessionKind::WebSocket),
        DrillProtocol::Stream => Some(SessionKind::Stream),
        DrillProtocol::Grpc if request.clients.is_some() => Some(SessionKind::Stream),
        _ => None,
    };
    if let Some(kind) = kind {
        load.sessions.push(SessionSpec {
            kind,
            request: spec,
            clients: request.clients.map_or(CLIENTS, |clients| clients as usize),
            every: request.every,
        });
    } else if request.slow || request.send_over.is_some() || request.read_over.is_some() {
        load.slow.push(spec);
    } else {
        load.requests.push(spec);
    }
    Ok(())
}

fn body(request: &DrillRequest, directory: &Path) -> Result<Vec<u8>> {
    let text = match &request.body {
        DrillBody::None => "",
        DrillBody::Bytes(bytes) => return Ok(vec![b'x'; *bytes as usize]),
        DrillBody::Text(text) => text,
    };
    match &request.proto {
        Some(proto) => proto::message(&directory.join(proto), &request.path, text)
            .with_context(|| format!("the message of `{}` cannot be made", request.path)),
        None => Ok(text.as_bytes().to_owned()),
    }
}

/// `[PROTOCOL ][METHOD ]PATH[=WEIGHT]`.
fn asked(spec: &str) -> Result<DrillRequest> {
    let mut rest = spec;
    let mut protocol = DrillProtocol::Http;
    if let Some((word, behind)) = spec.split_once(' ')
        && let Some(named) = DrillProtocol::ALL.iter().find(|it| it.as_str() == word)
    {
        (protocol, rest) = (*named, behind.trim_start());
    }
    let (method, rest) = match rest.split_once(' ') {
        Some((method, rest)) => (Some(method.to_owned()), rest),
        None => (None, rest),
    };
    let (path, weight) = match rest.rsplit_once('=') {
        // In a query, `=` belongs to the path.
        Some((path, weight)) if !path.contains('?') && weight.parse::<u32>().is_ok() => {
            (path, Some(weight.parse()?))
        }
        _ => (rest, None),
    };
    let known = method.as_ref().is_none_or(|method| {
        let letters = method.bytes().all(|byte| byte.is_ascii_uppercase());
        letters && !method.is_empty()
    });
    if !known || !path.starts_with('/') {
        bail!(
            "`{spec}` is not a request; write `GET /path`, `POST /path=3`, `http2 GET /path`, \
             `grpc /shop.Quotes/Get`, `websocket /path` or `stream /path`"
        );
    }
    ensure!(
        method.is_none() || !matches!(protocol, DrillProtocol::Grpc | DrillProtocol::Websocket),
        "`{spec}`: {} has no method; write `{} {path}`",
        protocol.as_str(),
        protocol.as_str()
    );
    Ok(DrillRequest {
        protocol,
        method,
        path: path.to_owned(),
        weight,
        ..DrillRequest::default()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use lifecycle_manifest::Analysis;

    use super::*;
    use crate::cli::{Cli, Command};

    const HEAD: &str = "lifecycle: 1\nservice: shop\nplatforms: { kubernetes: {} }\n";

    /// The load of a manifest under these arguments.
    fn of(manifest: &str, arguments: &[&str]) -> Result<Load> {
        let words = ["lifecycle", "drill"].iter().chain(arguments);
        let Command::Drill(args) = Cli::parse_from(words).command else {
            panic!("it is a drill");
        };
        let analysis = Analysis::of(&format!("{HEAD}{manifest}"));
        let resolved = analysis.resolved.expect("a manifest that can be resolved");
        load(&args, &resolved)
    }

    /// What is sent, where to, and by how many.
    fn mix(manifest: &str, arguments: &[&str]) -> Vec<String> {
        let load = of(manifest, arguments).unwrap();
        let port = |spec: &RequestSpec| spec.port.map_or("main".to_owned(), |it| it.to_string());
        let mut mix = Vec::new();
        for (list, requests) in [("", &load.requests), ("slow ", &load.slow)] {
            let line =
                |it: &RequestSpec| format!("{list}{} x{} at {}", it.label(), it.weight, port(it));
            mix.extend(requests.iter().map(line));
        }
        let line =
            |it: &SessionSpec| format!("{} by {} at {}", it.label(), it.clients, port(&it.request));
        mix.extend(load.sessions.iter().map(line));
        mix
    }

    const ALL: &str = "resources:
  http: { kind: http-server, port: 8080, timeout: 1s }
  rpc: { kind: grpc-server, port: 50051, timeout: 1s }
  rooms: { kind: websocket, port: 8081, timeout: 1s }
  news: { kind: stream, timeout: 1s }
";

    #[test]
    fn a_service_is_sent_what_its_resources_answer() {
        assert_eq!(
            mix(ALL, &[]),
            [
                "GET / x1 at main",
                "grpc /grpc.health.v1.Health/Check x1 at 50051",
                "websocket / by 10 at 8081",
            ]
        );
        let grpc = "resources: { rpc: { kind: grpc-server, port: 50051, timeout: 1s } }";
        let check = "grpc /grpc.health.v1.Health/Check x1 at main";
        assert_eq!(mix(grpc, &[]), [check]);
        let jobs = "resources: { jobs: { kind: queue-consumer, timeout: 1s } }";
        assert_eq!(mix(jobs, &[]), [""; 0]);
        assert_eq!(mix(jobs, &["--port", "80"]), ["GET / x1 at main"]);
        assert_eq!(mix(ALL, &["--no-traffic"]), [""; 0]);
    }

    #[test]
    fn the_manifest_says_what_is_sent_and_the_command_line_has_the_last_word() {
        let manifest = format!(
            "{ALL}drill:
  rate: 50
  connections: {{ kept_alive: 3, fresh: 7% }}
  requests:
    - http2 POST /a
    - {{ path: /b, weight: 3, read_over: 2s }}
    - {{ path: /rooms/1, protocol: websocket, clients: 25, body: hi, every: 1s }}
    - {{ path: /x.Y/Watch, protocol: grpc, clients: 4 }}
    - {{ path: /c, body_bytes: 1000 }}
"
        );
        assert_eq!(
            mix(&manifest, &[]),
            [
                "http2 POST /a x1 at main",
                "GET /c x1 at main",
                "slow GET /b x3 at main",
                "websocket /rooms/1 by 25 at 8081",
                "stream grpc /x.Y/Watch by 4 at 50051",
            ]
        );
        let load = of(&manifest, &[]).unwrap();
        let pace = Pace::Open {
            rate: 50,
            kept_alive: 3,
            fresh_share: 0.07,
        };
        assert_eq!(load.pace, pace);
        assert_eq!(load.requests[1].body.len(), 1_000);
        assert_eq!(load.sessions[0].every, Some(Duration::from_secs(1)));
        let asked = [
            "--request",
            "/plain=4",
            "--request",
            "grpc /a.B/C",
            "--request",
            "stream /events",
            "--request",
            "websocket /rooms?name=x=1",
            "--port",
            "99",
        ];
        assert_eq!(
            mix(&manifest, &asked),
            [
                "GET /plain x4 at main",
                "grpc /a.B/C x1 at main",
                "stream GET /events by 10 at main",
                "websocket /rooms?name=x=1 by 10 at main",
            ]
        );
    }

    #[test]
    fn what_is_no_request_is_said() {
        let said = |spec: &str| of(ALL, &["--request", spec]).unwrap_err().to_string();
        assert!(said("nowhere").contains("`nowhere` is not a request"));
        assert!(said("websockets /x").contains("`websockets /x` is not a request"));
        assert!(said("grpc POST /a.B/C").contains("grpc has no method; write `grpc /a.B/C`"));
    }
}
