//! `lifecycle drill`: fills in what the engine is told, from the manifest and the command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::duration::{human, show};
use lifecycle_manifest::{DrillRequest, Kind, Platform, Resolved, Timeline, contract};

use crate::cli::{DrillArgs, DrillFormat};
use crate::drill::{
    self, Endpoint, Event, Load, Pace, PlannedStep, Progress, RequestSpec, Script, Target,
};
use crate::input::{self, Input};
use crate::talk::say;
use crate::{Outcome, check, picture};

/// How long after the signal readiness may still say yes without being called late.
const READINESS_BUDGET: std::time::Duration = std::time::Duration::from_millis(500);
/// The name of the manifest that a bare command is given.
const NO_MANIFEST: &str = "<no manifest>";
/// Idle connections in the pool of kept-alive ones.
const KEPT_ALIVE: usize = 16;
/// The share of requests on a connection of their own, and the share of slow ones.
const FRESH_SHARE: f64 = 0.2;
const SLOW_SHARE: f64 = 0.05;

pub(crate) fn run(args: &DrillArgs) -> Result<Outcome> {
    let input = manifest(args)?;
    if input.analysis.has_errors() {
        anstream::eprint!("{}", check::findings(&input));
        anstream::eprintln!(
            "a manifest with errors is not drilled: the platform would cut it off as written"
        );
        return Ok(Outcome::Findings);
    }
    let Some(resolved) = &input.analysis.resolved else {
        bail!("{} could not be resolved", input.name);
    };
    let line = timeline(resolved, args.platform.as_deref())?;
    let human = args.format == DrillFormat::Human;
    let invented = input.name == NO_MANIFEST;
    if human && !invented {
        write!(
            anstream::stdout(),
            "{}\n{}",
            check::summary(&input),
            picture::draw(resolved, &[line], 80)
        )?;
    }
    let directory = args.directory.as_deref();
    let command = match args.command.is_empty() {
        false => args.command.clone(),
        true => vec![
            build(directory.unwrap_or(Path::new(".")), &args.profile)?
                .display()
                .to_string(),
        ],
    };
    let target = target(args, resolved, command)?;
    let mut script = script(resolved, line);
    if invented {
        // Its timeouts are nobody's plan; what is measured is shown beside the platform alone.
        script.steps.clear();
        script.deadline = None;
    }
    if let Some(lag) = args.routing_lag {
        script.routing_lag = lag;
    }
    let load = load(args, resolved)?;
    let progress = progress(args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let measured = runtime.block_on(drill::run(&target, &script, &load, &progress))?;
    if human {
        write!(anstream::stdout(), "\n{}", drill::human(&measured))?;
    } else {
        writeln!(
            anstream::stdout(),
            "{}",
            serde_json::to_string_pretty(&measured)?
        )?;
    }
    Ok(if measured.passed {
        Outcome::Clean
    } else {
        Outcome::Findings
    })
}

/// The manifest of the directory; for a bare command without one, what most pods are.
fn manifest(args: &DrillArgs) -> Result<Input> {
    if args.command.is_empty() || args.directory.is_some() {
        return input::one(args.directory.as_deref());
    }
    if let Ok(input) = input::one(None) {
        return Ok(input);
    }
    let Some(port) = args.port else {
        bail!(
            "there is no lifecycle.yaml here or above; without one, say where the program listens: `--port PORT`"
        );
    };
    let program = Path::new(&args.command[0])
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let name: String = program
        .to_lowercase()
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = match name.trim_matches(|c: char| c == '-' || c.is_ascii_digit()) {
        "" => "program",
        name => name,
    };
    let key = args.platform.as_deref().unwrap_or("kubernetes");
    let Some(facts) = Platform::facts_of(key) else {
        bail!(
            "there is no platform `{key}`; there are {}",
            Platform::KEYS.join(", ")
        );
    };
    // Nobody's plan: shares of the platform's default, so that it fits.
    let grace = facts.default_grace;
    let settle = show((grace / 6).min(std::time::Duration::from_secs(1)));
    let timeout = show(grace / 3);
    let entry = match key {
        "kubernetes" => format!("{{ pre_stop: 0s, app_settle: {settle} }}"),
        _ => "{}".to_owned(),
    };
    let text = format!(
        "lifecycle: 1\nservice: {name}\ntraffic: {{ settle: {settle} }}\nresources:\n  http: {{ kind: http-server, port: {port}, timeout: {timeout} }}\nplatforms:\n  {key}: {entry}\n"
    );
    say!(
        "note: no lifecycle.yaml: drilled with {}'s defaults and nothing before the signal",
        facts.name
    );
    let options = lifecycle_manifest::Options::default();
    Ok(Input::new(
        NO_MANIFEST.to_owned(),
        None,
        text.as_bytes(),
        &options,
    ))
}

fn timeline<'a>(resolved: &'a Resolved, asked: Option<&str>) -> Result<&'a Timeline> {
    let named: Vec<&str> = resolved.timelines.iter().map(Timeline::platform).collect();
    match asked {
        Some(key) => resolved
            .timelines
            .iter()
            .find(|line| line.platform() == key)
            .with_context(|| {
                format!(
                    "the manifest names no platform `{key}`; it names {}",
                    named.join(", ")
                )
            }),
        None => resolved
            .timelines
            .first()
            .context("the manifest names no platform; add one under `platforms`"),
    }
}

/// Builds the crate in a directory and finds its program.
fn build(directory: &Path, profile: &str) -> Result<PathBuf> {
    if !directory.join("Cargo.toml").is_file() {
        bail!(
            "there is no Cargo.toml in {}; name the program: `lifecycle drill {} -- COMMAND`",
            directory.display(),
            directory.display()
        );
    }
    say!("building {} ({profile})", directory.display());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args([
            "build",
            "--bins",
            "--profile",
            profile,
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .context("could not run cargo")?;
    if !output.status.success() {
        bail!("the program does not build; cargo's words are above");
    }
    let root = std::fs::canonicalize(directory.join("Cargo.toml"))
        .with_context(|| format!("could not find {}", directory.display()))?;
    let programs: Vec<PathBuf> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(root.as_path()))
        .filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .collect();
    match programs.as_slice() {
        [program] => Ok(program.clone()),
        [] => bail!(
            "{} builds no program; name one: `-- COMMAND`",
            directory.display()
        ),
        several => bail!(
            "{} builds {} programs; name one: `-- COMMAND`",
            directory.display(),
            several.len()
        ),
    }
}

fn target(args: &DrillArgs, resolved: &Resolved, command: Vec<String>) -> Result<Target> {
    let port = args.port.or(resolved.plan.main_port(&resolved.manifest));
    let health = resolved.plan.health.as_ref();
    let own_port = health.and_then(|health| health.port);
    if port.is_none() && own_port.is_none() && args.ready.is_none() {
        bail!(
            "where does the program listen? write `port:` at its server in the manifest, or \
             `traffic.health.port` for one that answers no requests, or give `--port`"
        );
    }
    let probe = |path: &str| Some(Endpoint::on_port(own_port.or(port)?, path));
    let drill = resolved.manifest.drill.as_ref();
    Ok(Target {
        command,
        // A command was written where it was typed, and runs there.
        directory: args.directory.clone().filter(|_| args.command.is_empty()),
        env: drill.map(|drill| drill.env.clone()).unwrap_or_default(),
        base: port.map(|port| Endpoint::on_port(port, "/")),
        ready: match &args.ready {
            Some(url) => Some(Endpoint::parse(url)?),
            None => health.and_then(|health| probe(&health.ready)),
        },
        live: match &args.live {
            Some(url) => Some(Endpoint::parse(url)?),
            None => health.and_then(|health| probe(&health.live)),
        },
        start_timeout: args.start_timeout,
    })
}

fn script(resolved: &Resolved, line: &Timeline) -> Script {
    let terms = &line.terms;
    // Not every wait before the signal is one in which routing notices.
    let paid = terms
        .outside
        .as_ref()
        .filter(|_| !terms.paid_before_signal.is_zero());
    let payer = match (&terms.hook, paid) {
        (Some(hook), _) => hook.term(),
        (None, Some(outside)) => outside.term(),
        (None, None) if line.app_settle.value.is_zero() => "nobody".to_owned(),
        (None, None) => format!("the program, {}", human(line.app_settle.value)),
    };
    Script {
        service: resolved.plan.service.clone(),
        platform: line.platform().to_owned(),
        platform_label: line.facts.name.to_owned(),
        deregistration: terms.outside.as_ref().map(|outside| outside.value),
        deregistration_ends_early: resolved
            .manifest
            .platforms
            .get(line.platform())
            .is_some_and(|platform| platform.ecs().is_some()),
        hook: terms.hook.as_ref().map(|hook| hook.value),
        signal: terms.signal,
        grace: line.grace().value,
        kill_floor: line.facts.kill_floor,
        routing_lag: terms.settle.value,
        readiness_budget: READINESS_BUDGET,
        // Kubernetes would not ask any more; a program that calls itself dead is a fault all the same.
        liveness_probed: true,
        deadline: Some(line.deadline()),
        env: contract::environment(resolved, line)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        settle_payer: payer,
        steps: resolved
            .plan
            .steps
            .iter()
            .zip(&line.windows)
            .map(|(step, window)| PlannedStep {
                name: step.name.clone(),
                kind: step.kind.as_str().to_owned(),
                start: window.start,
                timeout: window.timeout.value,
                end: window.end,
            })
            .collect(),
    }
}

/// Whether there is somebody to send requests to. A gRPC server would not understand them, and what
/// only claims jobs has no port at all.
fn answers_http(args: &DrillArgs, resolved: &Resolved) -> bool {
    let resources = &resolved.manifest.resources;
    args.port.is_some()
        || !args.requests.is_empty()
        || resources.iter().any(|resource| {
            let kind = resource.kind.value;
            resource.port.is_some() && kind.takes_traffic() && kind != Kind::GrpcServer
        })
}

fn load(args: &DrillArgs, resolved: &Resolved) -> Result<Load> {
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

/// What happens goes to standard error: standard output is for the result.
fn progress(verbose: bool) -> Progress {
    Arc::new(move |event| match event {
        Event::Output(line) if verbose => anstream::eprintln!("  | {line}"),
        Event::Output(_) => {}
        event => say!("· {event}"),
    })
}
