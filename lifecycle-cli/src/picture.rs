//! `lifecycle plan`: the timeline of each platform, drawn to one scale.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Color, Style};
use anyhow::{Result, bail};
use lifecycle_manifest::duration::human;
use lifecycle_manifest::{Plan, Resolved, Timeline};
use unicode_width::UnicodeWidthStr as _;

use crate::Outcome;
use crate::cli::PlanArgs;
use crate::{input, rollout};

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
const NARROWEST: usize = 60;
/// Wider than this the eye loses the line.
const WIDEST: usize = 120;

pub(crate) fn run(args: &PlanArgs) -> Result<Outcome> {
    let input = input::one(args.manifest.as_deref())?;
    let Some(resolved) = &input.analysis.resolved else {
        anstream::eprint!("{}", crate::check::findings(&input));
        return Ok(Outcome::Findings);
    };
    let lines: Vec<&Timeline> = match &args.platform {
        None => resolved.timelines.iter().collect(),
        Some(key) => match resolved
            .timelines
            .iter()
            .find(|line| line.platform() == key)
        {
            Some(line) => vec![line],
            None => {
                let known: Vec<_> = resolved.timelines.iter().map(Timeline::platform).collect();
                bail!(
                    "the manifest names no platform `{key}`; it names {}",
                    known.join(", ")
                );
            }
        },
    };
    let width = args
        .width
        .or_else(terminal_width)
        .unwrap_or(80)
        .clamp(NARROWEST, WIDEST);
    let mut out = anstream::stdout().lock();
    write!(out, "{}", draw(resolved, &lines, width))?;
    let below = rollout::below(resolved, &lines, width);
    if !below.is_empty() {
        writeln!(out)?;
    }
    for words in below {
        writeln!(out, "{words}")?;
    }
    let errors = input.analysis.findings.len();
    if errors > 0 {
        let findings = if errors == 1 { "a finding" } else { "findings" };
        writeln!(
            out,
            "{DIM}`lifecycle check` has {findings} on this manifest{DIM:#}"
        )?;
    }
    Ok(if input.analysis.has_errors() {
        Outcome::Findings
    } else {
        Outcome::Clean
    })
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// The whole picture, every platform to the same scale.
pub(crate) fn draw(resolved: &Resolved, lines: &[&Timeline], width: usize) -> String {
    let mut text = format!(
        "{BOLD}{}{BOLD:#} {DIM}plan {}{DIM:#}\n",
        resolved.plan.service, resolved.digest
    );
    let pictures: Vec<(&Timeline, Vec<Row>)> = lines
        .iter()
        .map(|line| (*line, rows(&resolved.plan, line)))
        .collect();
    let all = || pictures.iter().flat_map(|(_, rows)| rows);
    let names = all()
        .map(|row| row.label.width())
        .max()
        .unwrap_or(0)
        .clamp(8, 22);
    let end = all()
        .map(|row| row.end)
        .max()
        .unwrap_or(Duration::from_secs(1));
    // Two columns for the mark, one before the bars, and room for a number behind them.
    let scale = Scale {
        end,
        columns: width.saturating_sub(names + 3 + NUMBER),
    };
    if let [_, _, ..] = lines {
        text.push_str("\nside by side\n");
        text.push_str(&scale.axis(names));
        for line in lines {
            text.push_str(&strip(line, names, &scale));
        }
    }
    for (line, rows) in &pictures {
        text.push('\n');
        text.push_str(&headline(line));
        text.push_str(&scale.axis(names));
        for row in rows {
            text.push_str(&row.draw(names, &scale));
        }
    }
    if lines.is_empty() {
        text.push_str("\nno platform is named: there is no clock to draw on\n");
    } else {
        let _ = writeln!(
            text,
            "\n{DIM}* █ longest path   ▒ other steps   ░ platform   · reserve{DIM:#}"
        );
    }
    text
}

/// How much room the number behind a bar takes.
const NUMBER: usize = 10;

fn headline(line: &Timeline) -> String {
    let verdict = match line.spare() {
        Some(spare) => format!("{GOOD}{} to spare{GOOD:#}", human(spare)),
        None => format!("{BAD}{} missing{BAD:#}", human(line.missing())),
    };
    format!(
        "{BOLD}{}{BOLD:#}: needs {} of {} ({}), {verdict}\n",
        line.platform(),
        human(line.needed()),
        human(line.grace().value),
        line.grace().origin
    )
}

/// A platform in one line: what it pays, what the program does, the reserve, and where it kills.
fn strip(line: &Timeline, names: usize, scale: &Scale) -> String {
    let outside = line
        .terms
        .outside
        .as_ref()
        .map_or(Duration::ZERO, |outside| outside.value);
    let signal = outside + line.signal_at();
    let steps = signal + line.steps_end();
    let sidecars: Duration = line
        .terms
        .sidecars
        .iter()
        .map(|sidecar| sidecar.value)
        .sum();
    let mut bar = vec![' '; scale.columns + 1];
    let mut at = Duration::ZERO;
    let spans = [
        (signal, '░'),
        (steps, '█'),
        (steps + sidecars, '░'),
        (steps + sidecars + line.reserve.value, '·'),
    ];
    for (end, glyph) in spans {
        let columns = scale.column(at)..scale.column(end).min(bar.len());
        if let Some(cells) = bar.get_mut(columns) {
            cells.fill(glyph);
        }
        at = end;
    }
    let kill = scale
        .column(outside + line.grace().value)
        .min(scale.columns);
    bar[kill] = 'X';
    let bar: String = bar.into_iter().collect();
    format!("  {} {}\n", fit(line.platform(), names), bar.trim_end())
}

struct Row {
    mark: char,
    label: String,
    start: Duration,
    end: Duration,
    glyph: char,
    style: Style,
    number: String,
}

/// What happens, from the moment the platform is asked to stop the instance, in the order of time.
fn rows(plan: &Plan, line: &Timeline) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut at = Duration::ZERO;
    let platform = |label: &str, start, length: Duration| Row {
        mark: ' ',
        label: label.to_owned(),
        start,
        end: start + length,
        glyph: '░',
        style: PLATFORM,
        number: human(length),
    };
    if let Some(outside) = &line.terms.outside {
        rows.push(platform(&outside.label, at, outside.value));
        at += outside.value;
    }
    let grace_begins = at;
    if let Some(hook) = &line.terms.hook {
        rows.push(platform(&hook.label, at, hook.value));
        at += hook.value;
    }
    let signal = at;
    rows.push(moment('|', "SIGTERM", signal, BOLD));
    let settle = line.app_settle.value;
    if !settle.is_zero() {
        rows.push(Row {
            mark: '*',
            style: PATH,
            glyph: '█',
            ..platform("settle", signal, settle)
        });
    }
    let mut steps: Vec<usize> = (0..plan.steps.len()).collect();
    steps.sort_by_key(|&step| (line.windows[step].start, plan.steps[step].phase));
    for step in steps {
        let window = &line.windows[step];
        let on_path = line.longest_path.contains(&step);
        rows.push(Row {
            mark: if on_path { '*' } else { ' ' },
            label: plan.steps[step].name.clone(),
            start: signal + window.start,
            end: signal + window.end,
            glyph: if on_path { '█' } else { '▒' },
            style: if on_path { PATH } else { STEP },
            number: human(window.timeout.value),
        });
    }
    let mut at = signal + line.steps_end();
    for sidecar in &line.terms.sidecars {
        rows.push(platform(&sidecar.label, at, sidecar.value));
        at += sidecar.value;
    }
    let reserve = line.reserve.value;
    rows.push(Row {
        glyph: '·',
        style: DIM,
        ..platform("reserve", at, reserve)
    });
    rows.push(moment(
        'X',
        "SIGKILL",
        grace_begins + line.grace().value,
        BAD,
    ));
    rows
}

/// Something that happens at once.
fn moment(glyph: char, label: &str, at: Duration, style: Style) -> Row {
    Row {
        mark: ' ',
        label: label.to_owned(),
        start: at,
        end: at,
        glyph,
        style,
        number: format!("at {}", human(at)),
    }
}

impl Row {
    fn draw(&self, names: usize, scale: &Scale) -> String {
        let Self {
            mark,
            style,
            glyph,
            number,
            ..
        } = self;
        let label = fit(&self.label, names);
        let from = scale
            .column(self.start)
            .min(scale.columns.saturating_sub(1));
        let to = scale
            .column(self.end)
            .clamp(from + 1, scale.columns.max(from + 1));
        let bar: String = std::iter::repeat_n(*glyph, to - from).collect();
        let number = fit_right(number, NUMBER + scale.columns - to);
        format!("{mark} {label} {:from$}{style}{bar}{style:#}{number}\n", "")
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

struct Scale {
    end: Duration,
    columns: usize,
}

impl Scale {
    /// The column of a moment, rounded to the nearest.
    fn column(&self, at: Duration) -> usize {
        let end = self.end.as_millis().max(1);
        let column = (at.as_millis() * self.columns as u128 * 2 + end) / (end * 2);
        usize::try_from(column).unwrap_or(self.columns)
    }

    /// A ruler with a tick at round numbers, at least eight columns apart.
    fn axis(&self, names: usize) -> String {
        const STEPS: [u64; 14] = [
            1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 86_400,
        ];
        let fits = |seconds: &&u64| self.column(Duration::from_secs(**seconds)) >= 8;
        let step = STEPS.iter().find(fits).copied().unwrap_or(604_800);
        let mut ruler = String::new();
        for tick in (0..).map(|tick| tick * step) {
            let column = self.column(Duration::from_secs(tick));
            let label = human(Duration::from_secs(tick));
            if column + label.len() > self.columns + NUMBER || Duration::from_secs(tick) > self.end
            {
                break;
            }
            let gap = column.saturating_sub(ruler.width());
            let _ = write!(ruler, "{:gap$}{label}", "");
        }
        format!("  {:names$} {DIM}{ruler}{DIM:#}\n", "")
    }
}
