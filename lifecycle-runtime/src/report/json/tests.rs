#[path = "../../../tests/common/schema.rs"]
mod schema;

use proptest::prelude::*;
use serde_json::Value;

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
        instance: None,
        signal: Some(Signal::Terminate),
        cause: None,
        outcome: Outcome::Abandoned,
        total: Duration::from_millis(1234),
        settle: Duration::ZERO,
        rejected: 3,
        phases: phases(&steps),
        steps,
        ready_after: Some(Duration::from_millis(40)),
        uptime: Duration::from_secs(60),
        faults: Vec::new(),
    }
}

/// The report as a reader finds it: within the limit, valid, and as the schema says.
fn parsed(report: &Report) -> Value {
    let text = render(report);
    assert!(text.len() <= LIMIT, "{} bytes", text.len());
    let json = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(schema::complaints(&json), Vec::<String>::new(), "{text}");
    json
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|id| format!("{name}-{id}")).collect()
}

#[test]
fn the_whole_report_is_as_documented() {
    let mut late = step("emails", StepOutcome::TimedOut);
    late.active = 2;
    late.oldest = Some(Duration::from_secs(12));
    late.unfinished = vec!["mail-2".to_owned()];
    late.handed_back = vec!["mail-1".to_owned()];
    late.abandoned = vec!["renderer".to_owned()];
    late.error = Some("no answer".to_owned());
    late.best_effort = true;
    let mut http = step("http", StepOutcome::Done);
    http.rejected = 3;
    let mut report = report(vec![http, late]);
    report.faults = vec!["emails=hang".to_owned()];
    report.cause = Some("a cause".to_owned());
    assert_eq!(
        render(&report),
        concat!(
            r#"{"version":1,"service":"checkout-api","outcome":"abandoned","exit_code":80,"#,
            r#""signal":"SIGTERM","cause":"a cause","platform":"kubernetes","#,
            r#""digest":"0011223344556677","total_ms":1234,"settle_ms":0,"rejected":3,"#,
            r#""faults":["emails=hang"],"uptime_ms":60000,"ready_after_ms":40,"steps":["#,
            r#"{"name":"emails","outcome":"timed-out","error":"no answer","#,
            r#""handed_back":["mail-1"],"abandoned":["renderer"],"active":2,"oldest_ms":12000,"#,
            r#""unfinished":["mail-2"],"start_ms":0,"end_ms":800,"timeout_ms":15000,"#,
            r#""kind":"queue-consumer","phase":"drain","best_effort":true},"#,
            r#"{"name":"http","outcome":"done","rejected":3,"active":0,"start_ms":0,"#,
            r#""end_ms":800,"timeout_ms":15000,"kind":"queue-consumer","phase":"drain"}],"#,
            r#""phases":[{"phase":"drain","start_ms":0,"end_ms":800}]}"#,
        )
    );
    parsed(&report);
}

#[test]
fn the_schema_names_what_a_report_may_say_and_nothing_else() {
    let report: Value = parsed(&report(vec![step("http", StepOutcome::Done)]));
    for (change, complaint) in [
        (("/version", Value::from(2)), "$.version: 2 is not const 1"),
        (
            ("/total_ms", Value::from(-1)),
            "$.total_ms: -1 is not minimum 0",
        ),
        (
            ("/steps/0/outcome", "late".into()),
            "$.steps[0].outcome: \"late\" is not enum",
        ),
        (
            ("/phases/0", Value::Null),
            "$.phases[0]: null is not type \"object\"",
        ),
        (
            ("/steps/0/active", "2".into()),
            "$.steps[0].active: \"2\" is not type \"integer\"",
        ),
    ] {
        let mut broken = report.clone();
        *broken.pointer_mut(change.0).expect("there") = change.1;
        let found = schema::complaints(&broken).join("\n");
        assert!(found.contains(complaint), "{found}");
    }
    let mut broken = report;
    broken["steps"][0]["more"] = 1.into();
    broken.as_object_mut().expect("an object").remove("digest");
    let found = schema::complaints(&broken).join("\n");
    assert!(
        found.contains("$.steps[0].more is not in the schema"),
        "{found}"
    );
    assert!(found.contains("is not required"), "{found}");
}

/// The names of all fields in `value`, and of none that is a list's own.
fn fields(value: &Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                into.insert(name.clone());
                fields(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(item, into)),
        _ => {}
    }
}

#[test]
fn the_schema_and_its_page_name_every_field_and_none_that_is_never_written() {
    let mut full = step("emails", StepOutcome::TimedOut);
    full.oldest = Some(Duration::ZERO);
    full.error = Some("late".to_owned());
    full.best_effort = true;
    full.rejected = 1;
    full.unfinished = numbered("mail", 2000);
    full.handed_back = numbered("mail", 2000);
    full.abandoned = numbered("thread", 2000);
    let mut small = step("http", StepOutcome::TimedOut);
    small.unfinished = numbered("mail", 1);
    small.handed_back = numbered("mail", 1);
    small.abandoned = numbered("thread", 1);
    let mut written = std::collections::BTreeSet::new();
    let many: Vec<_> = (0..500)
        .map(|n| step(&format!("s{n}"), StepOutcome::Done))
        .collect();
    for (steps, faults) in [(vec![full], 2000), (vec![small], 1), (many, 0)] {
        let mut report = report(steps);
        report.cause = Some("a cause".to_owned());
        report.instance = Some("i-1".to_owned());
        report.faults = numbered("fault", faults);
        fields(&parsed(&report), &mut written);
    }
    let schema = include_str!("../../../../docs/shutdown-report.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let page = include_str!("../../../../docs/shutdown-report.md");
    let mut named = std::collections::BTreeSet::new();
    let parts = [
        "/properties",
        "/$defs/step/properties",
        "/$defs/phase/properties",
    ];
    for part in parts {
        let part = schema.pointer(part).and_then(Value::as_object);
        named.extend(part.expect("there").keys().cloned());
    }
    assert_eq!(written, named);
    for name in named {
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not on the page"
        );
    }
}

#[test]
fn ids_of_lost_work_outlive_long_words_and_what_is_done() {
    let mut late = step("emails", StepOutcome::TimedOut);
    late.unfinished = numbered("a-rather-long-job-id", 32);
    late.handed_back = numbered("a-job-given-back", 32);
    late.error = Some("e".repeat(5000));
    let mut steps: Vec<_> = (0..20)
        .map(|n| step(&format!("s{n}"), StepOutcome::Done))
        .collect();
    steps.push(late);
    let json = parsed(&report(steps));
    let first = &json["steps"][0];
    assert_eq!(first["name"], "emails", "what ended badly comes first");
    assert_eq!(first["unfinished"].as_array().expect("a list").len(), 32);
    assert_eq!(first["handed_back"].as_array().expect("a list").len(), 32);
    assert!(first.get("unfinished_omitted").is_none());
    assert_eq!(
        json["steps"][1],
        serde_json::json!({"name": "s0", "outcome": "done"})
    );
    assert_eq!(json["steps"].as_array().expect("a list").len(), 21);
}

#[test]
fn of_too_many_ids_some_are_kept_and_the_rest_is_counted() {
    let mut late = step("emails", StepOutcome::TimedOut);
    late.active = 10_000;
    late.unfinished = numbered("mail", 10_000);
    late.handed_back = numbered("\u{1}\"\\", 10_000);
    let json = parsed(&report(vec![late]));
    let late = &json["steps"][0];
    for list in ["unfinished", "handed_back"] {
        let kept = late[list].as_array().expect("some are kept").len() as u64;
        assert!(kept >= 12, "{kept}");
        let omitted = late[format!("{list}_omitted")].as_u64().expect("counted");
        assert_eq!(kept + omitted, 10_000);
    }
    assert_eq!(late["unfinished"][0], "mail-0");
    assert_eq!(late["active"], 10_000);
}

#[test]
fn of_too_many_steps_the_bad_ones_are_kept() {
    let mut steps: Vec<_> = (0..500)
        .map(|n| step(&format!("s{n}"), StepOutcome::Done))
        .collect();
    steps[321].outcome = StepOutcome::Failed;
    let json = parsed(&report(steps));
    let kept = json["steps"].as_array().expect("a list");
    assert_eq!(kept[0]["name"], "s321");
    assert_eq!(kept[1]["name"], "s0");
    assert_eq!(json["steps_omitted"], 500 - kept.len());
}

/// Text that takes the most bytes there are for a character: six for a control character, four for
/// one beyond the basic plane, two for what has to be escaped.
fn hostile() -> [String; 4] {
    ["\u{0}", "\u{1f980}", "\"\\", "ä"].map(|text| text.repeat(10_000))
}

#[test]
fn nothing_that_a_name_holds_breaks_it() {
    for text in hostile() {
        let mut steps: Vec<_> = (0..500)
            .map(|n| step(&format!("{text}{n}"), StepOutcome::Panicked))
            .collect();
        for step in &mut steps {
            step.error = Some(text.clone());
            step.unfinished = vec![text.clone(); 32];
            step.handed_back = vec![text.clone(); 32];
            step.abandoned = vec![text.clone(); 32];
            step.rejected = u64::MAX;
            step.active = u64::MAX;
            step.end = Some(Duration::MAX);
        }
        let mut report = report(steps);
        report.phases = [Phase::Drain, Phase::Flush, Phase::Close]
            .map(|phase| crate::report::PhaseReport {
                phase,
                start: Duration::MAX,
                end: Duration::MAX,
            })
            .to_vec();
        report.service.clone_from(&text);
        report.digest.clone_from(&text);
        report.platform = Some(text.clone());
        report.instance = Some(text.clone());
        report.cause = Some(text.clone());
        report.instance = Some(text.clone());
        report.faults = vec![text.clone(); 500];
        report.total = Duration::MAX;
        report.rejected = u64::MAX;
        let json = parsed(&report);
        assert_eq!(json["exit_code"], 80);
        let listed = json["steps"].as_array().expect("a list").len();
        assert!(listed > 0 || text.starts_with('\u{0}'), "{listed}");
    }
}

fn any_outcome() -> impl Strategy<Value = StepOutcome> {
    prop_oneof![
        Just(StepOutcome::Done),
        Just(StepOutcome::TimedOut),
        Just(StepOutcome::Panicked),
        Just(StepOutcome::Failed),
        Just(StepOutcome::Running),
        Just(StepOutcome::Skipped),
    ]
}

fn any_lists() -> impl Strategy<Value = (Vec<String>, Vec<String>, Vec<String>)> {
    let list = || proptest::collection::vec(".{0,40}", 0..10);
    (list(), list(), list())
}

prop_compose! {
    fn any_step()(
        name in ".{0,80}",
        outcome in any_outcome(),
        times in any::<(Option<Duration>, Option<Duration>, Duration, Option<Duration>)>(),
        active in any::<u64>(),
        lists in any_lists(),
        error in proptest::option::of(".{0,300}"),
    ) -> StepReport {
        StepReport {
            start: times.0, end: times.1, timeout: times.2, oldest: times.3,
            unfinished: lists.0, handed_back: lists.1, abandoned: lists.2,
            active, error, ..step(&name, outcome)
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
