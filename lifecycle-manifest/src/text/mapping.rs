//! A mapping of any size whose keys are found fast.

use std::ops::Deref;

use super::Entry;

/// A mapping's entries in the order of the file, their keys distinct.
///
/// Reads as a slice of [`Entry`]. A key is found in logarithmic time: a finding in each of ten
/// thousand entries is ten thousand look-ups.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Value, parse};
/// let (document, _) = parse("{ reserve: 5s, unwind: 1s }", Limits::default());
/// let Value::Mapping(mapping) = document.unwrap().root.value else {
///     panic!("no mapping");
/// };
/// assert_eq!(mapping.len(), 2);
/// assert_eq!(mapping[0].key, "reserve");
/// assert_eq!(mapping.entry("unwind").unwrap().value.describe(), "`1s`");
/// assert!(mapping.entry("spare").is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
    /// The entries' indices by key; empty for a mapping so small that going through it is faster.
    by_key: Vec<usize>,
}

impl Mapping {
    /// A mapping of nothing.
    pub const EMPTY: Self = Self {
        entries: Vec::new(),
        by_key: Vec::new(),
    };

    /// Up to so many entries are gone through.
    const SMALL: usize = 16;

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        if self.by_key.is_empty() {
            return self.entries.iter().find(|entry| entry.key == key);
        }
        let at = self
            .by_key
            .binary_search_by(|&at| self.entries[at].key.as_str().cmp(key));
        at.ok().map(|at| &self.entries[self.by_key[at]])
    }
}

impl From<Vec<Entry>> for Mapping {
    fn from(entries: Vec<Entry>) -> Self {
        let mut by_key = Vec::new();
        if entries.len() > Self::SMALL {
            by_key.extend(0..entries.len());
            by_key.sort_unstable_by(|&a: &usize, &b: &usize| entries[a].key.cmp(&entries[b].key));
        }
        Self { entries, by_key }
    }
}

impl Deref for Mapping {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.entries
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl IntoIterator for Mapping {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Node, Span, Value};

    #[test]
    fn small_or_large_a_key_finds_its_own_entry_and_no_other() {
        for size in [0, 1, Mapping::SMALL, Mapping::SMALL + 1, 1_000] {
            let name = |at: usize| format!("k{}", at * 7 % 1_009);
            let entry = |at: usize| Entry {
                key: name(at),
                key_span: Span::new(at, at),
                value: Node {
                    span: Span::default(),
                    value: Value::Sequence(Vec::new()),
                },
            };
            let mapping = Mapping::from((0..size).map(entry).collect::<Vec<_>>());
            assert_eq!(mapping.len(), size);
            for at in 0..size {
                let found = mapping.entry(&name(at)).map(|entry| entry.key_span.start);
                assert_eq!(found, Some(at), "{size}");
            }
            for absent in ["", "k", "zz"] {
                assert!(mapping.entry(absent).is_none(), "{size}");
            }
        }
    }
}
