//! systemd's unit files, as `systemd.syntax(7)` has them: sections of assignments, keys as often as one
//! likes, continued lines; and what `systemctl cat` and `systemctl show` print of them.
//!
//! The tree is one mapping a unit: under each section its keys, under each key the list of what is
//! assigned to it, in the order of the file. What an assignment means, an empty one among them, is the
//! reader's to say. `systemctl cat` prints a unit and its drop-ins after one another, each below a
//! comment with its path: together they are one unit, and [`ID`] has the path. `systemctl show` prints
//! properties without sections: they stand in the unit's mapping itself.

use std::collections::HashMap;

use crate::text::{
    Document, Entry, Limits, Mapping, Node, Source, Span, SyntaxError, SyntaxErrorKind, Value,
};

/// The key under which `systemctl show` has a unit's name, and a unit of `systemctl cat` its path.
pub(in crate::deployed) const ID: &str = "Id";

/// What ends the name of a unit file or a drop-in.
pub(in crate::deployed) const ENDINGS: &[&str] = &[".service", ".socket", ".conf"];

/// The longest line that systemd reads (`LONG_LINE_MAX`).
const LONGEST_LINE: usize = 1 << 20;

/// So many faults of one file are told.
const MOST_FAULTS: usize = 20;

/// Reads unit files.
pub(super) fn read(text: &str) -> (Document, Vec<SyntaxError>) {
    let source = Source::new(text);
    let whole = Span::new(0, source.text().len());
    let mut units = Units::default();
    let limits = Limits::of_a_stream();
    if source.text().len() > limits.bytes {
        let what = format!("it is larger than {} MiB", limits.bytes >> 20);
        let help = "give the unit's own file";
        units.fault(Span::new(0, 0), SyntaxErrorKind::TooLarge(what, help));
    } else if is_of_units(source.text()) {
        for line in logical_lines(source.text()) {
            units.line(source.text(), &line);
        }
    }
    units.close();
    let root = Node {
        span: whole,
        value: Value::Sequence(units.done),
    };
    let document = Document {
        source,
        root,
        comments: Vec::new(),
    };
    (document, units.errors)
}

/// It looks like a unit file, or like what `systemctl` prints of one: files of other kinds end in
/// `.conf` as well, and standard input has no name.
pub(super) fn is_of_units(text: &str) -> bool {
    let mut lines = text.split(['\n', '\r']).map(str::trim);
    let section = |line: &str| {
        let name = line.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        matches!(name, Some("Unit" | "Service" | "Socket" | "Install"))
    };
    // What `systemctl show` begins with differs from version to version; the identity is always there.
    let property = |line: &str| {
        let id = line.strip_prefix("Id=");
        id.is_some_and(|id| id.ends_with(".service") || id.ends_with(".socket"))
    };
    lines.any(|line| section(line) || property(line))
}

/// A line as systemd reads it: what is continued is one, and comments are none.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// The text with the place of each of its bytes, or of none where it stands as it is.
    Text { text: String, places: Places },
    /// A comment's bytes.
    Comment(Span),
    /// Nothing.
    Blank,
}

/// Where the bytes of a logical line stand: pieces of the file, each with where it begins in the line.
type Places = Vec<(usize, Span)>;

/// Bytes that systemd takes for white space.
const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];

fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<(String, Places)> = None;
    for (start, end) in physical_lines(text) {
        let raw = &text[start..end];
        let lead = raw.len() - raw.trim_start_matches(WHITE).len();
        let (start, raw) = (start + lead, &raw[lead..]);
        if raw.starts_with(['#', ';']) {
            // Within a continued line too.
            lines.push(Line::Comment(Span::new(start, end)));
            continue;
        }
        if raw.is_empty() && open.is_none() {
            lines.push(Line::Blank);
            continue;
        }
        let (mut joined, mut places) = open.take().unwrap_or_default();
        places.push((joined.len(), Span::new(start, end)));
        joined.push_str(raw);
        let backslashes = joined.bytes().rev().take_while(|it| *it == b'\\');
        if backslashes.count() % 2 == 1 {
            joined.pop();
            joined.push(' ');
            open = Some((joined, places));
            continue;
        }
        lines.push(Line::Text {
            text: joined,
            places,
        });
    }
    // A file that ends in a continuation ends the line as well.
    if let Some((text, places)) = open {
        lines.push(Line::Text { text, places });
    }
    lines
}

/// The lines of a file, without their ends: `\n`, `\r\n` and `\r` are one each.
fn physical_lines(text: &str) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    let mut start = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if matches!(bytes[at], b'\n' | b'\r' | 0) {
            lines.push((start, at));
            if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                at += 1;
            }
            start = at + 1;
        }
        at += 1;
    }
    // What is behind the last end; mostly nothing, which is a blank line.
    lines.push((start, bytes.len()));
    lines
}

/// The bytes of a part of a logical line: from where it begins in the file to where it ends.
fn span(places: &Places, from: usize, to: usize) -> Span {
    let at = |offset: usize| {
        let piece = places.iter().rev().find(|(begin, _)| *begin <= offset);
        piece.map_or(0, |(begin, span)| {
            (span.start + offset - begin).min(span.end)
        })
    };
    // The end belongs to the piece of the last byte.
    let end = match to > from {
        true => at(to - 1) + 1,
        false => at(from),
    };
    Span::new(at(from), end.max(at(from)))
}

/// The units that have been read so far, and the one that is being read.
#[derive(Default)]
struct Units {
    done: Vec<Node>,
    errors: Vec<SyntaxError>,
    unit: Unit,
    /// The section that assignments belong to; `None` above all of them.
    section: Option<usize>,
    /// The section's header was no header: what follows belongs nowhere.
    lost: bool,
}

#[derive(Default)]
struct Unit {
    /// The path above it, in what `systemctl cat` prints.
    path: Option<(String, Span)>,
    properties: Vec<Entry>,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    span: Span,
    keys: Vec<(String, Span, Vec<Node>)>,
    by_name: HashMap<String, usize>,
}

impl Units {
    fn fault(&mut self, span: Span, kind: SyntaxErrorKind) {
        if self.errors.len() < MOST_FAULTS {
            self.errors.push(SyntaxError { span, kind });
        }
    }

    fn ignored(&mut self, span: Span, what: &'static str, help: &'static str) {
        self.fault(span, SyntaxErrorKind::Unsupported(what, help));
    }

    fn line(&mut self, text: &str, line: &Line) {
        match line {
            Line::Comment(span) => self.comment(text, *span),
            // `systemctl show` of several units has an empty line between them.
            Line::Blank if self.section.is_none() && !self.unit.properties.is_empty() => {
                self.close();
            }
            Line::Blank => {}
            Line::Text { text, places } => self.text(text, places),
        }
    }

    /// The path of what follows, where `systemctl cat` has written it.
    fn comment(&mut self, text: &str, span: Span) {
        let Some(path) = text.get(span.range()).and_then(|it| it.strip_prefix("# ")) else {
            return;
        };
        let path = path.trim_end_matches(WHITE);
        let is_unit = path.starts_with('/') && ENDINGS.iter().any(|it| path.ends_with(it));
        if !is_unit || path.contains(char::is_whitespace) {
            return;
        }
        let of_this_unit = self.unit.path.as_ref().is_some_and(|(unit, _)| {
            let unit = unit.rsplit('/').next().unwrap_or(unit);
            amended(path).is_some_and(|amended| may_amend(amended, unit))
        });
        // A drop-in begins without a section, as any file does.
        self.section = None;
        self.lost = false;
        if !of_this_unit {
            self.close();
            let place = Span::new(span.start + 2, span.start + 2 + path.len());
            self.unit.path = Some((path.to_owned(), place));
        }
    }

    fn text(&mut self, text: &str, places: &Places) {
        let trimmed = text.trim_end_matches(WHITE);
        let whole = span(places, 0, trimmed.len());
        if text.len() > LONGEST_LINE {
            let help = "systemd reads no line of more than 1 MiB: shorten it";
            return self.ignored(whole, "a line of more than 1 MiB", help);
        }
        if trimmed.is_empty() {
            return;
        }
        if let Some(rest) = trimmed.strip_prefix('[') {
            return match rest.strip_suffix(']') {
                Some(name) => self.open(name, whole),
                None => {
                    self.lost = true;
                    let help =
                        "write `[Service]` on a line of its own; systemd refuses the whole file";
                    self.ignored(
                        whole,
                        "a section's name without `]` at the end of its line",
                        help,
                    );
                }
            };
        }
        let Some(equals) = trimmed.find('=') else {
            let help = "write `KEY=VALUE`; systemd passes such a line over";
            return self.ignored(whole, "a line without `=`", help);
        };
        let key = trimmed[..equals].trim_end_matches(WHITE);
        let value = &trimmed[equals + 1..];
        let begin = equals + 1 + (value.len() - value.trim_start_matches(WHITE).len());
        let node = Node {
            span: span(places, begin, trimmed.len()),
            value: Value::Scalar {
                text: trimmed[begin..].to_owned(),
                plain: false,
            },
        };
        self.assign(key, span(places, 0, key.len()), node);
    }

    fn open(&mut self, name: &str, span: Span) {
        self.lost = false;
        let known = self.unit.sections.iter().position(|it| it.name == name);
        self.section = Some(known.unwrap_or(self.unit.sections.len()));
        if known.is_none() {
            self.unit.sections.push(Section {
                name: name.to_owned(),
                span,
                keys: Vec::new(),
                by_name: HashMap::new(),
            });
        }
    }

    fn assign(&mut self, key: &str, key_span: Span, value: Node) {
        if self.lost {
            return;
        }
        let section = self.section.and_then(|at| self.unit.sections.get_mut(at));
        let Some(section) = section else {
            if self.unit.sections.is_empty() && self.unit.path.is_none() {
                // What `systemctl show` prints; a property that it has twice counts once.
                if self.unit.properties.iter().all(|it| it.key != key) {
                    self.unit.properties.push(Entry {
                        key: key.to_owned(),
                        key_span,
                        value,
                    });
                }
                return;
            }
            let help = "write it below a `[Section]`; systemd passes it over";
            return self.ignored(key_span, "an assignment above the first section", help);
        };
        let next = section.keys.len();
        let at = *section.by_name.entry(key.to_owned()).or_insert(next);
        match section.keys.get_mut(at) {
            Some((_, _, values)) => values.push(value),
            None => section.keys.push((key.to_owned(), key_span, vec![value])),
        }
    }

    /// The unit is at its end.
    fn close(&mut self) {
        let unit = std::mem::take(&mut self.unit);
        self.section = None;
        let mut entries = unit.properties;
        if !unit.sections.is_empty() {
            // Above the first section only `systemctl show` has anything.
            for stray in entries.drain(..) {
                let help = "write it below a `[Section]`; systemd passes it over";
                self.ignored(
                    stray.key_span,
                    "an assignment above the first section",
                    help,
                );
            }
        }
        if let Some((path, span)) = unit.path {
            entries.push(Entry {
                key: ID.to_owned(),
                key_span: span,
                value: Node {
                    span,
                    value: Value::Scalar {
                        text: path,
                        plain: false,
                    },
                },
            });
        }
        entries.extend(unit.sections.into_iter().map(Section::entry));
        if entries.is_empty() {
            return;
        }
        let begin = entries.iter().map(|entry| entry.key_span.start).min();
        let end = entries.iter().map(|entry| entry.value.span.end).max();
        self.done.push(Node {
            span: Span::new(begin.unwrap_or(0), end.unwrap_or(0)),
            value: Value::Mapping(entries.into()),
        });
    }
}

impl Section {
    /// Its place is its header: that is where to say that it lacks something.
    fn entry(self) -> Entry {
        let keys = self.keys.into_iter().map(|(key, key_span, values)| {
            let last = values.last().map_or(key_span, |value| value.span);
            Entry {
                key,
                key_span,
                value: Node {
                    span: last,
                    value: Value::Sequence(values),
                },
            }
        });
        Entry {
            key: self.name,
            key_span: self.span,
            value: Node {
                span: self.span,
                value: Value::Mapping(Mapping::from(keys.collect::<Vec<_>>())),
            },
        }
    }
}

/// The unit that a drop-in amends, by its path: `shop.service` of `…/shop.service.d/10-stop.conf`.
pub(in crate::deployed) fn amended(path: &str) -> Option<&str> {
    let folder = path.strip_suffix(".conf")?.rsplit('/').nth(1)?;
    let unit = folder.strip_suffix(".d")?;
    let known = |it: &str| it == "service" || it.ends_with(".service") || it.ends_with(".socket");
    known(unit).then_some(unit)
}

/// A drop-in for `amended` holds for `unit`: its own, its template's, one for a prefix of its name
/// (`shop-.service.d`), or one for all services.
fn may_amend(amended: &str, unit: &str) -> bool {
    let of_template = || {
        let (template, instance) = unit.split_once('@')?;
        let (_, kind) = instance.rsplit_once('.')?;
        Some(amended == format!("{template}@.{kind}"))
    };
    let of_prefix = || {
        let (prefix, kind) = amended.rsplit_once('.')?;
        let (name, own_kind) = unit.rsplit_once('.')?;
        Some(prefix.ends_with('-') && name.starts_with(prefix) && kind == own_kind)
    };
    amended == unit
        || unit.ends_with(&format!(".{amended}")) && !amended.contains('.')
        || of_template().unwrap_or(false)
        || of_prefix().unwrap_or(false)
}

#[cfg(test)]
mod tests;
