//! The picture in letters, for a terminal: the timeline of each platform, drawn to one scale.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Color, Style};
use unicode_width::UnicodeWidthStr as _;

use super::scene::{Bar, Group, Lane, Moment, Panel, Scene, Shape, What};
use super::text::plain;
use super::words::ms;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = ansi(AnsiColor::Green);
const BAD: Style = ansi(AnsiColor::Red).bold();
const PLATFORM: Style = ansi(AnsiColor::Yellow);
const PATH: Style = ansi(AnsiColor::Cyan).bold();
const STEP: Style = ansi(AnsiColor::Cyan);

const fn ansi(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// Narrower than this nothing can be drawn to scale.
pub(super) const NARROWEST: usize = 60;
/// Wider than this the eye loses the line.
pub(super) const WIDEST: usize = 120;

/// The whole picture, every platform to the same scale.
pub(super) fn draw(scene: &Scene, width: usize) -> String {
    let mut text = format!(
        "{BOLD}{}{BOLD:#} {DIM}plan {}{DIM:#}\n",
        plain(&scene.service),
        scene.digest
    );
    if !scene.what_if.is_empty() {
        let _ = writeln!(text, "if {}", plain(&scene.what_if.join(", ")));
    }
    let pictures: Vec<(&Panel, Vec<Row>)> = scene
        .platforms
        .iter()
        .map(|panel| (panel, rows(panel)))
        .collect();
    let all = || pictures.iter().flat_map(|(_, rows)| rows);
    let widest = |of: fn(&Row) -> &str| all().map(|row| of(row).width()).max().unwrap_or(0);
    let names = widest(|row| &row.label).clamp(8, 22);
    // Two columns for the mark, one before the bars, and room for a number behind them.
    let number = (widest(|row| &row.number) + 1).clamp(10, 24);
    let scale = Scale {
        end: scene.end_ms,
        columns: width.saturating_sub(names + 3 + number),
        number,
    };
    if let [_, _, ..] = scene.platforms.as_slice() {
        text.push_str("\nside by side\n");
        text.push_str(&scale.axis(names));
        for panel in &scene.platforms {
            text.push_str(&strip(panel, names, &scale));
        }
    }
    for (panel, rows) in &pictures {
        text.push('\n');
        text.push_str(&headline(panel));
        if let Some(ended) = &panel.ended {
            let style = if ended.exit_code == 0 { GOOD } else { BAD };
            for line in folded(&plain(&ended.words), width) {
                let _ = writeln!(text, "{style}{line}{style:#}");
            }
        }
        text.push_str(&scale.axis(names));
        for row in rows {
            text.push_str(&row.draw(names, &scale));
        }
    }
    if scene.platforms.is_empty() {
        text.push_str("\nno platform is named: there is no clock to draw on\n");
    } else {
        text.push('\n');
        for line in legend(scene, width) {
            let _ = writeln!(text, "{DIM}{line}{DIM:#}");
        }
    }
    text
}

/// What the marks mean, of those that are there, in lines of at most so many columns.
fn legend(scene: &Scene, columns: usize) -> Vec<String> {
    let lanes = || scene.platforms.iter().flat_map(|panel| &panel.lanes);
    let has = |shape| lanes().any(|lane| lane.bars.iter().any(|bar| bar.shape == shape));
    let marks = [
        (true, "* █ longest path"),
        (true, "▒ other steps"),
        (true, "░ platform"),
        (lanes().any(is_arrivals), "~ requests still arrive"),
        (has(Shape::Reserve), "· reserve"),
        (has(Shape::Planned), "· planned"),
        (has(Shape::GivenUp), "× cut off"),
        (has(Shape::Failed), "! failed"),
    ];
    let mut shown: Vec<String> = Vec::new();
    for words in marks
        .into_iter()
        .filter_map(|(used, words)| used.then_some(words))
    {
        match shown.last_mut() {
            Some(line) if line.width() + 3 + words.width() <= columns => {
                line.push_str("   ");
                line.push_str(words);
            }
            _ => shown.push(words.to_owned()),
        }
    }
    shown
}

fn headline(panel: &Panel) -> String {
    let spare = ms(panel.spare_ms.unsigned_abs());
    let verdict = match panel.spare_ms < 0 {
        false => format!("{GOOD}{spare} to spare{GOOD:#}"),
        true => format!("{BAD}{spare} missing{BAD:#}"),
    };
    format!(
        "{BOLD}{}{BOLD:#}: needs {} of {} ({}), {verdict}\n",
        panel.platform,
        ms(panel.needed_ms),
        ms(panel.grace_ms),
        panel.grace_origin
    )
}

/// A platform in one line: what it pays, what the program does, the reserve, and where it kills.
fn strip(panel: &Panel, names: usize, scale: &Scale) -> String {
    let mut cells = vec![' '; scale.columns + 1];
    for bar in &panel.path {
        let glyph = match (bar.shape, bar.group) {
            (Shape::Reserve, _) => '·',
            (Shape::Spare | Shape::Missing, _) => ' ',
            (_, Group::Platform) => '░',
            _ => '█',
        };
        let columns = scale.column(bar.start_ms)..scale.column(bar.end_ms).min(cells.len());
        if let Some(cells) = cells.get_mut(columns) {
            cells.fill(glyph);
        }
    }
    if let Some(kill) = panel.kill_ms() {
        cells[scale.column(kill).min(scale.columns)] = 'X';
    }
    let cells: String = cells.into_iter().collect();
    format!("  {} {}\n", fit(panel.platform, names), cells.trim_end())
}

/// A line of a platform's picture.
struct Row {
    mark: char,
    label: String,
    marks: Vec<Mark>,
    number: String,
}

/// Some columns of a line.
struct Mark {
    start: u64,
    end: u64,
    glyph: char,
    style: Style,
    /// It is seen in at least so many columns.
    least: usize,
}

/// What happens, from the moment the platform is asked to stop the instance, in the order of time.
fn rows(panel: &Panel) -> Vec<Row> {
    let of = |what| panel.moments.iter().find(|moment| moment.what == what);
    let signal = of(What::Signal).map_or(0, |moment| moment.at_ms);
    let starts = |lane: &Lane| lane.bars.first().map_or(0, |bar| bar.start_ms);
    let shown = panel.lanes.iter().filter(|lane| {
        !lane
            .bars
            .iter()
            .all(|bar| matches!(bar.shape, Shape::Spare | Shape::Missing | Shape::Grace))
    });
    let mut rows = Vec::new();
    let mut is_signalled = false;
    for lane in shown {
        if !is_signalled && starts(lane) >= signal {
            is_signalled = true;
            rows.extend(of(What::Signal).map(|it| moment('|', it, BOLD)));
        }
        rows.push(row(lane));
    }
    if !is_signalled {
        rows.extend(of(What::Signal).map(|it| moment('|', it, BOLD)));
    }
    if let Some(ended) = &panel.ended
        && ended.exit_code != lifecycle_manifest::KILLED
    {
        let style = if ended.exit_code == 0 { GOOD } else { BAD };
        rows.extend(of(What::Exit).map(|it| moment('|', it, style)));
    }
    rows.extend(of(What::Kill).map(|it| moment('X', it, BAD)));
    rows
}

/// Something that happens at once.
fn moment(glyph: char, moment: &Moment, style: Style) -> Row {
    Row {
        mark: ' ',
        label: moment.label.clone(),
        marks: vec![Mark {
            start: moment.at_ms,
            end: moment.at_ms,
            glyph,
            style,
            least: 1,
        }],
        number: format!("at {}", ms(moment.at_ms)),
    }
}

fn is_arrivals(lane: &Lane) -> bool {
    lane.group == Group::Traffic && !lane.on_longest_path
}

fn row(lane: &Lane) -> Row {
    let on_path = lane.on_longest_path && !matches!(lane.group, Group::Platform | Group::End);
    let own = match lane.group {
        Group::Platform => ('░', PLATFORM),
        _ if on_path => ('█', PATH),
        Group::Traffic => ('~', STEP),
        _ => ('▒', STEP),
    };
    let mark = |bar: &Bar| {
        let (glyph, style) = match bar.shape {
            Shape::Planned | Shape::Reserve => ('·', DIM),
            Shape::GivenUp => ('×', BAD),
            Shape::Failed => ('!', BAD),
            // What was given up had its unwind too.
            Shape::Unwind if lane.ending.is_some() => ('×', BAD),
            _ => own,
        };
        Mark {
            start: bar.start_ms,
            end: bar.end_ms,
            glyph,
            style,
            least: usize::from(!matches!(bar.shape, Shape::Unwind | Shape::Planned)),
        }
    };
    Row {
        mark: if on_path { '*' } else { ' ' },
        label: plain(&lane.name),
        marks: lane.bars.iter().map(mark).collect(),
        number: lane.takes.clone(),
    }
}

impl Row {
    fn draw(&self, names: usize, scale: &Scale) -> String {
        let mut cells: Vec<Option<&Mark>> = Vec::new();
        for mark in &self.marks {
            let from = scale
                .column(mark.start)
                .min(scale.columns.saturating_sub(1));
            let to = scale
                .column(mark.end)
                .clamp(from + mark.least, scale.columns.max(from + 1));
            if cells.len() < to {
                cells.resize(to, None);
            }
            cells[from..to].fill(Some(mark));
        }
        let mut bar = String::new();
        for run in cells.chunk_by(|a, b| a.map(std::ptr::from_ref) == b.map(std::ptr::from_ref)) {
            let width = run.len();
            match run.first().copied().flatten() {
                None => {
                    let _ = write!(bar, "{:width$}", "");
                }
                Some(Mark { glyph, style, .. }) => {
                    let glyphs: String = std::iter::repeat_n(*glyph, width).collect();
                    let _ = write!(bar, "{style}{glyphs}{style:#}");
                }
            }
        }
        let room = (scale.number + scale.columns).saturating_sub(cells.len());
        let (mark, label) = (self.mark, fit(&self.label, names));
        let number = fit_right(&self.number, room);
        format!("{mark} {label} {bar}{number}\n")
    }
}

/// A number right behind its bar, so that no eye has to travel.
fn fit_right(number: &str, room: usize) -> String {
    match number.width() < room {
        true => format!(" {number}"),
        false => String::new(),
    }
}

/// A label in exactly so many columns.
fn fit(label: &str, columns: usize) -> String {
    let mut shown = label.to_owned();
    if shown.width() > columns {
        while shown.width() + 1 > columns {
            shown.pop();
        }
        shown.push('…');
    }
    let missing = columns - shown.width();
    format!("{shown}{:missing$}", "")
}

/// A sentence in lines of at most so many columns.
fn folded(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

struct Scale {
    /// In milliseconds; more than zero.
    end: u64,
    columns: usize,
    /// How much room the number behind a bar has.
    number: usize,
}

impl Scale {
    /// The column of a moment, rounded to the nearest.
    fn column(&self, at_ms: u64) -> usize {
        let (at, end) = (u128::from(at_ms.min(self.end)), u128::from(self.end));
        let column = (at * self.columns as u128 * 2 + end) / (end * 2);
        usize::try_from(column).unwrap_or(self.columns)
    }

    /// A ruler with a tick at round numbers, at least eight columns apart.
    fn axis(&self, names: usize) -> String {
        const STEPS: [u64; 14] = [
            1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400,
        ];
        let fits =
            |seconds: &&u64| **seconds * 1_000 > self.end || self.column(**seconds * 1_000) >= 8;
        let step = STEPS.iter().find(fits).copied().unwrap_or(604_800);
        let mut ruler = String::new();
        for tick in (0..).map(|tick| tick * step * 1_000) {
            let column = self.column(tick);
            let label = ms(tick);
            if column + label.len() > self.columns + self.number || tick > self.end {
                break;
            }
            let gap = column.saturating_sub(ruler.width());
            let _ = write!(ruler, "{:gap$}{label}", "");
        }
        format!("  {:names$} {DIM}{ruler}{DIM:#}\n", "")
    }
}
