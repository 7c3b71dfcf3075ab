//! Findings as text, the way rustc shows them: for the terminal and for the compiler alike.

use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Patch, Renderer, Snippet, renderer::DecorStyle,
};

use crate::finding::{Finding, Severity};
use crate::{Analysis, text};

/// How to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// With colours, as escape sequences.
    Colour,
}

/// One finding, with its places in the source.
pub fn finding(analysis: &Analysis, path: &str, finding: &Finding, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(100);
    let source = analysis.source.text();
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut snippet = Snippet::source(source).path(path);
    let primary = visible(source, analysis.span(&finding.primary.place));
    snippet = snippet.annotation(
        AnnotationKind::Primary
            .span(primary.range())
            .label(finding.primary.text.as_str()),
    );
    for label in &finding.related {
        let span = visible(source, analysis.span(&label.place));
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(span.range())
                .label(label.text.as_str()),
        );
    }
    let mut main = level
        .primary_title(finding.message.as_str())
        .id(finding.rule.code)
        .element(snippet);
    for note in &finding.notes {
        main = main.element(Level::NOTE.message(note.as_str()));
    }
    // Ways out stay in the order of the rule: once one of them is an edit, which is a group of its
    // own, all that follow are groups too.
    let mut groups: Vec<Group<'_>> = Vec::new();
    for help in &finding.help {
        match &help.edit {
            None if groups.is_empty() => {
                main = main.element(Level::HELP.message(help.text.as_str()));
            }
            None => groups.push(Group::with_title(
                Level::HELP.secondary_title(help.text.as_str()),
            )),
            Some(edit) => {
                let span = analysis.span(&edit.place);
                let change = Patch::new(span.range(), edit.replacement.as_str());
                groups.push(
                    Level::HELP
                        .secondary_title(help.text.as_str())
                        .element(Snippet::source(source).path(path).patch(change)),
                );
            }
        }
    }
    groups.insert(0, main.element(see(finding)));
    let mut text = renderer.render(&groups);
    text.push('\n');
    text
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
fn visible(source: &str, span: text::Span) -> text::Span {
    let first_line = source[span.range()].lines().next().map_or(0, str::len);
    let end = span.start + first_line;
    if end > span.start {
        return text::Span::new(span.start, end);
    }
    let next = source[span.start..]
        .chars()
        .next()
        .filter(|c| !c.is_control());
    text::Span::new(span.start, span.start + next.map_or(0, char::len_utf8))
}
