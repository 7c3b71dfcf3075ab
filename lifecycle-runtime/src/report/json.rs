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
    /// Names of unfinished work, a step.
    unfinished: usize,
    /// Whether steps that are done tell more than their name.
    done: bool,
    /// How many steps are listed; those that ended badly come first.
    steps: usize,
    /// Characters of names.
    name: usize,
}

const ALL: usize = usize::MAX;
const FULL: Detail = Detail {
    error: ALL,
    unfinished: ALL,
    done: true,
    steps: ALL,
    name: ALL,
};
const LEAN: Detail = Detail {
    error: 60,
    unfinished: 0,
    done: false,
    steps: ALL,
    name: 64,
};

const ATTEMPTS: [Detail; 15] = [
    FULL,
    Detail { error: 400, ..FULL },
    Detail { error: 160, ..FULL },
    Detail {
        error: 160,
        unfinished: 8,
        ..FULL
    },
    Detail {
        error: 160,
        unfinished: 2,
        ..FULL
    },
    Detail {
        error: 160,
        unfinished: 2,
        done: false,
        ..FULL
    },
    Detail {
        error: 60,
        unfinished: 2,
        done: false,
        ..FULL
    },
    Detail {
        error: 60,
        unfinished: 2,
        done: false,
        name: 64,
        ..FULL
    },
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

fn attempt(report: &Report, detail: Detail) -> String {
    let mut json = Object::begin(String::new());
    json.number("version", 1);
    json.string("service", &shorten(&report.service, detail.name));
    json.string("digest", &shorten(&report.digest, detail.name));
    json.nullable(
        "platform",
        report
            .platform
            .as_deref()
            .map(|text| shorten(text, detail.name)),
    );
    json.nullable("signal", report.signal.map(|signal| signal.as_str().into()));
    if let Some(cause) = &report.cause {
        json.string("cause", &shorten(cause, detail.error));
    }
    json.string("outcome", report.outcome.as_str());
    json.number("exit_code", report.exit_code().into());
    json.millis("total_ms", report.total);
    json.millis("settle_ms", report.settle);
    json.number("rejected", report.rejected);
    json.list("phases", &report.phases, |phase, text| {
        let mut json = Object::begin(text);
        json.string("phase", phase.phase.as_str());
        json.millis("start_ms", phase.start);
        json.millis("end_ms", phase.end);
        json.end()
    });
    let listed = listed(&report.steps, detail.steps);
    if listed.len() < report.steps.len() {
        json.number("omitted_steps", (report.steps.len() - listed.len()) as u64);
    }
    json.list("steps", &listed, |step, text| one_step(step, detail, text));
    json.end()
}

fn one_step(step: &StepReport, detail: Detail, text: String) -> String {
    let mut json = Object::begin(text);
    json.string("name", &shorten(&step.name, detail.name));
    if step.outcome == StepOutcome::Done && !detail.done {
        json.string("outcome", step.outcome.as_str());
        return json.end();
    }
    json.string("kind", step.kind.as_str());
    json.string("phase", step.phase.as_str());
    json.string("outcome", step.outcome.as_str());
    if step.best_effort {
        json.member("best_effort", "true");
    }
    if let Some(start) = step.start {
        json.millis("start_ms", start);
    }
    if let Some(end) = step.end {
        json.millis("end_ms", end);
    }
    json.millis("timeout_ms", step.timeout);
    json.number("active", step.active);
    if let Some(oldest) = step.oldest {
        json.millis("oldest_ms", oldest);
    }
    if !step.unfinished.is_empty() {
        let kept = step.unfinished.len().min(detail.unfinished);
        let mut names: Vec<Cow<'_, str>> = step.unfinished[..kept]
            .iter()
            .map(|name| shorten(name, detail.name))
            .collect();
        if kept < step.unfinished.len() {
            names.push(format!("+{} more", step.unfinished.len() - kept).into());
        }
        json.list("unfinished", &names, |name, mut text| {
            quote(&mut text, name);
            text
        });
    }
    if let Some(error) = &step.error {
        json.string("error", &shorten(error, detail.error));
    }
    json.end()
}

/// At most `most` steps in the order of the plan, those that ended badly before the others.
fn listed(steps: &[StepReport], most: usize) -> Vec<&StepReport> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&index| steps[index].outcome == StepOutcome::Done);
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|index| &steps[index]).collect()
}

/// At most `most` characters, the last of them an ellipsis if something was cut off.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    // No text has more characters than bytes.
    if text.len() <= most || text.chars().count() <= most {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Kind, Phase};
    use crate::report::{Outcome, phases};
    use crate::signals::Signal;

    fn step(name: &str, outcome: StepOutcome) -> StepReport {
        StepReport {
            name: name.to_owned(),
            kind: Kind::QueueConsumer,
            phase: Phase::Drain,
            outcome,
            best_effort: false,
            start: Some(Duration::ZERO),
            end: Some(Duration::from_millis(800)),
            timeout: Duration::from_secs(15),
            active: 0,
            oldest: None,
            unfinished: Vec::new(),
            rejected: 0,
            handed_back: Vec::new(),
            abandoned: Vec::new(),
            error: None,
        }
    }

    fn report(steps: Vec<StepReport>) -> Report {
        Report {
            service: "checkout-api".to_owned(),
            digest: "0011223344556677".to_owned(),
            platform: Some("kubernetes".to_owned()),
            signal: Some(Signal::Terminate),
            cause: None,
            outcome: Outcome::Abandoned,
            total: Duration::from_millis(1234),
            settle: Duration::ZERO,
            rejected: 3,
            phases: phases(&steps),
            steps,
        }
    }

    fn parsed(report: &Report) -> serde_json::Value {
        let text = render(report);
        assert!(text.len() <= LIMIT, "{} bytes", text.len());
        serde_json::from_str(&text).expect("valid JSON")
    }

    #[test]
    fn the_whole_report_is_as_documented() {
        let mut late = step("emails", StepOutcome::TimedOut);
        late.active = 2;
        late.oldest = Some(Duration::from_secs(12));
        late.unfinished = vec!["mail-1".to_owned(), "mail-2".to_owned()];
        let text = render(&report(vec![step("http", StepOutcome::Done), late]));
        assert_eq!(
            text,
            concat!(
                r#"{"version":1,"service":"checkout-api","digest":"0011223344556677","#,
                r#""platform":"kubernetes","signal":"SIGTERM","outcome":"abandoned","exit_code":80,"#,
                r#""total_ms":1234,"settle_ms":0,"rejected":3,"#,
                r#""phases":[{"phase":"drain","start_ms":0,"end_ms":800}],"steps":["#,
                r#"{"name":"http","kind":"queue-consumer","phase":"drain","outcome":"done","#,
                r#""start_ms":0,"end_ms":800,"timeout_ms":15000,"active":0},"#,
                r#"{"name":"emails","kind":"queue-consumer","phase":"drain","outcome":"timed-out","#,
                r#""start_ms":0,"end_ms":800,"timeout_ms":15000,"active":2,"oldest_ms":12000,"#,
                r#""unfinished":["mail-1","mail-2"]}]}"#,
            )
        );
    }

    #[test]
    fn what_is_unfinished_outlives_what_is_done() {
        let mut late = step("emails", StepOutcome::TimedOut);
        late.unfinished = (0..200)
            .map(|id| format!("a-rather-long-job-id-{id}"))
            .collect();
        late.error = Some("e".repeat(5000));
        let mut steps: Vec<_> = (0..20)
            .map(|n| step(&format!("s{n}"), StepOutcome::Done))
            .collect();
        steps.push(late);
        let json = parsed(&report(steps));
        let last = &json["steps"][20];
        assert_eq!(last["name"], "emails");
        assert_eq!(last["unfinished"][0], "a-rather-long-job-id-0");
        let names = last["unfinished"].as_array().expect("a list");
        assert_eq!(
            names[names.len() - 1],
            format!("+{} more", 201 - names.len())
        );
        assert_eq!(json["steps"][0]["outcome"], "done");
    }

    #[test]
    fn of_too_many_steps_the_bad_ones_are_kept() {
        let mut steps: Vec<_> = (0..500)
            .map(|n| step(&format!("s{n}"), StepOutcome::Done))
            .collect();
        steps[321].outcome = StepOutcome::Failed;
        let json = parsed(&report(steps));
        let kept = json["steps"].as_array().expect("a list");
        assert!(kept.iter().any(|step| step["name"] == "s321"));
        assert_eq!(json["omitted_steps"], 500 - kept.len());
    }

    fn any_outcome() -> impl Strategy<Value = StepOutcome> {
        prop_oneof![
            Just(StepOutcome::Done),
            Just(StepOutcome::TimedOut),
            Just(StepOutcome::Panicked),
            Just(StepOutcome::Skipped),
        ]
    }

    prop_compose! {
        fn any_step()(
            name in ".{0,80}",
            outcome in any_outcome(),
            times in any::<(Option<Duration>, Option<Duration>, Duration, Option<Duration>)>(),
            active in any::<u64>(),
            unfinished in proptest::collection::vec(".{0,40}", 0..10),
            error in proptest::option::of(".{0,300}"),
        ) -> StepReport {
            StepReport {
                start: times.0, end: times.1, timeout: times.2, oldest: times.3,
                active, unfinished, error, ..step(&name, outcome)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_report_is_valid_and_fits(
            steps in proptest::collection::vec(any_step(), 0..40),
            service in "\\PC{0,900}|[\u{0}-\u{1f}]{0,900}",
            cause in proptest::option::of(".{0,900}"),
        ) {
            let report = Report { service, cause, ..report(steps) };
            parsed(&report);
        }

        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let mut quoted = String::new();
            quote(&mut quoted, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).expect("a JSON string"), text);
        }
    }
}
