//! What is said of a text while it is edited: findings with their places, and each platform's picture.

use lifecycle_manifest::duration::human;
use lifecycle_manifest::{Options, Resolved, Safety, Severity, Timeline};
use serde::{Deserialize, Serialize};

use crate::check::{self, Located, Spot};
use crate::input::Input;
use crate::lsp::position::{Encoding, Text};
use crate::picture::{self, Cases, scene::Scene};

/// So many findings are told; nobody reads further.
const MOST_TOLD: usize = 200;

/// All that the page shows of a text.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// `None`: it could not be read as a plan.
    service: Option<String>,
    errors: usize,
    warnings: usize,
    allowed: usize,
    /// Findings that `fix` would mend.
    fixable: usize,
    findings: Vec<Told>,
    platforms: Vec<Platform>,
    /// What can be asked of the picture.
    what_if: Vec<Ask>,
}

/// Something that may go wrong.
#[derive(Debug, Serialize)]
struct Ask {
    /// As it is asked.
    ask: String,
    words: String,
}

/// A finding in the words of `lifecycle check`.
#[derive(Debug, Serialize)]
struct Told {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    platform: Option<&'static str>,
    message: String,
    #[serde(flatten)]
    at: Range,
    label: String,
    related: Vec<Related>,
    notes: Vec<String>,
    help: Vec<Help>,
}

/// What a finding conflicts with.
#[derive(Debug, Serialize)]
struct Related {
    #[serde(flatten)]
    at: Range,
    label: String,
}

/// A way out.
#[derive(Debug, Serialize)]
struct Help {
    text: String,
    fix: Option<Fix>,
}

/// The same as edits.
#[derive(Debug, Serialize)]
struct Fix {
    is_safe: bool,
    edits: Vec<Edit>,
}

#[derive(Debug, Serialize)]
struct Edit {
    #[serde(flatten)]
    at: Range,
    text: String,
}

/// Lines from 0, columns in UTF-16 units, as a page counts.
#[derive(Debug, Clone, Copy, Serialize)]
struct Range {
    start: [u32; 2],
    end: [u32; 2],
}

/// A platform that the text names.
#[derive(Debug, Serialize)]
struct Platform {
    key: String,
    label: &'static str,
    fits: bool,
    /// The sum in one sentence.
    sum: String,
    /// The timeline; of the platform that is looked at.
    picture: Option<Picture>,
}

/// A timeline.
#[derive(Debug, Serialize)]
struct Picture {
    /// As a part of the page.
    svg: String,
    /// What comes of what was asked, in words.
    ended: Option<String>,
}

/// Of what a picture is wanted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// A platform's key; of another one than these there are, the first is meant.
    #[serde(default)]
    platform: Option<String>,
    /// What goes wrong, such as `hang:orders-db`.
    #[serde(default)]
    what_if: Option<String>,
}

/// Says what there is to say. One platform is drawn: the text is looked at while it is typed, and eleven
/// pictures of sixty resources take their time.
pub(super) fn answer(name: &str, text: &str, wanted: &Wanted) -> anyhow::Result<Answer> {
    let options = Options::default();
    let input = Input::new(name.to_owned(), None, text.as_bytes(), &options);
    let analysis = &input.analysis;
    let text = Text::new(text.to_owned(), Encoding::Utf16);
    let of = |severity| {
        let findings = analysis.findings.iter();
        findings.filter(|it| it.severity == severity).count()
    };
    let resolved = analysis.resolved.as_ref();
    let platforms = match resolved {
        None => Vec::new(),
        Some(resolved) => {
            let lines = || resolved.timelines.iter();
            let is_wanted = |line: &&Timeline| wanted.platform.as_deref() == Some(line.platform());
            let drawn = lines().find(is_wanted).or(lines().next());
            let drawn = drawn.map(Timeline::platform);
            let cases = cases(resolved, wanted.what_if.as_deref());
            let platform = |line: &Timeline| {
                let picture = (drawn == Some(line.platform()))
                    .then(|| picture_of(resolved, line, &cases))
                    .transpose()?;
                Ok(platform(line, picture))
            };
            lines().map(platform).collect::<anyhow::Result<_>>()?
        }
    };
    Ok(Answer {
        service: resolved.map(|resolved| resolved.plan.service.clone()),
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        allowed: analysis.allowed.len(),
        fixable: check::fixable(analysis, Safety::Safe),
        findings: input
            .located()
            .iter()
            .take(MOST_TOLD)
            .map(|located| told(located, &text))
            .collect(),
        platforms,
        what_if: resolved.map_or_else(Vec::new, asks),
    })
}

fn asks(resolved: &Resolved) -> Vec<Ask> {
    let lines: Vec<&Timeline> = resolved.timelines.iter().collect();
    let questions = picture::questions(&resolved.plan, &lines).into_iter();
    questions.map(|(ask, words)| Ask { ask, words }).collect()
}

/// What is asked of a plan. Of one that no longer has the resource: the plan itself.
fn cases(resolved: &Resolved, what_if: Option<&str>) -> Cases {
    let case = what_if.and_then(|what| what.parse().ok());
    case.and_then(|case| Cases::of(&[case], &resolved.plan).ok())
        .unwrap_or_default()
}

/// The text with all fixes that only give more time or mean the same; `None`: there is none to make.
pub(super) fn fixed(text: &str) -> Option<String> {
    let options = Options::default();
    let input = Input::new(String::new(), None, text.as_bytes(), &options);
    check::fix(&input.analysis, Safety::Safe, &options).map(|fixed| fixed.text)
}

fn told(located: &Located<'_>, text: &Text) -> Told {
    let finding = located.finding;
    let range = |spot: &Spot<'_>| {
        let range = text.range(spot.bytes);
        Range {
            start: [range.start.line, range.start.character],
            end: [range.end.line, range.end.character],
        }
    };
    let fix = |number: usize| {
        let fix = located.fixes.iter().find(|fix| fix.help == number)?;
        let edits = fix.edits.iter().map(|edit| Edit {
            at: range(&edit.at),
            text: edit.with.clone(),
        });
        Some(Fix {
            is_safe: fix.safety == Safety::Safe,
            edits: edits.collect(),
        })
    };
    let helps = finding.help.iter().enumerate();
    Told {
        code: finding.rule.code,
        name: finding.rule.name,
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        platform: finding.platform,
        message: finding.message.clone(),
        at: range(&located.primary),
        label: located.primary.label.to_owned(),
        related: located
            .related
            .iter()
            .map(|spot| Related {
                at: range(spot),
                label: spot.label.to_owned(),
            })
            .collect(),
        notes: finding.notes.clone(),
        help: helps
            .map(|(number, help)| Help {
                text: help.text.clone(),
                fix: fix(number),
            })
            .collect(),
    }
}

fn platform(line: &Timeline, picture: Option<Picture>) -> Platform {
    let verdict = match line.spare() {
        Some(spare) => format!("{} to spare", human(spare)),
        None => format!("{} missing", human(line.missing())),
    };
    Platform {
        key: line.platform().to_owned(),
        label: line.facts.name,
        fits: line.spare().is_some(),
        sum: format!(
            "needs {} of {} ({}), {verdict}",
            human(line.needed()),
            human(line.grace().value),
            line.grace().origin
        ),
        picture,
    }
}

fn picture_of(resolved: &Resolved, line: &Timeline, cases: &Cases) -> anyhow::Result<Picture> {
    let scene = Scene::of(resolved, &[line], cases);
    let panel = scene.platforms.first();
    let ended = panel.and_then(|panel| panel.ended.as_ref());
    Ok(Picture {
        svg: picture::fragment(&scene, "timeline-")?,
        ended: ended.map(|ended| ended.words.clone()),
    })
}
