//! A drawing: rectangles, lines and text with their places, for a template to write and for tests to
//! measure.

use serde::Serialize;

use super::text::{self, Font};

/// What stands on the paper, in the order it is laid there.
#[derive(Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// For who does not see it: what it is, and what it says.
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "item", rename_all = "kebab-case")]
pub(crate) enum Item {
    Bar {
        class: String,
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        /// Shown by a pointer that rests on it.
        title: String,
    },
    Line {
        class: &'static str,
        x1: f64,
        y1: f64,
        x2: f64,
        y2: f64,
    },
    Text(Text),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Text {
    pub(crate) x: f64,
    /// The line it stands on.
    pub(crate) y: f64,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    pub(crate) class: String,
    pub(crate) words: String,
    #[serde(skip)]
    font: Font,
    #[serde(skip)]
    strong: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Anchor {
    Start,
    Middle,
}

/// A rectangle: left, top, right, bottom.
#[cfg(test)]
pub(crate) type Area = (f64, f64, f64, f64);

impl Text {
    pub(crate) fn new(font: Font, size: f64, x: f64, y: f64, words: &str) -> Self {
        let class = match font {
            Font::Mono => "mono",
            Font::Words => "words",
        };
        Self {
            x: round(x),
            y: round(y),
            size,
            anchor: Anchor::Start,
            class: class.to_owned(),
            words: text::plain(words),
            font,
            strong: false,
        }
    }

    pub(crate) fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    /// With a further class of the style sheet.
    pub(crate) fn class(mut self, class: &str) -> Self {
        if class.is_empty() {
            return self;
        }
        self.class.push(' ');
        self.class.push_str(class);
        self.strong |= class == "strong";
        self
    }

    pub(crate) fn width(&self) -> f64 {
        text::width(&self.words, self.font, self.size, self.strong)
    }

    /// What it covers.
    #[cfg(test)]
    pub(crate) fn area(&self) -> Area {
        let width = self.width();
        let left = match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - width / 2.0,
        };
        // Letters reach about three quarters above their line and a quarter below.
        (
            left,
            self.y - 0.76 * self.size,
            left + width,
            self.y + 0.24 * self.size,
        )
    }
}

impl Drawing {
    pub(crate) fn new(width: f64) -> Self {
        Self {
            width,
            height: 0.0,
            title: String::new(),
            description: String::new(),
            items: Vec::new(),
        }
    }

    pub(crate) fn bar(
        &mut self,
        class: String,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        title: &str,
    ) {
        self.items.push(Item::Bar {
            class,
            x: round(x),
            y: round(y),
            width: round(width),
            height: round(height),
            title: text::plain(title),
        });
    }

    pub(crate) fn line(&mut self, class: &'static str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.items.push(Item::Line {
            class,
            x1: round(x1),
            y1: round(y1),
            x2: round(x2),
            y2: round(y2),
        });
    }

    pub(crate) fn text(&mut self, text: Text) {
        self.items.push(Item::Text(text));
    }
}

/// A tenth of a pixel is enough, and files stay small and the same everywhere.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
