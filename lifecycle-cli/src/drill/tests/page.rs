//! The drill's page, read as a browser reads it.

use std::collections::BTreeSet;

use html5gum::{DefaultEmitter, Token, Tokenizer};
use serde_json::Value;

use lifecycle_drill::measured::{Measured, Severity, StepPlan};
use lifecycle_drill::series::{Series, Slice};
use lifecycle_drill::{Comparison, Record};

use super::compared::scenarios;
use super::{bad, good, judged};
use crate::drill::formats::Shown;
use crate::drill::human;
use crate::drill::page::html;

/// What would break out of any place that is not escaped.
const HOSTILE: &str = "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='alert(1)' &amp; {{ 7 }} ]]> \u{202e}\u{0}\u{1b}[31m";

/// A page as its tokens say it is.
#[derive(Default)]
pub(super) struct Read {
    elements: Vec<String>,
    /// Element, attribute, value.
    attributes: Vec<(String, String, String)>,
    pub(super) text: String,
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Reads a page; it must be without an error, and every element must end where it has to.
pub(super) fn read(page: &str) -> Read {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(true);
    let mut read = Read::default();
    let mut open: Vec<String> = Vec::new();
    for token in Tokenizer::new_with_emitter(page, emitter) {
        match token.unwrap() {
            Token::StartTag(tag) => {
                let name = text_of(&tag.name);
                for (attribute, value) in &tag.attributes {
                    let found = (name.clone(), text_of(attribute), text_of(value));
                    read.attributes.push(found);
                }
                if !["meta", "input"].contains(&&*name) && !tag.self_closing {
                    open.push(name.clone());
                }
                read.elements.push(name);
            }
            Token::EndTag(tag) => assert_eq!(open.pop(), Some(text_of(&tag.name))),
            Token::String(text) => read.text.push_str(&text_of(&text)),
            Token::Error(error) => panic!("{:?} in the page", *error),
            Token::Comment(_) | Token::Doctype(_) => {}
        }
    }
    assert_eq!(open, Vec::<String>::new());
    read
}

impl Read {
    fn of(&self, attribute: &str) -> Vec<&str> {
        let all = self.attributes.iter().filter(|it| it.1 == attribute);
        all.map(|it| &*it.2).collect()
    }

    fn count(&self, element: &str) -> usize {
        self.elements.iter().filter(|it| *it == element).count()
    }
}

fn page_of(record: &Record) -> String {
    html(Shown::Drill(record)).unwrap()
}

fn page_of_two(before: &Record, after: &Record) -> String {
    let comparison = Comparison::of(before, after);
    html(Shown::Compared {
        comparison: &comparison,
        before,
        after,
    })
    .unwrap()
}

fn one(run: Measured) -> Record {
    Record::of(vec![run], Vec::new()).unwrap()
}

/// As many requests in as many slices as there can be, no slice like the next: nothing that a picture
/// could draw in one stroke.
pub(super) fn busy(mut run: Measured) -> Measured {
    let start_ms = run.timeline.ready_ms.unwrap();
    let end_ms = run.timeline.routing_ended_ms.unwrap();
    let slice = |at: u16| {
        let odd = u32::from(at % 2 == 1);
        let wave = u32::from(at) * 7919 % 97;
        Slice {
            served: 150 + wave,
            refused: odd * (wave % 5),
            refused_at_connect: odd * (wave % 3),
            server_error: (1 - odd) * (wave % 4),
            lost: u32::from(at % 3),
            in_flight: 4 + wave % 23,
            open: wave % 7,
            slowest_ms: Some(f32::from(at % 61) * 13.7 + 1.3),
            median_ms: Some(f32::from(at % 7) / 10.0 + 0.1),
        }
    };
    run.series = Some(Series {
        start_ms,
        slice_ms: (end_ms - start_ms) / 600.0,
        slices: (0..600).map(slice).collect(),
    });
    if let Some(requests) = &mut run.requests {
        requests.settling.served = 100_000;
    }
    run
}

/// The same with sixty steps.
fn sixty(mut run: Measured) -> Measured {
    let step = run.steps[0].clone();
    run.steps = (0..60_u32)
        .map(|at| {
            let mut step = step.clone();
            let start_ms = f64::from(at) * 137.0;
            step.name = format!("a-database-with-a-rather-long-name-in-europe-west-{at}");
            step.planned = Some(StepPlan {
                start_ms,
                timeout_ms: 5_000.0,
                end_ms: start_ms + 5_250.0,
            });
            if let Some(own) = &mut step.measured {
                own.start_ms = Some(start_ms / 10.0);
                own.end_ms = Some(start_ms / 10.0 + 33.3);
            }
            step
        })
        .collect();
    run
}

#[test]
fn a_run_of_a_hundred_thousand_requests_and_sixty_steps_is_less_than_500_kb() {
    let page = page_of(&one(sixty(busy(good()))));
    assert!(page.len() < 500_000, "{} bytes", page.len());
    // And it does draw them.
    assert!(page.len() > 150_000, "{} bytes", page.len());
    let page = read(&page);
    assert!(page.text.contains("none of 100,600 requests was lost"));
}

#[test]
fn a_page_needs_nothing_beside_it_and_says_in_words_what_it_shows() {
    let pages = [
        page_of(&one(busy(good()))),
        page_of(&one(busy(bad()))),
        page_of(&one(super::never_ready())),
        page_of(&one(super::other_language())),
        page_of(&Record::of(vec![busy(good()), busy(bad())], Vec::new()).unwrap()),
        page_of_two(&one(busy(bad())), &one(good())),
    ];
    for page in pages {
        for remote in ["@import", "url(http", "url(//", "<link", "<iframe", "src="] {
            assert!(!page.contains(remote), "{remote}");
        }
        let read = read(&page);
        assert!(read.of("href").iter().all(|it| it.starts_with('#')));
        let ids = read.of("id");
        let different: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), different.len(), "{ids:?}");
        for used in read.of("href") {
            assert!(ids.contains(&&used[1..]), "{used}");
        }
        assert_eq!((read.count("h1"), read.count("main")), (1, 1));
        assert_eq!(read.of("lang"), ["en"]);
        // Every picture has its words, and every table its heads.
        let pictures = read.of("role").iter().filter(|it| **it == "img").count();
        let words = read.of("aria-label");
        assert!(pictures > 0 && words.len() >= pictures);
        assert!(words.iter().all(|it| !it.trim().is_empty()));
        assert!(read.count("caption") == read.count("table") && read.count("table") > 0);
        assert!(read.of("scope").contains(&"row") && read.of("scope").contains(&"col"));
        // Whatever has the focus can be reached by the keyboard in the order of the page.
        assert!(read.of("tabindex").iter().all(|it| *it == "0"));
    }
}

#[test]
fn a_failed_page_says_first_what_failed() {
    let mut run = bad();
    let failures = |run: &Measured| {
        let all = run.findings.iter();
        all.filter(|it| it.severity == Severity::Failure).count()
    };
    let (first, others) = (run.findings[0].name.clone(), failures(&run) - 1);
    let said = format!("failed on Kubernetes ({first} and {others} other failures): ");
    assert!(read(&page_of(&one(run.clone()))).text.contains(&said));
    run.findings.truncate(1);
    let said = format!("failed on Kubernetes ({first}): ");
    assert!(read(&page_of(&one(run))).text.contains(&said));
}

#[test]
fn the_plan_and_what_was_measured_are_both_drawn() {
    let page = page_of(&one(busy(bad())));
    let read = read(&page);
    let lanes = read.of("aria-label").join("\n");
    for words in [
        "planned: hook 5s, from -5s to 0ms; the program stops",
        "measured: ready",
        "requests over time",
        "requests that were not served, to a scale of their own: 3 lost, 103 refused or failed",
        "requests in flight over time: 26 at most",
        "median and slowest latency over time",
        "readiness, never went down: 200 from -8.00s",
        "liveness, failed 31 times: 200 from -8.00s; nobody answered from +38.10s",
        "step http, http-server: planned from 0ms to +15.25s; timed-out from 0ms to +15.25s",
        "step cache-warmer, : skipped from",
    ] {
        assert!(lanes.contains(words), "{words} is not in\n{lanes}");
    }
    let classes = read.of("class");
    for class in [
        "plan",
        "failed",
        "served",
        "lost",
        "in-flight",
        "median",
        "up",
        "down",
    ] {
        assert!(classes.contains(&class), "{class}");
    }
    assert!(
        read.text.contains("3 of 100,706 requests lost"),
        "{}",
        &read.text[..400]
    );
    assert!(read.text.contains("Usual cause: "));
}

/// Every text of a document is replaced; what is a word of the format stays.
fn poison(value: &mut Value, key: &str) {
    const WORDS: [&str; 8] = [
        "course", "severity", "zero", "pace", "flip", "how", "role", "reaction",
    ];
    match value {
        Value::String(text) if !WORDS.contains(&key) => HOSTILE.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, field)| poison(field, name)),
        _ => {}
    }
}

#[test]
fn nothing_that_anybody_wrote_leaves_its_place() {
    let poisoned = |run: Measured| {
        let mut document = serde_json::to_value(judged(busy(run))).unwrap();
        poison(&mut document, "");
        match Record::read(document.to_string().as_bytes()).unwrap() {
            Record::One(run) => *run,
            Record::Several(_) => unreachable!(),
        }
    };
    let (first, second) = (poisoned(good()), poisoned(bad()));
    let several = Record::of(vec![first.clone(), second.clone()], Vec::new()).unwrap();
    let pages = [
        page_of(&one(first.clone())),
        page_of(&one(second.clone())),
        page_of(&several),
        page_of_two(&one(first), &one(second)),
    ];
    let known: BTreeSet<String> = [busy(good()), busy(bad())]
        .into_iter()
        .flat_map(|run| read(&page_of(&one(run))).elements)
        .chain(["h3", "figure", "figcaption", "p"].map(str::to_owned))
        .collect();
    for page in pages {
        let read = read(&page);
        let strange: Vec<&String> = read
            .elements
            .iter()
            .filter(|it| !known.contains(*it))
            .collect();
        assert!(strange.is_empty(), "{strange:?}");
        assert!(read.count("script") <= 2);
        let own =
            |(_, name, _): &&(String, String, String)| name.starts_with("on") || name == "src";
        assert_eq!(read.attributes.iter().filter(own).count(), 0);
        // It is all there, as text.
        assert!(read.text.contains("<script>alert(1)</script><img src=x"));
        assert!(read.of("aria-label").join("").contains("onload='alert(1)'"));
        assert!(!page.contains(['\u{202e}', '\u{0}', '\u{1b}']));
    }
}

#[test]
fn nothing_that_anybody_wrote_moves_the_cursor() {
    let mut document = serde_json::to_value(scenarios()).unwrap();
    poison(&mut document, "");
    let Record::Several(runs) = Record::read(document.to_string().as_bytes()).unwrap() else {
        unreachable!();
    };
    let mut texts = vec![human::several(&runs)];
    texts.extend(runs.runs.iter().map(human::run));
    let records = [one(runs.runs[0].clone()), one(runs.runs[1].clone())];
    texts.push(human::compared(&Comparison::of(&records[0], &records[1])));
    for text in texts {
        assert!(text.contains("<script>"), "{text}");
        // The colours of this program aside, which the text of others has not in it.
        assert!(!text.contains(['\u{202e}', '\u{0}']), "{text:?}");
    }
}

#[test]
fn scenarios_that_were_not_played_are_in_the_page() {
    let page = read(&page_of(&scenarios()));
    assert!(page.text.contains("Not applicable"));
    assert!(page.text.contains("full-disk"));
    assert!(page.text.contains("no disk can be full for it"));
}

#[test]
fn a_page_of_one_scenario_says_which_and_what_belongs_to_it() {
    let mut run = good();
    run.scenario = Some("early-sigkill".to_owned());
    run.excused = vec!["SIGKILL came after 2s, with 1 request in flight".to_owned()];
    let page = read(&page_of(&one(run)));
    assert!(page.text.contains("early-sigkill"));
    assert!(page.text.contains("SIGKILL came after 2s"));
}

#[test]
fn numbers_beyond_all_reason_are_drawn_somewhere() {
    let mut run = busy(bad());
    run.timeline.ended_ms = Some(1e300);
    run.timeline.asked_ms = Some(-1e300);
    if let Some(series) = &mut run.series {
        series.start_ms = -1e300;
        series.slice_ms = 0.0;
        series.slices = vec![
            Slice {
                lost: u32::MAX,
                served: u32::MAX,
                ..Slice::default()
            };
            700
        ];
    }
    run.steps[0].planned = Some(StepPlan {
        start_ms: 1e300,
        timeout_ms: 1e300,
        end_ms: -1e300,
    });
    let page = page_of(&one(run.clone()));
    assert!(!page.contains("NaN") && page.len() < 500_000);
    read(&page);
    read(&page_of_two(&one(run), &one(good())));
}
