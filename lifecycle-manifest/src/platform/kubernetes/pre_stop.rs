//! `pre_stop`: what runs before the signal.

use std::time::Duration;

use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::read::{Table, Zero};
use crate::rules::shape;
use crate::text::{Entry, Node, Route, Value};

/// `pre_stop`: what runs before the signal, inside the grace period.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::PreStop;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 10s }
/// platforms:
///   kubernetes: { pre_stop: { http: /drain, port: 8080, timeout: 5s } }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let kubernetes = resolved.manifest.platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let Some(PreStop::Http { path, port, .. }) = &kubernetes.pre_stop else { panic!("a request") };
/// assert_eq!((path.value.as_str(), port.value), ("/drain", 8080));
/// let hook = resolved.timelines[0].terms.hook.as_ref().unwrap();
/// assert_eq!(hook.term(), "5s preStop request");
/// ```
#[derive(Debug, Clone)]
pub enum PreStop {
    /// A native sleep; `0s` for no hook at all.
    Sleep(Written<Duration>),
    /// A command, and how long it may take: the kubelet sets no limit of its own.
    Exec {
        /// Where the block stands.
        route: Route,
        /// The command, no shell implied.
        command: Vec<Written<String>>,
        /// How long it takes.
        timeout: Written<Duration>,
    },
    /// A request to the container itself, and how long its answer may take: the kubelet sets no limit
    /// of its own.
    Http {
        /// Where the block stands.
        route: Route,
        /// The path.
        path: Written<String>,
        /// The port.
        port: Written<u16>,
        /// How long it takes.
        timeout: Written<Duration>,
    },
}

impl PreStop {
    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let entry = table.entry("pre_stop")?;
        let route = table.route().key("pre_stop");
        if !matches!(entry.value.value, Value::Mapping(_)) {
            return table
                .duration_of(&entry.value, route, Zero::Allowed)
                .map(Self::Sleep);
        }
        let mut table = Table::new(&entry.value, route.clone(), table.findings())?;
        let hook = match has(&entry.value, "http") {
            true => Self::request(entry, route, &mut table),
            false => Self::command(entry, route, &mut table),
        };
        table.finish();
        hook
    }

    fn command(entry: &Entry, route: Route, table: &mut Table<'_, '_>) -> Option<Self> {
        let command: Vec<_> = table
            .items("exec", "a list: the command and its arguments")
            .into_iter()
            .filter_map(|(route, item)| table.scalar(item, route, "text"))
            .collect();
        let timeout = timeout(entry, table);
        let empty = |entry: &Entry| matches!(&entry.value.value, Value::Sequence(items) if items.is_empty());
        if entry.value.entry("exec").is_none_or(empty) {
            table.missing(
                "exec",
                "write `pre_stop: 5s` for a sleep, `exec: [PROGRAM, ARGUMENT]`, or `http: /PATH`",
            );
        }
        (!command.is_empty()).then_some(Self::Exec {
            route,
            command,
            timeout: timeout?,
        })
    }

    fn request(entry: &Entry, route: Route, table: &mut Table<'_, '_>) -> Option<Self> {
        let path = path(table);
        let port = table.number("port", 1..=u16::MAX);
        let timeout = timeout(entry, table);
        if !has(&entry.value, "port") {
            table.missing("port", "add `port:`: where the container takes the request");
        }
        Some(Self::Http {
            route,
            path: path?,
            port: port?,
            timeout: timeout?,
        })
    }
}

fn timeout(entry: &Entry, table: &mut Table<'_, '_>) -> Option<Written<Duration>> {
    let timeout = table.duration("timeout", Zero::Refused);
    if timeout.is_none() && !has(&entry.value, "timeout") {
        table.missing(
            "timeout",
            "add `timeout:`: the kubelet bounds a hook by the grace period alone",
        );
    }
    timeout
}

fn path(table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let path = table.text("http")?;
    if path.value.starts_with('/') && path.value.chars().all(|c| c.is_ascii_graphic() && c != '#') {
        return Some(path);
    }
    let message = format!("`{}` takes a path", path.route);
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(path.route));
    table.push(finding.help("write a path such as `/drain`, and its `port` beside it"));
    None
}

fn has(node: &Node, key: &str) -> bool {
    node.entry(key).is_some()
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, deny_unknown_fields, rename = "PreStopSchema")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) enum Schema {
    /// A native sleep.
    Sleep(crate::schema::DurationSchema),
    /// A command, which must be in the image.
    #[schemars(title = "command")]
    Exec {
        /// The program and its arguments; no shell is implied.
        #[schemars(length(min = 1))]
        exec: Vec<String>,
        /// How long it takes at most; the kubelet sets no limit but the grace period.
        timeout: crate::schema::DurationSchema,
    },
    /// A request to the container itself.
    #[schemars(title = "request")]
    Http {
        /// The path, such as `/drain`.
        http: String,
        /// The port it goes to.
        #[schemars(range(min = 1))]
        port: u16,
        /// How long its answer takes at most; the kubelet sets no limit but the grace period.
        timeout: crate::schema::DurationSchema,
    },
}
