//! Findings as text, the way rustc shows them: for the terminal and for the compiler alike.

use std::borrow::Cow;

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Patch, Renderer, Snippet,
    renderer::DecorStyle,
};

use crate::Analysis;
use crate::finding::{Finding, Patch as Change, Place, Severity, Side};
use crate::text::{Document, Source, Span};

/// How to render.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::render::{self, Style, Texts};
///
/// let analysis = Analysis::of("lifecycle: 2\n");
/// let texts = Texts::of(&analysis, "lifecycle.yaml");
/// let shown = |style| render::finding(&texts, &analysis.findings[0], style);
/// assert!(!shown(Style::Plain).contains('\x1b'));
/// assert!(shown(Style::Colour).contains('\x1b'));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// With colours, as escape sequences.
    Colour,
}

/// A text with its name, for showing.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::render::{Text, Texts};
///
/// let was_read = |text: &str| {
///     let analysis = Analysis::of(text);
///     let Text { name, document, .. } = Texts::of(&analysis, "lifecycle.yaml").manifest.unwrap();
///     assert_eq!(name, "lifecycle.yaml");
///     document.is_some()
/// };
/// assert!(was_read("service: shop\n"));
/// assert!(!was_read("service: [shop\n"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// Its path, as it was asked for.
    pub name: &'a str,
    /// What stands in it.
    pub source: &'a Source,
    /// Its tree; `None` where it could not be read.
    pub document: Option<&'a Document>,
}

impl Text<'_> {
    /// The bytes of a place.
    ///
    /// ```
    /// use lifecycle_manifest::Place;
    /// use lifecycle_manifest::render::Text;
    /// use lifecycle_manifest::text::{Limits, Route, Source, parse};
    ///
    /// let source = Source::new("service: shop\n");
    /// let (document, _) = parse(source.text(), Limits::default());
    /// let text = Text { name: "lifecycle.yaml", source: &source, document: document.as_ref() };
    /// let span = text.span(&Place::Value(Route::keys(["service"])));
    /// assert_eq!(source.slice(span), "shop");
    /// ```
    pub fn span(&self, place: &Place) -> Span {
        match (self.document, place) {
            (Some(document), place) => place.span(document),
            (None, Place::Bytes(span)) => self.source.clamp_span(*span),
            (None, _) => Span::default(),
        }
    }
}

/// A name as it may stand in a line: a control character in it would begin another, or write to
/// somebody's terminal.
///
/// ```
/// use lifecycle_manifest::render::one_line;
/// assert_eq!(one_line("deploy/shop.yaml"), "deploy/shop.yaml");
/// assert_eq!(one_line("shop\n.yaml"), "shop\\n.yaml");
/// ```
pub fn one_line(name: &str) -> Cow<'_, str> {
    if !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let shown = name.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(shown.collect())
}

/// The texts that findings speak of.
///
/// ```
/// use lifecycle_manifest::Side;
/// use lifecycle_manifest::render::{Text, Texts};
/// use lifecycle_manifest::text::Source;
///
/// let pod = Source::new("kind: Pod\n");
/// let texts = Texts {
///     manifest: None,
///     deployed: vec![Text { name: "pod.yaml", source: &pod, document: None }],
/// };
/// assert_eq!(texts.side(Side::Deployed(0)).unwrap().name, "pod.yaml");
/// assert!(texts.side(Side::Manifest).is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    /// The manifest; `None` where deployed files are looked at alone.
    pub manifest: Option<Text<'a>>,
    /// The deployed files, in the order they were given.
    pub deployed: Vec<Text<'a>>,
}

impl<'a> Texts<'a> {
    /// A manifest alone.
    ///
    /// ```
    /// use lifecycle_manifest::Analysis;
    /// use lifecycle_manifest::render::Texts;
    ///
    /// let analysis = Analysis::of("lifecycle: 1\nservice: shop\nresources: {}\n");
    /// let texts = Texts::of(&analysis, "lifecycle.yaml");
    /// let manifest = texts.manifest.unwrap();
    /// assert_eq!(manifest.name, "lifecycle.yaml");
    /// assert!(manifest.source.text().contains("service: shop"));
    /// assert!(texts.deployed.is_empty());
    /// ```
    pub fn of(analysis: &'a Analysis, name: &'a str) -> Self {
        Self {
            manifest: Some(Text {
                name,
                source: &analysis.source,
                document: analysis.document.as_ref(),
            }),
            deployed: Vec::new(),
        }
    }

    /// The text of a side; `None` where there is none.
    ///
    /// ```
    /// use lifecycle_manifest::render::Texts;
    /// use lifecycle_manifest::{Analysis, Side};
    ///
    /// let analysis = Analysis::of("lifecycle: 1\nservice: shop\nresources: {}\n");
    /// let texts = Texts::of(&analysis, "lifecycle.yaml");
    /// assert_eq!(texts.side(Side::Manifest).unwrap().name, "lifecycle.yaml");
    /// assert!(texts.side(Side::Deployed(0)).is_none());
    /// ```
    pub fn side(&self, side: Side) -> Option<&Text<'a>> {
        match side {
            Side::Manifest => self.manifest.as_ref(),
            Side::Deployed(file) => self.deployed.get(file),
        }
    }
}

/// So many places are drawn beside the first; a circle of thousands is told by its note.
const MOST_RELATED: usize = 50;

/// The lines of a text that are drawn: the renderer goes through all it is given, finding by finding.
struct Frame<'a> {
    text: &'a Text<'a>,
    first_line: usize,
    bytes: Span,
}

impl<'a> Frame<'a> {
    /// The lines of these spans and all between them.
    fn new(text: &'a Text<'a>, spans: impl Iterator<Item = Span>) -> Self {
        let around = |a: Span, b: Span| Span::new(a.start.min(b.start), a.end.max(b.end));
        let all = spans.reduce(around).unwrap_or_default();
        let (first_line, bytes) = text.source.lines_of(all);
        Self {
            text,
            first_line,
            bytes,
        }
    }

    fn snippet<T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text.source.slice(self.bytes))
            .line_start(self.first_line)
            .path(one_line(self.text.name))
    }

    fn range(&self, span: Span) -> std::ops::Range<usize> {
        span.start - self.bytes.start..span.end - self.bytes.start
    }
}

/// Patches as they are drawn. Where one of them takes a whole line away, all are drawn as one up to
/// the end of that line: the renderer would take the line after it for a part of the change.
fn drawn(text: &Text<'_>, mut patches: Vec<Change>) -> Vec<Change> {
    let source = text.source;
    let takes_line =
        |patch: &Change| patch.text.is_empty() && source.slice(patch.span).ends_with('\n');
    if !patches.iter().any(takes_line) {
        return patches;
    }
    patches.sort_by_key(|patch| patch.span);
    let (Some(first), Some(last)) = (patches.first(), patches.last()) else {
        return patches;
    };
    let mut span = Span::new(first.span.start, last.span.end);
    let mut with = String::new();
    let mut at = span.start;
    for patch in &patches {
        with.push_str(source.slice(Span::new(at, patch.span.start.max(at))));
        with.push_str(&patch.text);
        at = patch.span.end;
    }
    while with.ends_with('\n') && source.slice(span).ends_with('\n') {
        with.pop();
        span = Span::new(span.start, span.end - 1);
    }
    vec![Change { span, text: with }]
}

/// One finding, with its places in the sources.
///
/// ```
/// use lifecycle_manifest::Analysis;
/// use lifecycle_manifest::render::{self, Style, Texts};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 30s }
/// platforms:
///   kubernetes: {}
/// ");
/// let texts = Texts::of(&analysis, "lifecycle.yaml");
/// let shown = render::finding(&texts, &analysis.findings[0], Style::Plain);
/// let mut lines = shown.lines();
/// assert_eq!(
///     lines.next(),
///     Some("error[LC101]: shutdown needs 40.25s, and Kubernetes allows 30s"),
/// );
/// assert_eq!(lines.next(), Some(" --> lifecycle.yaml:6:3"));
/// ```
pub fn finding(texts: &Texts<'_>, finding: &Finding, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(100);
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut main = level
        .primary_title(finding.message.as_str())
        .id(finding.rule.code)
        .elements(snippets(texts, finding));
    for note in &finding.notes {
        main = main.element(Level::NOTE.message(note.as_str()));
    }
    // Ways out stay in the order of the rule: once one of them is an edit, which is a group of its
    // own, all that follow are groups too.
    let mut groups: Vec<Group<'_>> = Vec::new();
    for help in &finding.help {
        let change = help.fix.as_ref().and_then(|fix| {
            let text = texts.manifest.as_ref()?;
            Some((text, fix.patches(text.document?)?))
        });
        match change {
            None if groups.is_empty() => {
                main = main.element(Level::HELP.message(help.text.as_str()));
            }
            None => groups.push(Group::with_title(
                Level::HELP.secondary_title(help.text.as_str()),
            )),
            Some((text, patches)) => {
                let patches = drawn(text, patches);
                let frame = Frame::new(text, patches.iter().map(|patch| patch.span));
                let mut snippet = frame.snippet();
                for patch in patches {
                    snippet = snippet.patch(Patch::new(frame.range(patch.span), patch.text));
                }
                groups.push(
                    Level::HELP
                        .secondary_title(help.text.as_str())
                        .element(snippet),
                );
            }
        }
    }
    groups.insert(0, main.element(see(finding)));
    let mut text = renderer.render(&groups);
    text.push('\n');
    text
}

/// One snippet a text, the primary place's first.
fn snippets<'a>(texts: &'a Texts<'a>, finding: &'a Finding) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut sides = vec![finding.primary.side];
    for label in &finding.related {
        if !sides.contains(&label.side) {
            sides.push(label.side);
        }
    }
    let mut snippets = Vec::new();
    for side in sides {
        let Some(text) = texts.side(side) else {
            continue;
        };
        let labels = std::iter::once((&finding.primary, AnnotationKind::Primary)).chain(
            finding
                .related
                .iter()
                .take(MOST_RELATED)
                .map(|label| (label, AnnotationKind::Context)),
        );
        let labels: Vec<_> = labels
            .filter(|(label, _)| label.side == side)
            .map(|(label, kind)| (text.span(&label.place), label, kind))
            .map(|(span, label, kind)| (visible(text.source.text(), span), label, kind))
            .collect();
        let frame = Frame::new(text, labels.iter().map(|(span, ..)| *span));
        let snippet = labels
            .into_iter()
            .fold(frame.snippet(), |snippet, (span, label, kind)| {
                snippet.annotation(kind.span(frame.range(span)).label(label.text.as_str()))
            });
        snippets.push(snippet);
    }
    snippets
}

fn see(finding: &Finding) -> Element<'static> {
    let rule = finding.rule;
    Level::NOTE
        .with_name("see")
        .message(format!("lifecycle explain {} ({})", rule.name, rule.code))
        .into()
}

/// A span that shows something: an empty one is widened by a character where there is one, and one
/// that runs over several lines ends with its first.
fn visible(source: &str, span: Span) -> Span {
    let first_line = source[span.range()].lines().next().map_or(0, str::len);
    let end = span.start + first_line;
    if end > span.start {
        return Span::new(span.start, end);
    }
    let next = source[span.start..]
        .chars()
        .next()
        .filter(|c| !c.is_control());
    Span::new(span.start, span.start + next.map_or(0, char::len_utf8))
}
