//! The report as JSON within the 4096 bytes of a termination message.
//!
//! Written by hand: a service that links this crate need not compile a serialiser for one small
//! object of strings and numbers.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Report, StepOutcome, StepReport};

/// What Kubernetes keeps of a termination message.
pub(super) const LIMIT: usize = 4096;

/// How much is said; each attempt says less than the one before.
#[derive(Clone, Copy)]
struct Detail {
    /// Characters of an error.
    error: usize,
    /// Ids in each list of them.
    ids: usize,
    /// Whether steps that are done tell when they ran.
    done: bool,
    /// How many steps are listed.
    steps: usize,
    /// Characters of names and ids.
    name: usize,
}

const ALL: usize = usize::MAX;
const FULL: Detail = Detail {
    error: LIMIT,
    ids: ALL,
    done: true,
    steps: ALL,
    name: LIMIT,
};
/// Long words go first, then when each step that is done ran; ids of lost work stay long.
const SHORT: Detail = Detail {
    error: 160,
    done: false,
    ..FULL
};
const LEAN: Detail = Detail {
    error: 60,
    ids: 0,
    done: false,
    steps: ALL,
    name: 64,
};

const ATTEMPTS: [Detail; 17] = [
    FULL,
    Detail { error: 400, ..FULL },
    Detail { error: 160, ..FULL },
    SHORT,
    Detail { name: 64, ..SHORT },
    Detail {
        ids: 48,
        name: 64,
        ..SHORT
    },
    Detail {
        ids: 24,
        name: 64,
        ..SHORT
    },
    Detail {
        ids: 12,
        name: 64,
        ..SHORT
    },
    Detail {
        ids: 6,
        name: 64,
        ..SHORT
    },
    Detail { ids: 3, ..LEAN },
    LEAN,
    Detail { steps: 48, ..LEAN },
    Detail { steps: 24, ..LEAN },
    Detail { steps: 12, ..LEAN },
    Detail {
        steps: 6,
        error: 30,
        ..LEAN
    },
    Detail {
        steps: 3,
        error: 30,
        name: 32,
        ..LEAN
    },
    // 32 characters take at most 192 bytes escaped, so this one always fits.
    Detail {
        steps: 0,
        error: 30,
        name: 32,
        ..LEAN
    },
];

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for detail in ATTEMPTS {
        text = attempt(report, detail);
        if text.len() <= LIMIT {
            break;
        }
    }
    text
}

/// The most important first: a platform that shares its bytes among many containers cuts the end off.
fn attempt(report: &Report, detail: Detail) -> String {
    let mut json = Object::begin(String::new());
    json.number("version", 1);
    json.string("service", &shorten(&report.service, detail.name));
    json.string("outcome", report.outcome.as_str());
    json.number("exit_code", report.exit_code().into());
    json.nullable("signal", report.signal.map(|signal| signal.as_str().into()));
    if let Some(cause) = &report.cause {
        json.string("cause", &shorten(cause, detail.error));
    }
    let platform = report.platform.as_deref();
    json.nullable("platform", platform.map(|text| shorten(text, detail.name)));
    if let Some(instance) = &report.instance {
        json.string("instance", &shorten(instance, detail.name));
    }
    json.string("digest", &shorten(&report.digest, detail.name));
    json.millis("total_ms", report.total);
    json.millis("settle_ms", report.settle);
    json.number("rejected", report.rejected);
    json.ids("faults", &report.faults, detail);
    json.millis("uptime_ms", report.uptime);
    if let Some(ready_after) = report.ready_after {
        json.millis("ready_after_ms", ready_after);
    }
    let listed = listed(&report.steps, detail.steps);
    json.list_within("steps", &listed, |step, text| one_step(step, detail, text));
    if listed.len() < report.steps.len() {
        json.number("steps_omitted", (report.steps.len() - listed.len()) as u64);
    }
    json.list("phases", &report.phases, |phase, text| {
        let mut json = Object::begin(text);
        json.string("phase", phase.phase.as_str());
        json.millis("start_ms", phase.start);
        json.millis("end_ms", phase.end);
        json.end()
    });
    json.end()
}

fn one_step(step: &StepReport, detail: Detail, text: String) -> String {
    let mut json = Object::begin(text);
    json.string("name", &shorten(&step.name, detail.name));
    json.string("outcome", step.outcome.as_str());
    if let Some(error) = &step.error {
        json.string("error", &shorten(error, detail.error));
    }
    if step.rejected > 0 {
        json.number("rejected", step.rejected);
    }
    json.ids("handed_back", &step.handed_back, detail);
    json.ids("abandoned", &step.abandoned, detail);
    if step.outcome == StepOutcome::Done && !detail.done {
        return json.end();
    }
    json.number("active", step.active);
    if let Some(oldest) = step.oldest {
        json.millis("oldest_ms", oldest);
    }
    json.ids("unfinished", &step.unfinished, detail);
    if let Some(start) = step.start {
        json.millis("start_ms", start);
    }
    if let Some(end) = step.end {
        json.millis("end_ms", end);
    }
    json.millis("timeout_ms", step.timeout);
    json.string("kind", step.kind.as_str());
    json.string("phase", step.phase.as_str());
    if step.best_effort {
        json.member("best_effort", "true");
    }
    json.end()
}

/// At most `most` steps: those that ended badly, then the others, each in the order of the plan.
fn listed(steps: &[StepReport], most: usize) -> Vec<&StepReport> {
    let done = |step: &&StepReport| step.outcome == StepOutcome::Done;
    let (done, mut listed): (Vec<_>, Vec<_>) = steps.iter().partition(done);
    listed.extend(done);
    listed.truncate(most);
    listed
}

/// At most `most` characters, the last of them an ellipsis if something was cut off.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    // No text has more characters than bytes.
    if text.len() <= most || text.chars().nth(most).is_none() {
        return text.into();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short.into()
}

/// A JSON object under way.
pub(crate) struct Object {
    text: String,
    empty: bool,
}

impl Object {
    pub(crate) fn begin(mut text: String) -> Self {
        text.push('{');
        Self { text, empty: true }
    }

    fn key(&mut self, key: &str) {
        if !self.empty {
            self.text.push(',');
        }
        self.empty = false;
        quote(&mut self.text, key);
        self.text.push(':');
    }

    pub(crate) fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
    }

    pub(crate) fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.text, value);
    }

    pub(crate) fn nullable(&mut self, key: &str, value: Option<Cow<'_, str>>) {
        match value {
            Some(value) => self.string(key, &value),
            None => self.member(key, "null"),
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.member(key, &value.to_string());
    }

    pub(crate) fn millis(&mut self, key: &str, value: Duration) {
        self.number(key, u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
    }

    /// Up to so many of `names` as the detail allows, and how many more there are.
    fn ids(&mut self, key: &str, names: &[String], detail: Detail) {
        let kept = names.len().min(detail.ids);
        if kept > 0 {
            self.list_within(key, &names[..kept], |name, mut text| {
                quote(&mut text, &shorten(name, detail.name));
                text
            });
        }
        if kept < names.len() {
            let omitted = (names.len() - kept) as u64;
            self.number(&format!("{key}_omitted"), omitted);
        }
    }

    /// All of `items`, or as many as show that this attempt says too much.
    fn list_within<T>(&mut self, key: &str, items: &[T], each: impl Fn(&T, String) -> String) {
        let too_much = |text: &String| text.len() > LIMIT;
        self.list(key, items, |item, text| match too_much(&text) {
            true => text,
            false => each(item, text),
        });
    }

    pub(crate) fn list<T>(&mut self, key: &str, items: &[T], each: impl Fn(&T, String) -> String) {
        self.key(key);
        let mut text = std::mem::take(&mut self.text);
        text.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text = each(item, text);
        }
        text.push(']');
        self.text = text;
    }

    pub(crate) fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// A JSON string: RFC 8259 asks for the quote, the backslash and everything below U+0020 to be
/// escaped.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' || control == '\u{7f}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
