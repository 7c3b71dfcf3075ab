//! A tree of YAML that can be written in many styles, and says where each value came to stand.

use std::ops::Range;

use lifecycle_manifest::text::Route;

/// A tree to write.
#[derive(Debug, Clone)]
pub(crate) enum Yaml {
    /// Text that needs no quotes.
    Text(String),
    /// A duration in milliseconds, which has several spellings.
    Millis(u64),
    /// A mapping.
    Map(Vec<(String, Yaml)>),
    /// A list; its items are texts or flow mappings.
    List(Vec<Yaml>),
}

/// Shorthand for a mapping.
pub(crate) fn map<const N: usize>(entries: [(&str, Option<Yaml>); N]) -> Yaml {
    Yaml::Map(
        entries
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
    )
}

/// Shorthand for text.
pub(crate) fn text(text: impl std::fmt::Display) -> Yaml {
    Yaml::Text(format!("{text}"))
}

/// Decisions about style, taken one after another from a list of bytes; all zero is the plainest.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    choices: Vec<u8>,
    at: usize,
}

impl Style {
    /// Decisions from these bytes.
    pub(crate) fn new(choices: Vec<u8>) -> Self {
        Self { choices, at: 0 }
    }

    /// A number below `options`.
    pub(crate) fn pick(&mut self, options: usize) -> usize {
        let byte = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % options
    }
}

/// A text and where its values stand: the route of each scalar, flow collection and key, and its bytes.
#[derive(Debug)]
pub(crate) struct Written {
    /// The text, without a byte order mark.
    pub(crate) text: String,
    /// Values by their routes.
    pub(crate) values: Vec<(Route, Range<usize>)>,
    /// Keys by their routes.
    pub(crate) keys: Vec<(Route, Range<usize>)>,
}

/// Writes a tree.
pub(crate) fn write(tree: &Yaml, mut style: Style) -> Written {
    let line_end = ["\n", "\r\n"][style.pick(2)];
    let mut writer = Writer {
        style,
        line_end,
        out: Written {
            text: String::new(),
            values: Vec::new(),
            keys: Vec::new(),
        },
    };
    if writer.style.pick(4) == 1 {
        writer.out.text.push_str("---");
        writer.end_line();
    }
    match tree {
        Yaml::Map(entries) if !entries.is_empty() && writer.style.pick(8) != 7 => {
            writer.block(entries, 0, &Route::root());
        }
        tree => {
            writer.flow(tree, &Route::root());
            writer.end_line();
        }
    }
    writer.out
}

/// The same tree with the entries of its mappings in another order, and the names in its lists too.
pub(crate) fn shuffled(tree: &Yaml, style: &mut Style) -> Yaml {
    fn order<T>(mut items: Vec<T>, style: &mut Style) -> Vec<T> {
        for at in (1..items.len()).rev() {
            items.swap(at, style.pick(at + 1));
        }
        items
    }
    match tree {
        Yaml::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.clone(), shuffled(value, style)))
                .collect();
            Yaml::Map(order(entries, style))
        }
        // The order of sidecars is the order they stop in.
        Yaml::List(items) if items.iter().all(|item| matches!(item, Yaml::Text(_))) => {
            Yaml::List(order(items.clone(), style))
        }
        other => other.clone(),
    }
}

struct Writer {
    style: Style,
    line_end: &'static str,
    out: Written,
}

impl Writer {
    fn end_line(&mut self) {
        let more =
            ["", "  ", " # a note", " # 🛒 größer: { than } \"it\" looks"][self.style.pick(4)];
        self.out.text.push_str(more);
        self.out.text.push_str(self.line_end);
        for _ in 0..[0, 0, 0, 1][self.style.pick(4)] {
            self.out.text.push_str("   # between");
            self.out.text.push_str(self.line_end);
            self.out.text.push_str(self.line_end);
        }
    }

    fn block(&mut self, entries: &[(String, Yaml)], indent: usize, route: &Route) {
        let deeper = indent + [2, 1, 4][self.style.pick(3)];
        for (key, value) in entries {
            let here = route.key(key);
            self.out.text.push_str(&" ".repeat(indent));
            self.key(key, &here);
            match value {
                Yaml::Map(inner) if !inner.is_empty() && self.style.pick(2) == 0 => {
                    self.end_line();
                    self.block(inner, deeper, &here);
                }
                Yaml::List(items) if !items.is_empty() && self.style.pick(2) == 1 => {
                    self.end_line();
                    for (at, item) in items.iter().enumerate() {
                        self.out.text.push_str(&" ".repeat(deeper));
                        self.out.text.push_str("- ");
                        self.flow(item, &here.index(at));
                        self.end_line();
                    }
                }
                value => {
                    let space = [" ", "   ", " \t "][self.style.pick(3)];
                    self.out.text.push_str(space);
                    self.flow(value, &here);
                    self.end_line();
                }
            }
        }
    }

    fn key(&mut self, key: &str, route: &Route) {
        let start = self.out.text.len();
        let quote = ["", "", "\"", "'"][self.style.pick(4)];
        self.out.text.push_str(quote);
        self.out.text.push_str(key);
        self.out.text.push_str(quote);
        self.out
            .keys
            .push((route.clone(), start..self.out.text.len()));
        self.out.text.push(':');
    }

    fn flow(&mut self, value: &Yaml, route: &Route) {
        let start = self.out.text.len();
        match value {
            Yaml::Text(text) => self.scalar(text),
            Yaml::Millis(millis) => {
                let spelling = self.spelling(*millis);
                self.scalar(&spelling);
            }
            Yaml::Map(entries) => {
                let space = ["", " "][self.style.pick(2)];
                self.out.text.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    self.out.text.push_str(if at == 0 { space } else { ", " });
                    let here = route.key(key);
                    self.key(key, &here);
                    self.out.text.push(' ');
                    self.flow(value, &here);
                }
                self.out.text.push_str(space);
                self.out.text.push('}');
            }
            Yaml::List(items) => {
                self.out.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out
                            .text
                            .push_str([", ", ",", " ,  "][self.style.pick(3)]);
                    }
                    self.flow(item, &route.index(at));
                }
                self.out.text.push(']');
            }
        }
        self.out
            .values
            .push((route.clone(), start..self.out.text.len()));
    }

    fn scalar(&mut self, text: &str) {
        let written = match self.style.pick(5) {
            2 => format!("\"{text}\""),
            3 => format!("'{text}'"),
            4 => {
                // An escape for the first character: the bytes are not the text.
                let mut rest = text.chars();
                let first = rest.next().map_or(0, u32::from);
                format!("\"\\u{first:04x}{}\"", rest.as_str())
            }
            _ => text.to_owned(),
        };
        self.out.text.push_str(&written);
    }

    fn spelling(&mut self, millis: u64) -> String {
        let (minutes, seconds, rest) = (millis / 60_000, millis / 1_000 % 60, millis % 1_000);
        match self.style.pick(3) {
            0 if rest == 0 => format!("{}s", millis / 1_000),
            1 if minutes > 0 => format!("{minutes}m{seconds}s{rest}ms"),
            _ => format!("{millis}ms"),
        }
    }
}
