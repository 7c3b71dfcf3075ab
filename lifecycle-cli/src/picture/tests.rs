//! Pictures are measured: nothing overlaps, nothing is cut off, and no name breaks out of its place.

use std::fmt::Write as _;

use lifecycle_manifest::{Analysis, Platform, Resolved, Timeline};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::drawing::{Drawing, Item};
use super::scene::{Scene, Shape, What};
use super::{Case, Cases, html, mermaid, svg};

const KINDS: [&str; 10] = [
    "http-server",
    "queue-consumer",
    "telemetry",
    "database",
    "cache",
    "task",
    "audit-log",
    "message-broker",
    "scheduler",
    "custom",
];

/// So many resources; `named` makes the name of one.
fn manifest(count: usize, named: impl Fn(usize) -> String, platforms: &str) -> String {
    let mut text = "lifecycle: 1\nservice: shop\ntraffic: { settle: 5s }\nresources:\n".to_owned();
    for at in 0..count {
        let kind = KINDS[at % KINDS.len()];
        let timeout = [200, 3_000, 12_500, 700][at % 4];
        let _ = writeln!(
            text,
            "  {}: {{ kind: {kind}, timeout: {timeout}ms }}",
            named(at)
        );
    }
    text + "platforms: { " + platforms + " }\n"
}

fn short(at: usize) -> String {
    format!("r{at}")
}

/// As long as a name may be.
fn long(at: usize) -> String {
    format!(
        "{:0<63}",
        format!("r{at}-whose-name-is-as-long-as-it-can-be-and-then-some-")
    )
}

fn resolved(text: &str) -> Resolved {
    let analysis = Analysis::of(text);
    analysis
        .resolved
        .unwrap_or_else(|| panic!("{text}\n{:?}", analysis.findings))
}

fn lines(resolved: &Resolved) -> Vec<&Timeline> {
    resolved.timelines.iter().collect()
}

fn scene(resolved: &Resolved, cases: &[&str]) -> Scene {
    let cases: Vec<Case> = cases.iter().map(|case| case.parse().unwrap()).collect();
    Scene::of(
        resolved,
        &lines(resolved),
        &Cases::of(&cases, &resolved.plan).unwrap(),
    )
}

/// Every text lies on the paper, and on no other text.
#[track_caller]
fn is_laid_out(drawing: &Drawing, what: &str) {
    let mut texts: Vec<_> = drawing
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Text(text) => Some((text.words.as_str(), text.area())),
            _ => None,
        })
        .collect();
    assert!(texts.len() > 10, "{what}: {} texts", texts.len());
    texts.sort_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
    for (at, (text, (left, top, right, bottom))) in texts.iter().enumerate() {
        assert!(
            *left >= 0.0 && *top >= 0.0 && *right <= drawing.width && *bottom <= drawing.height,
            "{what}: `{text}` from {left} to {right}, {top} to {bottom} is cut off"
        );
        // From the top to the bottom: what begins below this one's end is clear of it.
        let beside = texts[at + 1..].iter();
        for (other, (l, t, r, b)) in beside.take_while(|(_, (_, t, ..))| t < bottom) {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(
                apart,
                "{what}: `{text}` and `{other}` overlap at {left}, {top}"
            );
        }
    }
    for item in &drawing.items {
        if let Item::Bar {
            x,
            y,
            width,
            height,
            class,
            ..
        } = item
        {
            let on_paper = *x >= 0.0
                && *y >= 0.0
                && x + width <= drawing.width
                && y + height <= drawing.height;
            assert!(on_paper, "{what}: a bar of {class} at {x}, {y} is cut off");
            assert!(*width > 0.0, "{what}: a bar of {class} cannot be seen");
        }
    }
}

#[test]
fn no_text_overlaps_or_is_cut_off() {
    let every: Vec<String> = Platform::KEYS
        .iter()
        .map(|key| format!("{key}: {{}}"))
        .collect();
    let every = every.join(", ");
    let platforms = [
        "kubernetes: { grace_period: 45s, image: x }",
        // Too little, far too much, and a load balancer before.
        "kubernetes: { grace_period: 12s, image: x }",
        "kubernetes: { grace_period: 2h, image: x }",
        "ecs: { load_balancer: { deregistration_delay: 300s } }, heroku: {}",
        every.as_str(),
    ];
    let mut count = 0;
    for platforms in platforms {
        for resources in [1, 10, 60] {
            for named in [short, long] {
                let resolved = resolved(&manifest(resources, named, platforms));
                let first = format!("hang:{}", named(0));
                let asked: [&[&str]; 5] =
                    [&[], &[&first], &["hang:*"], &["instant:*"], &["fail:*"]];
                for cases in asked {
                    let what = format!("{resources} x {} on {platforms} if {cases:?}", named(0));
                    is_laid_out(&svg::draw(&scene(&resolved, cases)), &what);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 150);
}

#[test]
fn a_label_that_does_not_fit_its_bar_is_left_away() {
    let resolved = resolved(&manifest(
        10,
        short,
        "kubernetes: { grace_period: 45s, image: x }",
    ));
    let drawing = svg::draw(&scene(&resolved, &[]));
    let bars: Vec<(f64, f64, f64, f64)> = drawing
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Bar {
                x,
                y,
                width,
                height,
                ..
            } if *height > 20.0 => Some((*x, *y, x + width, y + height)),
            _ => None,
        })
        .collect();
    assert!(bars.len() >= 5, "the longest path has {} bars", bars.len());
    let inside = drawing.items.iter().filter(|item| {
        let Item::Text(text) = item else {
            return false;
        };
        let (left, top, right, bottom) = text.area();
        bars.iter()
            .any(|(l, t, r, b)| left >= *l && right <= *r && top >= *t && bottom <= *b)
    });
    assert!(inside.count() >= 3, "labels in the longest path");
}

#[test]
fn what_a_scene_says_is_what_the_timeline_says() {
    let resolved = resolved(&manifest(
        10,
        short,
        "kubernetes: { grace_period: 45s, image: x }",
    ));
    let (line, scene) = (&resolved.timelines[0], scene(&resolved, &[]));
    let panel = &scene.platforms[0];
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap();
    // The longest path is one bar after the other, from the stop to SIGKILL.
    for pair in panel.path.windows(2) {
        assert_eq!(pair[0].end_ms, pair[1].start_ms, "{pair:?}");
    }
    assert_eq!(panel.path[0].start_ms, 0);
    assert_eq!(panel.path.last().unwrap().end_ms, panel.kill_ms().unwrap());
    assert_eq!(panel.kill_ms(), Some(ms(line.stop_to_kill())));
    assert_eq!(panel.path_ms(), panel.needed_ms);
    assert_eq!(panel.moment(What::Signal), Some(ms(line.stop_to_signal())));
    for (step, window) in resolved.plan.steps.iter().zip(&line.windows) {
        let row = panel
            .lanes
            .iter()
            .find(|lane| lane.name == step.name)
            .unwrap();
        let (start, end) = line.since_stop(window);
        assert_eq!(row.bars[0].start_ms, ms(start));
        assert_eq!(row.bars.last().unwrap().end_ms, ms(end));
    }
}

#[test]
fn the_longest_path_is_as_long_as_it_is_drawn() {
    for grace in ["45s", "10s"] {
        // Requests leave before the grace period begins.
        let resolved = resolved(&manifest(
            10,
            short,
            &format!(
                "ecs: {{ grace_period: {grace}, load_balancer: {{ deregistration_delay: 20s }} }}"
            ),
        ));
        let scene = scene(&resolved, &[]);
        let panel = &scene.platforms[0];
        assert_eq!(panel.path_ms(), 20_000 + panel.needed_ms);
        let mut planned = panel.path.iter().filter(|bar| bar.shape == Shape::Reserve);
        assert_eq!(planned.next_back().unwrap().end_ms, panel.path_ms());
        let takes = format!(
            "longest path</span></th><td role=\"cell\" class=\"takes\">{}</td>",
            super::words::ms(panel.path_ms())
        );
        let page = html::write(&resolved, &lines(&resolved), &Cases::default()).unwrap();
        assert!(page.contains(&takes), "{takes}");
    }
}

#[test]
fn a_sigkill_far_away_leaves_room_for_what_happens_before() {
    let resolved = resolved(&manifest(
        3,
        short,
        "kubernetes: { grace_period: 2h, image: x }",
    ));
    let scene = scene(&resolved, &[]);
    assert!(scene.end_ms < 120_000, "{}", scene.end_ms);
    assert_eq!(scene.platforms[0].kill_ms(), Some(7_200_000));
    let drawing = svg::draw(&scene);
    let kill = drawing.items.iter().find_map(|item| match item {
        Item::Text(text) if text.words.starts_with("SIGKILL") => Some(text.words.clone()),
        _ => None,
    });
    assert_eq!(kill.as_deref(), Some("SIGKILL at 2h →"));
}

/// Every text of a document of XML, by its element; and that nothing in it points elsewhere.
fn read(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<usize> = Vec::new();
    let mut texts: Vec<(String, String)> = Vec::new();
    loop {
        match reader
            .read_event()
            .unwrap_or_else(|error| panic!("{error}\n{xml}"))
        {
            Event::Eof => break,
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                inspect(&start, &name);
                open.push(texts.len());
                texts.push((name, String::new()));
            }
            Event::Empty(start) => {
                let name = start.name().as_ref().to_owned();
                inspect(&start, &name);
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => {
                if let Some(&at) = open.last() {
                    texts[at].1.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let c = match &*reference {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "#39" => '\'',
                    other => panic!("&{other};"),
                };
                if let Some(&at) = open.last() {
                    texts[at].1.push(c);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    texts
}

fn inspect(start: &quick_xml::events::BytesStart<'_>, name: &str) {
    const KNOWN: [&str; 11] = [
        "svg", "title", "desc", "style", "defs", "pattern", "rect", "path", "circle", "text",
        "line",
    ];
    assert!(KNOWN.contains(&name), "<{name}>");
    for attribute in start.attributes() {
        let attribute = attribute.unwrap();
        let key = attribute.key.as_ref().to_owned();
        let value = attribute.value.clone().into_owned();
        assert!(!key.starts_with("on") && !key.contains("href"), "{key}");
        assert!(
            key == "xmlns" || !value.contains("://"),
            "{key}=\"{value}\""
        );
    }
}

#[test]
fn the_svg_is_xml_that_points_nowhere_and_says_what_it_shows() {
    let resolved = resolved(&manifest(
        10,
        short,
        "kubernetes: { grace_period: 45s, image: x }",
    ));
    let scene = scene(&resolved, &["hang:r3"]);
    let file = svg::write(&scene).unwrap();
    let texts = read(&file);
    let of = |name: &'static str| {
        let named = texts.iter().filter(move |(of, _)| of == name);
        named.map(|(_, text)| text)
    };
    assert!(
        of("style")
            .all(|css| !css.contains("@import") && !css.contains("http") && !css.contains("var("))
    );
    assert_eq!(of("title").next().unwrap(), "How shop stops");
    let description = of("desc").next().unwrap();
    for words in [
        "Longest path:",
        "= ",
        "Given up after timeout and unwind: r3.",
        "before SIGKILL",
    ] {
        assert!(description.contains(words), "{description}");
    }
    let fragment = svg::fragment(&scene, "here-").unwrap();
    read(&fragment);
    assert!(!fragment.contains("<style") && !fragment.contains("style="));
    assert!(fragment.contains("id=\"here-title\""));
}

/// What is in the page for the script.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_page_knows_what_comes_of_each_step_that_hangs() {
    let resolved = resolved(&manifest(
        10,
        short,
        "kubernetes: { grace_period: 45s, image: x }, heroku: {}",
    ));
    let page = html::write(&resolved, &lines(&resolved), &Cases::default()).unwrap();
    let data = data(&page);
    for (panel, at) in data["panels"].as_array().unwrap().iter().zip(0..) {
        for step in &resolved.plan.steps {
            for (key, others) in [("", None), (" at-once", Some("instant:*"))] {
                let hangs = format!("hang:{}", step.name);
                let cases: Vec<&str> = std::iter::once(hangs.as_str()).chain(others).collect();
                let scene = scene(&resolved, &cases);
                let ended = scene.platforms[at].ended.as_ref().unwrap();
                let variant = &panel["variants"][format!("{hangs}{key}")];
                assert_eq!(variant["exit"], ended.exit_ms);
                assert_eq!(variant["code"], ended.exit_code);
                assert_eq!(variant["words"], ended.words);
            }
        }
    }
}

#[test]
fn a_page_of_many_steps_does_not_grow_with_their_square() {
    let size = |count| {
        let resolved = resolved(&manifest(
            count,
            short,
            "kubernetes: { grace_period: 60s, image: x }",
        ));
        html::write(&resolved, &lines(&resolved), &Cases::default())
            .unwrap()
            .len()
    };
    assert!(size(60) < 400_000, "{}", size(60));
    assert!(
        size(1_000) < 8 * size(200),
        "{} and {}",
        size(1_000),
        size(200)
    );
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "\\PC{1,80}",
        1 => any::<String>(),
        1 => proptest::sample::select(vec![
            "</script><script>alert(1)</script>".to_owned(),
            "<!--<script>".to_owned(),
            "\" onload=\"alert(1)".to_owned(),
            "]]>&amp;{{ 7*7 }}{% raw %}".to_owned(),
            "a: b; c # d\n    section x".to_owned(),
            "\u{202e}\u{0}\u{7}\r\n".to_owned(),
            "漢字の名前👩‍👩‍👧‍👦".repeat(12),
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_names_stay_in_their_place(service in hostile(), name in hostile(), other in hostile()) {
        let mut resolved = resolved(&manifest(4, short, "kubernetes: { grace_period: 45s, image: x }"));
        resolved.plan.service.clone_from(&service);
        resolved.plan.steps[0].name.clone_from(&name);
        resolved.plan.steps[1].name.clone_from(&other);
        for cases in [vec![], vec!["hang:*"]] {
            let scene = scene(&resolved, &cases);
            is_laid_out(&svg::draw(&scene), "hostile");
            let texts = read(&svg::write(&scene).unwrap());
            prop_assert_eq!(&texts[1].1, &format!("How {} stops", super::text::plain(&service)));

            let mermaid = mermaid::write(&scene);
            let tasks = mermaid.lines().filter(|line| line.starts_with("    ") && line.contains(" :"));
            // One more is the milestone of the exit.
            let lanes = &scene.platforms[0].lanes;
            let bars = lanes.iter().flat_map(|lane| &lane.bars);
            let drawn = bars.filter(|bar| !matches!(bar.shape, Shape::Planned | Shape::Unwind | Shape::Grace));
            let milestones = 2 + usize::from(!cases.is_empty());
            prop_assert_eq!(tasks.count(), drawn.count() + milestones, "{}", mermaid);

            let page = html::write(&resolved, &lines(&resolved), &Cases::default()).unwrap();
            data(&page);
            // The page's own two, and none of a name's.
            prop_assert_eq!(page.matches("<script").count(), 2, "{}", page);
            prop_assert_eq!(page.matches("</script").count(), 2);
            prop_assert!(!page.contains("<!--"));
        }
    }
}
