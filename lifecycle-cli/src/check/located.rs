//! Findings with their files, lines and columns: worked out once, read by every format.

use std::fmt::Write as _;

use lifecycle_manifest::render::{Text, Texts};
use lifecycle_manifest::text::{Position, Span};
use lifecycle_manifest::{Allowed, Finding, Label, Patch, Place, Safety};

/// A finding and where its places are.
#[derive(Debug)]
pub(crate) struct Located<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) primary: Spot<'a>,
    pub(crate) related: Vec<Spot<'a>>,
    /// The ways out that are edits, each with its number in the finding's `help`.
    pub(crate) fixes: Vec<LocatedFix<'a>>,
}

/// A finding that is allowed.
#[derive(Debug)]
pub(crate) struct LocatedAllowed<'a> {
    pub(crate) located: Located<'a>,
    pub(crate) reason: Option<&'a str>,
    /// Where in the manifest that stands; `None`: on the command line.
    pub(crate) by: Option<Spot<'a>>,
}

/// A place in a file.
#[derive(Debug)]
pub(crate) struct Spot<'a> {
    /// The file, as it was asked for.
    pub(crate) file: &'a str,
    pub(crate) start: Position,
    /// One past the last character.
    pub(crate) end: Position,
    /// The bytes of the text, a byte order mark not counted.
    pub(crate) bytes: Span,
    /// How long the file's byte order mark is.
    pub(crate) mark: usize,
    /// What is said of it; may be empty.
    pub(crate) label: &'a str,
}

/// A way out as replacements in the manifest.
#[derive(Debug)]
pub(crate) struct LocatedFix<'a> {
    pub(crate) help: usize,
    pub(crate) text: &'a str,
    pub(crate) safety: Safety,
    /// In the order of the file.
    pub(crate) edits: Vec<LocatedEdit<'a>>,
}

/// What is replaced, and what comes in its stead.
#[derive(Debug)]
pub(crate) struct LocatedEdit<'a> {
    pub(crate) at: Spot<'a>,
    pub(crate) with: String,
}

impl<'a> Located<'a> {
    /// `None` only for a finding whose text is not among these.
    pub(crate) fn new(texts: &Texts<'a>, finding: &'a Finding) -> Option<Self> {
        Some(Self {
            finding,
            primary: Spot::of(texts, &finding.primary)?,
            related: finding
                .related
                .iter()
                .filter_map(|label| Spot::of(texts, label))
                .collect(),
            fixes: fixes(texts, finding),
        })
    }

    /// All that is to be said of it, for where no source can be shown.
    pub(crate) fn words(&self) -> String {
        let mut words = self.finding.message.clone();
        for note in &self.finding.notes {
            let _ = write!(words, "\n{note}");
        }
        for help in &self.finding.help {
            let _ = write!(words, "\nhelp: {}", help.text);
        }
        words
    }
}

fn fixes<'a>(texts: &Texts<'a>, finding: &'a Finding) -> Vec<LocatedFix<'a>> {
    let Some((text, document)) = texts
        .manifest
        .as_ref()
        .and_then(|text| Some((text, text.document?)))
    else {
        return Vec::new();
    };
    let edit = |patch: Patch| LocatedEdit {
        at: Spot::new(text, patch.span, ""),
        with: patch.text,
    };
    let helps = finding.help.iter().enumerate();
    helps
        .filter_map(|(at, help)| {
            let fix = help.fix.as_ref()?;
            Some(LocatedFix {
                help: at,
                text: &help.text,
                safety: fix.safety,
                edits: fix.patches(document)?.into_iter().map(edit).collect(),
            })
        })
        .collect()
}

impl<'a> LocatedAllowed<'a> {
    /// `None` only for a finding whose text is not among these.
    pub(crate) fn new(texts: &Texts<'a>, allowed: &'a Allowed) -> Option<Self> {
        let by = allowed.by.as_ref().zip(texts.manifest.as_ref());
        Some(Self {
            located: Located::new(texts, &allowed.finding)?,
            reason: allowed.reason.as_deref(),
            by: by.map(|(by, text)| Spot::at(text, by, "")),
        })
    }
}

impl<'a> Spot<'a> {
    fn of(texts: &Texts<'a>, label: &'a Label) -> Option<Self> {
        let text = texts.side(label.side)?;
        Some(Self::at(text, &label.place, &label.text))
    }

    /// A place of a text.
    fn at(text: &Text<'a>, place: &Place, label: &'a str) -> Self {
        Self::new(text, text.span(place), label)
    }

    fn new(text: &Text<'a>, bytes: Span, label: &'a str) -> Self {
        Self {
            file: text.name,
            start: text.source.position(bytes.start),
            end: text.source.position(bytes.end),
            bytes,
            mark: text.source.mark(),
            label,
        }
    }
}
