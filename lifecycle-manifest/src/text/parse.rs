//! YAML events to a tree, in bounded time and memory.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle};

use super::{Document, Entry, Node, Source, Span, Value};

/// How much a file may ask of its reader.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Values, those that aliases repeat included.
    pub nodes: usize,
    /// Mappings and sequences within one another.
    pub depth: usize,
}

impl Default for Limits {
    /// 4 MiB, 400,000 values, 64 levels: far above any manifest, far below harm.
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            nodes: 400_000,
            depth: 64,
        }
    }
}

/// What keeps a text from being a tree.
#[derive(Debug, Clone)]
pub struct SyntaxError {
    /// Where.
    pub span: Span,
    /// What kind of fault.
    pub kind: SyntaxErrorKind,
}

/// The kinds of [`SyntaxError`].
#[derive(Debug, Clone)]
pub enum SyntaxErrorKind {
    /// Not YAML; the parser's words.
    NotYaml(String),
    /// YAML that a manifest does not use; what it is, and what to write instead.
    Unsupported(&'static str, &'static str),
    /// A key that stands twice in one mapping; where it stood first.
    DuplicateKey(String, Span),
    /// Larger than [`Limits`] allow; which limit.
    TooLarge(String),
}

/// Parses a text. Faults that leave the tree readable are collected beside it, so that one run can
/// report them all; after a fault that does not, there is no document.
pub fn parse(text: &str, limits: Limits) -> (Option<Document>, Vec<SyntaxError>) {
    let source = Source::new(text);
    let mut builder = Builder {
        text: source.text(),
        limits,
        nodes: 0,
        depth: 0,
        anchors: HashMap::new(),
        errors: Vec::new(),
    };
    let root = match builder.document() {
        Ok(root) => Some(root),
        Err(error) => {
            builder.errors.push(error);
            None
        }
    };
    let errors = builder.errors;
    (root.map(|root| Document { source, root }), errors)
}

type Step<T> = Result<T, SyntaxError>;

struct Builder<'t> {
    text: &'t str,
    limits: Limits,
    nodes: usize,
    depth: usize,
    anchors: HashMap<usize, (Node, usize)>,
    errors: Vec<SyntaxError>,
}

type Events<'t> = Parser<'t, granit_parser::StrInput<'t>>;

impl<'t> Builder<'t> {
    fn document(&mut self) -> Step<Node> {
        if self.text.len() > self.limits.bytes {
            return Err(error(
                Span::new(0, 0),
                SyntaxErrorKind::TooLarge(format!(
                    "the file has {} bytes, and at most {} are read",
                    self.text.len(),
                    self.limits.bytes
                )),
            ));
        }
        let mut options = granit_parser::options! {
            flow_nesting_limit: self.limits.depth,
            block_nesting_limit: self.limits.depth,
        };
        options.set_emit_comments(false);
        let mut events = Parser::new_from_str_with_options(self.text, options);
        let mut root = None;
        loop {
            let (event, span) = self.next(&mut events)?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    self.errors.push(error(
                        span,
                        SyntaxErrorKind::Unsupported(
                            "a second document",
                            "write one manifest a file",
                        ),
                    ));
                    break;
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, span, &mut events)?),
            }
        }
        Ok(root.unwrap_or(Node {
            span: Span::new(0, 0),
            value: Value::Scalar {
                text: String::new(),
                plain: true,
            },
        }))
    }

    fn next(&self, events: &mut Events<'t>) -> Step<(Event<'t>, Span)> {
        match events.next_event() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or_default();
                Ok((event, Span::new(range.start, range.end)))
            }
            Some(Err(scan)) => Err(self.not_yaml(&scan)),
            None => Ok((
                Event::StreamEnd,
                Span::new(self.text.len(), self.text.len()),
            )),
        }
    }

    fn not_yaml(&self, scan: &ScanError) -> SyntaxError {
        let at = scan
            .marker()
            .byte_offset()
            .unwrap_or(self.text.len())
            .min(self.text.len());
        error(Span::new(at, at), SyntaxErrorKind::NotYaml(scan.info()))
    }

    fn count(&mut self, more: usize, at: Span) -> Step<()> {
        self.nodes += more;
        if self.nodes > self.limits.nodes {
            return Err(error(
                at,
                SyntaxErrorKind::TooLarge(format!(
                    "more than {} values, aliases expanded",
                    self.limits.nodes
                )),
            ));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'t>, span: Span, events: &mut Events<'t>) -> Step<Node> {
        self.count(1, span)?;
        if event.tag().is_some() {
            self.errors.push(error(
                span,
                SyntaxErrorKind::Unsupported("a tag", "write the value without `!…`"),
            ));
        }
        let before = self.nodes;
        let anchor = event.anchor_id();
        let node = match event {
            Event::Scalar(text, style, ..) => Node {
                span,
                value: Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                },
            },
            Event::SequenceStart(style, ..) => {
                self.nested(|builder| builder.sequence(style, span, events))?
            }
            Event::MappingStart(style, ..) => {
                self.nested(|builder| builder.mapping(style, span, events))?
            }
            Event::Alias(id) => return self.alias(id, span),
            _ => {
                return Err(error(
                    span,
                    SyntaxErrorKind::NotYaml("a value was expected".into()),
                ));
            }
        };
        if let Some(id) = anchor {
            self.anchors
                .insert(id, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Step<Node>) -> Step<Node> {
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn alias(&mut self, id: usize, span: Span) -> Step<Node> {
        let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
            return Err(error(
                span,
                SyntaxErrorKind::Unsupported(
                    "an alias within its own anchor",
                    "write the value out",
                ),
            ));
        };
        self.count(size, span)?;
        Ok(self.anchors[&id].0.clone())
    }

    fn sequence(
        &mut self,
        style: StructureStyle,
        start: Span,
        events: &mut Events<'t>,
    ) -> Step<Node> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::SequenceEnd) {
                let end = collection_end(style, start, span, items.last().map(|item| item.span));
                return Ok(Node {
                    span: end,
                    value: Value::Sequence(items),
                });
            }
            items.push(self.node(event, span, events)?);
        }
    }

    fn mapping(
        &mut self,
        style: StructureStyle,
        start: Span,
        events: &mut Events<'t>,
    ) -> Step<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut first = None;
        let mut last = None;
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                let start = first.unwrap_or(start);
                let span = collection_end(style, start, span, last);
                return Ok(Node {
                    span,
                    value: Value::Mapping(entries),
                });
            }
            let key = self.node(event, span, events)?;
            if style == StructureStyle::Block {
                first = first.or(Some(key.span));
            } else {
                first = Some(start);
            }
            let (event, span) = self.next(events)?;
            let mut value = self.node(event, span, events)?;
            if value.is_null() && value.span.start == value.span.end {
                // An absent value has no bytes; its key is the nearest thing that can be shown.
                value.span = Span::new(key.span.end, key.span.end);
            }
            last = Some(Span::new(key.span.start, value.span.end.max(key.span.end)));
            let Value::Scalar { text: name, plain } = key.value else {
                self.errors.push(error(
                    key.span,
                    SyntaxErrorKind::Unsupported("a key that is not text", "write a plain name"),
                ));
                continue;
            };
            if plain && name == "<<" {
                self.errors.push(error(
                    key.span,
                    SyntaxErrorKind::Unsupported("a merge key", "write the keys out"),
                ));
                continue;
            }
            if let Some(&earlier) = seen.get(&name) {
                self.errors.push(error(
                    key.span,
                    SyntaxErrorKind::DuplicateKey(name, earlier),
                ));
                continue;
            }
            seen.insert(name.clone(), key.span);
            entries.push(Entry {
                key: name,
                key_span: key.span,
                value,
            });
        }
    }
}

/// A flow collection ends with its bracket; a block collection with its last child.
fn collection_end(style: StructureStyle, start: Span, end: Span, last: Option<Span>) -> Span {
    match style {
        StructureStyle::Flow => Span::new(start.start, end.end),
        StructureStyle::Block => {
            let first = start.start;
            Span::new(first, last.map_or(start.end, |last| last.end).max(first))
        }
    }
}

fn error(span: Span, kind: SyntaxErrorKind) -> SyntaxError {
    SyntaxError { span, kind }
}
