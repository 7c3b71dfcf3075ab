//! The manifest's JSON Schema, for completion and hover in editors.
//!
//! The types here are the shapes only; what a value means, and which values go together, is decided
//! by the reader. A test holds the two together: what one takes, the other takes.

#![allow(dead_code, reason = "only the shapes are read")]

mod describe;
mod editor;

use std::collections::BTreeMap;

pub use describe::{describe, describe_word, keys, words};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::duration::PATTERN;
use crate::kind::{Kind, Phase};
use crate::lints::Level;
use crate::manifest::{Drift, DrillProtocol, OnFailure};
use crate::platform::{Platform, PlatformsSchema};

/// The schema of format 1.
///
/// ```
/// use lifecycle_manifest::schema;
/// let schema = schema::schema().to_value();
/// assert_eq!(schema["title"], "lifecycle.yaml");
/// assert!(schema["properties"]["resources"].is_object());
/// assert!(schema["properties"]["ressources"].is_null());
/// ```
pub fn schema() -> Schema {
    let mut schema = schemars::schema_for!(ManifestSchema);
    schema.insert("title".into(), "lifecycle.yaml".into());
    no_null(&mut schema);
    no_examples(&mut schema);
    let mut value = schema.to_value();
    editor::dress(&mut value);
    // It was one before, and is one still.
    Schema::try_from(value).unwrap_or_default()
}

/// Keeps the examples of Rust, which a type's documentation has, out of the descriptions that are made of
/// it: from the first block of code on, with the paragraph that leads to it by a colon.
///
/// ```
/// use lifecycle_manifest::schema::no_examples;
///
/// let description = "How bad it is.\n\nThe worse comes first:\n\n```\nassert!(true);\n```";
/// let mut schema = schemars::json_schema!({ "$defs": { "Severity": { "description": description } } });
/// no_examples(&mut schema);
/// assert_eq!(schema.as_value()["$defs"]["Severity"]["description"], "How bad it is.");
/// ```
pub fn no_examples(schema: &mut Schema) {
    let description = schema.get("description").and_then(|it| it.as_str());
    if let Some((before, _)) = description.and_then(|it| it.split_once("```")) {
        let before = before.trim_end();
        let kept = match before.rsplit_once("\n\n") {
            Some((kept, last)) if last.ends_with(':') => kept,
            _ => before,
        };
        let kept = kept.to_owned();
        schema.insert("description".into(), kept.into());
    }
    schemars::transform::transform_subschemas(&mut no_examples, schema);
}

/// Mappings that may stand empty, as in `budget:` with nothing behind it; every platform's may too.
const MAY_BE_EMPTY: &[&str] = &[
    "budget",
    "traffic",
    "health",
    "drill",
    "expect",
    "connections",
    "generate",
    "lints",
    "logical_ids",
    "load_balancer",
    "limits",
    "premium_ingress",
];

/// An optional value is one that may be left away; written, it is not nothing.
fn no_null(schema: &mut Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        for (name, property) in properties {
            let name = name.as_str();
            if !MAY_BE_EMPTY.contains(&name) && !Platform::KEYS.contains(&name) {
                drop_null(property);
            }
        }
    }
    schemars::transform::transform_subschemas(&mut no_null, schema);
}

fn drop_null(property: &mut serde_json::Value) {
    let is_null = |value: &serde_json::Value| value == "null" || value["type"] == "null";
    for key in ["type", "anyOf"] {
        let Some(choices) = property
            .get_mut(key)
            .and_then(serde_json::Value::as_array_mut)
        else {
            continue;
        };
        choices.retain(|choice| !is_null(choice));
        if let [only] = choices.as_mut_slice() {
            let only = only.take();
            match (property.as_object_mut(), only) {
                (Some(property), serde_json::Value::Object(choice)) => {
                    property.remove(key);
                    property.extend(choice);
                }
                (Some(property), only) => {
                    property.insert(key.to_owned(), only);
                }
                (None, _) => {}
            }
        }
    }
}

/// A duration: hours, minutes, seconds and milliseconds, such as `15s`, `250ms` or `1m30s`.
pub(crate) struct DurationSchema;

/// Said of a text that is none.
const MEANT: &str = "write a duration with a unit, such as `15s`, `250ms` or `1m30s`";

impl JsonSchema for DurationSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "duration",
            "type": "string",
            "pattern": PATTERN,
            "patternErrorMessage": MEANT,
            "errorMessage": MEANT,
            // An example would be shown in every hover; a snippet is only offered.
            "defaultSnippets": [
                { "label": "15s", "body": "15s", "description": "seconds" },
                { "label": "250ms", "body": "250ms", "description": "milliseconds" },
                { "label": "1m30s", "body": "1m30s", "description": "from large to small" },
            ],
        })
    }
}

/// How a service stops: its resources, their order and timeouts, and the platforms it runs on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ManifestSchema {
    /// The format's number.
    #[schemars(extend("const" = 1, "errorMessage" = "this version reads format 1"))]
    lifecycle: u32,
    /// The service's name: program, manifests and report carry it. Lower-case letters, digits and `-`.
    #[schemars(regex(pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    #[schemars(extend(
        "examples" = ["checkout-api"],
        "patternErrorMessage" = "a name has lower-case letters, digits and single `-` between them, begins with a letter, and is at most 63 long"
    ))]
    service: String,
    /// What the program does when its deployment was generated from another plan; `warn` when not written.
    drift: Option<Drift>,
    /// What belongs to no single step. Unset: the defaults of its keys.
    budget: Option<BudgetSchema>,
    /// How requests reach the service. Unset: the defaults of its keys.
    traffic: Option<TrafficSchema>,
    /// What the service holds and must let go of, by name.
    #[schemars(extend("minProperties" = 1, "defaultSnippets" = [{
        "label": "a resource",
        "description": "Something the service holds, with its kind and the time it needs.",
        "body": { "${1:http}": { "kind": "${2:http-server}", "timeout": "${3:15s}" } },
    }]))]
    resources: BTreeMap<String, ResourceSchema>,
    /// Where it runs; each may be empty (`{}`) for the platform's defaults.
    platforms: Option<PlatformsSchema>,
    /// How `lifecycle drill` starts and loads the service. Unset: what its resources answer, 200 times a second.
    drill: Option<DrillSchema>,
    /// What `lifecycle gen` does with its files. Unset: the defaults of its keys.
    generate: Option<GenerateSchema>,
    /// How bad findings of `lifecycle check` are, by rule. Unset: as bad as each rule says.
    lints: Option<LintsSchema>,
}

/// One key a rule, each with the rule's summary.
struct LintsSchema;

impl JsonSchema for LintsSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lints".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let lint = generator.subschema_for::<LintSchema>();
        let described = |description: &str| {
            let mut lint = lint.clone();
            lint.insert("description".to_owned(), description.into());
            lint
        };
        let mut properties = serde_json::Map::new();
        let everything = "Every rule whose level can be set.";
        properties.insert("all".to_owned(), described(everything).to_value());
        for rule in crate::rules::ALL {
            if rule.can_be_allowed() {
                let text = format!("{}: {}", rule.code, rule.summary().trim());
                properties.insert(rule.name.to_owned(), described(&text).to_value());
            }
        }
        let codes = "^[Ll][Cc][0-9]{3}$";
        json_schema!({
            "type": "object",
            "title": "lints",
            "properties": properties,
            "patternProperties": { codes: lint },
            "additionalProperties": false,
        })
    }
}

#[derive(JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
enum LintSchema {
    Level(Level),
    #[schemars(title = "level and reason")]
    Reasoned {
        /// What becomes of the rule's findings.
        level: Level,
        /// Why the level is set. Unset: no reason, which only `allow` asks for.
        reason: Option<String>,
    },
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "budget")]
struct BudgetSchema {
    /// Never planned for: what is left before SIGKILL. Unset: 5s, or a quarter of the work where that is less.
    reserve: Option<DurationSchema>,
    /// After a step's timeout its work is cancelled and has this long to let go; 250ms when not written.
    unwind: Option<DurationSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "traffic")]
struct TrafficSchema {
    /// How long routing needs to notice that this instance is leaving. Paid once: by the platform where it can, else by the program. Unset: 5s where routing lags behind the stop.
    settle: Option<DurationSchema>,
    /// The longest request; what deregistration and drain must cover. Unset: not known, and nothing is compared with it.
    longest_request: Option<DurationSchema>,
    /// The server's idle keep-alive; must be longer than the idle timeout of a balancer in front. Unset: not known, and nothing is compared with it.
    keep_alive: Option<DurationSchema>,
    /// Where readiness and liveness are answered. Unset: nowhere, and nobody asks.
    health: Option<HealthSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "health")]
struct HealthSchema {
    /// Port of the runtime's own health server. Unset: the service answers on its own port.
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// Path of the readiness answer; `/health/ready` when not written.
    #[schemars(regex(pattern = "^/[!-~]*$"))]
    #[schemars(extend("examples" = ["/health/ready"]))]
    ready: Option<String>,
    /// Path of the liveness answer; `/health/live` when not written.
    #[schemars(regex(pattern = "^/[!-~]*$"))]
    #[schemars(extend("examples" = ["/health/live"]))]
    live: Option<String>,
    /// How often the platform asks; 2s when not written.
    period: Option<DurationSchema>,
    /// How many bad answers in a row it takes to be believed; 1 when not written.
    #[schemars(range(min = 1, max = 1000))]
    failures: Option<u32>,
}

/// Something that the service holds and must let go of when it stops.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "resource", extend("allOf" = for_kinds()))]
struct ResourceSchema {
    /// What it is; decides its phase and how it is let go.
    kind: Kind,
    /// How long its step may take.
    timeout: DurationSchema,
    /// When it is let go. Unset: in its kind's phase.
    phase: Option<Phase>,
    /// Exactly these must have ended before it begins. Unset: all of earlier phases.
    #[schemars(extend("examples" = [["http"]]))]
    after: Option<NamesSchema>,
    /// What it calls while it drains: those wait for it, whatever else is written. Unset: nothing.
    #[schemars(extend("examples" = [["orders-db"]]))]
    uses: Option<NamesSchema>,
    /// Its timeout or failure is reported and does not change the exit code; `false` when not written.
    best_effort: Option<bool>,
    /// Only one instance of the service may hold it at a time: a lock, a single writer; `false` when not written. It decides nothing about a shutdown.
    exclusive: Option<bool>,
    /// Where a server listens. Unset: not known, and not written into what is generated.
    #[schemars(range(min = 1))]
    #[schemars(extend("examples" = [8080]))]
    port: Option<u16>,
    /// How long a claimed job stays claimed without renewal (a visibility timeout). Unset: not known, and nothing is compared with it.
    lease: Option<DurationSchema>,
    /// How long a queue consumer's job may take. Unset: not known; what its step lets it take is compared.
    longest_job: Option<DurationSchema>,
    /// How many claimed jobs a queue consumer holds at most, worked on one after another; 1 when not written.
    #[schemars(range(min = 1, max = 1_000_000))]
    prefetch: Option<u32>,
    /// How long one receive of a queue consumer waits for jobs, where it cannot be given up at the signal (a long poll). Unset: it can.
    poll: Option<DurationSchema>,
    /// The queue consumer renews the lease of a job while it works on it; `false` when not written.
    renews_lease: Option<bool>,
    /// Over how long the clients of a websocket or a stream are told to leave, so that they do not all come back elsewhere in one instant. Unset: all at once.
    spread: Option<DurationSchema>,
    /// What an error or a panic leads to while the service runs; `stop` when not written.
    on_failure: Option<OnFailure>,
}

/// Which keys only some kinds have.
fn for_kinds() -> serde_json::Value {
    let only = |key: &str, owner: &str, fits: fn(Kind) -> bool| {
        let kinds = Kind::ALL.iter().filter(|kind| fits(**kind));
        let kinds: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
        // A pattern, as an enumeration would be shown in the hover of every kind.
        let kinds = format!("^({})$", kinds.join("|"));
        serde_json::json!({
            "if": { "properties": { "kind": { "pattern": kinds } } },
            "else": { "properties": { key: false }, "errorMessage": format!("`{key}` belongs to {owner}") },
        })
    };
    serde_json::json!([
        only("port", "a server", Kind::takes_traffic),
        only("lease", "a queue-consumer", Kind::has_lease),
        only("longest_job", "a queue-consumer", Kind::has_lease),
        only("prefetch", "a queue-consumer", Kind::has_lease),
        only("poll", "a queue-consumer", Kind::has_lease),
        only("renews_lease", "a queue-consumer", Kind::has_lease),
        only("spread", "a websocket or a stream", Kind::has_sessions),
        only(
            "on_failure",
            "a task, a queue-consumer or a child-process",
            Kind::can_restart
        ),
    ])
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum NamesSchema {
    One(String),
    Several(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "generate")]
struct GenerateSchema {
    /// The directory of all generated files, from the manifest's own: one folder a target. Unset: what `gen -o` says.
    #[schemars(extend("examples" = ["deploy"]))]
    output: Option<String>,
    /// A directory of templates that replace the built-in ones, from the manifest's own. Unset: none are replaced.
    #[schemars(extend("examples" = ["templates"]))]
    templates: Option<String>,
    /// Files that are yours: neither written nor compared. `TARGET/FILE`, or `TARGET` for all of its files; none when not written.
    #[schemars(extend("examples" = [["k8s/service"]]))]
    own: Option<NamesSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "drill")]
struct DrillSchema {
    /// Requests a second; 200 when not written.
    #[schemars(range(min = 1, max = 20_000))]
    rate: Option<u32>,
    /// Environment variables that the process is started with, by name; none when not written.
    env: Option<BTreeMap<String, String>>,
    /// How requests share connections. Unset: the defaults of its keys.
    connections: Option<ConnectionsSchema>,
    /// What is sent: `GET /`, `grpc /shop.Quotes/Get`, or a mapping with everything. Unset: what the resources answer.
    #[schemars(extend("examples" = [["GET /"]]))]
    requests: Option<Vec<RequestSchema>>,
    /// What the drill is held to. Unset: the defaults of its keys.
    expect: Option<ExpectSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "expect")]
struct ExpectSchema {
    /// How many accepted requests may be lost; 0 when not written.
    #[schemars(range(min = 0, max = 1_000_000))]
    lost: Option<u64>,
    /// How many requests may be answered with a server error because of the stop; 0 when not written.
    #[schemars(range(min = 0, max = 1_000_000))]
    server_errors: Option<u64>,
    /// How many requests may be refused while routing still sends them. Unset: any number, as a warning.
    #[schemars(range(min = 0, max = 1_000_000))]
    refused: Option<u64>,
    /// The exit code of the program; 128 and its number for one that a signal ends. 0 when not written.
    #[schemars(range(min = 0, max = 255))]
    exit_code: Option<u8>,
    /// From the signal to the end of the program. Unset: as planned, and being late is a warning.
    exit_within: Option<DurationSchema>,
    /// From the signal to the first no of readiness; 500ms when not written.
    readiness_within: Option<DurationSchema>,
    /// The slowest that 99 in 100 requests may be from the stop on. Unset: anything.
    p99: Option<DurationSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "connections")]
struct ConnectionsSchema {
    /// How many connections are kept alive, each way; 16 when not written.
    #[schemars(range(min = 0, max = 10_000))]
    kept_alive: Option<u32>,
    /// The share of requests that open a connection of their own; `20%` when not written.
    #[schemars(regex(pattern = "^(100|[1-9]?[0-9])%$"))]
    #[schemars(extend("patternErrorMessage" = "write a percentage, such as `20%`"))]
    fresh: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
enum RequestSchema {
    /// A method and a path, such as `GET /`, with the protocol before it where that is another: `http2 GET /`, `grpc /shop.Quotes/Get`, `websocket /chat`, `stream /events`.
    Plain(String),
    /// A request with everything.
    #[schemars(title = "request")]
    Whole {
        /// Where the request goes, such as `/orders`; in gRPC the service and its method.
        path: String,
        /// What it is sent in; `http` when not written.
        protocol: Option<DrillProtocol>,
        /// The method; `GET` when not written.
        method: Option<String>,
        /// Headers of the request, by name; none when not written.
        headers: Option<BTreeMap<String, String>>,
        /// The request's body, sent as it stands; on a WebSocket what its client says, in gRPC the message as JSON. Empty when not written.
        body: Option<String>,
        /// A body of so many bytes without a meaning, instead of `body`. Unset: none.
        #[schemars(range(min = 1, max = 67_108_864))]
        body_bytes: Option<u32>,
        /// The `.proto` file that describes a gRPC call's messages, from the manifest's own directory. Unset: the message is empty.
        proto: Option<String>,
        /// How often beside the others; 1 when not written.
        weight: Option<u32>,
        /// Known to take long: kept in flight when the signal comes; `false` when not written.
        slow: Option<bool>,
        /// The body is sent slowly, over this time. Unset: at once.
        send_over: Option<DurationSchema>,
        /// The answer is read slowly, over this time. Unset: as it comes.
        read_over: Option<DurationSchema>,
        /// How many clients keep the socket or the stream open; 10 when not written.
        #[schemars(range(min = 1, max = 10_000))]
        clients: Option<u32>,
        /// How often a client says the body on its WebSocket. Unset: once.
        every: Option<DurationSchema>,
    },
}

/// The knobs that every platform has.
#[derive(JsonSchema)]
pub(crate) struct CommonSchema {
    /// From the platform's stop to SIGKILL. Unset: the platform's own default.
    grace_period: Option<DurationSchema>,
    /// How long the program itself keeps serving after the signal. Unset: what the platform has not paid of the settle time.
    app_settle: Option<DurationSchema>,
    /// Timeouts of steps that differ on this platform, by resource. Unset: each resource's own.
    #[allow(clippy::zero_sized_map_values, reason = "only its shape is read")]
    timeouts: Option<BTreeMap<String, DurationSchema>>,
}
