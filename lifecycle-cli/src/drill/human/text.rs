//! Lines of text: fitted, wrapped, padded, and clean of what moves the cursor.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

pub(super) const WIDTH: usize = 80;

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const FAINT: Style = Style::new().dimmed();

pub(super) fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

pub(super) fn styled(style: Style, text: &str) -> String {
    if style.is_plain() {
        text.to_owned()
    } else {
        format!("{style}{text}{style:#}")
    }
}

/// Text under a label, the following lines indented as far as the label is long.
pub(super) fn wrapped(text: &mut String, style: Style, label: &str, words: &str) {
    wrapped_after(text, style, label, &" ".repeat(label.width()), words);
}

/// Text after a label, the following lines indented. It is cleaned.
pub(super) fn wrapped_after(
    text: &mut String,
    style: Style,
    label: &str,
    indent: &str,
    words: &str,
) {
    let label = label.trim_end();
    let (mut row, mut width) = match label {
        // One blank less, for the one that goes before the first word.
        "" => (
            " ".repeat(indent.len().saturating_sub(1)),
            indent.len().saturating_sub(1),
        ),
        label => (styled(style, label), label.width()),
    };
    for word in clean(words).split_whitespace() {
        if width + 1 + word.width() > WIDTH && width > indent.width() {
            line(text, &row);
            indent.clone_into(&mut row);
            width = indent.width();
            row.push_str(word);
            width += word.width();
            continue;
        }
        row.push(' ');
        row.push_str(word);
        width += 1 + word.width();
    }
    line(text, &row);
}

/// Cut to a width, the cut marked.
pub(super) fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(letter);
    }
    cut.push('…');
    cut
}

pub(super) fn padded(text: &str, width: usize) -> String {
    let text = fitted(text, width);
    let missing = width - text.width();
    text + &" ".repeat(missing)
}

/// Without what would move the cursor.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
