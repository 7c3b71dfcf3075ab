//! A setting of which manifest and deployment each say something.

use crate::deployed::Pair;
use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::rules::Rule;
use crate::text::Route;

/// What the manifest says, and what holds in the deployment.
pub(super) struct Told<'a> {
    /// The deployed file's key.
    pub(super) key: &'static str,
    /// In the deployed file's words.
    pub(super) planned: String,
    /// Where the manifest says it; `None` where it says nothing.
    pub(super) at: Option<&'a Route>,
    /// What the deployed file says, and where.
    pub(super) deployed: Option<Written<String>>,
    /// What holds where it says nothing.
    pub(super) default: &'a str,
}

impl Told<'_> {
    /// What holds in the deployment.
    pub(super) fn holds(&self) -> &str {
        let deployed = self.deployed.as_ref();
        deployed.map_or(self.default, |it| it.value.as_str())
    }

    /// Both say the same.
    pub(super) fn agree(&self) -> bool {
        self.holds() == self.planned
    }

    /// That they do not.
    pub(super) fn finding(&self, rule: &'static Rule, pair: &Pair<'_>) -> Finding {
        let (place, origin) = match &self.deployed {
            Some(deployed) => (Place::Value(deployed.route.clone()), ""),
            None => (
                Place::Value(pair.workload().route.key("kind")),
                " (the Kubernetes default)",
            ),
        };
        let message = format!(
            "`{}` of {} is {}{origin}, and the manifest means {}",
            self.key,
            pair.title(),
            self.holds(),
            self.planned
        );
        let finding = pair.finding(rule, message, place);
        finding
            .beside(match self.at {
                Some(route) => (
                    Place::Value(route.clone()),
                    format!("{} by the manifest", self.planned),
                ),
                None => (
                    pair.platform_place(),
                    format!("{} where the manifest says nothing", self.planned),
                ),
            })
            .help(match self.planned.contains(' ') {
                true => format!(
                    "write `{}: \"{}\"`, or generate the file anew",
                    self.key, self.planned
                ),
                false => format!(
                    "write `{}: {}`, or generate the file anew",
                    self.key, self.planned
                ),
            })
    }
}

/// Deployed numbers as they are compared.
pub(super) fn number(written: Option<&Written<i64>>) -> Option<Written<String>> {
    let written = written?;
    Some(Written {
        value: written.value.to_string(),
        route: written.route.clone(),
    })
}
