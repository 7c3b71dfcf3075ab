//! From a draft to the text of a manifest, every key shown: written, or behind a `#` with its default.

mod platforms;

use anyhow::Result;
use lifecycle_manifest::duration::show;
use lifecycle_manifest::plan::{self, DEFAULT_UNWIND};
use lifecycle_manifest::platform::DEFAULT_SETTLE;
use lifecycle_manifest::{DEFAULT_RESERVE, Kind, Phase};
use minijinja::{Value, context};

use super::draft::{Draft, Health, Name, Resource, Slot, USUAL_PORT, usual_timeout};
use crate::template::{self, quote};

/// Columns that a line may take before what is said beside it moves above it.
const WIDTH: usize = 110;

/// Above the service's name, where a deployment says from which plan it was generated.
const ALLOWANCE: &str = "# lifecycle: allow(digest-drift) deployed from an earlier plan: generate \
                         it anew from this one, deploy it, and take this line away";

/// The text of the manifest.
pub(super) fn manifest(draft: &Draft) -> Result<String> {
    let traffic = Block {
        indent: 2,
        on: true,
    };
    let root = Block {
        indent: 0,
        on: true,
    };
    let data = context! {
        origin => (!draft.origin.is_empty()).then(|| template::comment(&draft.origin.join(", "))),
        service => root.line("service", &draft.service, |name| word(name.as_str()), "my-service"),
        allowance => draft.generated.then(|| safe(ALLOWANCE)),
        default_reserve => safe(&show(DEFAULT_RESERVE)),
        default_unwind => safe(&show(DEFAULT_UNWIND)),
        settle => traffic.line("settle", &draft.settle, |d| show(*d), &show(DEFAULT_SETTLE)),
        keep_alive => traffic.line("keep_alive", &draft.keep_alive, |d| show(*d), "75s"),
        health => traffic.line("health", &draft.health, health, &usual_health()),
        phases => phases(),
        resources => resources(&draft.resources, !draft.origin.is_empty()),
        kubernetes => platforms::kubernetes(draft.kubernetes.as_ref()),
        ecs => platforms::ecs(draft.ecs.as_ref()),
        others => platforms::others(&draft.others),
        unshown => safe(&platforms::unshown(&draft.others)),
    };
    template::render(
        "lifecycle.yaml",
        include_str!("../../templates/init/lifecycle.yaml.j2"),
        data,
    )
}

/// The lines of one mapping of the file.
#[derive(Clone, Copy)]
struct Block {
    indent: usize,
    /// The mapping itself is written. Within one that is not, nothing is.
    on: bool,
}

impl Block {
    /// A key's line: written, or behind a `#` with its default or an example.
    fn line<T>(
        self,
        key: &str,
        slot: &Slot<T>,
        show: impl Fn(&T) -> String,
        otherwise: &str,
    ) -> Value {
        let (mark, text) = match slot.value.as_ref().filter(|_| self.on) {
            Some(value) => ("", show(value)),
            None => ("#", otherwise.to_owned()),
        };
        safe(&self.with_note(&format!("{mark}{key}: {text}"), slot.note.as_deref()))
    }

    /// A line with what is said about it: beside it where there is room, above it otherwise.
    fn with_note(self, line: &str, note: Option<&str>) -> String {
        let space = " ".repeat(self.indent);
        let Some(note) = note.map(one_line) else {
            return format!("{space}{line}");
        };
        let beside = format!("{space}{line}   # {note}");
        match beside.chars().count() <= WIDTH {
            true => beside,
            false => {
                let above: Vec<String> = folded(&note, WIDTH - self.indent - 2)
                    .iter()
                    .map(|line| format!("{space}# {line}\n"))
                    .collect();
                format!("{}{space}{line}", above.concat())
            }
        }
    }
}

/// Text of ours for the template, to stand as it is.
fn safe(text: &str) -> Value {
    Value::from_safe_string(text.to_owned())
}

/// What is said in a comment stays in it, whatever a file's name is.
fn one_line(note: &str) -> String {
    let line = template::comment(note).to_string();
    let line = line.trim();
    // A comment that begins so would speak to this tool.
    match line.to_ascii_lowercase().starts_with("lifecycle") {
        true => format!("“{line}”"),
        false => line.to_owned(),
    }
}

/// Lines of at most `width` columns, broken between words.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let at = lines.len() - 1;
        let room = lines[at].chars().count() + 1 + word.chars().count() <= width;
        match (lines[at].is_empty(), room) {
            (true, _) => lines[at].push_str(word),
            (false, true) => {
                lines[at].push(' ');
                lines[at].push_str(word);
            }
            // Nor may the middle of a sentence.
            (false, false) => match word.starts_with("lifecycle:") {
                true => lines.push(format!("… {word}")),
                false => lines.push(word.to_owned()),
            },
        }
    }
    lines
}

/// Text that stands without quotes where no reader could take it for anything else.
fn word(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_/.".contains(c))
        && !OTHERWISE_READ.contains(&text.to_ascii_lowercase().as_str());
    match plain {
        true => text.to_owned(),
        false => quote(text),
    }
}

/// Words that some reader of YAML takes for a truth value, for nothing or for a number.
const OTHERWISE_READ: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
];

pub(super) fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(show).collect();
    format!("[{}]", items.join(", "))
}

#[allow(clippy::ptr_arg, reason = "what `Block::line` gives to a slot of text")]
fn text(text: &String) -> String {
    quote(text)
}

pub(super) fn mapping(entries: &[(&str, Option<String>)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)))
        .collect();
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}

fn health(health: &Health) -> String {
    mapping(&[
        ("port", health.port.map(|port| port.to_string())),
        (
            "ready",
            health.ready.as_ref().map(|path| word(path.as_str())),
        ),
        ("live", health.live.as_ref().map(|path| word(path.as_str()))),
        ("period", health.period.map(show)),
        (
            "failures",
            health.failures.map(|failures| failures.to_string()),
        ),
    ])
}

fn usual_health() -> String {
    use plan::Health as Usual;
    mapping(&[
        ("port", Some("9090".to_owned())),
        ("ready", Some(Usual::DEFAULT_READY.to_owned())),
        ("live", Some(Usual::DEFAULT_LIVE.to_owned())),
        ("period", Some(show(Usual::DEFAULT_PERIOD))),
        ("failures", Some(Usual::DEFAULT_FAILURES.to_string())),
    ])
}

/// `drain:  http-server, …`, a line a phase.
fn phases() -> Vec<Value> {
    let kinds = |phase: Phase| -> String {
        let kinds: Vec<&str> = Kind::ALL
            .iter()
            .filter(|kind| kind.phase() == phase)
            .map(|kind| kind.as_str())
            .collect();
        kinds.join(", ")
    };
    Phase::ALL
        .iter()
        .map(|phase| safe(&format!("{}: {}", phase.as_str(), kinds(*phase))))
        .collect()
}

/// What a manifest shows of resources that it does not have.
fn examples() -> Vec<Resource> {
    let example = |name: &str, kind| Resource {
        active: false,
        ..Resource::new(Name::near(name, "example"), kind)
    };
    vec![
        example("jobs", Kind::QueueConsumer),
        example("telemetry", Kind::Telemetry),
        example("cache", Kind::Cache),
        example("database", Kind::Database),
    ]
}

/// The resources; where nothing was read, with an example of the usual others.
fn resources(resources: &[Resource], is_read: bool) -> Value {
    let block = Block {
        indent: 2,
        on: true,
    };
    let examples = match is_read {
        true => Vec::new(),
        false => examples(),
    };
    let examples = examples
        .iter()
        .filter(|example| resources.iter().all(|other| other.kind != example.kind));
    let lines: Vec<String> = resources
        .iter()
        .chain(examples)
        .map(|resource| {
            let mark = if resource.active { "" } else { "#" };
            let name = word(resource.name.as_str());
            let line = format!("{mark}{name}: {}", of_resource(resource));
            block.with_note(&line, resource.note.as_deref())
        })
        .collect();
    safe(&lines.join("\n"))
}

fn of_resource(resource: &Resource) -> String {
    mapping(&[
        ("kind", Some(resource.kind.as_str().to_owned())),
        ("port", resource.port.map(|port| port.to_string())),
        ("timeout", Some(show(resource.timeout))),
        (
            "best_effort",
            resource.best_effort.then(|| "true".to_owned()),
        ),
    ])
}

/// The server that a service has when nobody has said anything.
pub(super) fn usual_server() -> Resource {
    Resource {
        port: Some(USUAL_PORT),
        timeout: usual_timeout(Kind::HttpServer),
        ..Resource::new(Name::near("http", "http"), Kind::HttpServer)
    }
}
