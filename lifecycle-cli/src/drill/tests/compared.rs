//! Several runs, and two drills beside one another.

use std::collections::BTreeSet;

use lifecycle_drill::compare::{Change, Comparison};
use lifecycle_drill::measured::Measured;
use lifecycle_drill::record::{NotPlayed, Record};

use super::{bad, good, judged, stored};
use crate::drill::{human, junit};

fn one(run: Measured) -> Record {
    Record::of(vec![run], Vec::new()).unwrap()
}

/// Three runs, the second of which went badly.
fn three() -> Record {
    let mut slower = judged(good());
    slower.process.exit_ms = Some(1_500.0);
    Record::of(vec![judged(good()), bad(), slower], Vec::new()).unwrap()
}

fn several(record: &Record) -> String {
    let Record::Several(runs) = record else {
        panic!("one run");
    };
    human::several(runs)
}

#[test]
fn several_runs_are_shown_as_stored() {
    stored("several.txt", &several(&three()));
    let mut xml = Vec::new();
    junit::record(&three(), &mut xml).unwrap();
    stored("several.xml", &String::from_utf8(xml).unwrap());
}

/// One that passed, one that failed, and one that says nothing about the program.
pub(super) fn scenarios() -> Record {
    let named = |mut run: Measured, name: &str| {
        run.scenario = Some(name.to_owned());
        run
    };
    let mut passed = named(judged(good()), "early-sigkill");
    passed.excused = vec!["SIGKILL came after 2s, with 1 request in flight".to_owned()];
    let failed = named(bad(), "hanging-close=orders-db");
    let none = NotPlayed {
        scenario: "full-disk".to_owned(),
        why: "the program leaves no report, so no disk can be full for it".to_owned(),
    };
    Record::of(vec![passed, failed], vec![none]).unwrap()
}

#[test]
fn scenarios_are_shown_as_stored_those_that_were_not_played_too() {
    stored("scenarios.txt", &several(&scenarios()));
    let mut xml = Vec::new();
    junit::record(&scenarios(), &mut xml).unwrap();
    stored("scenarios.xml", &String::from_utf8(xml).unwrap());
}

#[test]
fn a_scenario_that_passed_says_nothing_about_other_stops() {
    let mut run = judged(good());
    assert!(human::run(&run).ends_with("as it should\n"));
    run.scenario = Some("early-sigkill".to_owned());
    assert!(human::run(&run).ends_with("as it should in this scenario\n"));
}

/// Names that the scenarios' sources give to findings are told by the page, and no others.
#[test]
fn the_page_tells_the_findings_of_scenarios() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/drill.md")).unwrap();
    let (_, section) = page.split_once("### Findings of scenarios\n").unwrap();
    let (section, _) = section.split_once("\n**Faults inside").unwrap();
    let told: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let mut given = BTreeSet::new();
    for file in std::fs::read_dir(root.join("lifecycle-drill/src/scenario")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for call in [".fail(", ".warn("] {
            for rest in source.split(call).skip(1) {
                let name = rest.trim_start().strip_prefix('"');
                given.extend(name.and_then(|name| Some(name.split('"').next()?.to_owned())));
            }
        }
    }
    assert!(given.len() > 3, "{given:?}");
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(told, given);
}

#[test]
fn two_drills_are_shown_as_stored() {
    let comparison = Comparison::of(&one(judged(good())), &one(bad()));
    stored("compared.txt", &human::compared(&comparison));
    let mut xml = Vec::new();
    junit::compared(&comparison, &mut xml).unwrap();
    stored("compared.xml", &String::from_utf8(xml).unwrap());
}

#[test]
fn a_summary_counts_every_run() {
    let summary = three().summary();
    assert_eq!((summary.runs, summary.passed, summary.killed), (3, 2, 1));
    let exit = summary.exit.unwrap();
    let [min, median, max] = [exit.min_ms, exit.median_ms, exit.max_ms].map(|ms| ms.to_string());
    assert_eq!([&*min, &median, &max], ["1234.5", "1500", "40003"]);
    // Not in the run that was killed: there it never went down.
    assert_eq!(summary.readiness.unwrap().runs, 2);
    let http = &summary.steps[0];
    assert_eq!(
        (&*http.name, http.done, http.took.unwrap().runs),
        ("http", 2, 3)
    );
    let lost = summary
        .findings
        .iter()
        .find(|it| it.name == "request-lost")
        .unwrap();
    assert_eq!((lost.runs, lost.first_run), (1, 2));
}

#[test]
fn a_record_of_several_runs_is_read_back_as_the_same() {
    let why = NotPlayed {
        scenario: "full-disk".to_owned(),
        why: "there is no disk to fill".to_owned(),
    };
    let record = Record::of(vec![judged(good()), bad()], vec![why]).unwrap();
    let text = serde_json::to_vec(&record).unwrap();
    assert_eq!(Record::read(&text).unwrap(), record);
    let single = one(bad());
    let text = serde_json::to_vec(&single).unwrap();
    assert_eq!(Record::read(&text).unwrap(), single);
}

/// How the verdict changes, and how a row does.
fn compared(before: Measured, after: Measured, what: &str) -> (Change, Change) {
    let comparison = Comparison::of(&one(judged(before)), &one(judged(after)));
    let row = comparison.rows.iter().find(|row| row.what == what);
    (comparison.verdict, row.unwrap().change)
}

#[test]
fn what_differs_by_chance_is_the_same_and_what_does_not_is_told() {
    let exit = |ms: f64| {
        let mut run = good();
        run.process.exit_ms = Some(ms);
        run
    };
    let change = |before, after| compared(exit(before), exit(after), "exit");
    assert_eq!(change(1_234.5, 1_250.0), (Change::Same, Change::Same));
    assert_eq!(change(10.0, 25.0), (Change::Same, Change::Same));
    assert_eq!(change(1_234.5, 1_600.0), (Change::Same, Change::Worse));
    assert_eq!(change(1_600.0, 1_234.5), (Change::Same, Change::Better));
    let (same, rest) = (good(), judged(good()));
    assert_eq!(
        compared(same, rest, "requests lost"),
        (Change::Same, Change::Same)
    );
    let mut lossy = good();
    if let Some(requests) = &mut lossy.requests {
        requests.settling.lost = 1;
    }
    let worse = compared(good(), lossy.clone(), "requests lost");
    assert_eq!(worse, (Change::Worse, Change::Worse));
    assert_eq!(
        compared(lossy, good(), "requests lost"),
        (Change::Better, Change::Better)
    );
}

#[test]
fn a_new_failure_is_worse_even_where_both_failed() {
    let mut fewer = bad();
    fewer
        .findings
        .retain(|finding| finding.name == "request-lost");
    let comparison = Comparison::of(&one(fewer.clone()), &one(bad()));
    assert_eq!(comparison.verdict, Change::Worse);
    assert!(comparison.new.iter().any(|it| it.name == "sigkill-needed"));
    assert!(comparison.kept.iter().all(|it| it.name == "request-lost"));
    let back = Comparison::of(&one(bad()), &one(fewer));
    assert_eq!(back.verdict, Change::Better);
    // Nineteen of twenty is less than all.
    let many = |bad_ones: usize| {
        let mut runs = vec![judged(good()); 20];
        runs.iter_mut().take(bad_ones).for_each(|run| *run = bad());
        Record::of(runs, Vec::new()).unwrap()
    };
    assert_eq!(
        Comparison::of(&one(judged(good())), &many(1)).verdict,
        Change::Worse
    );
    assert_eq!(
        Comparison::of(&many(0), &one(judged(good()))).verdict,
        Change::Same
    );
}
