//! Lines of text: fitted, wrapped, padded, and clean of what moves the cursor.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

pub(super) use crate::talk::clean;

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

/// Text after a label, the following lines indented. Both are cleaned.
pub(super) fn wrapped_after(
    text: &mut String,
    style: Style,
    label: &str,
    indent: &str,
    words: &str,
) {
    let label = clean(label);
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
    for letter in text.chars() {
        cut.push(letter);
        // Of the whole: what follows a letter can make it wider, as it does with some emoji.
        if cut.width() >= width {
            cut.pop();
            break;
        }
    }
    cut.push('…');
    cut
}

pub(super) fn padded(text: &str, width: usize) -> String {
    let text = fitted(text, width);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_padded_is_as_wide_as_it_should_be() {
        // An emoji that a variation selector makes wide, a flag, a joined family, wide letters.
        for name in [
            "\u{26a0}\u{fe0f}",
            "\u{1f1e9}\u{1f1ea}",
            "\u{1f468}\u{200d}\u{1f469}",
            "漢字",
            "a",
        ] {
            for times in 0..9 {
                for width in 1..12 {
                    let padded = padded(&name.repeat(times), width);
                    assert_eq!(padded.width(), width, "{padded:?}");
                }
            }
        }
    }
}
