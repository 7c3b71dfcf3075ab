//! A stand-in for trying the drill's engine by hand; the real command line replaces it.
//!
//! `lifecycle PORT RATE HOOK_MS GRACE_MS [LAG_MS] -- COMMAND…`

mod drill;

use std::sync::Arc;
use std::time::Duration;

use drill::{Endpoint, Event, Load, Pace, Progress, RequestSpec, Script, StopSignal, Target};

fn number(args: &[String], at: usize, default: u64) -> u64 {
    args.get(at)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(default)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let split = args
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.len());
    let (own, command) = args.split_at(split);
    let port = u16::try_from(number(own, 0, 8080))?;
    let hook = Duration::from_millis(number(own, 2, 1_000));
    let target = Target {
        command: command.iter().skip(1).cloned().collect(),
        directory: None,
        env: vec![("PORT".to_owned(), port.to_string())],
        base: Some(Endpoint::on_port(port, "/")),
        ready: Some(Endpoint::parse(&format!("http://127.0.0.1:{port}/ready"))?),
        live: Some(Endpoint::parse(&format!("http://127.0.0.1:{port}/live"))?),
        start_timeout: Duration::from_secs(10),
    };
    let script = Script {
        service: "service".to_owned(),
        platform: "kubernetes".to_owned(),
        platform_label: "Kubernetes".to_owned(),
        deregistration: None,
        hook: Some(hook),
        signal: StopSignal::Term,
        grace: Duration::from_millis(number(own, 3, 10_000)),
        kill_floor: Duration::from_secs(2),
        routing_lag: Duration::from_millis(number(own, 4, 0)).max(hook),
        readiness_budget: Duration::from_millis(50),
        liveness_probed: true,
        deadline: None,
        env: vec![("LIFECYCLE_PLATFORM".to_owned(), "kubernetes".to_owned())],
        settle_payer: format!("preStop sleep {}s", hook.as_secs_f64()),
        steps: Vec::new(),
    };
    let rate = u32::try_from(number(own, 1, 200))?;
    let mut load = Load {
        pace: match rate {
            0 => Pace::Closed {
                kept_alive: 64,
                fresh: 8,
            },
            rate => Pace::Open {
                rate,
                kept_alive: 16,
                fresh_share: 0.2,
            },
        },
        requests: vec![RequestSpec::get("/")],
        slow: vec![RequestSpec::get("/slow")],
        slow_share: 0.1,
        ..Load::default()
    };
    if rate == 0 {
        load.slow.clear();
    }
    let progress: Progress = Arc::new(|event| match event {
        Event::Output(line) => eprintln!("| {line}"),
        other => eprintln!("{other:?}"),
    });
    let measured = drill::run(&target, &script, &load, &progress).await?;
    anstream::print!("{}", drill::human(&measured));
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
