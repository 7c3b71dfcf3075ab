//! `lifecycle init`: a first manifest, from nothing, from answers and flags, or from what is deployed.
//!
//! Whatever the source, it becomes a [`Draft`], and one template writes every draft.

mod draft;
mod fit;
mod from;
mod questions;
mod shown;
mod write;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lifecycle_manifest::{Analysis, Kind, Platform, Severity, is_label, nearest};

use crate::Outcome;
use crate::cli::InitArgs;
use crate::generate::targets_of;
use crate::input::FILE_NAME;
use crate::talk::{legible, say};
use crate::whole;
use draft::{Draft, Health, Name, Resource, Slot, USUAL_PORT};
use questions::Answers;

/// A resource that was asked for with `--resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    name: String,
    kind: Kind,
    timeout: Option<Duration>,
}

/// Reads `NAME=KIND[:TIMEOUT]`.
pub(crate) fn resource(text: &str) -> Result<Asked, String> {
    let Some((name, rest)) = text.split_once('=') else {
        return Err("write it as NAME=KIND, such as `http=http-server` or `db=database:5s`".into());
    };
    if !is_label(name) {
        return Err(format!(
            "`{name}` cannot be a name: a name has lower-case letters, digits and single `-` between them, begins with a letter, and is at most 63 long"
        ));
    }
    let (kind, timeout) = match rest.split_once(':') {
        Some((kind, timeout)) => (kind, Some(timeout)),
        None => (rest, None),
    };
    let names = || Kind::ALL.iter().map(|kind| kind.as_str());
    let Some(kind) = Kind::ALL.iter().find(|known| known.as_str() == kind) else {
        return Err(match nearest(kind, names()) {
            Some(near) => format!("`{kind}` is not a kind of resource; did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = names().collect();
                format!(
                    "`{kind}` is not a kind of resource; it can be {}",
                    names.join(", ")
                )
            }
        });
    };
    let timeout = timeout
        .map(|text| {
            lifecycle_manifest::duration::parse(text)
                .map_err(|error| format!("{error}; {}", error.help()))
        })
        .transpose()?;
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Err(format!(
            "`{name}` cannot have a timeout of zero: it would have no time to finish"
        ));
    }
    Ok(Asked {
        name: name.to_owned(),
        kind: *kind,
        timeout,
    })
}

/// Whether what is deployed on a platform can be described.
#[cfg(test)]
pub(crate) fn reads(key: &str) -> bool {
    from::describer(key).is_some()
}

pub(crate) fn run(args: &InitArgs) -> Result<Outcome> {
    let target = target(args)?;
    if let Some(path) = &target {
        refuse_to_overwrite(path, args.force)?;
    }
    let directory = match &target {
        Some(path) => directory_of(path).to_owned(),
        None => PathBuf::from("."),
    };
    let Some(draft) = draft(args, &directory)? else {
        bail!("nothing was written");
    };
    let text = write::manifest(&draft)?;
    match &target {
        None => crate::out::text().write_all(text.as_bytes())?,
        Some(path) => {
            let written = match args.force {
                true => whole::write(path, text.as_bytes()),
                false => whole::write_new(path, text.as_bytes()),
            };
            written.with_context(|| format!("could not write {}", legible(path)))?;
            say!("wrote {}", legible(path));
        }
    }
    say_what_next(&draft, &text, target.as_deref());
    Ok(Outcome::Clean)
}

/// The manifest that describes what is deployed, where it can be described.
#[cfg(any(fuzzing, clippy))]
pub(crate) fn described(
    deployed: &std::sync::Arc<[lifecycle_manifest::deployed::Deployed]>,
) -> Option<String> {
    let sources = from::Source::all(deployed);
    let draft = from::draft(&sources, None, None, &Name::near("shop", "shop")).ok()?;
    Some(write::manifest(&draft).expect("the template of every manifest renders"))
}

/// Where the manifest goes; `None` for standard output.
fn target(args: &InitArgs) -> Result<Option<PathBuf>> {
    let asked = args.path.as_ref().or(args.output.as_ref());
    if args.stdout || asked.is_some_and(|path| path == Path::new("-")) {
        return Ok(None);
    }
    let Some(path) = asked else {
        return Ok(Some(PathBuf::from(FILE_NAME)));
    };
    if path.is_dir() {
        return Ok(Some(path.join(FILE_NAME)));
    }
    let parent = directory_of(path);
    if !parent.is_dir() {
        bail!("there is no directory {}", legible(parent));
    }
    let is_yaml = path
        .extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml");
    // `init services/shop` means a directory that is not there, and not a file of that name.
    if args.output.is_none() && !is_yaml && !path.exists() {
        bail!(
            "there is no directory {}; a manifest's file ends in .yaml",
            legible(path)
        );
    }
    Ok(Some(path.clone()))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn refuse_to_overwrite(path: &Path, force: bool) -> Result<()> {
    if force {
        return Ok(());
    }
    if path.symlink_metadata().is_ok() {
        bail!(
            "{} is there already; `--force` overwrites it, `-o -` prints instead",
            legible(path)
        );
    }
    // Two spellings side by side would be two manifests of one service.
    let other = path.with_extension("yml");
    if path.file_name() == Some(FILE_NAME.as_ref()) && other.is_file() {
        bail!(
            "{} is there already; `--force` writes a second one beside it, `-o -` prints instead",
            legible(&other)
        );
    }
    Ok(())
}

/// What the file shall say; `None` where a person has turned away from the questions.
fn draft(args: &InitArgs, directory: &Path) -> Result<Option<Draft>> {
    let service = match &args.service {
        Some(service) if !is_label(service) => {
            let near = Name::near(service, "my-service");
            bail!(
                "`{service}` cannot be a name; `{}` can: lower-case letters, digits and single `-` between them, a letter first, at most 63",
                near.as_str()
            );
        }
        Some(service) => Name::near(service, "my-service"),
        None => found_name(directory),
    };
    if !args.from.is_empty() {
        let sources = from::Source::all(&crate::check::read_deployed(&args.from)?);
        let asked = args.service.is_some().then(|| service.clone());
        return from::draft(&sources, args.workload.as_deref(), asked, &service).map(Some);
    }
    if asks(args) {
        let Some(answers) = questions::ask(service.as_str())? else {
            return Ok(None);
        };
        return answered(&answers).map(Some);
    }
    let resources = match args.resources.is_empty() {
        true => vec![write::usual_server()],
        false => args.resources.iter().map(asked).collect::<Vec<_>>(),
    };
    let platforms = match args.platforms.is_empty() {
        true => vec!["kubernetes"],
        false => args.platforms.clone(),
    };
    let mut draft = fresh(service, resources, args.port, &platforms);
    if let Some(port) = args.health_port {
        draft.health = Slot::of(Health {
            port: Some(port),
            ..Health::default()
        });
    }
    if let Some(image) = &args.image {
        for (_, common) in draft.commons() {
            common.image = Slot::of(image.clone());
        }
    }
    twice(&draft)?;
    fit::grace_periods(&mut draft)?;
    Ok(Some(draft))
}

/// Nothing was said by flags, and somebody is there to be asked.
fn asks(args: &InitArgs) -> bool {
    let said = args.service.is_some()
        || !args.platforms.is_empty()
        || !args.resources.is_empty()
        || args.port.is_some()
        || args.health_port.is_some()
        || args.image.is_some();
    !said && !args.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn answered(answers: &Answers) -> Result<Draft> {
    let mut resources: Vec<Resource> = Vec::new();
    for kind in &answers.kinds {
        let name = Name::of_resource(usual_name(*kind), "resource", &resources);
        resources.push(Resource::new(name, *kind));
    }
    let service = Name::near(&answers.service, "my-service");
    let mut draft = fresh(service, resources, answers.port, &answers.platforms);
    fit::grace_periods(&mut draft)?;
    Ok(draft)
}

fn asked(asked: &Asked) -> Resource {
    let plain = Resource::new(Name::near(&asked.name, "resource"), asked.kind);
    Resource {
        timeout: asked.timeout.unwrap_or(plain.timeout),
        fixed: asked.timeout.is_some(),
        ..plain
    }
}

/// A name twice would be a file that cannot be read.
fn twice(draft: &Draft) -> Result<()> {
    for (at, resource) in draft.resources.iter().enumerate() {
        let name = resource.name.as_str();
        if draft.resources[..at]
            .iter()
            .any(|other| other.name.as_str() == name)
        {
            bail!("`--resource {name}=…` stands here twice: each needs a name of its own");
        }
        if Name::of_resource(name, "resource", &[]).as_str() != name {
            bail!("`{name}` cannot be the name of a resource: Rust keeps this word for itself");
        }
    }
    Ok(())
}

/// A manifest of what was said.
fn fresh(
    service: Name,
    mut resources: Vec<Resource>,
    port: Option<u16>,
    platforms: &[&'static str],
) -> Draft {
    let server = resources
        .iter_mut()
        .find(|resource| resource.kind.takes_traffic());
    if let Some(server) = server {
        server.port = Some(port.unwrap_or(USUAL_PORT));
    }
    let mut draft = Draft::new(Slot::of(service));
    draft.resources = resources;
    for platform in platforms {
        draft.add(platform);
    }
    draft
}

/// What a resource of this kind is called when nobody has said.
fn usual_name(kind: Kind) -> &'static str {
    match kind {
        Kind::HttpServer => "http",
        Kind::GrpcServer => "grpc",
        Kind::Stream => "streams",
        Kind::QueueConsumer => "jobs",
        Kind::MessageBroker => "broker",
        kind => kind.as_str(),
    }
}

/// The package's name in Cargo.toml, or the directory's.
fn found_name(directory: &Path) -> Name {
    let package = std::fs::read_to_string(directory.join("Cargo.toml"))
        .ok()
        .and_then(|text| package_name(&text));
    let directory_name = || {
        let whole = std::fs::canonicalize(directory).ok()?;
        Some(whole.file_name()?.to_string_lossy().into_owned())
    };
    let found = package.or_else(directory_name).unwrap_or_default();
    Name::near(&found, "my-service")
}

/// The `name` of `[package]`. Only a default is at stake: no whole reader of TOML is needed for it.
fn package_name(toml: &str) -> Option<String> {
    let within = toml
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[package]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let mut names = within.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim())
    });
    let quoted = names.next()?;
    Some(quoted.split('"').nth(1)?.to_owned())
}

/// What to do with it, and what could not be known.
fn say_what_next(draft: &Draft, text: &str, target: Option<&Path>) {
    let analysis = Analysis::of(text);
    let errors: Vec<_> = analysis
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    let questions = draft.questions();
    if !questions.is_empty() {
        say!(
            "not in {}, and marked so in the manifest:",
            shown(&draft.origin.join(", "))
        );
        let width = questions
            .iter()
            .map(|(key, _)| key.len())
            .max()
            .unwrap_or(0);
        for (key, question) in questions {
            say!("  {key:width$}  {question}");
        }
    }
    for finding in &errors {
        let (message, rule) = (&finding.message, finding.rule.name);
        say!("as it stands: {message} ({rule})");
    }
    let path = match target {
        None => return,
        Some(path) if path == Path::new(FILE_NAME) => String::new(),
        Some(path) => format!(" {}", shell_words::quote(&legible(path))),
    };
    let mut steps = vec![
        (format!("lifecycle check{path}"), "does the shutdown fit?"),
        (format!("lifecycle plan{path}"), "see it drawn"),
    ];
    let keys: Vec<&str> = analysis
        .resolved
        .iter()
        .flat_map(|resolved| resolved.manifest.platforms.iter())
        .map(Platform::key)
        .collect();
    for target in keys.into_iter().filter_map(|key| targets_of(key).next()) {
        let step = format!("lifecycle gen {}{path}", target.name);
        steps.push((step, "the platform's files from it"));
    }
    say!("next:");
    let width = steps.iter().map(|(step, _)| step.len()).max().unwrap_or(0);
    for (step, why) in steps {
        say!("  {step:width$}  {why}");
    }
}

/// The name of a file on a terminal.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
