//! A drill of the text in the page, against the program of the command line.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Parser as _;
use lifecycle_manifest::Options;
use serde::{Deserialize, Serialize};

use super::api::{Refusal, Served, blocking, lock};
use super::session::Session;
use crate::cli::{Cli, Command, DrillArgs};
use crate::drill::{self, Told};
use crate::input::Input;

/// What a drill may run. It comes from the command line and from the file as it was then: whatever the
/// page holds, it starts no other program, nor this one with another environment, which for many
/// programs comes to the same.
#[derive(Debug)]
pub(super) struct Program {
    command: Vec<String>,
    env: Vec<(String, String)>,
    /// The manifest's file; what it names beside it, such as `.proto` files, is looked for there.
    manifest: Option<PathBuf>,
}

/// What the page asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    text: String,
    platform: String,
    /// Requests a second; `None`: what the manifest says.
    #[serde(default)]
    rate: Option<u32>,
}

impl Program {
    pub(super) fn new(command: Vec<String>, manifest: &Input) -> Self {
        let resolved = manifest.analysis.resolved.as_ref();
        Self {
            command,
            env: resolved.map_or_else(Vec::new, env),
            manifest: manifest.path.clone(),
        }
    }

    /// As one line; `None`: none was named.
    pub(super) fn shown(&self) -> Option<String> {
        (!self.command.is_empty()).then(|| shell_words::join(&self.command))
    }
}

fn env(resolved: &lifecycle_manifest::Resolved) -> Vec<(String, String)> {
    let drill = resolved.manifest.drill.as_ref();
    drill.map_or_else(Vec::new, |drill| drill.env.clone())
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Started {
    Started,
    Refused { words: String },
}

/// Starts a drill, unless one is under way.
pub(super) async fn start(served: &Arc<Served>, asked: Asked) -> Result<Started, Refusal> {
    let refused = |words: &str| {
        Ok(Started::Refused {
            words: words.to_owned(),
        })
    };
    if served.program.command.is_empty() {
        return refused("no program was named; start `lifecycle serve MANIFEST -- COMMAND`");
    }
    let name = lock(&served.document).name().to_owned();
    let own = Arc::clone(served);
    let told = blocking(move || Ok(tell(&own.program, &name, &asked)));
    let (told, has_other_env) = match told.await? {
        Ok(told) => told,
        Err(error) => return refused(&format!("{error:#}")),
    };
    let session = {
        let mut current = lock(&served.session);
        if current.as_ref().is_some_and(|session| !session.is_over()) {
            return refused("a drill is under way; stop it first");
        }
        let session = Arc::new(Session::new(served.closing.child_token()));
        *current = Some(Arc::clone(&session));
        session
    };
    if has_other_env {
        session.note(
            "`drill.env` is taken as it stood in the file when `lifecycle serve` was started; \
             start it again to use the new one",
        );
    }
    served.drills.spawn(session.play(told));
    Ok(Started::Started)
}

/// As `lifecycle drill` would, were the text in the file. Also whether the text's own environment was
/// left aside.
fn tell(program: &Program, name: &str, asked: &Asked) -> Result<(Told, bool)> {
    let args = arguments(program, asked)?;
    let options = Options::default();
    let input = Input::new(name.to_owned(), None, asked.text.as_bytes(), &options);
    let Some(resolved) = input
        .analysis
        .resolved
        .as_ref()
        .filter(|_| !input.analysis.has_errors())
    else {
        anyhow::bail!(
            "a manifest with errors is not drilled: the platform would cut it off as written"
        );
    };
    let line = drill::timeline(resolved, args.platform.as_deref())?;
    let mut told = drill::told(&args, resolved, line, program.command.clone(), false)?;
    let has_other_env = env(resolved) != program.env;
    told.target.env.clone_from(&program.env);
    Ok((told, has_other_env))
}

/// The command line that this drill would have.
fn arguments(program: &Program, asked: &Asked) -> Result<DrillArgs> {
    let mut line = vec![
        "lifecycle".to_owned(),
        "drill".to_owned(),
        format!("--platform={}", asked.platform),
    ];
    line.extend(asked.rate.map(|rate| format!("--rate={rate}")));
    line.push("--".to_owned());
    line.extend(program.command.iter().cloned());
    match Cli::try_parse_from(line) {
        Ok(Cli {
            command: Command::Drill(mut args),
            ..
        }) => {
            args.directory.clone_from(&program.manifest);
            Ok(args)
        }
        Ok(_) => anyhow::bail!("this is no drill"),
        Err(error) => anyhow::bail!("{}", error.render()),
    }
}
