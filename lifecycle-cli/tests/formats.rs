//! `check --format`: what goes where, and what each format promises its readers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use support::{cases, lifecycle, manifest, project, root, run, stderr, stdout};

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All cases of the repository in one report.
fn all_cases(format: &str, more: &[&str]) -> Vec<u8> {
    let output = lifecycle(&root())
        .args(["check", "--format", format])
        .args(more)
        .args(cases())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    output.stdout
}

#[test]
fn formats_go_to_files_side_by_side_and_people_keep_standard_output() {
    let text = manifest("shop", "10m");
    let project = project(&[("lifecycle.yaml", &text)]);
    let both = run(
        project.path(),
        &[
            "check",
            "--format",
            "sarif=out/x.sarif",
            "--format",
            "json=r.json",
        ],
    );
    assert_eq!(both.status.code(), Some(2), "there is no directory `out`");
    assert!(stderr(&both).contains("could not write out/x.sarif"));

    let args = [
        "sarif=x.sarif",
        "json=r.json",
        "junit=j.xml",
        "github=g.txt",
        "human=h.txt",
    ];
    let args: Vec<&str> = args.iter().flat_map(|it| ["--format", it]).collect();
    let all = run(project.path(), &[&["check"], &args[..]].concat());
    assert_eq!(all.status.code(), Some(0), "{}", stderr(&all));
    let plain = run(project.path(), &["check"]);
    assert_eq!(all.stdout, plain.stdout, "people keep standard output");
    for (format, file) in [
        ("sarif", "x.sarif"),
        ("json", "r.json"),
        ("json-v1", "r.json"),
        ("junit", "j.xml"),
        ("github", "g.txt"),
        ("human", "h.txt"),
    ] {
        let alone = run(project.path(), &["check", "--format", format]);
        let written = std::fs::read(project.path().join(file)).unwrap();
        assert_eq!(
            stdout(&alone),
            String::from_utf8(written).unwrap(),
            "{format}"
        );
    }
    // One of them may be standard output, be it named or not.
    let json_too = run(
        project.path(),
        &["check", "--format", "json", "--format", "sarif=x.sarif"],
    );
    assert_eq!(json(&json_too.stdout)["version"], 1);
    let dash = run(project.path(), &["check", "--format", "json=-"]);
    assert_eq!(dash.stdout, json_too.stdout);
}

#[test]
fn what_cannot_be_printed_is_refused_before_anything_is_read() {
    let project = project(&[]);
    for (args, words) in [
        (
            vec!["json", "sarif"],
            "only one `--format` can go to standard output",
        ),
        (
            vec!["json", "sarif=-"],
            "only one `--format` can go to standard output",
        ),
        (vec!["json=a", "sarif=a"], "two formats would go into a"),
        (vec!["sarif="], "names no file"),
        (vec!["sarfi"], "a similar value exists: 'sarif'"),
    ] {
        let args: Vec<&str> = args.iter().flat_map(|it| ["--format", it]).collect();
        let output = run(project.path(), &[&["check"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
    let diff = run(project.path(), &["check", "--diff", "--format", "json"]);
    assert_eq!(diff.status.code(), Some(2));
    assert!(
        stderr(&diff).contains("cannot be used with"),
        "{}",
        stderr(&diff)
    );
}

#[test]
fn a_result_has_no_more_places_than_a_code_host_takes() {
    let resources = (0..300).map(|at| {
        let next = (at + 1) % 300;
        format!("  r{at}: {{ kind: task, timeout: 1s, after: [r{next}] }}\n")
    });
    let resources: Vec<String> = resources.collect();
    let text = format!(
        "lifecycle: 1\nservice: ring\nresources:\n{}",
        resources.concat()
    );
    let project = project(&[("lifecycle.yaml", &text)]);
    let log = json(&run(project.path(), &["check", "--format", "sarif"]).stdout);
    let circle = &log["runs"][0]["results"][0];
    assert_eq!(circle["ruleId"], "LC201");
    assert_eq!(array(&circle["relatedLocations"]).len(), 100);
}

#[cfg(unix)]
#[test]
fn a_device_is_written_into_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let text = manifest("shop", "45s");
    let project = project(&[("lifecycle.yaml", &text)]);
    let output = run(
        project.path(),
        &["check", "-qq", "--format", "json=/dev/stdout"],
    );
    assert_eq!(json(&output.stdout)["version"], 1, "{}", stderr(&output));
    let null = run(project.path(), &["check", "--format", "sarif=/dev/null"]);
    assert_eq!(null.status.code(), Some(0), "{}", stderr(&null));
    let kind = std::fs::metadata("/dev/null").unwrap().file_type();
    assert!(kind.is_char_device());
}

#[test]
fn annotations_come_by_themselves_inside_github_actions() {
    let text = manifest("shop", "10s");
    let project = project(&[("lifecycle.yaml", &text)]);
    let inside = |args: &[&str]| {
        let mut command = lifecycle(project.path());
        command
            .env("GITHUB_ACTIONS", "true")
            .arg("check")
            .args(args);
        command.output().unwrap()
    };
    let plain = stdout(&run(project.path(), &["check"]));
    let asked = stdout(&run(project.path(), &["check", "--format", "github"]));
    assert!(asked.starts_with(
        "::error file=lifecycle.yaml,line=7,endLine=7,col=41,endColumn=43,title=LC101 grace-too-short::shutdown needs "
    ), "{asked}");
    assert_eq!(stdout(&inside(&[])), format!("{plain}{asked}"));
    assert_eq!(stdout(&inside(&["--format", "human"])), plain);
    assert_eq!(stdout(&inside(&["--format", "sarif=x.sarif"])), plain);
    assert_eq!(inside(&["-qq"]).stdout, asked.as_bytes());
}

#[test]
fn annotations_keep_to_one_line_and_to_their_fields() {
    let odd = "a%b,c:d é/lifecycle.yaml";
    let text = manifest("shop", "10s").replace("service: shop", "service: shop\n\"a\\r\\nb\": 1");
    let project = project(&[(odd, &text), (".git/HEAD", "")]);
    let below = project.path().join("a%b,c:d é");
    let output = stdout(&run(&below, &["check", "--format", "github"]));
    assert_eq!(output.lines().count(), 2, "{output}");
    for line in output.lines() {
        let (properties, words) = line["::error ".len()..].split_once("::").unwrap();
        let names: Vec<_> = properties
            .split(',')
            .map(|it| it.split_once('=').unwrap())
            .collect();
        assert_eq!(names[0], ("file", "a%25b%2Cc%3Ad é/lifecycle.yaml"));
        assert!(!words.is_empty() && !words.contains('\r'));
    }
    // Columns belong to places within one line only.
    let broken = project.path().join("broken.yaml");
    std::fs::write(
        &broken,
        "lifecycle: 1\nservice: shop\nresources: [\n  1,\n  2]\n",
    )
    .unwrap();
    let output = stdout(&run(
        project.path(),
        &["check", "broken.yaml", "--format", "github"],
    ));
    assert!(output.contains("line=3,endLine=5,title="), "{output}");
}

#[test]
fn the_report_has_a_schema_of_its_own_and_every_field_is_described() {
    let printed = run(&root(), &["schema", "report"]);
    let stored = root().join("docs/report.schema.json");
    if support::blessing() {
        std::fs::write(&stored, &printed.stdout).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(stored).unwrap(),
        stdout(&printed),
        "lifecycle schema report > docs/report.schema.json"
    );
    let schema = json(&printed.stdout);
    let definitions = schema["$defs"].as_object().unwrap().values();
    let mut count = 0;
    for object in definitions.chain([&schema]) {
        for (name, property) in object["properties"].as_object().unwrap() {
            assert!(
                property["description"].is_string(),
                "{name} is not described"
            );
            count += 1;
        }
    }
    assert!(count > 60, "{count} fields");
    assert_eq!(
        run(&root(), &["schema"]).stdout,
        run(&root(), &["schema", "manifest"]).stdout
    );
}

#[test]
fn json_has_what_is_allowed_what_is_fixable_and_what_was_counted() {
    let text = manifest(
        "shop",
        "10m # lifecycle: allow(unused-grace) it grows soon\n ",
    );
    let bad = manifest("bank", "16s");
    let project = project(&[("a/lifecycle.yaml", &text), ("b/lifecycle.yaml", &bad)]);
    let report = json(&run(project.path(), &["check", ".", "--format", "json"]).stdout);
    let allowed = &report["allowed"][0];
    assert_eq!(allowed["reason"], "it grows soon");
    assert_eq!(allowed["finding"]["name"], "unused-grace");
    assert_eq!(allowed["by"]["line"], 7);
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "LC101");
    assert_eq!(finding["confidence"], "high");
    let url = finding["url"].as_str().unwrap();
    assert!(
        url.ends_with("/blob/main/docs/rules/grace-too-short.md"),
        "{url}"
    );
    let fix = &finding["help"][0]["fix"];
    let edit = &fix["edits"][0];
    let range = |name: &str| usize::try_from(edit[name].as_u64().unwrap()).unwrap();
    let mut fixed = bad.clone();
    fixed.replace_range(
        range("start")..range("end"),
        edit["replacement"].as_str().unwrap(),
    );
    let line = fixed.lines().nth(range("line") - 1).unwrap();
    assert!(line.contains("grace_period: 20s"), "{line}");
    let summary = &report["summary"];
    for (name, count) in [
        ("manifests", 2),
        ("manifests_with_findings", 1),
        ("errors", 1),
        ("warnings", 0),
        ("allowed", 1),
        ("fixable", 1),
        ("fixable_unsafe", 0),
    ] {
        assert_eq!(summary[name], count, "{name} in {summary}");
    }
    // The command line gives no reason, and stands in no file.
    let args = ["check", "b", "-A", "all", "--format", "json"];
    let report = json(&run(project.path(), &args).stdout);
    let allowed = &report["allowed"][0];
    assert_eq!(
        (&allowed["reason"], &allowed["by"]),
        (&Value::Null, &Value::Null)
    );
}

/// What GitHub asks beyond the standard ("SARIF support for code scanning").
#[test]
fn sarif_is_what_code_scanning_takes() {
    let log = json(&all_cases("sarif", &[]));
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = array(&run["tool"]["driver"]["rules"]);
    let results = array(&run["results"]);
    assert!(rules.len() > 20 && results.len() > 200);
    assert!(results.len() <= 5_000);
    let mut ids = BTreeSet::new();
    for rule in rules {
        assert!(
            ids.insert(rule["id"].as_str().unwrap()),
            "{} twice",
            rule["id"]
        );
        for (text, most) in [
            (&rule["shortDescription"]["text"], 1024),
            (&rule["fullDescription"]["text"], 1024),
            (&rule["help"]["text"], usize::MAX),
            (&rule["help"]["markdown"], usize::MAX),
        ] {
            let text = text.as_str().unwrap();
            assert!(!text.is_empty() && text.chars().count() <= most, "{rule}");
        }
        let uri = rule["helpUri"].as_str().unwrap();
        let name = rule["name"].as_str().unwrap();
        assert!(uri.starts_with("https://") && uri.ends_with(&format!("/docs/rules/{name}.md")));
        let properties = &rule["properties"];
        assert!(array(&properties["tags"]).len() <= 10);
        let is_one_of = |value: &Value, words: &[&str]| words.contains(&value.as_str().unwrap());
        assert!(is_one_of(
            &properties["precision"],
            &["very-high", "high", "medium", "low"]
        ));
        assert!(is_one_of(
            &properties["problem.severity"],
            &["error", "warning"]
        ));
    }
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(
            !result["message"]["text"]
                .as_str()
                .unwrap()
                .trim()
                .is_empty()
        );
        assert_eq!(array(&result["locations"]).len(), 1, "{result}");
        assert!(result["partialFingerprints"].is_object());
        assert!(
            result["suppressions"].is_null(),
            "a code host would show it as open"
        );
        let related = array(&result["relatedLocations"]);
        for location in array(&result["locations"]).iter().chain(related) {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.starts_with("tests/cases/"), "{uri}");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        }
    }
}

/// The bytes of a region, found by its lines and columns.
fn by_lines(text: &str, region: &Value) -> std::ops::Range<usize> {
    let number = |name: &str| usize::try_from(region[name].as_u64().unwrap()).unwrap();
    let offset = |line: usize, column: usize| {
        let start = text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum::<usize>();
        let rest = &text[start..];
        let in_line = rest.char_indices().nth(column - 1);
        start + in_line.map_or(rest.len(), |(at, _)| at)
    };
    offset(number("startLine"), number("startColumn"))
        ..offset(number("endLine"), number("endColumn"))
}

#[test]
fn lines_and_bytes_of_sarif_regions_are_the_same_place() {
    let log = json(&all_cases("sarif", &["--show-allowed"]));
    let mut count = 0;
    for result in array(&log["runs"][0]["results"]) {
        let places = [&result["locations"], &result["relatedLocations"]];
        let places = places
            .into_iter()
            .flat_map(array)
            .map(|it| &it["physicalLocation"]);
        let places = places.map(|it| (&it["artifactLocation"]["uri"], &it["region"]));
        let changes = array(&result["fixes"])
            .iter()
            .flat_map(|fix| array(&fix["artifactChanges"]));
        let deleted = changes.flat_map(|change| {
            let uri = &change["artifactLocation"]["uri"];
            let replacements = array(&change["replacements"]).iter();
            replacements.map(move |it| (uri, &it["deletedRegion"]))
        });
        for (uri, region) in places.chain(deleted) {
            let bytes = std::fs::read(root().join(uri.as_str().unwrap())).unwrap();
            // What is no UTF-8 has no columns to speak of.
            let Ok(whole) = String::from_utf8(bytes) else {
                continue;
            };
            let text = whole.trim_start_matches('\u{feff}');
            let mark = whole.len() - text.len();
            let lines = by_lines(text, region);
            let start = usize::try_from(region["byteOffset"].as_u64().unwrap()).unwrap();
            let length = usize::try_from(region["byteLength"].as_u64().unwrap()).unwrap();
            assert_eq!(
                (lines.start + mark, lines.len()),
                (start, length),
                "{uri} {region}"
            );
            count += 1;
        }
    }
    assert!(count > 500, "{count} regions");
}

#[test]
fn sarif_paths_begin_at_the_repository_and_are_written_as_uris() {
    let text = manifest("shop", "10s");
    let outside = project(&[("lifecycle.yaml", &text)]);
    let project = project(&[(".git/HEAD", ""), ("services/a b%é/lifecycle.yaml", &text)]);
    let below = project.path().join("services");
    let elsewhere = outside.path().join("lifecycle.yaml");
    let args = [
        "check",
        "a b%é",
        elsewhere.to_str().unwrap(),
        "--format",
        "sarif",
    ];
    let log = json(&run(&below, &args).stdout);
    let location = |at: usize| {
        let result = &log["runs"][0]["results"][at];
        result["locations"][0]["physicalLocation"]["artifactLocation"].clone()
    };
    assert_eq!(
        location(0),
        serde_json::json!({ "uri": "services/a%20b%25%C3%A9/lifecycle.yaml", "uriBaseId": "%SRCROOT%" })
    );
    let uri = location(1)["uri"].as_str().unwrap().to_owned();
    assert!(
        uri.starts_with("file:///") && uri.ends_with("/lifecycle.yaml"),
        "{uri}"
    );
    assert_eq!(location(1)["uriBaseId"], Value::Null);
    // No directory of this machine is in it otherwise.
    let here = project
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!log.to_string().contains(&here));
}

#[test]
fn standard_input_has_a_place_in_every_format() {
    let nowhere = project(&[]);
    for (format, words) in [
        ("sarif", "\"uri\": \"stdin\""),
        ("github", "file=<stdin>,line=7,"),
        ("junit", "<testsuite name=\"&lt;stdin&gt;\""),
        ("json", "\"file\": \"<stdin>\""),
    ] {
        let mut child = lifecycle(nowhere.path())
            .args(["check", "-", "--format", format])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = manifest("shop", "10s");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
    }
}

#[test]
fn fingerprints_stay_while_lines_come_and_go_and_differ_within_a_file() {
    let text = manifest("shop", "10s") + "  ecs: { grace_period: 5s }\nodd: 1\nodder: 2\n";
    let moved = format!("# A remark.\n\n{text}");
    let project = project(&[("lifecycle.yaml", &text)]);
    let fingerprints = || {
        let log = json(&run(project.path(), &["check", "--format", "sarif"]).stdout);
        let results = array(&log["runs"][0]["results"]).iter();
        let prints = results.map(|it| it["partialFingerprints"].to_string());
        prints.collect::<Vec<_>>()
    };
    let before = fingerprints();
    support::write(project.path(), "lifecycle.yaml", &moved);
    assert_eq!(before, fingerprints());
    let different: BTreeSet<&String> = before.iter().collect();
    assert!(
        different.len() == before.len() && before.len() >= 4,
        "{before:?}"
    );
}

#[test]
fn what_is_allowed_is_shown_when_asked() {
    let allowed = "10m # lifecycle: allow(unused-grace) it grows soon\n ";
    let text = manifest("shop", allowed);
    let project = project(&[("lifecycle.yaml", &text)]);
    let shown = |args: &[&str]| {
        let args = [&["check", "--show-allowed"], args].concat();
        run(project.path(), &args)
    };
    let human = stdout(&shown(&[]));
    assert!(human.contains("allowed[LC105]: "), "{human}");
    assert!(human.contains("= reason: it grows soon"), "{human}");
    assert!(!stdout(&run(project.path(), &["check"])).contains("allowed[LC105]"));
    let suppression = |args: &[&str]| {
        let log = json(&shown(&[args, &["--format", "sarif"]].concat()).stdout);
        log["runs"][0]["results"][0]["suppressions"][0].clone()
    };
    let in_source = suppression(&[]);
    assert_eq!(in_source["kind"], "inSource");
    assert_eq!(in_source["justification"], "it grows soon");
    let line = &in_source["location"]["physicalLocation"]["region"]["startLine"];
    assert_eq!(line, 7);
    let plain = manifest("shop", "10m");
    support::write(project.path(), "lifecycle.yaml", &plain);
    assert_eq!(suppression(&["-A", "unused-grace"])["kind"], "external");
}

#[test]
fn a_place_in_a_deployed_file_is_a_place_like_any_other() {
    let text = manifest("shop", "45s");
    let deployed = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 10
      containers: [{ name: shop, image: x }]
";
    let project = project(&[("lifecycle.yaml", &text), ("deploy/shop.yaml", deployed)]);
    let check = |format: &str| {
        let args = ["check", "--against", "deploy", "--format", format];
        run(project.path(), &args).stdout
    };
    let log = json(&check("sarif"));
    let results = array(&log["runs"][0]["results"]);
    let drift = results.iter().find(|it| it["ruleId"] == "LC701").unwrap();
    let place = &drift["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "deploy/shop.yaml");
    assert_eq!(place["region"]["startLine"], 7);
    let other = &drift["relatedLocations"][0]["physicalLocation"];
    assert_eq!(other["artifactLocation"]["uri"], "lifecycle.yaml");
    let github = String::from_utf8(check("github")).unwrap();
    assert!(
        github.contains("::error file=deploy/shop.yaml,line=7,"),
        "{github}"
    );
    let report = json(&check("json"));
    let compared = &report["services"][0]["platforms"][0]["compared"];
    assert_eq!(
        compared,
        &serde_json::json!([{ "workload": "Deployment shop", "file": "deploy/shop.yaml" }])
    );
    assert_eq!(report["summary"]["deployed_files"], 1);
    // Without a manifest, each deployed file is a suite of its own.
    std::fs::remove_file(project.path().join("lifecycle.yaml")).unwrap();
    let junit = String::from_utf8(check("junit")).unwrap();
    assert!(
        junit.contains("<testsuite name=\"deploy/shop.yaml\""),
        "{junit}"
    );
}
