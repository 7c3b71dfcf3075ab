//! What a file may ask of its reader, and what keeps its text from being a tree.

use super::Span;

/// How much a file may ask of its reader.
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
    /// Not in the language that the file's name promises; which language, and the parser's words.
    NotIn(&'static str, String),
    /// YAML that a manifest does not use; what it is, and what to write instead.
    Unsupported(&'static str, &'static str),
    /// A key that stands twice in one mapping; where it stood first.
    DuplicateKey(String, Span),
    /// Larger than [`Limits`] allow; which limit, and what to do about it.
    TooLarge(String, &'static str),
}
