//! What is drilled: a command, or the program that a directory builds.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::Resolved;

use crate::cli::DrillArgs;
use crate::talk::say;
use lifecycle_drill::{Endpoint, Subject, Target};

/// Builds the crate in a directory and finds its program. With `faults` it obeys `LIFECYCLE_FAULTS`, as
/// far as it links the runtime.
pub(super) fn build(directory: &Path, profile: &str, faults: bool) -> Result<PathBuf> {
    if !directory.join("Cargo.toml").is_file() {
        bail!(
            "there is no Cargo.toml in {}; name the program: `lifecycle drill {} -- COMMAND`",
            directory.display(),
            directory.display()
        );
    }
    say!("building {} ({profile})", directory.display());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let runtime = match faults {
        true => runtime_of(&cargo, directory)?,
        false => None,
    };
    let faults = runtime.map(|name| format!("--features={name}/faults"));
    let output = std::process::Command::new(cargo)
        .args([
            "build",
            "--bins",
            "--profile",
            profile,
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(faults)
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

/// What the crate in a directory calls its dependency on the runtime; `None`: it has none.
fn runtime_of(cargo: &OsStr, directory: &Path) -> Result<Option<String>> {
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .context("could not run cargo")?;
    if !output.status.success() {
        bail!("cargo does not understand the crate; its words are above");
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo's metadata is no JSON")?;
    let root = std::fs::canonicalize(directory.join("Cargo.toml"))
        .with_context(|| format!("could not find {}", directory.display()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut own = packages
        .filter(|package| package["manifest_path"].as_str().map(Path::new) == Some(root.as_path()))
        .flat_map(|package| package["dependencies"].as_array().into_iter().flatten())
        .filter(|dependency| dependency["name"] == "lifecycle-runtime");
    Ok(own.next().map(|dependency| {
        let renamed = dependency["rename"].as_str();
        renamed.unwrap_or("lifecycle-runtime").to_owned()
    }))
}

pub(super) fn target(
    args: &DrillArgs,
    resolved: &Resolved,
    command: Vec<String>,
) -> Result<Target> {
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
        subject: Subject::Command(command),
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
        finds_port: false,
    })
}
