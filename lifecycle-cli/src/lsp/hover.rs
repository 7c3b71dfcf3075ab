//! Hovers: what stands under the cursor, and the arithmetic that it is part of.

use std::fmt::Write as _;

use lifecycle_manifest::duration::human;
use lifecycle_manifest::rules::{self, Rule};
use lifecycle_manifest::text::{Document, Part, Route, Segment, Span, Value};
use lifecycle_manifest::{Figure, Kind, Resolved, Timeline, schema};
use lsp_types::{Hover, HoverContents, MarkupContent};

use super::definition::resource_named;
use super::documents::Open;
use super::hints::{lines, spare};
use super::server::Client;

/// What is to be said of a place.
pub(super) fn at(open: &Open, offset: usize, client: &Client) -> Option<Hover> {
    let analysis = open.analysis();
    let document = analysis.document.as_ref()?;
    let (span, value) = match rule_in_comment(document, offset) {
        Some((span, rule)) => (span, rule_page(rule)),
        None => {
            let (route, part) = document.at(offset)?;
            let span = match part {
                Part::Key => document.key_span(&route),
                Part::Value => document.value_span(&route),
            };
            let resolved = analysis.resolved.as_ref();
            (span, text(document, &route, &part, resolved)?)
        }
    };
    let kind = client.hover.clone();
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind, value }),
        range: Some(open.text.range(span)),
    })
}

/// A rule's code or name under the cursor, in a comment that speaks to this tool.
fn rule_in_comment(document: &Document, offset: usize) -> Option<(Span, &'static Rule)> {
    let mut comments = document.comments.iter();
    let comment = comments.find(|it| it.span.start <= offset && offset <= it.span.end)?;
    let text = document.source.slice(comment.span);
    let at = offset - comment.span.start;
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let start = text.get(..at)?.rfind(is_end).map_or(0, |end| end + 1);
    let end = text
        .get(at..)?
        .find(is_end)
        .map_or(text.len(), |end| at + end);
    let rule = rules::find(text.get(start..end)?)?;
    let span = Span::new(comment.span.start + start, comment.span.start + end);
    Some((span, rule))
}

/// A rule in short.
fn rule_page(rule: &Rule) -> String {
    let Rule {
        code,
        name,
        severity,
        ..
    } = rule;
    let (summary, url) = (rule.summary(), rule.url());
    format!("**[{name}]({url})** ({code}, {severity}): {summary}")
}

fn text(
    document: &Document,
    route: &Route,
    part: &Part,
    resolved: Option<&Resolved>,
) -> Option<String> {
    if let [Segment::Key(first), Segment::Key(name)] = route.segments()
        && &**first == "lints"
        && *part == Part::Key
    {
        return rules::find(name).map(rule_page);
    }
    let mut parts: Vec<String> = Vec::new();
    let word = match &document.get(route)?.value {
        Value::Scalar { text, .. } => Some(text.as_str()),
        _ => None,
    };
    if *part == Part::Value {
        parts.extend(meaning(route, word?));
    }
    if let Some(name) = resource_named(document, route, part) {
        parts.extend(resource(&name, resolved));
    }
    parts.extend(
        named_key(route)
            .as_ref()
            .and_then(schema::describe)
            .map(str::to_owned),
    );
    if let Some(resolved) = resolved {
        match platform_of(route) {
            Some(key) if *part == Part::Key => parts.extend(platform(key, resolved)),
            _ => parts.extend(sums(route, resolved)),
        }
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// What a word means, where the format knows it.
fn meaning(route: &Route, word: &str) -> Option<String> {
    let text = schema::describe_word(route, word)?;
    let mut meaning = format!("**{word}**: {text}");
    let kind = Kind::ALL.iter().find(|kind| kind.as_str() == word);
    if let Some(kind) = kind.filter(|_| ends_in(route, "kind")) {
        let _ = write!(meaning, " Let go in the {} phase.", kind.phase().as_str());
    }
    Some(meaning)
}

fn ends_in(route: &Route, key: &str) -> bool {
    matches!(route.segments().last(), Some(Segment::Key(last)) if &**last == key)
}

/// The key that a place belongs to: an item's is its list's.
fn named_key(route: &Route) -> Option<Route> {
    let mut route = route.clone();
    while let Some(Segment::Index(_)) = route.segments().last() {
        route = route.parent()?;
    }
    Some(route)
}

fn platform_of(route: &Route) -> Option<&str> {
    match route.segments() {
        [Segment::Key(first), Segment::Key(key)] if &**first == "platforms" => Some(key),
        _ => None,
    }
}

/// A resource: what it is, what it waits for, and when it runs.
fn resource(name: &str, resolved: Option<&Resolved>) -> Option<String> {
    let resolved = resolved?;
    let plan = &resolved.plan;
    let at = plan.steps.iter().position(|step| step.name == name)?;
    let step = &plan.steps[at];
    let mut text = format!(
        "**{name}**: {}, let go in the {} phase",
        step.kind.as_str(),
        step.phase.as_str()
    );
    let waits = plan.waits_for(at);
    let mut names: Vec<&str> = waits
        .iter()
        .take(MOST_NAMES)
        .map(|&other| plan.steps[other].name.as_str())
        .collect();
    if waits.len() > names.len() {
        names.push("…");
    }
    match names.as_slice() {
        [] => text.push_str(", waits for nothing"),
        names => {
            let _ = write!(text, ", waits for {}", names.join(", "));
        }
    }
    text.push('\n');
    for line in lines(resolved).iter() {
        let _ = write!(text, "\n- **{}**: {}", line.facts.name, window(line, at));
    }
    Some(text)
}

/// So many names are shown in a row.
const MOST_NAMES: usize = 12;

/// When a step runs.
fn window(line: &Timeline, step: usize) -> String {
    let (start, end) = line.since_stop(&line.windows[step]);
    let path = match line.longest_path.contains(&step) {
        true => ", on the longest path",
        false => "",
    };
    format!(
        "from {} to {} after the stop{path}",
        human(start),
        human(end)
    )
}

/// A platform: its sum, and when each step runs.
fn platform(key: &str, resolved: &Resolved) -> Option<String> {
    let line = resolved
        .timelines
        .iter()
        .find(|line| line.platform() == key)?;
    let mut text = format!("**{}**: {}\n", line.facts.name, sum(line));
    let mut order: Vec<usize> = (0..line.windows.len()).collect();
    order.sort_by_key(|&step| line.windows[step].start);
    text.push_str("\n| after the stop | |\n|---|---|\n");
    let _ = writeln!(text, "| {} | SIGTERM |", human(line.stop_to_signal()));
    for &step in order.iter().take(MOST_STEPS) {
        let (start, end) = line.since_stop(&line.windows[step]);
        let name = &resolved.plan.steps[step].name;
        let _ = writeln!(text, "| {} → {} | {name} |", human(start), human(end));
    }
    if order.len() > MOST_STEPS {
        let _ = writeln!(text, "| … | {} more |", order.len() - MOST_STEPS);
    }
    let _ = write!(text, "| {} | SIGKILL |", human(line.stop_to_kill()));
    Some(text)
}

/// So many steps are shown of a platform.
const MOST_STEPS: usize = 30;

/// What a written number does on each platform, and the sum that it belongs to.
fn sums(route: &Route, resolved: &Resolved) -> Option<String> {
    let mut text = String::new();
    for line in lines(resolved).iter() {
        let roles = roles(route, resolved, line);
        if !roles.is_empty() {
            let name = line.facts.name;
            let _ = write!(text, "\n- **{name}**: {}", roles.join("; "));
            let _ = write!(text, "  \n  {}", sum(line));
        }
    }
    (!text.is_empty()).then(|| text.trim_start().to_owned())
}

/// `sum: 5s preStop sleep + … = 32.75s, grace period 45s (written), 12.25s to spare`.
fn sum(line: &Timeline) -> String {
    let mut text = format!("sum: {}", line.sum());
    if let Some(spare) = spare(line) {
        let _ = write!(
            text,
            ", grace period {} ({}), {spare}",
            human(line.grace().value),
            line.grace().origin
        );
    }
    text
}

/// Everything that a written number is on a platform.
fn roles(route: &Route, resolved: &Resolved, line: &Timeline) -> Vec<String> {
    let here = |figure: &Figure| figure.origin.route() == Some(route);
    let value = |figure: &Figure| match here(figure) {
        true => Some(human(figure.value)),
        false => None,
    };
    let terms = &line.terms;
    let mut roles = Vec::new();
    for (step, planned) in line.windows.iter().enumerate() {
        if here(&planned.timeout) {
            let name = &resolved.plan.steps[step].name;
            roles.push(format!("{name} runs {}", window(line, step)));
        }
    }
    if here(&terms.grace) {
        let kill = human(line.stop_to_kill());
        roles.push(format!("SIGKILL comes {kill} after the stop"));
    }
    if let Some(delay) = terms.outside.as_ref().and_then(value) {
        let words = "before the signal, outside of the grace period";
        roles.push(format!("{delay} {words}"));
    }
    if let Some(hook) = terms.hook.as_ref().and_then(value) {
        roles.push(format!("{hook} before the signal, inside the grace period"));
    }
    if here(&terms.settle) {
        roles.push(format!(
            "{} settle time: {} before the signal, {} by the program after it",
            human(terms.settle.value),
            human(terms.paid_before_signal),
            human(line.app_settle.value)
        ));
    } else if let Some(settle) = value(&line.app_settle) {
        roles.push(format!(
            "the program serves on for {settle} after the signal"
        ));
    }
    for sidecar in terms.sidecars.iter().filter_map(value) {
        let words = "after the program has exited, inside the grace period";
        roles.push(format!("{sidecar} {words}"));
    }
    for sidecar in terms.after.iter().filter_map(value) {
        let words = "after the program has exited, on a clock of its own";
        roles.push(format!("{sidecar} {words}"));
    }
    if let Some(unwind) = value(&resolved.plan.unwind) {
        let steps = match line.longest_path.len() {
            1 => "1 step".to_owned(),
            steps => format!("each of {steps} steps"),
        };
        roles.push(format!("{unwind} after {steps} of the longest path"));
    }
    if let Some(reserve) = value(&line.reserve) {
        roles.push(format!("{reserve} of the grace period are not planned for"));
    }
    roles
}
