//! The load of a drill, from the command line and the manifest's `drill`.

use anyhow::{Result, bail};
use lifecycle_manifest::{DrillRequest, Kind, Resolved};

use crate::cli::DrillArgs;
use lifecycle_drill::{Load, Pace, RequestSpec};

/// Idle connections in the pool of kept-alive ones.
const KEPT_ALIVE: usize = 16;
/// The share of requests on a connection of their own, and the share of slow ones.
const FRESH_SHARE: f64 = 0.2;
const SLOW_SHARE: f64 = 0.05;

/// Whether there is somebody to send requests to. A gRPC server would not understand them, and what
/// only claims jobs has no port at all.
fn answers_http(args: &DrillArgs, resolved: &Resolved) -> bool {
    let resources = &resolved.manifest.resources;
    args.port.is_some()
        || super::target::finds_port(args, resolved)
        || !args.requests.is_empty()
        || resources.iter().any(|resource| {
            let kind = resource.kind.value;
            resource.port.is_some() && kind.takes_traffic() && kind != Kind::GrpcServer
        })
}

pub(super) fn load(args: &DrillArgs, resolved: &Resolved) -> Result<Load> {
    let drill = resolved.manifest.drill.clone().unwrap_or_default();
    let mut requests: Vec<RequestSpec> = Vec::new();
    let mut slow = Vec::new();
    for spec in &args.requests {
        requests.push(asked(spec)?);
    }
    if args.requests.is_empty() {
        for request in &drill.requests {
            let list = if request.slow {
                &mut slow
            } else {
                &mut requests
            };
            list.push(written(request));
        }
    }
    let sends = !args.no_traffic && answers_http(args, resolved);
    if !sends {
        requests.clear();
        slow.clear();
    } else if requests.is_empty() {
        requests.push(RequestSpec::get("/"));
    }
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
            kept_alive: KEPT_ALIVE,
            fresh_share: FRESH_SHARE,
        },
    };
    Ok(Load {
        pace,
        warm_up: args.warm_up,
        slow_share: if slow.is_empty() { 0.0 } else { SLOW_SHARE },
        requests,
        slow,
        ..Load::default()
    })
}

fn written(request: &DrillRequest) -> RequestSpec {
    RequestSpec {
        method: request.method.clone(),
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: request.body.clone().into_bytes(),
        weight: request.weight,
    }
}

/// `[METHOD ]PATH[=WEIGHT]`.
fn asked(spec: &str) -> Result<RequestSpec> {
    let (method, rest) = spec.split_once(' ').unwrap_or(("GET", spec));
    let (path, weight) = match rest.rsplit_once('=') {
        // In a query, `=` belongs to the path.
        Some((path, weight)) if !path.contains('?') && weight.parse::<u32>().is_ok() => {
            (path, weight.parse()?)
        }
        _ => (rest, 1),
    };
    if !path.starts_with('/') {
        bail!("`{spec}` is not a request; write `GET /path` or `POST /path=3`");
    }
    Ok(RequestSpec {
        method: method.to_owned(),
        weight,
        ..RequestSpec::get(path)
    })
}
