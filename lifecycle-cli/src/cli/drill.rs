//! What `drill` and `replay` can be asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::drill::Format as DrillFormat;
use crate::drill::scenarios::Choice as Scenarios;
use crate::formats::Formats;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing was lost, 1 something was, or the program did not stop as planned, 2 could not run."
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct DrillArgs {
    /// A directory with a lifecycle.yaml and the program's Cargo.toml, or a manifest beside one. With `-- COMMAND`, only the manifest is taken from it. Without it: the nearest lifecycle.yaml, here or above; a command, an image, a unit or a process may be drilled without any.
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Which platform to play, by its key in the manifest. Without it: with `--image`, `--compose` and `--unit` Docker, Compose and systemd, where the manifest names it or there is none; otherwise the first that the manifest names; for a command without a manifest, Kubernetes.
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Drills a container image through Docker or Podman, as its process 1; COMMAND then takes the place of the image's own. Its ports are published on loopback: those of the manifest, of `--port`, or the image's EXPOSE. Played as Docker, `docker stop` stops it; as any other platform, the drill signals it.
    #[arg(long, value_name = "IMAGE", group = "subject")]
    pub(crate) image: Option<String>,
    /// Drills a service of a Compose project, started under a name of its own with whatever it depends on, and removed afterwards. Played as Compose, `compose stop` stops it, with the file's hooks, signal and grace period; as any other platform, the drill signals it.
    #[arg(
        long,
        value_name = "FILE",
        group = "subject",
        conflicts_with = "command"
    )]
    pub(crate) compose: Option<PathBuf>,
    /// Which service of the Compose project, where it has several.
    #[arg(long, value_name = "NAME", requires = "compose")]
    pub(crate) compose_service: Option<String>,
    /// Drills a systemd unit of this machine, which is started if it does not run, and afterwards runs again or not, as before. Played as systemd, `systemctl stop` stops it, with what the unit says; as any other platform, the drill signals its main process.
    #[arg(
        long,
        value_name = "NAME",
        group = "subject",
        conflicts_with = "command"
    )]
    pub(crate) unit: Option<String>,
    /// Drills a process that runs already: it is signalled, and killed at the end of the grace period. Before the signal it is left alone, whatever becomes of the drill.
    #[arg(
        long,
        value_name = "PID",
        group = "subject",
        conflicts_with = "command"
    )]
    pub(crate) pid: Option<u32>,
    /// Requests a second. Without it: what the manifest's `drill` says, or 200.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) rate: Option<u32>,
    /// A request to send, as `[PROTOCOL ][METHOD ]PATH[=WEIGHT]`; may be given several times. PROTOCOL is `http2`, `grpc`, `websocket` or `stream`; without it, HTTP/1.1. Without any: what the manifest's `drill` says, or what its resources answer: `GET /`, gRPC's health check, a WebSocket, a stream.
    #[arg(long = "request", value_name = "SPEC")]
    pub(crate) requests: Vec<String>,
    /// Where the program listens, when the manifest does not say. Without either: the port that it opens, found by looking.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Sends no requests: what is measured is health, the steps and the end.
    #[arg(long, conflicts_with_all = ["rate", "requests", "saturate"])]
    pub(crate) no_traffic: bool,
    /// Where readiness is answered, such as `http://127.0.0.1:9090/ready`, when the manifest does not say.
    #[arg(long, value_name = "URL")]
    pub(crate) ready: Option<String>,
    /// Where liveness is answered, when the manifest does not say.
    #[arg(long, value_name = "URL")]
    pub(crate) live: Option<String>,
    /// A fault to play the stop with, as `NAME` or `NAME=RESOURCE`: `hanging-close=orders-db`; may be given several times. `all` plays each one after the other, `list` shows them with what each asks of the program. The load runs for a second at most before the stop, and for two with `dependency-gone`.
    #[arg(long = "scenario", value_name = "NAME")]
    pub(crate) scenarios: Vec<Scenarios>,
    /// The platform's grace period, shortened: SIGKILL comes so long after the platform's stop. A program that hangs ends sooner; one whose plan needs the whole time is cut.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) grace: Option<Duration>,
    /// Instead of a rate: 64 clients on kept-alive connections and 8 on fresh ones, each sending its next request as soon as the last was answered.
    #[arg(long, conflicts_with = "rate")]
    pub(crate) saturate: bool,
    /// How long clients keep sending new requests after the platform's stop. Without it: the settle time.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) routing_lag: Option<Duration>,
    /// How long the platform deregisters before its grace period begins. Without it: what the manifest says of the platform.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) deregistration_delay: Option<Duration>,
    /// Replaces several instances as the platform rolls out a new version, behind a small balancer that follows readiness and endpoint removal, and tells what clients saw. Each instance is told its port in `PORT`, or where `{port}` stands in the command or in the manifest's `drill.env`.
    #[arg(long, conflicts_with_all = ["no_traffic", "scenarios", "runs"])]
    pub(crate) rolling: bool,
    /// How many instances serve. Without it: what the manifest says of the platform, or 3.
    #[arg(long, value_name = "N", requires = "rolling", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) replicas: Option<u32>,
    /// How many instances may be started beside them; with 0, one is stopped before its successor is started. Without it: what the platform does, by the manifest where it says so.
    #[arg(long, value_name = "N", requires = "rolling", value_parser = clap::value_parser!(u32).range(..=50))]
    pub(crate) surge: Option<u32>,
    /// Who is before the instances. Without it: what usually is, on the platform.
    #[arg(long, value_name = "BY", requires = "rolling")]
    pub(crate) balancer: Option<BalancerKind>,
    /// How long load runs before the stop.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(crate) warm_up: Duration,
    /// How long the program may take to become ready.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) start_timeout: Duration,
    /// Cargo profile for a program that is built from DIR.
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "release",
        conflicts_with_all = ["command", "subject"]
    )]
    pub(crate) profile: String,
    /// Run it so often, one run after the other, and sum up; it fails where any of them does. A record holds them all.
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) runs: u32,
    /// Where chance begins: which request comes next, and on which connection. The same number gives the same order; the second of several runs takes the next one. Without it: the same in every drill.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) formats: Formats<DrillFormat>,
    /// Keep everything that was measured in this file, as JSON, for `lifecycle replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Show what the program writes.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// The program and its arguments, in any language.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// What a balancer hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BalancerKind {
    /// Connections, as kube-proxy and other balancers of TCP: what an instance does to its connection, the client sees.
    Connections,
    /// Requests, as load balancers of HTTP: over connections of their own, and with a 502 where an instance does not answer.
    Requests,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: of one record those of its drill: 0 it passed, 1 it did not; of two 1 where the second has the worse verdict, otherwise 0; 2 could not run."
)]
pub(crate) struct ReplayArgs {
    /// What `drill --record` or `drill --format json` has written, or `-` for standard input.
    #[arg(value_name = "RUN.json")]
    pub(crate) record: PathBuf,
    /// A second one, to be compared with the first: what got better, and what got worse.
    #[arg(value_name = "OTHER.json")]
    pub(crate) other: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) formats: Formats<DrillFormat>,
}

fn duration(text: &str) -> Result<Duration, String> {
    lifecycle_manifest::duration::parse(text).map_err(|error| format!("{error}; {}", error.help()))
}
