//! Google Cloud Run: ten seconds, and nothing to set.
//!
//! Source: <https://docs.cloud.google.com/run/docs/container-contract>. SIGTERM goes to all
//! containers of the instance at once, SIGKILL follows ten seconds later.

use std::time::Duration;

use super::{Cap, Common, Facts, Signal, Terms, owed_settle};
use crate::figure::{Figure, Origin};
use crate::manifest::Manifest;
use crate::read::{OtherName, Table};

pub(crate) static FACTS: Facts = Facts {
    key: "cloud_run",
    name: "Cloud Run",
    default_grace: WINDOW,
    unit: Duration::from_secs(1),
    kill_floor: Duration::ZERO,
    runs_images: true,
    other_names: &[OtherName::new(
        "timeoutSeconds",
        "traffic: { longest_request: … }",
    )],
};

/// From SIGTERM to SIGKILL; fixed.
const WINDOW: Duration = Duration::from_secs(10);

/// `platforms.cloud_run`.
#[derive(Debug, Clone)]
pub struct CloudRun {
    /// The knobs that every platform has.
    pub common: Common,
}

impl CloudRun {
    pub(super) fn read(common: Common, _table: &mut Table<'_, '_>) -> Self {
        Self { common }
    }

    #[allow(clippy::unused_self, reason = "the registry asks every platform alike")]
    pub(super) fn terms(&self, manifest: &Manifest) -> Terms {
        Terms {
            signal: Signal::Term,
            // A written grace period is fiction here and a finding of its own.
            grace: Figure::new(
                WINDOW,
                "grace period",
                Origin::Derived("Cloud Run's fixed window"),
            ),
            cap: Some(Cap {
                limit: WINDOW,
                because: "Cloud Run gives every instance 10s, and there is nothing to set",
                fixed: true,
            }),
            outside: None,
            hook: None,
            paid_before_signal: Duration::ZERO,
            // The router and the instance manager are one system; that it stops routing first is not
            // documented, so a settle time that the manifest writes is still paid, by the program.
            routing_lags: false,
            settle: owed_settle(manifest, false),
            sidecars: Vec::new(),
            after: Vec::new(),
        }
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "cloud_run",
    rename = "CloudRun",
    description = "How the service stops on Google Cloud Run."
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: crate::schema::CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
}
