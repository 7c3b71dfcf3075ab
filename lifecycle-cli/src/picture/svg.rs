//! The picture as SVG: one file, light and dark, with nothing to fetch.
//!
//! Everything has its place computed here; the template only writes it down.

use anyhow::Result;
use serde::Serialize;

use super::drawing::{Anchor, Drawing, Text};
use super::scale::{Scale, ticks};
use super::scene::{Ended, Lane, Moment, Panel, Scene, Shape, What};
use super::style;
use super::text::{self, Font};
use super::words::{
    bar_class, bar_title, description, drawn, group_label, headline, legend, moment_classes,
    moment_label, ms, verdict,
};
use crate::template;

const TEMPLATE: &str = include_str!("../../templates/picture/plan.svg.j2");

/// The whole width.
const WIDTH: f64 = 960.0;
/// Around everything.
const MARGIN: f64 = 16.0;
/// A name is broken into lines of so many columns.
const COLUMNS: usize = 26;
/// The size of names and times.
const SMALL: f64 = 12.0;
/// From one line of text to the next.
const LINE: f64 = 15.0;
/// A lane with a name of one line.
const LANE: f64 = 23.0;
/// From one tick of the ruler to the next, at least.
const APART: f64 = 64.0;
/// A bar in a lane.
const BAR: f64 = 13.0;

/// Writes the picture as a file of its own.
pub(crate) fn write(scene: &Scene) -> Result<String> {
    render(scene, "", true)
}

fn render(scene: &Scene, prefix: &str, is_whole: bool) -> Result<String> {
    #[derive(Serialize)]
    struct Data<'a> {
        prefix: &'a str,
        /// `None` in a page that has it.
        style: Option<String>,
        patterns: &'static str,
        drawing: Drawing,
    }
    let data = Data {
        prefix,
        style: is_whole.then(style::resolved),
        patterns: style::PATTERNS,
        drawing: draw(scene),
    };
    template::render_as("picture/plan.svg.j2", TEMPLATE, template::markup, data)
}

/// The same as a part of a page that has the style sheet and [`style::PATTERNS`] already: classes and
/// attributes, no style and no script. `prefix` begins the ids of its title and its description.
pub(crate) fn fragment(scene: &Scene, prefix: &str) -> Result<String> {
    render(scene, prefix, false)
}

/// Lays everything out.
pub(crate) fn draw(scene: &Scene) -> Drawing {
    let mut page = Page::of(scene);
    page.title(scene);
    if scene.platforms.len() > 1 {
        page.side_by_side(scene);
    }
    for panel in &scene.platforms {
        page.panel(panel);
    }
    if scene.platforms.is_empty() {
        let words = "no platform is named: there is no clock to draw on";
        page.words(SMALL + 1.0, words, "muted");
        page.y += 20.0;
    }
    page.legend(scene);
    page.drawing.height = (page.y + MARGIN).ceil();
    page.drawing.title = format!("How {} stops", text::plain(&scene.service));
    page.drawing.description = text::plain(&description(scene));
    page.drawing
}

/// A page that fills from the top.
struct Page {
    drawing: Drawing,
    y: f64,
    /// Where names begin.
    names: f64,
    scale: Scale,
}

impl Page {
    fn of(scene: &Scene) -> Self {
        let lanes = || scene.platforms.iter().flat_map(|panel| &panel.lanes);
        let widest = |words: &mut dyn Iterator<Item = f64>| words.fold(0.0, f64::max);
        let names = lanes()
            .flat_map(|lane| text::wrapped(&text::plain(&lane.name), COLUMNS))
            .chain(
                scene
                    .platforms
                    .iter()
                    .map(|panel| panel.platform.to_owned()),
            )
            .chain(["longest path".to_owned()]);
        let mut names = names.map(|line| text::width(&line, Font::Mono, SMALL, false));
        let groups = lanes().map(|lane| {
            let label = group_label(lane.group);
            text::width(label, Font::Words, 11.0, true)
        });
        let left = (MARGIN + widest(&mut groups.into_iter()) + 8.0).round();
        let from = (left + widest(&mut names) + 14.0).round();
        // Behind the last moment stands its label, behind the last bar its time, and behind a platform's
        // strip what it has to spare.
        let moments = scene.platforms.iter().flat_map(drawn).map(|moment| {
            let words = moment_label(moment, scene.end_ms);
            text::width(&words, Font::Words, SMALL, true)
        });
        let late = |lane: &&Lane| share(last(&lane.bars), scene.end_ms) > 0.55;
        let times = lanes()
            .filter(late)
            .map(|lane| text::width(&lane.takes, Font::Mono, 11.0, false));
        let spares = scene
            .platforms
            .iter()
            .map(|panel| text::width(&verdict(panel).0, Font::Mono, 11.0, false));
        let behind = widest(&mut moments.chain(times).chain(spares)) + 12.0;
        let to = WIDTH - MARGIN - behind.max(40.0);
        Self {
            drawing: Drawing::new(WIDTH),
            y: MARGIN,
            names: left,
            scale: Scale {
                from,
                to: to.max(from + 120.0),
                end_ms: scene.end_ms,
            },
        }
    }

    fn title(&mut self, scene: &Scene) {
        self.words(19.0, &scene.service, "strong");
        let beside = match self.drawing.items.last() {
            Some(super::drawing::Item::Text(service)) => MARGIN + service.width() + 12.0,
            _ => MARGIN,
        };
        let what = match scene.what_if.is_empty() {
            true => "stops like this".to_owned(),
            false => format!("stops like this, if {}", scene.what_if.join(", ")),
        };
        let words = Text::new(Font::Words, 14.0, beside, self.y, &what).class("muted");
        match beside + words.width() <= WIDTH - MARGIN {
            true => self.drawing.text(words),
            false => self.words(14.0, &what, "muted"),
        }
        self.y += 14.0;
    }

    /// A line of text of its own, or several.
    fn words(&mut self, size: f64, sentence: &str, class: &str) {
        let strong = class.contains("strong");
        let room = WIDTH - 2.0 * MARGIN;
        for line in text::lines(&text::plain(sentence), size, strong, room) {
            self.y += size + 4.0;
            let words = Text::new(Font::Words, size, MARGIN, self.y, &line).class(class);
            self.drawing.text(words);
        }
    }

    /// Every platform in one line, on one scale.
    fn side_by_side(&mut self, scene: &Scene) {
        self.y += 6.0;
        let height = 24.0;
        let bottom = self.y + 22.0 + height * count(scene.platforms.len());
        self.grid(bottom);
        self.axis();
        for panel in &scene.platforms {
            let name = Text::new(Font::Mono, SMALL, self.names, self.y + 16.0, panel.platform);
            self.drawing.text(name.class("strong"));
            self.path(panel, 14.0, 5.0, false);
            for moment in drawn(panel).filter(|moment| moment.what != What::Exit) {
                let x = self.scale.x(moment.at_ms);
                let (class, _) = moment_classes(panel, moment.what);
                let (top, bottom) = (self.y + 2.0, self.y + height - 2.0);
                self.drawing.line(class, (x, top), (x, bottom));
            }
            let (words, class) = verdict(panel);
            let beyond = self
                .scale
                .x(panel.kill_ms().unwrap_or(0).max(last(&panel.path)));
            let words = Text::new(Font::Mono, 11.0, beyond + 7.0, self.y + 16.0, &words);
            self.drawing.text(words.class(class).class("halo"));
            self.y += height;
        }
        self.y += 18.0;
    }

    fn panel(&mut self, panel: &Panel) {
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

    /// The lines of the ruler, through all that is below.
    fn grid(&mut self, bottom: f64) {
        for tick in ticks(&self.scale, APART) {
            let x = self.scale.x(tick);
            self.drawing.line("grid", (x, self.y + 17.0), (x, bottom));
        }
    }

    /// The ruler.
    fn axis(&mut self) {
        let baseline = self.y + 13.0;
        for tick in ticks(&self.scale, APART) {
            let x = self.scale.x(tick);
            let label = Text::new(Font::Mono, 11.0, x, baseline, &ms(tick)).class("muted");
            self.drawing
                .text(label.anchor(Anchor::Middle).class("halo"));
        }
        self.y += 20.0;
    }

    /// The longest way, bar after bar; with what each is where there is room.
    fn path(&mut self, panel: &Panel, height: f64, down: f64, is_labelled: bool) {
        let top = self.y + down;
        let missing = panel.path.iter().find(|bar| bar.shape == Shape::Missing);
        let beyond = missing.map_or(u64::MAX, |bar| bar.start_ms);
        for bar in &panel.path {
            let (x, width) = self.scale.span(bar.start_ms, bar.end_ms);
            let class = bar_class(bar, true);
            self.drawing
                .bar(class, (x, top), (width, height), &bar_title(bar));
            // What lies beyond SIGKILL is drawn over, and so is what it would be called.
            let covered = bar.shape != Shape::Missing && bar.end_ms > beyond;
            if !is_labelled || covered || bar.shape == Shape::Unwind {
                continue;
            }
            let time = ms(bar.end_ms - bar.start_ms);
            let words = [format!("{} {time}", bar.label), time.clone()];
            let class = match bar.shape {
                Shape::Time => "on-solid",
                Shape::Spare => "good strong",
                Shape::Missing => "bad strong",
                _ => "halo",
            };
            let words = match bar.shape {
                Shape::Spare | Shape::Missing => [format!("{time} {}", bar.label), time],
                _ => words,
            };
            let label = |words: &String| {
                let (x, y) = (x + width / 2.0, top + height / 2.0 + 4.0);
                let label = Text::new(Font::Words, 11.5, x, y, words).anchor(Anchor::Middle);
                label.class(class)
            };
            let fits = |label: &Text| label.width() + 8.0 <= width;
            if let Some(label) = words.iter().map(label).find(fits) {
                self.drawing.text(label);
            }
        }
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
            Some(super::scene::End::Done) | None => "",
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

    /// What the marks mean, of those that are there.
    fn legend(&mut self, scene: &Scene) {
        self.y += 10.0;
        let mut x = MARGIN;
        for (class, words) in legend(scene) {
            let label = Text::new(Font::Words, 11.5, 0.0, 0.0, words).class("muted");
            let width = 26.0 + label.width() + 18.0;
            if x + width > WIDTH - MARGIN && x > MARGIN {
                x = MARGIN;
                self.y += 20.0;
            }
            self.drawing
                .bar(class.to_owned(), (x, self.y), (20.0, 11.0), words);
            let label = Text::new(Font::Words, 11.5, x + 26.0, self.y + 10.0, words);
            self.drawing.text(label.class("muted"));
            x += width;
        }
        self.y += 12.0;
    }
}

fn height(lane: &Lane) -> f64 {
    let lines = text::wrapped(&text::plain(&lane.name), COLUMNS).len();
    LANE + LINE * count(lines.saturating_sub(1))
}

fn last(bars: &[super::scene::Bar]) -> u64 {
    bars.iter().map(|bar| bar.end_ms).max().unwrap_or(0)
}

fn share(part: u64, whole: u64) -> f64 {
    super::scale::share(part, whole)
}

/// As a number to multiply with; pictures have no more than that.
fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
