//! Findings with their files, lines and columns: worked out once, read by every format.

use lifecycle_manifest::render::Texts;
use lifecycle_manifest::text::Position;
use lifecycle_manifest::{Finding, Label};

/// A finding and where its places are.
#[derive(Debug)]
pub(crate) struct Located<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) primary: Spot<'a>,
    pub(crate) related: Vec<Spot<'a>>,
}

/// A place in a file.
#[derive(Debug)]
pub(crate) struct Spot<'a> {
    /// The file, as it was asked for.
    pub(crate) file: &'a str,
    pub(crate) start: Position,
    /// One past the last character.
    pub(crate) end: Position,
    /// What is said of it; may be empty.
    pub(crate) label: &'a str,
}

impl<'a> Located<'a> {
    /// `None` only for a finding whose text is not among these.
    pub(crate) fn new(texts: &Texts<'a>, finding: &'a Finding) -> Option<Self> {
        Some(Self {
            finding,
            primary: Spot::new(texts, &finding.primary)?,
            related: finding
                .related
                .iter()
                .filter_map(|label| Spot::new(texts, label))
                .collect(),
        })
    }
}

impl<'a> Spot<'a> {
    fn new(texts: &Texts<'a>, label: &'a Label) -> Option<Self> {
        let text = texts.side(label.side)?;
        let bytes = text.span(&label.place);
        Some(Self {
            file: text.name,
            start: text.source.position(bytes.start),
            end: text.source.position(bytes.end),
            label: &label.text,
        })
    }
}
