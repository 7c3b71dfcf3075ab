//! The command line: what can be asked, in words a person can learn from.

mod drill;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use lifecycle_manifest::Platform;

use crate::catalogue::RulesArgs;
use crate::check::Format as CheckFormat;
use crate::formats::Formats;
use crate::generate::{self, Target};
use crate::levels::LevelArgs;
use crate::talk::legible;
pub(crate) use drill::{BalancerKind, DrillArgs, ReplayArgs};

const EXIT_CODES: &str = "Exit codes: 0 clean, 1 findings, 2 could not run.";

/// One file says how a service stops; this makes everything agree with it.
///
/// A `lifecycle.yaml` declares what a service holds, in which order it lets go, how long each step may take, and how much time the platform gives. From it come the check in CI, the platform's manifests, the picture, and a rehearsed termination of the real process.
#[derive(Debug, Parser)]
#[command(name = "lifecycle", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// When to colour the output; `NO_COLOR` is respected.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Print less: results and errors, and nothing besides. `check -q` prints findings only, and `-qq` leaves it to the exit code.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) quiet: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum Command {
    /// Write a first `lifecycle.yaml`: with defaults, from answers and flags, or from what is deployed today.
    Init(InitArgs),
    /// Prove that the shutdown fits each platform, and point into the YAML where it does not.
    Check(CheckArgs),
    /// Write the platforms' manifests from the plan, all of them or one's, and keep them fresh.
    Gen(GenArgs),
    /// Draw the timeline of each platform.
    Plan(PlanArgs),
    /// Play a platform's termination against the real process under load, and measure what was lost.
    Drill(DrillArgs),
    /// Draw a recorded drill again, or compare two of them.
    Replay(ReplayArgs),
    /// Serve a local page where the manifest is edited with live findings and timeline, and a drill is watched.
    Serve(ServeArgs),
    /// Print a JSON Schema: of `lifecycle.yaml`, for editors, or of the JSON that `check`, `plan` and `drill` print.
    Schema(SchemaArgs),
    /// List the rules: what `check` finds.
    Rules(RulesArgs),
    /// Serve an editor over the language server protocol: findings, sums and timelines while the manifest is written.
    Lsp(LspArgs),
    /// Explain a rule, by its code or its name.
    Explain(ExplainArgs),
    /// Print the completions of a shell, for it to read at its start.
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands, for packages.
    Man(ManArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 written, 2 could not run.\n\n\
On a terminal and without flags it asks; elsewhere, and with `--yes`, it takes the defaults.")]
pub(crate) struct InitArgs {
    /// Where to write: a directory, or a file. Without it: lifecycle.yaml here.
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Describe what is deployed: the files of any platform, or what its own command prints of them; files, directories, or `-` for standard input.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) from: Vec<PathBuf>,
    /// Which workload, where the files hold several: `NAME`, `KIND/NAME` or `NAMESPACE/KIND/NAME`.
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) workload: Option<String>,
    /// The service's name. Without it: the package's in Cargo.toml, or the directory's.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Where it runs; may be given several times.
    #[arg(long = "platform", value_name = "PLATFORM", conflicts_with = "from", value_parser = platform())]
    pub(crate) platforms: Vec<&'static str>,
    /// What it holds, as in `orders-db=database:5s`; may be given several times.
    #[arg(long = "resource", value_name = "NAME=KIND[:TIMEOUT]", value_parser = crate::init::resource, conflicts_with = "from")]
    pub(crate) resources: Vec<crate::init::Asked>,
    /// Where the first server listens.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "from")]
    pub(crate) port: Option<u16>,
    /// Where readiness and liveness are answered, by a small server of the runtime's own.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "from")]
    pub(crate) health_port: Option<u16>,
    /// The image that the platforms run.
    #[arg(long, value_name = "IMAGE", conflicts_with = "from")]
    pub(crate) image: Option<String>,
    /// The same as PATH; `-` prints instead.
    #[arg(short, long, value_name = "FILE", conflicts_with = "path")]
    pub(crate) output: Option<PathBuf>,
    /// Print the manifest instead of writing it.
    #[arg(long, conflicts_with_all = ["path", "output"])]
    pub(crate) stdout: bool,
    /// Overwrite a manifest that is there already.
    #[arg(long)]
    pub(crate) force: bool,
    /// Ask nothing, take the defaults.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// One of the platforms, by its key in the manifest.
fn platform() -> impl TypedValueParser<Value = &'static str> {
    let values = Platform::KEYS.iter().map(|key| {
        let about = Platform::facts_of(key).map_or("", |facts| facts.name);
        let targets = generate::targets_of(key)
            .flat_map(|it| [it.name].into_iter().chain(it.aliases.iter().copied()));
        let others: Vec<&'static str> = targets.filter(|name| name != key).collect();
        PossibleValue::new(*key).aliases(others).help(about)
    });
    PossibleValuesParser::new(values).try_map(|asked| {
        let mut keys = Platform::KEYS.iter().copied();
        let is =
            |key: &&str| *key == asked || generate::target(&asked).is_some_and(|it| it.key == *key);
        keys.find(is)
            .ok_or_else(|| format!("there is no platform `{asked}`"))
    })
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct CheckArgs {
    /// Manifests, directories to look through (ignore files are respected), or `-` for standard input. Without any: the nearest lifecycle.yaml, here or above.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Compare with what is deployed or rendered: the files of any platform, CloudFormation templates and Terraform's JSON among them, or what its own command prints; files, directories, or `-` for standard input. Every path behind it is one of these, so write PATH before it. Where there is no lifecycle.yaml, these are looked at alone.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) against: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) formats: Formats<CheckFormat>,
    /// Show the sums of every manifest. Without it: of several manifests, only of those with findings.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show what is allowed too, with its reason; in SARIF as suppressed results. JSON always has it.
    #[arg(long)]
    pub(crate) show_allowed: bool,
    #[command(flatten)]
    pub(crate) levels: LevelArgs,
    /// Make the fixes that only give more time or mean the same; what is left is reported. With `-`, the fixed text goes to standard output.
    #[arg(long, help_heading = "Fixes", group = "fixing")]
    pub(crate) fix: bool,
    /// Make the others too, with `--fix` or `--diff`: they change what is meant.
    #[arg(long, help_heading = "Fixes", requires = "fixing")]
    pub(crate) unsafe_fixes: bool,
    /// Show what `--fix` would change, and write nothing; exits 1 where there is anything.
    #[arg(long, help_heading = "Fixes", group = "fixing")]
    pub(crate) diff: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 written or fresh, 1 a file is stale (with --check) or the manifest has errors, 2 could not run."
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct GenArgs {
    /// What to generate for. Without it: every platform that the manifest names, each in a folder of its own.
    #[arg(value_name = "TARGET", value_parser = TargetOrManifest)]
    pub(crate) target: Option<Asked>,
    /// The manifest. Without it: the nearest lifecycle.yaml, here or above.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,
    /// The image to run, instead of the manifest's: for pipelines that know the tag.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Only what concerns termination, to lay over files that you own already.
    #[arg(long)]
    pub(crate) patch: bool,
    /// Write the files into this directory instead of printing them. Without it: `generate.output` of the manifest.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Compare with what is in the output directory, show the difference, and write nothing.
    #[arg(long)]
    pub(crate) check: bool,
    /// Overwrite files that this tool did not write.
    #[arg(long)]
    pub(crate) force: bool,
    /// Templates that replace the built-in ones of the same names, such as `kubernetes/service.yaml.j2`.
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
    /// Print what every template is given, as JSON, for those who write their own.
    #[arg(long, conflicts_with_all = ["output", "check", "force", "templates"])]
    pub(crate) print_data: bool,
}

/// The first word of `gen`: mostly a target, and where that is left away, the manifest.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Target(&'static Target),
    Manifest(PathBuf),
}

impl GenArgs {
    /// Which target and which manifest.
    pub(crate) fn asked(&self) -> anyhow::Result<(Option<&'static Target>, Option<&Path>)> {
        match (&self.target, self.manifest.as_deref()) {
            (Some(Asked::Target(target)), manifest) => Ok((Some(target), manifest)),
            (Some(Asked::Manifest(manifest)), None) => Ok((None, Some(manifest))),
            (Some(Asked::Manifest(one)), Some(other)) => anyhow::bail!(
                "one manifest at a time: {} or {}",
                legible(one),
                legible(other)
            ),
            (None, manifest) => Ok((None, manifest)),
        }
    }
}

/// Reads a target, or a path.
#[derive(Debug, Clone)]
struct TargetOrManifest;

impl TypedValueParser for TargetOrManifest {
    type Value = Asked;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Asked, clap::Error> {
        let is_target = value.to_str().and_then(generate::target).is_some();
        let path = Path::new(value);
        // What is written like a path is one, so that it is said of a lost file that it is lost.
        let is_path = path.extension().is_some() || path.components().nth(1).is_some();
        if !is_target && (value == "-" || is_path || path.exists()) {
            return Ok(Asked::Manifest(value.into()));
        }
        target().parse_ref(command, arg, value).map(Asked::Target)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<PossibleValue> = target().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}

/// One of the registered targets, by its name.
fn target() -> impl TypedValueParser<Value = &'static Target> {
    let values = generate::TARGETS.iter().map(|target| {
        PossibleValue::new(target.name)
            .aliases(target.aliases.iter().copied())
            .help(target.about)
    });
    PossibleValuesParser::new(values).try_map(|name| {
        generate::target(&name).ok_or_else(|| format!("there is no target `{name}`"))
    })
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 drawn, 1 the manifest has errors, 2 could not run.\n\n\
Examples:\n  lifecycle plan --format svg=shutdown.svg\n  lifecycle plan --if hang:orders-db --if 'instant:*'"
)]
pub(crate) struct PlanArgs {
    /// The manifest. Without it: the nearest lifecycle.yaml, here or above.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,
    /// Draw only this platform, by its key in the manifest.
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Draw what comes of it if a step does other than planned: `hang:NAME`, `fail:NAME`, `instant:NAME` or `slow:NAME=3s`, with `*` for all that are not named; may be given several times. Steps that are not spoken of take their whole timeout.
    #[arg(long = "if", value_name = "CASE")]
    pub(crate) cases: Vec<crate::picture::Case>,
    #[command(flatten)]
    pub(crate) formats: Formats<crate::picture::Format>,
    /// How wide to draw in a terminal, in columns. Without it: the terminal's width, 80 where there is none.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 ended with Ctrl-C, 2 could not run.\n\n\
The page is served on 127.0.0.1 alone, and to nobody without the word in its address. It writes the manifest when asked to save, and nothing else.")]
pub(crate) struct ServeArgs {
    /// The manifest. Without it: the nearest lifecycle.yaml, here or above.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,
    /// Where to listen on 127.0.0.1. Without it: a port that is free.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) port: u16,
    /// Open the page in the browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// The program that the page may drill, and its arguments, in any language. Only what stands here is ever run.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(value_name = "DOCUMENT", default_value = "manifest")]
    pub(crate) document: Document,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// `lifecycle.yaml`, for completion and hover in editors.
    Manifest,
    /// What `lifecycle check --format json` prints.
    Report,
    /// What `lifecycle drill --format json`, `drill --record` and `replay --format json` print.
    Drill,
    /// What `lifecycle plan --format json` prints.
    Plan,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write one page a command into this directory, such as `lifecycle-check.1`.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the editor has shut the session down, 1 it left without, 2 could not run."
)]
pub(crate) struct LspArgs {
    /// Speak over standard input and output, which is the only way there is; clients pass it by habit.
    #[arg(long)]
    pub(crate) stdio: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as LC101, or a name such as grace-too-short. Without it: all rules, as `lifecycle rules` lists them.
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
}
