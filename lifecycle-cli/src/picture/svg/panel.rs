//! One platform: its headline, its moments, its lanes.

use super::page::{COLUMNS, MARGIN, Page, SMALL, WIDTH, count};
use crate::picture::drawing::Text;
use crate::picture::scene::{End, Ended, Lane, Moment, Panel, Shape};
use crate::picture::text::{self, Font};
use crate::picture::words::{
    bar_class, bar_title, drawn, group_label, headline, moment_classes, moment_label, verdict,
};

/// From one line of text to the next.
const LINE: f64 = 15.0;
/// A lane with a name of one line.
const LANE: f64 = 23.0;
/// A bar in a lane.
const BAR: f64 = 13.0;

impl Page {
    pub(super) fn panel(&mut self, panel: &Panel) {
        self.y += 12.0;
        self.drawing
            .line("grid", (MARGIN, self.y), (WIDTH - MARGIN, self.y));
        self.headline(panel);
        match &panel.ended {
            Some(ended) => self.ended(ended),
            None => {
                self.words(SMALL, &panel.sum, "muted");
                self.y += 4.0;
            }
        }
        self.moments(panel);
        let top = self.y;
        let heights: Vec<f64> = panel.lanes.iter().map(height).collect();
        let strip = if panel.ended.is_none() { 38.0 } else { 6.0 };
        let bottom = top + 20.0 + strip + heights.iter().sum::<f64>();
        self.grid(bottom);
        for moment in drawn(panel) {
            let x = self.scale.x(moment.at_ms);
            let (class, _) = moment_classes(panel, moment.what);
            self.drawing.line(class, (x, top), (x, bottom + 4.0));
        }
        self.axis();
        if panel.ended.is_none() {
            let name = Text::new(
                Font::Words,
                SMALL,
                self.names,
                self.y + 19.0,
                "longest path",
            );
            self.drawing.text(name.class("strong"));
            self.path(panel, 22.0, 4.0, true);
        }
        self.y += strip;
        let mut before = None;
        let lines: Vec<f64> = drawn(panel).map(|it| self.scale.x(it.at_ms)).collect();
        for (lane, height) in panel.lanes.iter().zip(heights) {
            let is_first = before != Some(lane.group);
            before = Some(lane.group);
            self.lane(lane, height, is_first, &lines);
        }
        self.y = bottom + 8.0;
    }

    fn headline(&mut self, panel: &Panel) {
        self.y += 24.0;
        let name = Text::new(Font::Words, 15.0, MARGIN, self.y, panel.name).class("strong");
        let mut x = MARGIN + name.width() + 12.0;
        self.drawing.text(name);
        let (words, class) = verdict(panel);
        let verdict = Text::new(Font::Words, 14.0, x, self.y, &words).class("strong");
        x += verdict.width() + 12.0;
        self.drawing.text(verdict.class(class));
        let room = WIDTH - MARGIN - x;
        let words = text::plain(&headline(panel));
        if text::width(&words, Font::Words, 13.0, false) <= room {
            let words = Text::new(Font::Words, 13.0, x, self.y, &words).class("muted");
            self.drawing.text(words);
        } else {
            self.words(13.0, &words, "muted");
        }
        self.y += 6.0;
    }

    /// What comes of it, in words.
    fn ended(&mut self, ended: &Ended) {
        let class = match ended.exit_code {
            0 => "good",
            _ => "bad",
        };
        self.words(13.0, &ended.words, class);
        self.y += 6.0;
    }

    /// The labels of the moments, each beside its line, in as many rows as they need.
    ///
    /// From the last to the first: a label reaches to the right of its line, and lines of labels above
    /// must not run through it.
    fn moments(&mut self, panel: &Panel) {
        let mut placed: Vec<(f64, usize, Text)> = Vec::new();
        let mut moments: Vec<&Moment> = drawn(panel).collect();
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.at_ms));
        for moment in moments {
            let x = self.scale.x(moment.at_ms);
            let (_, class) = moment_classes(panel, moment.what);
            let words = moment_label(moment, self.scale.end_ms);
            let label = Text::new(Font::Words, SMALL, x + 5.0, 0.0, &words).class("strong");
            let end = x + 5.0 + label.width() + 8.0;
            let row = placed
                .iter()
                .filter(|(other, ..)| *other < end)
                .map(|(_, row, _)| row + 1)
                .max()
                .unwrap_or(0);
            placed.push((x, row, label.class(class)));
        }
        let rows = placed.iter().map(|(_, row, _)| row + 1).max().unwrap_or(0);
        let bottom = self.y + 16.0 * count(rows);
        for (x, row, mut label) in placed {
            let y = bottom - 16.0 * count(row);
            label.y = (y - 3.0).round();
            self.drawing.line("grid", (x, y - 13.0), (x, bottom));
            self.drawing.text(label);
        }
        self.y = bottom;
    }

    /// One lane; `lines` are those of the moments, which its time keeps clear of.
    fn lane(&mut self, lane: &Lane, height: f64, is_first: bool, lines: &[f64]) {
        if is_first {
            let class = format!("label-{}", lane.group.as_str());
            let label = group_label(lane.group);
            let label = Text::new(Font::Words, 11.0, MARGIN, self.y + 16.0, label).class("strong");
            self.drawing.text(label.class(&class));
        }
        let class = if lane.on_longest_path { "strong" } else { "" };
        for (at, line) in text::wrapped(&text::plain(&lane.name), COLUMNS)
            .iter()
            .enumerate()
        {
            let y = self.y + 16.0 + LINE * count(at);
            let name = Text::new(Font::Mono, SMALL, self.names, y, line);
            self.drawing.text(name.class(class));
        }
        let top = self.y + 5.0;
        for bar in &lane.bars {
            let (x, width) = self.scale.span(bar.start_ms, bar.end_ms);
            let title = format!("{}: {}. {}", lane.name, bar_title(bar), lane.says);
            let class = bar_class(bar, lane.on_longest_path);
            let (top, high) = match bar.shape {
                Shape::Grace => (top + BAR / 2.0 - 2.0, 4.0),
                _ => (top, BAR),
            };
            self.drawing.bar(class, (x, top), (width, high), &title);
        }
        let end = lane.bars.iter().map(|bar| self.scale.x(bar.end_ms));
        let x = end.fold(self.scale.from, f64::max) + 7.0;
        let class = match lane.ending {
            Some(End::Done) | None => "",
            Some(_) => "bad strong",
        };
        let mut time = Text::new(Font::Mono, 11.0, x, self.y + 16.0, &lane.takes)
            .class(class)
            .class("halo");
        let mut lines = lines.to_vec();
        lines.sort_by(f64::total_cmp);
        for line in lines {
            let beyond = time.x + time.width() + 2.0;
            if (time.x - 2.0..beyond).contains(&line) {
                time.x = (line + 6.0).round();
            }
        }
        self.drawing.text(time);
        self.y += height;
    }
}

fn height(lane: &Lane) -> f64 {
    let lines = text::wrapped(&text::plain(&lane.name), COLUMNS).len();
    LANE + LINE * count(lines.saturating_sub(1))
}
