//! A page that fills from the top: its title, all platforms side by side, each of them, the legend.

use crate::picture::drawing::{Anchor, Drawing, Item, Text};
use crate::picture::scale::{Scale, share, ticks};
use crate::picture::scene::{Bar, Lane, Panel, Scene, Shape, What};
use crate::picture::text::{self, Font};
use crate::picture::words::{
    bar_class, bar_title, description, drawn, group_label, legend, moment_classes, moment_label,
    ms, verdict,
};

/// The whole width.
pub(super) const WIDTH: f64 = 960.0;
/// Around everything.
pub(super) const MARGIN: f64 = 16.0;
/// A name is broken into lines of so many columns.
pub(super) const COLUMNS: usize = 26;
/// The size of names and times.
pub(super) const SMALL: f64 = 12.0;
/// From one tick of the ruler to the next, at least.
const APART: f64 = 64.0;

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
pub(super) struct Page {
    pub(super) drawing: Drawing,
    pub(super) y: f64,
    /// Where names begin.
    pub(super) names: f64,
    pub(super) scale: Scale,
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
            Some(Item::Text(service)) => MARGIN + service.width() + 12.0,
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
    pub(super) fn words(&mut self, size: f64, sentence: &str, class: &str) {
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

    /// The lines of the ruler, through all that is below.
    pub(super) fn grid(&mut self, bottom: f64) {
        for tick in ticks(&self.scale, APART) {
            let x = self.scale.x(tick);
            self.drawing.line("grid", (x, self.y + 17.0), (x, bottom));
        }
    }

    /// The ruler.
    pub(super) fn axis(&mut self) {
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
    pub(super) fn path(&mut self, panel: &Panel, height: f64, down: f64, is_labelled: bool) {
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

fn last(bars: &[Bar]) -> u64 {
    bars.iter().map(|bar| bar.end_ms).max().unwrap_or(0)
}

/// As a number to multiply with; pictures have no more than that.
pub(super) fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
