//! Edits, byte by byte.

use super::*;

fn applied(text: &str, edit: &Edit) -> Option<String> {
    let (document, errors) = parse(text, Limits::default());
    assert!(errors.is_empty(), "{errors:?}");
    let patch = edit.patch(&document?)?;
    let mut text = text.to_owned();
    text.replace_range(patch.span.range(), &patch.text);
    Some(text)
}

#[test]
fn an_entry_is_added_in_the_style_of_its_mapping() {
    for (before, after) in [
        ("p:\n  k: {}\n", "p:\n  k: { g: 1s }\n"),
        ("p:\n  k: { }\n", "p:\n  k: { g: 1s }\n"),
        ("p:\n  k:\n", "p:\n  k: { g: 1s }\n"),
        ("p:\n  k: # none\n", "p:\n  k: { g: 1s } # none\n"),
        ("p:\n  k: ~\n", "p:\n  k: { g: 1s }\n"),
        ("p:\n  k: { a: b } # c\n", "p:\n  k: { a: b, g: 1s } # c\n"),
        ("p: { k: { a: b, } }", "p: { k: { a: b, g: 1s, } }"),
        ("p: { k: { a: b , } }", "p: { k: { a: b , g: 1s, } }"),
        ("{p: {k: {a: b}}}", "{p: {k: {a: b, g: 1s}}}"),
        ("p:\n  k :\n", "p:\n  k : { g: 1s }\n"),
        ("p: { k: { a: } }", "p: { k: { a:, g: 1s } }"),
        ("p: { k: { a : } }", "p: { k: { a :, g: 1s } }"),
        ("p: { k: { a } }\nq: 1\n", "p: { k: { a, g: 1s } }\nq: 1\n"),
        (
            "{\"p\": {\"k\": {\"a\": 1}}}",
            "{\"p\": {\"k\": {\"a\": 1, \"g\": \"1s\"}}}",
        ),
        ("{\"p\": {}}", "{\"p\": { \"k\": { \"g\": \"1s\" } }}"),
        (
            "\"p\":\n  \"k\":\n    \"a\": b\n",
            "\"p\":\n  \"k\":\n    \"a\": b\n    g: 1s\n",
        ),
        (
            "p:\n  k:\n    a: b # c\n  z: 1\n",
            "p:\n  k:\n    a: b # c\n    g: 1s\n  z: 1\n",
        ),
        (
            "p:\r\n  k:\r\n    a: b\r\n  z: 1\r\n",
            "p:\r\n  k:\r\n    a: b\r\n    g: 1s\r\n  z: 1\r\n",
        ),
        ("p:\n  k:\n    a: b", "p:\n  k:\n    a: b\n    g: 1s"),
        ("p: { k: {\n  a: b\n} }", "p: { k: {\n  a: b, g: 1s\n} }"),
        (
            "p:\n  k:\n    a:\n      - x\n      - y\n",
            "p:\n  k:\n    a:\n      - x\n      - y\n    g: 1s\n",
        ),
        (
            "p:\n  k:\n    a: |\n      x\n      y\n  z: 1\n",
            "p:\n  k:\n    a: |\n      x\n      y\n    g: 1s\n  z: 1\n",
        ),
    ] {
        let edit = Edit::insert(Route::keys(["p", "k"]), "g", "1s");
        assert_eq!(applied(before, &edit).as_deref(), Some(after), "{before:?}");
    }
}

#[test]
fn a_mapping_that_is_missing_is_made() {
    let edit = Edit::insert(Route::keys(["traffic", "health"]), "port", "9090");
    assert_eq!(
        applied("a: 1\n", &edit).as_deref(),
        Some("a: 1\ntraffic: { health: { port: 9090 } }\n")
    );
    assert_eq!(applied("- a\n", &edit), None, "a list takes no keys");
    let alias = "a: &x { b: 1 }\ntraffic: { health: *x }\n";
    assert_eq!(applied(alias, &edit), None, "an alias is others' too");
}

#[test]
fn an_item_is_taken_away_with_its_comma_or_its_line() {
    for (before, after) in [
        ("p: [a, b, c]", Some("p: [b, c]")),
        ("p: [x, a]", None),
        ("p: [a]", Some("p: []")),
        ("p:\n  - a # gone\n  - b\n", Some("p:\n  - b\n")),
        ("p:\n- a\n- b\n", Some("p:\n- b\n")),
        ("p:\n  - a\n", None),
        ("p: a\n", None),
    ] {
        let first = if before.contains("[x") { 5 } else { 0 };
        let entry = Route::keys(["p"]).index(first);
        assert_eq!(
            applied(before, &Edit::Remove { entry }).as_deref(),
            after,
            "{before:?}"
        );
    }
    let entry = Route::keys(["p"]).index(1);
    let last = applied("p: [x, a]", &Edit::Remove { entry });
    assert_eq!(last.as_deref(), Some("p: [x]"));
    let entry = Route::keys(["p"]).index(0).index(0);
    let shared = applied("p:\n  - - a\n    - b\n", &Edit::Remove { entry });
    assert_eq!(shared, None, "its line begins another item too");
}

#[test]
fn what_is_added_to_json_is_json() {
    let edit = Edit::insert(Route::keys(["p"]), "timeouts", "{ http: 3s, emails: 3s }");
    assert_eq!(
        applied("{\"p\": {}}", &edit).as_deref(),
        Some("{\"p\": { \"timeouts\": { \"http\": \"3s\", \"emails\": \"3s\" } }}")
    );
    let edit = Edit::insert(Route::keys(["p"]), "native", "false");
    assert_eq!(
        applied("{\"p\": {\"a\": 1}}", &edit).as_deref(),
        Some("{\"p\": {\"a\": 1, \"native\": false}}")
    );
    let key = Edit::replace(Place::Key(Route::keys(["p", "a"])), "native");
    assert_eq!(
        applied("{\"p\": {\"a\": 1}}", &key).as_deref(),
        Some("{\"p\": {\"native\": 1}}")
    );
}

#[test]
fn what_stands_there_already_is_replaced_not_added() {
    let edit = Edit::insert(Route::keys(["p"]), "g", "1s");
    for (before, after) in [
        ("p: { g: 2s, a: 1 }\n", Some("p: { g: 1s, a: 1 }\n")),
        ("p:\n  g: {} # c\n", Some("p:\n  g: 1s # c\n")),
        ("{\"p\": {\"g\": 2}}", Some("{\"p\": {\"g\": \"1s\"}}")),
        ("p:\n  g:\n", None),
    ] {
        assert_eq!(applied(before, &edit).as_deref(), after, "{before:?}");
    }
}

#[test]
fn an_entry_is_taken_away_with_its_line_or_its_comma() {
    for (before, after) in [
        ("p:\n  a: 1 # gone\n  k: 2\n", "p:\n  k: 2\n"),
        ("p:\n  k: 2\n  a: 1", "p:\n  k: 2\n"),
        ("p: { a: 1, k: 2 }", "p: { k: 2 }"),
        ("p: { k: 2, a: 1 }", "p: { k: 2 }"),
        ("p: { a: 1 }", "p: {}"),
        ("p:\n  a: 1\n", "p:\n  {}\n"),
        ("p:\n  a:\n    - 1\n  k: 2\n", "p:\n  k: 2\n"),
    ] {
        let edit = Edit::Remove {
            entry: Route::keys(["p", "a"]),
        };
        assert_eq!(applied(before, &edit).as_deref(), Some(after), "{before:?}");
    }
    let edit = Edit::Remove {
        entry: Route::keys(["p"]).index(0).key("a"),
    };
    assert_eq!(
        applied("p:\n  - a: 1\n    k: 2\n", &edit).as_deref(),
        Some("p:\n  - k: 2\n")
    );
}

#[test]
fn edits_that_meet_are_one() {
    let all = |text: &str, edits: Vec<Edit>| -> Option<String> {
        let (document, errors) = parse(text, Limits::default());
        assert!(errors.is_empty(), "{errors:?}");
        let patches = Fix::new(Safety::Safe, edits).patches(&document?)?;
        let mut text = text.to_owned();
        for patch in patches.iter().rev() {
            text.replace_range(patch.span.range(), &patch.text);
        }
        Some(text)
    };
    let gone = |key: &str| Edit::Remove {
        entry: Route::keys(["p", key]),
    };
    for (before, after) in [
        ("p: { a: 1, b: 2, k: 3 }", "p: { k: 3 }"),
        ("p: { k: 3, a: 1, b: 2 }", "p: { k: 3 }"),
        ("p: { a: 1, k: 3, b: 2 }", "p: { k: 3 }"),
        ("p:\n  a: 1\n  b: 2\n  k: 3\n", "p:\n  k: 3\n"),
        ("p: {a: 1, b: 2}", "p: {}"),
    ] {
        let both = vec![gone("b"), gone("a")];
        assert_eq!(all(before, both).as_deref(), Some(after), "{before:?}");
    }
    let new = |key: &str| Edit::insert(Route::keys(["p"]), key, "1s");
    for (before, after) in [
        ("p: {}", "p: { g: 1s, h: 1s }"),
        ("p: { a: 1 }", "p: { a: 1, g: 1s, h: 1s }"),
        (
            "p:\n  a: 1 # c\nq: 2\n",
            "p:\n  a: 1 # c\n  g: 1s\n  h: 1s\nq: 2\n",
        ),
    ] {
        let both = vec![new("g"), new("h")];
        assert_eq!(all(before, both).as_deref(), Some(after), "{before:?}");
    }
    assert_eq!(
        all("p: { a: 1, k: 2 }", vec![gone("a"), new("g")]).as_deref(),
        Some("p: { k: 2, g: 1s }"),
        "these do not meet"
    );
    let other = Edit::replace(Place::Value(Route::keys(["p", "a"])), "2");
    assert_eq!(
        all("p: { a: 1, k: 2 }", vec![gone("a"), other]),
        None,
        "what goes is not changed too"
    );
    let elsewhere = Edit::insert(Route::keys(["q"]), "h", "1s");
    assert_eq!(
        all("p: { a: 1 }\nq: { b: 2 }\n", vec![new("g"), elsewhere]).as_deref(),
        Some("p: { a: 1, g: 1s }\nq: { b: 2, h: 1s }\n"),
        "nor do these"
    );
    assert_eq!(
        all("p:\n", vec![new("g"), new("h")]),
        None,
        "one mapping is made, not two"
    );
}
