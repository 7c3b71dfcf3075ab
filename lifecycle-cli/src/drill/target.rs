//! What is drilled: a command, or the program that a directory builds.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::{Kind, Resolved, Timeline};

use crate::cli::DrillArgs;
use crate::input;
use crate::talk::{legible, say};
use lifecycle_drill::{Compose, Endpoint, Image, Subject, Target, Unit};

/// Builds the crate in a directory and finds its program. With `faults` it obeys `LIFECYCLE_FAULTS`, as
/// far as it links the runtime.
pub(super) fn build(directory: &Path, profile: &str, faults: bool) -> Result<PathBuf> {
    if !directory.join("Cargo.toml").is_file() {
        bail!(
            "there is no Cargo.toml in {}; name the program: `lifecycle drill {} -- COMMAND`",
            legible(directory),
            legible(directory)
        );
    }
    say!("building {} ({profile})", legible(directory));
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
        .context("could not run cargo; a program that is built already needs none: `-- COMMAND`")?;
    if !output.status.success() {
        bail!("the program does not build; cargo's words are above");
    }
    let root = std::fs::canonicalize(directory.join("Cargo.toml"))
        .with_context(|| format!("could not find {}", legible(directory)))?;
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
            legible(directory)
        ),
        several => {
            let several: Vec<String> = several.iter().map(|it| legible(it)).collect();
            bail!(
                "{} builds {} programs; name one with `-- COMMAND`: {}",
                legible(directory),
                several.len(),
                several.join(", ")
            )
        }
    }
}

/// Where the crate is that is built: beside the manifest.
pub(super) fn crate_directory(args: &DrillArgs) -> PathBuf {
    let directory = input::directory_of(args.directory.as_deref());
    match directory.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => directory,
    }
}

/// What is drilled is named on the command line, and not built from a directory.
pub(super) fn is_named(args: &DrillArgs) -> bool {
    !args.command.is_empty() || args.pid.is_some() || own_platform(args).is_some()
}

/// The platform that such a thing belongs to by itself: its engine.
pub(super) fn own_platform(args: &DrillArgs) -> Option<&'static str> {
    if args.image.is_some() {
        Some("docker")
    } else if args.compose.is_some() {
        Some("compose")
    } else if args.unit.is_some() {
        Some("systemd")
    } else {
        None
    }
}

/// An error where the command line would have the drill play what an engine plays by itself.
pub(super) fn ensure_played_here(args: &DrillArgs, line: &Timeline) -> Result<()> {
    if own_platform(args) != Some(line.platform()) {
        return Ok(());
    }
    // A container is stopped with the grace period that it is told.
    let grace = args.grace.is_some() && args.image.is_none();
    let flag = match (grace, args.deregistration_delay) {
        (true, _) => "--grace",
        (_, Some(_)) => "--deregistration-delay",
        (false, None) => return Ok(()),
    };
    bail!(
        "{flag} has no say here: {} plays this stop itself, by its own settings; leave it away, or \
         name with --platform one that the drill plays",
        line.facts.name
    );
}

/// Which platform is played: what was asked for, else the thing's own where the manifest names it.
pub(super) fn platform<'a>(args: &'a DrillArgs, resolved: &Resolved) -> Option<&'a str> {
    let own =
        own_platform(args).filter(|own| resolved.timelines.iter().any(|it| it.platform() == *own));
    args.platform.as_deref().or(own)
}

/// What is drilled, on the platform that is played: an engine that is itself the platform stops it.
pub(super) fn subject(args: &DrillArgs, platform: &str, command: Vec<String>) -> Subject {
    let stops_itself = own_platform(args) == Some(platform);
    if let Some(image) = &args.image {
        Subject::Image(Image {
            image: image.clone(),
            arguments: command,
            stops_itself,
        })
    } else if let Some(file) = &args.compose {
        Subject::Compose(Compose {
            file: file.clone(),
            service: args.compose_service.clone(),
            stops_itself,
        })
    } else if let Some(name) = &args.unit {
        Subject::Unit(Unit {
            name: name.clone(),
            stops_itself,
        })
    } else if let Some(pid) = args.pid {
        Subject::Pid(pid)
    } else {
        Subject::Command(command)
    }
}

/// Nobody says where the program listens, and it is one that somebody could send requests to.
pub(super) fn finds_port(args: &DrillArgs, resolved: &Resolved) -> bool {
    let resources = &resolved.manifest.resources;
    args.port.is_none()
        && resolved.plan.main_port(&resolved.manifest).is_none()
        && resources.iter().any(|resource| {
            let kind = resource.kind.value;
            kind.takes_traffic() && kind != Kind::GrpcServer
        })
}

/// What the crate in a directory calls its dependency on the runtime; `None`: it has none.
fn runtime_of(cargo: &OsStr, directory: &Path) -> Result<Option<String>> {
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .context("could not run cargo; a program that is built already needs none: `-- COMMAND`")?;
    if !output.status.success() {
        bail!("cargo does not understand the crate; its words are above");
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo's metadata is no JSON")?;
    let root = std::fs::canonicalize(directory.join("Cargo.toml"))
        .with_context(|| format!("could not find {}", legible(directory)))?;
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
    platform: &str,
    command: Vec<String>,
) -> Result<Target> {
    let port = args.port.or(resolved.plan.main_port(&resolved.manifest));
    let health = resolved.plan.health.as_ref();
    let own_port = health.and_then(|health| health.port);
    let finds_port = finds_port(args, resolved);
    if port.is_none() && own_port.is_none() && args.ready.is_none() && !finds_port {
        bail!(
            "where does the program listen? write `port:` at its server in the manifest, or \
             `traffic.health.port` for one that answers no requests, or give `--port`"
        );
    }
    let probe = |path: &str| Some(Endpoint::on_port(own_port.or(port)?, path));
    let drill = resolved.manifest.drill.as_ref();
    Ok(Target {
        subject: subject(args, platform, command),
        // A command was written where it was typed, and runs there.
        directory: (args.directory.is_some() && !is_named(args)).then(|| crate_directory(args)),
        env: drill.map(|drill| drill.env.clone()).unwrap_or_default(),
        base: port.map(|port| Endpoint::on_port(port, "/")),
        finds_port,
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn the_crate_that_is_built_is_beside_the_manifest() {
        let directory = |named: &str| {
            let cli = Cli::try_parse_from(["lifecycle", "drill", named]).unwrap();
            let Command::Drill(args) = cli.command else {
                panic!("it is a drill");
            };
            crate_directory(&args)
        };
        assert_eq!(directory("shop.yaml"), Path::new("."));
        assert_eq!(directory("shop/lifecycle.yaml"), Path::new("shop"));
        assert_eq!(directory("src"), Path::new("src"));
    }
}
