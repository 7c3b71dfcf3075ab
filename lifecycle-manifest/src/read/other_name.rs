//! Names that other tools give to our keys.

use super::value::whole_number;
use crate::finding::{Edit, Fix, Place, Safety};
use crate::text::{Entry, Route, Value};

/// A name that another tool gives to one of our keys.
#[derive(Debug)]
pub(crate) struct OtherName {
    /// Theirs.
    pub(crate) theirs: &'static str,
    /// Ours; more than one word where there is no single key for it.
    pub(crate) ours: &'static str,
    /// What their bare numbers count, where ours is a duration.
    pub(crate) unit: Option<&'static str>,
}

impl OtherName {
    /// The same value under another name.
    pub(crate) const fn new(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: None,
        }
    }

    /// Theirs is a number of seconds.
    pub(crate) const fn seconds(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: Some("s"),
        }
    }

    /// Theirs is a number of milliseconds.
    pub(crate) const fn milliseconds(theirs: &'static str, ours: &'static str) -> Self {
        Self {
            theirs,
            ours,
            unit: Some("ms"),
        }
    }

    /// Our name, and our way to write the value.
    pub(super) fn fix(&self, entry: &Entry, route: &Route) -> Fix {
        let here = route.key(&entry.key);
        let mut edits = vec![Edit::replace(Place::Key(here.clone()), self.ours)];
        if let (Some(unit), Value::Scalar { text, .. }) = (self.unit, &entry.value.value)
            && whole_number(text).is_some()
        {
            edits.push(Edit::replace(Place::Value(here), format!("{text}{unit}")));
        }
        Fix::new(Safety::Safe, edits)
    }
}
