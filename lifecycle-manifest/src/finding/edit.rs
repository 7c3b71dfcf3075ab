//! Changes of a manifest: said by routes, turned into bytes at the end, so that every byte they do
//! not speak of stays as it is.

use super::Place;
use crate::text::{Document, Entry, Limits, Node, Route, Segment, Source, Span, Value, parse};

/// Edits that belong together: all of them or none.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Route, parse};
/// use lifecycle_manifest::{Edit, Fix, Place, Safety};
///
/// let (document, _) = parse("budget: { reserve: 5s, unwind: 1s }\n", Limits::default());
/// let document = document.unwrap();
/// let [reserve, unwind] = ["reserve", "unwind"].map(|key| Route::keys(["budget", key]));
/// let fix = Fix::new(Safety::Unsafe, [
///     Edit::Remove { entry: unwind },
///     Edit::replace(Place::Value(reserve), "6s"),
/// ]);
/// let mut text = document.source.text().to_owned();
/// for patch in fix.patches(&document).unwrap().iter().rev() {
///     text.replace_range(patch.span.range(), &patch.text);
/// }
/// assert_eq!(text, "budget: { reserve: 6s }\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Whether somebody must agree first.
    pub safety: Safety,
    /// What is changed.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// Edits that belong together.
    pub fn new(safety: Safety, edits: impl IntoIterator<Item = Edit>) -> Self {
        Self {
            safety,
            edits: edits.into_iter().collect(),
        }
    }

    /// The edits as bytes, in the order of the file. `None` where one of them has no place, or two
    /// would change the same bytes.
    pub fn patches(&self, document: &Document) -> Option<Vec<Patch>> {
        let mut patches = self
            .edits
            .iter()
            .map(|edit| edit.patch(document))
            .collect::<Option<Vec<_>>>()?;
        patches.sort_by_key(|patch| patch.span);
        let patches = joined(&document.source, patches);
        let apart = patches
            .windows(2)
            .all(|pair| pair[0].span.end <= pair[1].span.start && pair[0].span != pair[1].span);
        apart.then_some(patches)
    }
}

/// Edits that belong together meet: neighbours that are taken away share a comma, which goes too, and
/// entries that are added to one mapping come after one another.
fn joined(source: &Source, patches: Vec<Patch>) -> Vec<Patch> {
    let mut joined: Vec<Patch> = Vec::with_capacity(patches.len());
    for patch in patches {
        match joined.last_mut() {
            Some(last)
                if last.text.is_empty()
                    && patch.text.is_empty()
                    && patch.span.start < last.span.end =>
            {
                last.span.end = last.span.end.max(patch.span.end);
                let before = source.text()[..last.span.start].trim_end();
                let closes = source.text()[last.span.end..].trim_start();
                if before.ends_with(',') && closes.starts_with(['}', ']']) {
                    last.span.start = before.len() - 1;
                }
            }
            Some(last) if last.span == patch.span && last.span.start == last.span.end => {
                // Two entries added at the end of one mapping; between empty braces they need a comma.
                match patch.text.starts_with(' ') {
                    true if patch.text.starts_with(" {") => joined.push(patch),
                    true => last.text = format!("{},{}", last.text.trim_end(), patch.text),
                    false => last.text.push_str(&patch.text),
                }
            }
            _ => joined.push(patch),
        }
    }
    joined
}

/// Whether a fix may be made without asking.
///
/// ```
/// use lifecycle_manifest::text::Route;
/// use lifecycle_manifest::{Finding, Place, Safety, rules};
///
/// let rule = rules::find("grace-too-short").unwrap();
/// let place = Place::Value(Route::keys(["platforms", "kubernetes", "grace_period"]));
/// let finding = Finding::new(rule, "shutdown needs 41s, Kubernetes allows 30s", place.clone())
///     .fix("write `41s`", place, "41s");
/// assert_eq!(finding.first_fix(Safety::Safe), None);
/// assert_eq!(finding.first_fix(Safety::Unsafe).unwrap().safety.as_str(), "unsafe");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// It means the same, or only gives more time.
    Safe,
    /// It changes what is meant; somebody must agree.
    Unsafe,
}

impl Safety {
    /// The word in every format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        }
    }
}

/// One change of the manifest.
///
/// ```
/// use lifecycle_manifest::Edit;
/// use lifecycle_manifest::text::{Limits, Route, parse};
///
/// let after = |edit: &Edit| {
///     let (document, _) = parse("budget: { reserve: 5s }\n", Limits::default());
///     let document = document?;
///     let patch = edit.patch(&document)?;
///     let mut text = document.source.text().to_owned();
///     text.replace_range(patch.span.range(), &patch.text);
///     Some(text)
/// };
/// let insert = Edit::insert(Route::keys(["budget"]), "unwind", "1s");
/// assert_eq!(after(&insert).unwrap(), "budget: { reserve: 5s, unwind: 1s }\n");
/// let remove = Edit::Remove { entry: Route::keys(["budget", "unwind"]) };
/// assert_eq!(after(&remove), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Other text at a place.
    Replace {
        /// What is replaced.
        place: Place,
        /// What comes in its stead.
        with: String,
    },
    /// A new entry, as the last of a mapping. Where the mapping does not exist yet, it is made; where
    /// the entry does, its value is replaced.
    Insert {
        /// The mapping.
        mapping: Route,
        /// The new key.
        key: String,
        /// Its value, as it is to be written: one line.
        value: String,
    },
    /// An entry of a mapping, key and value.
    Remove {
        /// The entry.
        entry: Route,
    },
}

/// A replacement of bytes.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Route, Span, parse};
/// use lifecycle_manifest::{Edit, Patch, Place};
///
/// let (document, _) = parse("service: shop\n", Limits::default());
/// let edit = Edit::replace(Place::Value(Route::keys(["service"])), "orders");
/// let patch = Patch { span: Span::new(9, 13), text: "orders".to_owned() };
/// assert_eq!(edit.patch(&document.unwrap()), Some(patch));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What comes in its stead.
    pub text: String,
}

impl Edit {
    /// Other text at a place.
    pub fn replace(place: Place, with: impl Into<String>) -> Self {
        Self::Replace {
            place,
            with: with.into(),
        }
    }

    /// A new entry in a mapping.
    pub fn insert(mapping: Route, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Insert {
            mapping,
            key: key.into(),
            value: value.into(),
        }
    }

    /// The bytes that change. `None` where the edit has no place in the document: a mapping that is
    /// a list, an entry that is not there.
    pub fn patch(&self, document: &Document) -> Option<Patch> {
        match self {
            Self::Replace { place, with } => Some(Patch {
                span: place.span(document),
                // A file that is JSON stays JSON.
                text: match place {
                    Place::Key(_) if is_json(document) => quoted(with),
                    Place::Value(_) if is_json(document) => value_as_json(with),
                    _ => with.clone(),
                },
            }),
            Self::Insert {
                mapping,
                key,
                value,
            } => insert(document, mapping, key, value),
            Self::Remove { entry } => remove(document, entry),
        }
    }
}

/// A new last entry of a mapping, in the mapping's own style.
fn insert(document: &Document, mapping: &Route, key: &str, value: &str) -> Option<Patch> {
    let source = &document.source;
    // A file that is JSON stays JSON.
    if is_json(document) && !key.starts_with('"') {
        let value = value_as_json(value);
        return insert(document, mapping, &format!("\"{key}\""), &value);
    }
    let Some(node) = document.get(mapping) else {
        // The mapping itself is missing: it comes as an entry of the one above.
        let Some(Segment::Key(name)) = mapping.segments().last() else {
            return None;
        };
        let parent = mapping.parent()?;
        let name = match key.starts_with('"') {
            true => format!("\"{name}\""),
            false => name.to_string(),
        };
        return insert(document, &parent, &name, &format!("{{ {key}: {value} }}"));
    };
    match &node.value {
        _ if node.is_null() && node.span.start == node.span.end => {
            // Nothing behind the colon, which stands right after the key.
            let (between, _) = source.text()[node.span.end..].split_once(':')?;
            if !between.trim().is_empty() {
                return None;
            }
            let colon = node.span.end + between.len() + 1;
            Some(Patch {
                span: Span::new(colon, colon),
                text: format!(" {{ {key}: {value} }}"),
            })
        }
        _ if node.is_null() => Some(Patch {
            span: node.span,
            text: format!("{{ {key}: {value} }}"),
        }),
        // An alias is written elsewhere, and for others too.
        Value::Mapping(_) if source.slice(node.span).starts_with('*') => None,
        Value::Mapping(entries) if entries.entry(key.trim_matches('"')).is_some() => {
            let there = &entries.entry(key.trim_matches('"'))?.value;
            let is_written = there.span.start < there.span.end;
            is_written.then(|| Patch {
                span: there.span,
                text: value.to_owned(),
            })
        }
        Value::Mapping(entries) => match source.slice(node.span).starts_with('{') {
            true => insert_in_braces(source, node, entries, key, value),
            false => insert_line(source, entries, key, value),
        },
        _ => None,
    }
}

/// Braces around all, and quotes around the first key.
fn is_json(document: &Document) -> bool {
    let quoted = |entry: &Entry| document.source.slice(entry.key_span).starts_with('"');
    let Value::Mapping(entries) = &document.root.value else {
        return false;
    };
    document.source.slice(document.root.span).starts_with('{')
        && entries.first().is_some_and(quoted)
}

/// A value that is written as YAML, as JSON writes it.
fn value_as_json(text: &str) -> String {
    parse(text, Limits::default())
        .0
        .map_or_else(|| quoted(text), |value| as_json(&value.root))
}

/// A value as JSON writes it.
fn as_json(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain: true }
            if text.parse::<f64>().is_ok() || ["true", "false", "null"].contains(&&**text) =>
        {
            text.clone()
        }
        Value::Scalar { text, .. } => quoted(text),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(as_json).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}: {}", quoted(&entry.key), as_json(&entry.value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The end of an entry, its colon included where nothing stands behind it.
fn end_of(source: &Source, entry: &Entry) -> usize {
    if entry.value.span.start < entry.value.span.end {
        return entry.value.span.end.max(entry.key_span.end);
    }
    let end = entry.key_span.end;
    match source.text()[end..].split_once(':') {
        Some((between, _)) if between.trim().is_empty() => end + between.len() + 1,
        _ => end,
    }
}

/// `{ a: 1 }` becomes `{ a: 1, key: value }`.
fn insert_in_braces(
    source: &Source,
    node: &Node,
    entries: &[Entry],
    key: &str,
    value: &str,
) -> Option<Patch> {
    let inner = node.span.end.checked_sub(1)?;
    let Some(last) = entries.iter().max_by_key(|entry| entry.value.span.end) else {
        // Whatever stands between the braces is space or a comment; the first stays, the second too.
        let open = node.span.start + 1;
        let space = if source.text()[open..inner].is_empty() {
            " "
        } else {
            ""
        };
        return Some(Patch {
            span: Span::new(open, open),
            text: format!(" {key}: {value}{space}"),
        });
    };
    let end = end_of(source, last);
    // A comma behind the last entry is already there in some files.
    let rest = &source.text()[end..inner];
    let trailing = rest.trim_start().starts_with(',');
    let text = match trailing {
        true => format!(" {key}: {value},"),
        false => format!(", {key}: {value}"),
    };
    let at = match trailing {
        true => end + rest.find(',')? + 1,
        false => end,
    };
    Some(Patch {
        span: Span::new(at, at),
        text,
    })
}

/// A line of its own below the last entry, as far in as the mapping's first key.
fn insert_line(source: &Source, entries: &[Entry], key: &str, value: &str) -> Option<Patch> {
    let first = entries.first()?;
    let last = entries.iter().max_by_key(|entry| entry.value.span.end)?;
    let text = source.text();
    let line = text[..first.key_span.start]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let before = &text[line..first.key_span.start];
    // `- a: 1`: the dash counts as a column, and is not repeated.
    let indent: String = before
        .chars()
        .map(|c| if c.is_whitespace() { c } else { ' ' })
        .collect();
    let end = end_of(source, last);
    let rest = &text[end..];
    let line_end = end + rest.find('\n').unwrap_or(rest.len());
    let crlf = text[..line_end].ends_with('\r');
    let (at, newline) = match crlf {
        true => (line_end - 1, "\r\n"),
        false => (line_end, "\n"),
    };
    Some(Patch {
        span: Span::new(at, at),
        text: format!("{newline}{indent}{key}: {value}"),
    })
}

/// An entry with what would be left over of it: its line, or its comma.
fn remove(document: &Document, entry: &Route) -> Option<Patch> {
    let name = match entry.segments().last()? {
        Segment::Key(name) => name,
        Segment::Index(index) => return remove_item(document, &entry.parent()?, *index),
    };
    let mapping = document.get(&entry.parent()?)?;
    let Value::Mapping(entries) = &mapping.value else {
        return None;
    };
    let at = entries.iter().position(|entry| *entry.key == **name)?;
    let this = &entries[at];
    let text = document.source.text();
    let end = end_of(&document.source, this);
    if text[mapping.span.range()].starts_with('{') {
        // With the comma and the space up to the neighbour, whichever side it is on.
        let span = match (entries.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => Span::new(this.key_span.start, next.key_span.start),
            (None, Some(before)) => {
                let before = &entries[before];
                Span::new(end_of(&document.source, before), end)
            }
            (None, None) => {
                let inner = Span::new(mapping.span.start + 1, mapping.span.end.saturating_sub(1));
                match text[inner.range()].contains('\n') {
                    true => Span::new(this.key_span.start, end),
                    false => inner,
                }
            }
        };
        return Some(Patch {
            span,
            text: String::new(),
        });
    }
    // The only entry of a block leaves an empty mapping, which is written as one.
    if entries.len() == 1 {
        return Some(Patch {
            span: Span::new(this.key_span.start, end),
            text: "{}".to_owned(),
        });
    }
    let line = text[..this.key_span.start]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    // `- a: 1` stays a list's item: only what stands behind the dash goes, up to the next key.
    if !text[line..this.key_span.start].trim().is_empty() {
        let next = entries.get(at + 1)?;
        return Some(Patch {
            span: Span::new(this.key_span.start, next.key_span.start),
            text: String::new(),
        });
    }
    let rest = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    Some(Patch {
        span: Span::new(line, rest),
        text: String::new(),
    })
}

/// An item of a list with its comma or its line.
fn remove_item(document: &Document, list: &Route, index: usize) -> Option<Patch> {
    let node = document.get(list)?;
    let Value::Sequence(items) = &node.value else {
        return None;
    };
    let this = items.get(index)?.span;
    let text = document.source.text();
    let (span, with) = if text[node.span.range()].starts_with('[') {
        match (items.get(index + 1), index.checked_sub(1)) {
            (Some(next), _) => (Span::new(this.start, next.span.start), ""),
            (None, Some(before)) => (Span::new(items[before].span.end, this.end), ""),
            (None, None) => (node.span, "[]"),
        }
    } else {
        let line = text[..this.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[this.end..]
            .find('\n')
            .map_or(text.len(), |at| this.end + at + 1);
        let behind = text[this.end..end].trim_start();
        let alone =
            text[line..this.start].trim() == "-" && (behind.is_empty() || behind.starts_with('#'));
        // The last item of a block leaves nothing that could stand for the list.
        if !alone || items.len() == 1 {
            return None;
        }
        (Span::new(line, end), "")
    };
    Some(Patch {
        span,
        text: with.to_owned(),
    })
}

#[cfg(test)]
mod tests;
