//! A time that holds in a deployment, and where it comes from.

use std::time::Duration;

use crate::duration::human;
use crate::finding::Place;

/// A number that holds in a deployment, written there or not.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) value: Duration,
    /// Where it stands, or would.
    pub(crate) place: Place,
    /// Where the number comes from, where it is not written: `the Kubernetes default`.
    pub(crate) default: Option<String>,
    /// Something stands there all the same, and is taken for nothing.
    pub(crate) is_written: bool,
}

impl Setting {
    /// What is to be said at its place.
    pub(crate) fn label(&self, key: &str, written: impl FnOnce(String) -> String) -> String {
        match &self.default {
            None => written(human(self.value)),
            Some(default) if self.is_written => {
                format!("taken for nothing: {}, {default}", human(self.value))
            }
            Some(default) => format!("no `{key}` here: {}, {default}", human(self.value)),
        }
    }
}
