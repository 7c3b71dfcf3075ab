//! What a file may ask of its reader, and what keeps its text from being a tree.

use super::Span;

/// How much a file may ask of its reader.
///
/// ```
/// use lifecycle_manifest::text::{Limits, SyntaxErrorKind, parse};
/// let limits = Limits { depth: 2, ..Limits::default() };
/// assert!(parse("[[1]]", limits).0.is_some());
/// let (document, errors) = parse("[[[1]]]", limits);
/// assert!(document.is_none());
/// assert!(matches!(errors[0].kind, SyntaxErrorKind::TooLarge(..)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Values, those that aliases repeat included.
    pub nodes: usize,
    /// Bytes that aliases may repeat: a long text is small once, and not a million times.
    pub repeated: usize,
    /// Mappings and sequences within one another.
    pub depth: usize,
}

impl Default for Limits {
    /// 4 MiB, 400,000 values, 4 MiB repeated, 64 levels: far above any manifest, far below harm.
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            nodes: 400_000,
            repeated: 4 << 20,
            depth: 64,
        }
    }
}

/// What keeps a text from being a tree.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Source, parse};
/// let text = "service: shop\nservice: orders\n";
/// let (_, errors) = parse(text, Limits::default());
/// let source = Source::new(text);
/// assert_eq!(source.slice(errors[0].span), "service");
/// assert_eq!(source.position(errors[0].span.start).line, 2);
/// ```
#[derive(Debug, Clone)]
pub struct SyntaxError {
    /// Where.
    pub span: Span,
    /// What kind of fault.
    pub kind: SyntaxErrorKind,
}

/// The kinds of [`SyntaxError`].
///
/// ```
/// use lifecycle_manifest::text::{Limits, Span, SyntaxErrorKind, parse};
/// let fault = |text: &str| parse(text, Limits::default()).1.remove(0).kind;
/// assert!(matches!(fault("budget: {"), SyntaxErrorKind::NotYaml(_)));
/// let SyntaxErrorKind::DuplicateKey(key, first) = fault("a: 1\na: 2\n") else {
///     panic!("no duplicate");
/// };
/// assert_eq!((key.as_str(), first), ("a", Span::new(0, 1)));
/// ```
#[derive(Debug, Clone)]
pub enum SyntaxErrorKind {
    /// Not YAML; the parser's words.
    NotYaml(String),
    /// Not in the language that the file's name promises; which language, and the parser's words.
    NotIn(&'static str, String),
    /// YAML that a manifest does not use; what it is, and what to write instead.
    Unsupported(&'static str, &'static str),
    /// A key that stands twice in one mapping; where it stood first.
    DuplicateKey(String, Span),
    /// Larger than [`Limits`] allow; which limit, and what to do about it.
    TooLarge(String, &'static str),
}
