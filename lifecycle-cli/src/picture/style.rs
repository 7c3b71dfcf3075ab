//! `templates/picture/style.css`, the one look: as it is for pages, and without variables for pictures
//! that programs other than browsers show too.

use std::collections::HashMap;

/// The style sheet. It begins with the palette of `:root`, then the dark one.
pub(crate) const CSS: &str = include_str!("../../templates/picture/style.css");

/// The hatchings, for the `<defs>` of a document.
pub(crate) const PATTERNS: &str = include_str!("../../templates/picture/patterns.svg");

const DARK: &str = "@media screen and (prefers-color-scheme: dark)";

/// The rules with every variable put in, light first, then the dark ones for screens that ask.
pub(crate) fn resolved() -> String {
    let (light, dark) = (palette(false), palette(true));
    let rules = rules();
    let mut text = String::new();
    for line in rules.lines().filter(|line| !line.is_empty()) {
        text.push_str(&with(line, &light));
        text.push('\n');
    }
    text.push_str(DARK);
    text.push_str(" {\n");
    for line in rules.lines().filter(|line| line.contains("var(--")) {
        text.push_str(&with(line, &dark));
        text.push('\n');
    }
    text.push_str("}\n");
    text
}

/// The names of a palette and their colours, such as `ink` and `#1b1f24`.
pub(crate) fn palette(dark: bool) -> HashMap<&'static str, &'static str> {
    let (light, rest) = CSS.split_once(DARK).unwrap_or((CSS, ""));
    let block = match dark {
        true => rest.split("\n}\n").next().unwrap_or_default(),
        false => light,
    };
    block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "))
        .map(|(name, colour)| (name, colour.trim_end_matches(';')))
        .collect()
}

/// All but the palettes and the comments.
fn rules() -> String {
    let (_, rest) = CSS.split_once(DARK).unwrap_or(("", CSS));
    let (_, rest) = rest.split_once("\n}\n").unwrap_or(("", rest));
    let mut rules = String::new();
    let mut rest = rest;
    while let Some((before, comment)) = rest.split_once("/*") {
        rules.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    rules.push_str(rest);
    rules
}

fn with(line: &str, palette: &HashMap<&str, &str>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("var(--") {
        let (name, after) = after.split_once(')').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(palette.get(name).copied().unwrap_or("currentColor"));
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance by WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            match value <= 0.040_45 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn both_palettes_have_the_contrast_of_wcag_aa() {
        const HUES: [&str; 7] = [
            "platform", "traffic", "drain", "flush", "close", "good", "bad",
        ];
        for dark in [false, true] {
            let palette = palette(dark);
            let ratio = |a: &str, b: &str| contrast(palette[a], palette[b]);
            // Text on the ground, and on the bars that hold some.
            for (text, ground) in [
                ("ink", "paper"),
                ("muted", "paper"),
                ("ink", "panel"),
                ("muted", "panel"),
            ] {
                assert!(
                    ratio(text, ground) >= 4.5,
                    "{text} on {ground}, dark: {dark}"
                );
            }
            for hue in HUES {
                assert!(ratio(hue, "paper") >= 4.5, "{hue}, dark: {dark}");
                assert!(ratio("on-solid", hue) >= 4.5, "on {hue}, dark: {dark}");
                let tint = format!("{hue}-tint");
                assert!(ratio("ink", &tint) >= 4.5, "on {tint}, dark: {dark}");
                // An outline is seen against what it outlines.
                assert!(
                    ratio(hue, &tint) >= 3.0,
                    "{hue} around {tint}, dark: {dark}"
                );
            }
            assert!(ratio("edge", "paper") >= 3.0, "dark: {dark}");
        }
    }

    #[test]
    fn a_picture_needs_no_variables() {
        let css = resolved();
        assert!(!css.contains("var("), "{css}");
        assert!(!css.contains("currentColor"), "{css}");
        assert!(css.contains(".drain.path { fill: #0a5fc4; }"), "{css}");
        assert!(css.contains(".drain.path { fill: #58a6ff; }"), "{css}");
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
}
