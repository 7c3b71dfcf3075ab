//! YAML events to a tree, in bounded time and memory.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle};

use super::functions::function;
use super::meter::{Cost, Meter};
use super::{
    Comment, Document, Entry, Limits, Mapping, Node, Source, Span, SyntaxError, SyntaxErrorKind,
    Value,
};

/// Parses a text. Faults that leave the tree readable are collected beside it, so that one run can
/// report them all; after a fault that does not, there is no document.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Route, parse};
///
/// let (document, errors) = parse("budget: { reserve: 5s, reserve: 6s }\n", Limits::default());
/// assert_eq!(errors.len(), 1);
/// let document = document.unwrap();
/// let reserve = document.get(&Route::keys(["budget", "reserve"])).unwrap();
/// assert_eq!(document.source.slice(reserve.span), "5s");
///
/// // A bracket that is never closed leaves no tree.
/// let (document, errors) = parse("budget: {", Limits::default());
/// assert!(document.is_none());
/// assert_eq!(errors.len(), 1);
/// ```
pub fn parse(text: &str, limits: Limits) -> (Option<Document>, Vec<SyntaxError>) {
    let source = Source::new(text);
    let mut builder = Builder::new(source.text(), limits);
    let root = match builder.document() {
        Ok(root) => Some(root),
        Err(error) => {
            builder.errors.push(error);
            None
        }
    };
    let (errors, comments) = (builder.errors, builder.comments);
    let document = root.map(|root| Document {
        source,
        root,
        comments,
    });
    (document, errors)
}

pub(super) type Step<T> = Result<T, SyntaxError>;

pub(super) struct Builder<'t> {
    text: &'t str,
    meter: Meter,
    /// Somebody else's file: YAML that a manifest does not use is read without a word.
    lenient: bool,
    /// Where the part of the text begins that is being read.
    offset: usize,
    anchors: HashMap<usize, Anchored>,
    pub(super) errors: Vec<SyntaxError>,
    comments: Vec<Comment>,
}

/// An anchor's node, and what repeating it costs.
struct Anchored {
    node: Node,
    cost: Cost,
}

type Events<'t> = Parser<'t, granit_parser::StrInput<'t>>;

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str, limits: Limits) -> Self {
        Self {
            text,
            meter: Meter::new(limits),
            lenient: false,
            offset: 0,
            anchors: HashMap::new(),
            errors: Vec::new(),
            comments: Vec::new(),
        }
    }

    /// The same for somebody else's file.
    pub(super) fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    pub(super) fn small_enough(&self) -> Step<()> {
        self.meter.text_is_small_enough(self.text)
    }

    fn events(&mut self, part: Range<usize>) -> Events<'t> {
        self.offset = part.start;
        let mut options = granit_parser::options! {
            flow_nesting_limit: self.meter.limits.depth,
            block_nesting_limit: self.meter.limits.depth,
        };
        // Only those that speak to this tool matter; most files have none, and pay nothing.
        options.set_emit_comments(!self.lenient && Comment::is_any_in(self.text));
        options.max_buffered_comment_events = usize::MAX;
        let part = self.text.get(part).unwrap_or_default();
        Parser::new_from_str_with_options(part, options)
    }

    /// Reads the documents of a part of the text, up to its end or its first fault.
    pub(super) fn documents(&mut self, part: Range<usize>, documents: &mut Vec<Node>) -> Step<()> {
        let mut events = self.events(part);
        self.anchors.clear();
        self.meter.forget_kept();
        loop {
            let (event, span) = self.next(&mut events)?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => documents.push(self.node(event, span, &mut events)?),
            }
        }
    }

    fn document(&mut self) -> Step<Node> {
        self.small_enough()?;
        let mut events = self.events(0..self.text.len());
        let mut root = None;
        loop {
            let (event, span) = self.next(&mut events)?;
            match event {
                Event::StreamEnd => break,
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
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
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

    fn next(&mut self, events: &mut Events<'t>) -> Step<(Event<'t>, Span)> {
        loop {
            match events.next_event() {
                Some(Ok((event, span))) => {
                    let range = span.byte_range().unwrap_or_default();
                    let span = Span::new(self.offset + range.start, self.offset + range.end);
                    if let Event::Comment(text, _) = event {
                        self.comment(&text, span);
                        continue;
                    }
                    return Ok((event, span));
                }
                Some(Err(scan)) => return Err(self.not_yaml(&scan)),
                None => {
                    let end = self.text.len();
                    return Ok((Event::StreamEnd, Span::new(end, end)));
                }
            }
        }
    }

    /// Keeps a comment that speaks to this tool.
    fn comment(&mut self, text: &str, span: Span) {
        let Some(words) = text.trim().strip_prefix(Comment::MARK) else {
            return;
        };
        let before = &self.text[..span.start.min(self.text.len())];
        let own_line = before
            .rsplit('\n')
            .next()
            .is_none_or(|line| line.trim().is_empty());
        self.comments.push(Comment {
            span,
            text: words.trim().to_owned(),
            own_line,
        });
    }

    fn not_yaml(&self, scan: &ScanError) -> SyntaxError {
        let at = scan
            .marker()
            .byte_offset()
            .map_or(self.text.len(), |at| self.offset + at);
        // What gave up at the end is shown where the text ends, not on an empty line below it.
        let at = match at < self.text.len() {
            true => at,
            false => self.text.trim_end().len(),
        };
        let words = scan.info();
        let kind = if words.contains("recursion limit") {
            SyntaxErrorKind::TooLarge(
                format!(
                    "its values nest more than {} levels deep",
                    self.meter.limits.depth
                ),
                match self.lenient {
                    true => "no deployment is that deep",
                    false => "a manifest needs five",
                },
            )
        } else {
            SyntaxErrorKind::NotYaml(words)
        };
        error(Span::new(at, at), kind)
    }

    /// YAML that a manifest does not use.
    fn unsupported(&mut self, span: Span, what: &'static str, instead: &'static str) {
        if !self.lenient {
            let kind = SyntaxErrorKind::Unsupported(what, instead);
            self.errors.push(error(span, kind));
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, events: &mut Events<'t>) -> Step<Node> {
        let before = self.meter.read();
        self.meter.value(span)?;
        if event.tag().is_some() {
            let tag = self.tag_span(span);
            self.unsupported(tag, "a tag", "write the value without `!…`");
        }
        let function = event.tag().filter(|_| self.lenient).and_then(function);
        let anchor = event.anchor_id();
        let node = match event {
            Event::Scalar(text, style, ..) => {
                self.meter.text(text.len());
                self.scalar(text.into_owned(), style, span)
            }
            Event::SequenceStart(style, ..) => self.sequence(style, span, events)?,
            Event::MappingStart(style, ..) => self.mapping(style, span, events)?,
            Event::Alias(id) => return self.alias(id, span),
            _ => {
                return Err(error(
                    span,
                    SyntaxErrorKind::NotYaml("a value was expected".into()),
                ));
            }
        };
        let node = match function {
            Some(name) => Node {
                span: node.span,
                value: Value::Mapping(Mapping::from(vec![Entry {
                    key: name,
                    key_span: node.span,
                    value: node,
                }])),
            },
            None => node,
        };
        if let Some(id) = anchor {
            let cost = self.meter.since(before);
            self.meter.keep(cost, span)?;
            let node = node.clone();
            self.anchors.insert(id, Anchored { node, cost });
        }
        Ok(node)
    }

    /// A block scalar's last line break belongs to the way it is written: no value of a manifest
    /// ends with one.
    fn scalar(&self, mut text: String, style: ScalarStyle, mut span: Span) -> Node {
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            text.truncate(text.trim_end_matches('\n').len());
            if let Some(written) = self.text.get(span.range()) {
                span.end = span.start + written.trim_end().len();
            }
        }
        Node {
            span,
            value: Value::Scalar {
                text,
                plain: style == ScalarStyle::Plain,
            },
        }
    }

    /// The tag before a value; the value where there is none in sight.
    fn tag_span(&self, value: Span) -> Span {
        let before = self.text.get(..value.start).unwrap_or_default().trim_end();
        let start = before
            .rfind(|c: char| c.is_whitespace() || "[{,".contains(c))
            .map_or(0, |at| at + 1);
        match before.get(start..) {
            Some(tag) if tag.starts_with('!') => Span::new(start, before.len()),
            _ => value,
        }
    }

    /// What an alias stands for, at the alias's own place: what is wrong with the value here, or is
    /// to be changed here, need not be so at the anchor.
    fn alias(&mut self, id: usize, span: Span) -> Step<Node> {
        let Some(Anchored { node, cost }) = self.anchors.get(&id) else {
            return Err(error(
                span,
                SyntaxErrorKind::Unsupported(
                    "an alias within its own anchor",
                    "write the value out",
                ),
            ));
        };
        // Before it is copied: a copy that is too large is not made.
        self.meter.repeat(*cost, span)?;
        let mut node = node.clone();
        node.span = span;
        Ok(node)
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
        let mut merged: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut first = None;
        let mut last = None;
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                let start = first.unwrap_or(start);
                let span = collection_end(style, start, span, last);
                // What is written here holds; of several that bring a key, the first.
                merged.retain(|entry| seen.insert(entry.key.clone(), entry.key_span).is_none());
                entries.append(&mut merged);
                return Ok(Node {
                    span,
                    value: Value::Mapping(entries.into()),
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
                self.unsupported(key.span, "a key that is not text", "write a plain name");
                continue;
            };
            if plain && name == "<<" {
                self.unsupported(key.span, "a merge key", "write the keys out");
                // Read all the same, so that what it brings is not missed as well.
                match value.value {
                    Value::Mapping(brought) => merged.extend(brought),
                    Value::Sequence(several) => {
                        merged.extend(several.into_iter().flat_map(|one| match one.value {
                            Value::Mapping(brought) => brought,
                            _ => super::Mapping::EMPTY,
                        }));
                    }
                    Value::Scalar { .. } => {}
                }
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

pub(super) fn error(span: Span, kind: SyntaxErrorKind) -> SyntaxError {
    SyntaxError { span, kind }
}
