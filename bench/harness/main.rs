//! The runtime beside its peers, in one run on one machine: `bench/run --help`.

mod client;
mod figures;
#[cfg(feature = "http2")]
mod http2;
mod instructions;
mod memory;
mod peer;
mod stopping;
mod stuck;
mod throughput;
mod traffic;

use anyhow::bail;

use self::peer::PEERS;

const HELP: &str = "\
Measures the runtime beside its peers and prints tables.

Usage: bench/run [OPTIONS] [SECTION]...

Sections (all of them, unless some are named):
  saturation    64 kept-alive and 8 fresh clients in a loop: requests that SIGTERM breaks
  lag           requests that come in the half second after SIGTERM
  stop          SIGTERM to exit with 0, 100 and 10,000 idle connections
  stuck         SIGTERM to exit with one client that does not let go
  throughput    requests a second and processor time a request, beside axum::serve
  instructions  instructions a request, counted by callgrind
  memory        bytes a connection that idles
  http2         saturation and stop over HTTP/2; not among `all`, since it is built apart

Options:
  --rounds N    how often each is measured (20; `stuck` once, 10,000 connections a quarter)
  --peers A,B   only these peers
  --help";

/// What to measure, and how often.
pub struct Choice {
    pub rounds: usize,
    pub peers: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let mut choice = Choice {
        rounds: 20,
        peers: PEERS.map(str::to_owned).to_vec(),
    };
    let mut sections = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" => {
                println!("{HELP}");
                return Ok(());
            }
            "--rounds" => choice.rounds = arguments.next().unwrap_or_default().parse()?,
            "--peers" => {
                let named = arguments.next().unwrap_or_default();
                choice.peers = named.split(',').map(str::to_owned).collect();
            }
            _ => sections.push(argument),
        }
    }
    let all = [
        "saturation",
        "lag",
        "stop",
        "stuck",
        "throughput",
        "instructions",
        "memory",
    ];
    if sections.is_empty() {
        sections = all.map(str::to_owned).to_vec();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    machine();
    for section in &sections {
        match section.as_str() {
            "saturation" => traffic::saturation(&choice, &runtime)?,
            "lag" => traffic::lag(&choice, &runtime)?,
            "stop" => stopping::stop(&choice, &runtime)?,
            "stuck" => stuck::stuck(&choice, &runtime)?,
            "throughput" => throughput::throughput(&choice)?,
            "instructions" => instructions::instructions(&choice, &runtime)?,
            "memory" => memory::memory(&choice, &runtime)?,
            #[cfg(feature = "http2")]
            "http2" => http2::http2(&choice, &runtime)?,
            other => bail!("there is no section `{other}`; try --help"),
        }
    }
    machine();
    Ok(())
}

/// The machine and how busy others keep it.
fn machine() {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let named = |line: &&str| line.starts_with("model name");
    let model = processor.lines().find(named).unwrap_or("model name: ?");
    let (_, model) = model.split_once(": ").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    println!("\n{cores} × {model}, Linux {}, load {load}", kernel.trim());
}
