//! Heroku: thirty seconds, SIGTERM to every process of the dyno, and nothing to set.
//!
//! Source: <https://devcenter.heroku.com/articles/dyno-shutdown-behavior>. All processes of the dyno get
//! SIGTERM, children too and possibly more than once; thirty seconds later SIGKILL, logged as R12. New
//! dynos start at the same moment, unless preboot has started them before.

use std::time::Duration;

use super::command::{self, Program};
use super::{Cap, Common, Facts, Own, Signal, Terms, owed_settle};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::kind::Kind;
use crate::manifest::{Manifest, Written};
use crate::read::{OtherName, Table};
use crate::rules::shape;

pub(crate) static FACTS: Facts = Facts {
    key: "heroku",
    name: "Heroku",
    nicknames: &[],
    default_grace: WINDOW,
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: false,
    other_names: &[
        OtherName::new("command", "exec"),
        OtherName::new("process", "process_type"),
        OtherName::new("dyno", "process_type"),
    ],
};

/// From SIGTERM to SIGKILL; fixed.
const WINDOW: Duration = Duration::from_secs(30);

/// How long the router keeps a request waiting while dynos start (H20,
/// <https://devcenter.heroku.com/articles/error-codes>).
pub const HEROKU_ROUTER_HOLDS: Duration = Duration::from_secs(75);

/// `platforms.heroku`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   heroku: { exec: [./bin/shop, --verbose], app: my-shop }
/// ");
/// let manifest = analysis.resolved.unwrap().manifest;
/// let heroku = manifest.platforms.iter().find_map(Platform::heroku).unwrap();
/// assert_eq!(heroku.app.as_ref().map(|it| it.value.as_str()), Some("my-shop"));
/// assert_eq!(heroku.exec.as_ref().unwrap().path.value, "./bin/shop");
/// // Something listens.
/// assert_eq!(heroku.process_type(&manifest), "web");
/// ```
#[derive(Debug, Clone)]
pub struct Heroku {
    /// The knobs that every platform has.
    pub common: Common,
    /// `process_type`; `web` when not written and something listens, else `worker`.
    pub process_type: Option<Written<String>>,
    /// `exec`: the program and its arguments; `./bin/` and the service's name when not written.
    pub exec: Option<Program>,
    /// `app`: for the commands that are given to `heroku`.
    pub app: Option<Written<String>>,
}

impl Heroku {
    pub(super) fn read(common: Common, table: &mut Table<'_, '_>) -> Self {
        Self {
            common,
            process_type: name(table, "process_type", |c| {
                c.is_ascii_alphanumeric() || c == '-' || c == '_'
            }),
            exec: command::read(table, "exec", command::Path::Any),
            app: name(table, "app", |c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
            }),
        }
    }

    /// The process type of the program: `web` is what Heroku's router sends requests to.
    pub fn process_type(&self, manifest: &Manifest) -> &str {
        let answers = |kind: Kind| kind.takes_traffic();
        let listens = manifest
            .resources
            .iter()
            .any(|resource| answers(resource.kind.value));
        match &self.process_type {
            Some(written) => &written.value,
            None if listens => "web",
            None => "worker",
        }
    }

    #[allow(clippy::unused_self, reason = "the registry asks every platform alike")]
    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            signal: Signal::Term,
            // A written grace period is fiction here and a finding of its own.
            grace: Figure::new(
                WINDOW,
                "grace period",
                Origin::Derived("Heroku's fixed window"),
            ),
            cap: Some(Cap {
                limit: WINDOW,
                because: "Heroku kills every process 30s after the signal, and there is nothing to set",
                fixed: true,
            }),
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            // The router and the dynos are told of a stop at the same time.
            routing_lags: true,
            settle: owed_settle(manifest, true),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Own for Heroku {
    fn signals_everyone(&self) -> bool {
        // <https://devcenter.heroku.com/articles/dyno-shutdown-behavior>: all processes in the dyno.
        true
    }
}

/// A name of these characters.
fn name(
    table: &mut Table<'_, '_>,
    key: &'static str,
    takes: fn(char) -> bool,
) -> Option<Written<String>> {
    let name = table.text(key)?;
    if !name.value.is_empty() && name.value.chars().all(takes) {
        return Some(name);
    }
    let message = format!("Heroku takes no such name for `{}`", name.route);
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(name.route));
    table.push(finding.help("write letters, digits and `-`, as in `web`"));
    None
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "heroku",
    rename = "Heroku",
    description = "How the service stops on Heroku."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The process type of the program. Unset: `web` where a resource takes requests, else `worker`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]+$"), extend("examples" = ["web", "worker"]))]
    process_type: Option<String>,
    /// The program and its arguments. Unset: `./bin/` and the service's name.
    #[schemars(extend("examples" = [["./bin/shop", "--verbose"]]))]
    exec: Option<super::command::Schema>,
    /// The application's name, for `heroku config:set --app`. Unset: what `heroku` finds in the directory.
    #[schemars(regex(pattern = "^[a-z0-9-]+$"), extend("examples" = ["my-shop"]))]
    app: Option<String>,
}
