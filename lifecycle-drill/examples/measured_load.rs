//! One drill of a command, for `bench/load`: what the load measured, as JSON on stdout.
//!
//! `measured_load PORT RATE SECONDS http|http2 -- COMMAND…`

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use lifecycle_drill::{
    Endpoint, Idle, Load, Pace, Progress, Protocol, RequestSpec, Script, Subject, Target,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    lifecycle_drill::guard::serve_if_asked();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, rate, seconds, protocol, _, command @ ..] = words.as_slice() else {
        anyhow::bail!("measured_load PORT RATE SECONDS http|http2 -- COMMAND");
    };
    let port = port.parse().context("a port")?;
    let request = RequestSpec {
        protocol: match protocol.as_str() {
            "http2" => Protocol::Http2,
            _ => Protocol::Http1,
        },
        ..RequestSpec::get("/")
    };
    let target = Target {
        subject: Subject::Command(command.to_vec()),
        directory: None,
        env: Vec::new(),
        base: Some(Endpoint::on_port(port, "/")),
        finds_port: false,
        ready: None,
        live: None,
        start_timeout: Duration::from_secs(30),
    };
    let load = Load {
        pace: Pace::Open {
            rate: rate.parse().context("a rate")?,
            kept_alive: 16,
            fresh_share: 0.0,
        },
        warm_up: Duration::from_secs(seconds.parse().context("seconds")?),
        requests: vec![request],
        // Each carries a request that the load does not count.
        idle: Idle::NONE,
        ..Load::default()
    };
    let script = Script::new("known-server", "Kubernetes", Duration::from_secs(10));
    let progress: Progress = Arc::new(|_| {});
    let measured = lifecycle_drill::run(&target, &script, &load, &progress).await?;
    ensure!(measured.requests.is_some(), "{:#?}", measured.findings);
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
