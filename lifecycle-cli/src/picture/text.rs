//! How much room text takes, without a font to ask: never less than it does.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A font of the style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Font {
    /// Names and times: every character of one width.
    Mono,
    /// Sentences.
    Words,
}

/// The width in pixels at this size. The widest of the fonts that the style sheet names is assumed.
pub(super) fn width(text: &str, font: Font, size: f64, strong: bool) -> f64 {
    let em: f64 = match font {
        Font::Mono => text.chars().map(mono).sum(),
        Font::Words => text.chars().map(words).sum(),
    };
    let bold = if strong && font == Font::Words {
        1.12
    } else {
        1.0
    };
    em * size * bold
}

fn mono(c: char) -> f64 {
    match c.is_ascii() {
        true => 0.61,
        false => 0.68 * cells(c),
    }
}

fn words(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.36,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.0,
        'A'..='Z' => 0.8,
        c if c.is_ascii() => 0.65,
        c => 0.8 * cells(c),
    }
}

/// Zero for what joins the character before it.
fn cells(c: char) -> f64 {
    f64::from(u8::try_from(c.width().unwrap_or(1)).unwrap_or(2))
}

/// Text as it may stand in a picture: controls and what turns the direction of text become visible.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A name in lines of at most so many columns, broken at its hyphens where it has some.
pub(super) fn wrapped(name: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in name.split_inclusive(['-', ' ', '_', '.']) {
        let mut line = lines.pop().unwrap_or_default();
        if !line.is_empty() && line.width() + piece.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        for c in piece.chars() {
            if line.width() + c.width().unwrap_or(0) > columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
        lines.push(line);
    }
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// A sentence in lines of at most so many pixels, broken between its words, and within one only where
/// that is longer than a line.
pub(super) fn lines(sentence: &str, size: f64, strong: bool, room: f64) -> Vec<String> {
    let fits = |text: &str| width(text, Font::Words, size, strong) <= room;
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let mut line = lines.pop().unwrap_or_default();
        let longer = match line.is_empty() {
            true => word.to_owned(),
            false => format!("{line} {word}"),
        };
        if fits(&longer) {
            lines.push(longer);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if !fits(&line) && line.chars().nth(1).is_some() {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_break_at_their_hyphens_and_lose_nothing() {
        let name = "the-name-of-a-resource-that-somebody-has-thought-long-about-1";
        let lines = wrapped(name, 24);
        assert_eq!(lines.concat(), name);
        assert!(lines.iter().all(|line| line.width() <= 24), "{lines:?}");
        assert!(lines.len() <= 4);
        assert_eq!(wrapped("http", 24), ["http"]);
        assert_eq!(wrapped(&"x".repeat(30), 24).concat(), "x".repeat(30));
    }

    #[test]
    fn a_sentence_is_broken_between_its_words_where_it_can_be() {
        let text = "first second third";
        let lines = lines(text, 10.0, false, 60.0);
        assert_eq!(lines.join(" "), text);
        assert_eq!(lines.len(), 3);
        let long = "x".repeat(50);
        let broken = super::lines(&long, 10.0, false, 70.0);
        assert_eq!(broken.concat(), long);
        assert!(broken.len() > 3);
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(plain("a\u{202e}b\u{0}c\nd"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
    }
}
