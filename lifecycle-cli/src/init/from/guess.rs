//! What a deployment hints at and does not say: kinds of servers by their ports, other resources by
//! the names of variables.

use std::time::Duration;

use lifecycle_manifest::Kind;
use lifecycle_manifest::deployed::Container;

use super::super::draft::{Draft, Name, Resource};
use super::{Source, port};

/// A port that something may listen on.
pub(super) struct Listening {
    pub(super) number: u16,
    /// Its name, or nothing.
    pub(super) name: String,
    /// `appProtocol`, or nothing.
    pub(super) protocol: String,
}

impl Listening {
    /// One of which only its number is known.
    pub(super) fn on(number: u16) -> Self {
        Self {
            number,
            name: String::new(),
            protocol: String::new(),
        }
    }

    /// The ports that a container opens.
    pub(super) fn of(container: &Container) -> Vec<Self> {
        let listening = container.ports.iter().filter_map(|open| {
            let name = open.name.as_ref().map(|name| name.value.clone());
            Some(Self {
                name: name.unwrap_or_default(),
                ..Self::on(port(open.number.value)?)
            })
        });
        listening.collect()
    }
}

/// The servers behind the ports, in the draft. Ports for people and probes are none.
pub(super) fn servers(
    draft: &mut Draft,
    source: &Source,
    ports: &[Listening],
    health: Option<u16>,
) {
    let is_aside = |port: &Listening| {
        let name = port.name.to_ascii_lowercase();
        ASIDE.iter().any(|word| name.contains(word))
    };
    let others = |port: &Listening| {
        ports
            .iter()
            .any(|other| other.number != port.number && !is_aside(other))
    };
    for port in ports {
        // The port that is probed is the service's own where it has no other.
        let is_health = health == Some(port.number) && !is_server(port) && others(port);
        let taken = draft
            .resources
            .iter()
            .any(|other| other.port == Some(port.number));
        if is_aside(port) || is_health || taken {
            continue;
        }
        let (kind, usual) = kind_of(port);
        let name = match port.name.is_empty() {
            true => usual,
            false => port.name.as_str(),
        };
        let name = Name::of_resource(name, usual, &draft.resources);
        let question = match kind {
            Kind::Stream | Kind::Websocket => "how long may a connection last at most?",
            Kind::GrpcServer => "how long does a call take at most?",
            _ => "how long does a request take at most?",
        };
        draft.resources.push(Resource {
            port: Some(port.number),
            note: Some(source.asks(question)),
            ..Resource::new(name, kind)
        });
    }
}

/// Ports by which nobody is served.
const ASIDE: [&str; 9] = [
    "metric", "prom", "health", "probe", "admin", "debug", "pprof", "manage", "jmx",
];

fn is_server(port: &Listening) -> bool {
    let name = port.name.to_ascii_lowercase();
    ["http", "web", "api", "grpc"]
        .iter()
        .any(|word| name.starts_with(word))
}

/// The kind of server behind a port, by its protocol, its name and its number, and its usual name.
fn kind_of(port: &Listening) -> (Kind, &'static str) {
    let words = [
        port.protocol.to_ascii_lowercase(),
        port.name.to_ascii_lowercase(),
    ];
    let says = |part: &str| words.iter().any(|word| word.contains(part));
    let not_http = [
        "tcp", "redis", "postgres", "mysql", "mongo", "amqp", "kafka", "nats", "mqtt", "smtp",
        "ldap",
    ];
    if says("grpc") || says("h2c") || port.number == 50_051 {
        (Kind::GrpcServer, "grpc")
    } else if says("websocket") || words.iter().any(|word| word == "ws" || word == "wss") {
        (Kind::Websocket, "websocket")
    } else if !says("http") && not_http.iter().any(|word| says(word)) {
        (Kind::Stream, "connections")
    } else {
        (Kind::HttpServer, "http")
    }
}

/// Other resources, by the names of variables. They stand in comments: a resource in the manifest must
/// be wired in the program and counts in the sum, and a name is only a hint of it.
pub(super) fn others(draft: &mut Draft, source: &Source, container: &Container) {
    let mut found: Vec<(&'static str, Kind, String, bool)> = Vec::new();
    for variable in &container.environment {
        let name = variable.name.value.as_str();
        if let Some((usual, kind, also)) = hint(&name.to_ascii_uppercase())
            && !found.iter().any(|(_, other, _, _)| *other == kind)
        {
            found.push((usual, kind, name.to_owned(), also));
        }
    }
    let idle = !draft.resources.iter().any(|resource| resource.active);
    for (usual, kind, variable, takes_jobs) in found {
        let place = format!("{variable} in {}", source.name);
        // Who serves nobody and knows a broker takes jobs from it.
        let is_worker = idle && takes_jobs;
        let (usual, kind) = match is_worker {
            true => ("jobs", Kind::QueueConsumer),
            false => (usual, kind),
        };
        let note = match (is_worker, takes_jobs) {
            (true, _) => format!(
                "{place}; {}",
                source.asks("how long does a job take at most?")
            ),
            (false, true) => format!("{place}; a queue-consumer where it takes jobs"),
            (false, false) => place,
        };
        let name = Name::of_resource(usual, usual, &draft.resources);
        draft.resources.push(Resource {
            active: is_worker,
            note: Some(note),
            ..Resource::new(name, kind)
        });
    }
}

/// What a workload that serves nobody and says nothing does all day.
pub(super) fn something(draft: &mut Draft, source: &Source) {
    if draft.resources.iter().any(|resource| resource.active) {
        return;
    }
    let name = Name::of_resource("work", "work", &draft.resources);
    let question = "what does it hold, and how long does its work take at most?";
    let work = Resource {
        note: Some(source.asks(question)),
        ..Resource::new(name, Kind::Task)
    };
    draft.resources.insert(0, work);
}

/// The resource that a variable of this name hints at; whether it may be one that jobs come from.
fn hint(name: &str) -> Option<(&'static str, Kind, bool)> {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let begins = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    if begins(&["OTEL_"]) || name == "DD_AGENT_HOST" || name == "SENTRY_DSN" {
        return Some(("telemetry", Kind::Telemetry, false));
    }
    if has(&[
        "KAFKA",
        "AMQP",
        "RABBITMQ",
        "NATS_",
        "SQS",
        "PUBSUB",
        "QUEUE_URL",
        "BROKER_URL",
    ]) {
        return Some(("broker", Kind::MessageBroker, true));
    }
    if has(&["REDIS", "MEMCACHE", "VALKEY", "CACHE_URL"]) {
        return Some(("cache", Kind::Cache, false));
    }
    let database = has(&[
        "DATABASE",
        "POSTGRES",
        "MYSQL",
        "MARIADB",
        "MONGO",
        "DATASOURCE",
        "DB_HOST",
        "DB_URL",
        "DB_DSN",
    ]) || begins(&["PGHOST", "PG_", "DB_"]);
    database.then_some(("database", Kind::Database, false))
}

/// How long a command takes, where it says so: the sum of its sleeps, and whether it does nothing
/// else. `None` where it does not sleep at all.
pub(super) fn sleeps(command: &[String]) -> Option<(Duration, bool)> {
    let whole = command.join(" ");
    let plain = whole.replace(['"', '\'', '(', ')'], " ");
    let parts = plain.split([';', '&', '|', '\n']);
    let mut sum = Duration::ZERO;
    let (mut sleeps, mut other) = (false, false);
    for part in parts {
        let mut words = part.split_whitespace().skip_while(|word| {
            SHELLS.contains(word) || (word.starts_with('-') && word.ends_with('c'))
        });
        match words.next() {
            None => {}
            Some("sleep" | "/bin/sleep" | "/usr/bin/sleep") => {
                let Some(times) = words.map(time).collect::<Option<Vec<_>>>() else {
                    other = true;
                    continue;
                };
                sleeps |= !times.is_empty();
                sum = times
                    .iter()
                    .fold(sum, |sum, time| sum.saturating_add(*time));
            }
            Some(_) => other = true,
        }
    }
    sleeps.then_some((sum, !other))
}

const SHELLS: [&str; 8] = [
    "sh",
    "/bin/sh",
    "bash",
    "/bin/bash",
    "/usr/bin/bash",
    "ash",
    "/bin/ash",
    "exec",
];

/// A time as `sleep` takes it: `15`, `0.5`, `2m`.
fn time(text: &str) -> Option<Duration> {
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (
            number,
            match text.as_bytes().last() {
                Some(b'm') => 60.0,
                Some(b'h') => 3_600.0,
                _ => 1.0,
            },
        ),
        None => (text, 1.0),
    };
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain)? * factor;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_that_sleeps_says_how_long_it_takes() {
        let sleeps = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            super::sleeps(&words).map(|(time, only)| (time.as_secs_f32(), only))
        };
        assert_eq!(sleeps(&["sleep", "15"]), Some((15.0, true)));
        assert_eq!(sleeps(&["/bin/sleep", "0.5"]), Some((0.5, true)));
        assert_eq!(sleeps(&["sh", "-c", "sleep 20"]), Some((20.0, true)));
        assert_eq!(
            sleeps(&["/bin/bash", "-ec", "sleep 1m"]),
            Some((60.0, true))
        );
        assert_eq!(
            sleeps(&["sh", "-c", "sleep 5; nginx -s quit; sleep 10"]),
            Some((15.0, false))
        );
        assert_eq!(sleeps(&["sh", "-c", "sleep $WAIT"]), None);
        assert_eq!(sleeps(&["nginx", "-s", "quit"]), None);
        assert_eq!(sleeps(&[]), None);
    }
}
