//! As much of JSON as the metadata services' objects take: the strings among an object's own members.
//!
//! Written by hand: a service that links this crate need not compile a parser for two small objects.

/// The members of the object `text` whose values are strings; `None` if `text` is not an object.
/// What is nested deeper is passed over without a look at it.
pub(crate) fn strings(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.trim_start().strip_prefix('{')?.trim_start();
    let mut members = Vec::new();
    if rest.starts_with('}') {
        return Some(members);
    }
    loop {
        let (key, after) = string(rest)?;
        rest = after.trim_start().strip_prefix(':')?.trim_start();
        if rest.starts_with('"') {
            let (value, after) = string(rest)?;
            members.push((key, value));
            rest = after.trim_start();
        } else {
            rest = passed(rest)?.trim_start();
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return rest.starts_with('}').then_some(members),
        }
    }
}

/// The string that `text` begins with, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &body[index + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'b' => value.push('\u{8}'),
                'f' => value.push('\u{c}'),
                'u' => {
                    let digits: String = characters.by_ref().take(4).map(|it| it.1).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    // Half of a pair beyond the basic plane; no value of interest has one.
                    value.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// What follows the value that `text` begins with.
fn passed(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        let end = rest.find(['"', '{', '}', '[', ']', ','])?;
        match rest.as_bytes()[end] {
            b'"' => {
                rest = string(&rest[end..])?.1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            _ if depth == 0 => return Some(&rest[end..]),
            b',' => {}
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Some(&rest[end + 1..]);
                }
            }
        }
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        strings(text)
    }

    #[test]
    fn the_objects_own_strings_are_found() {
        let text = r#" {"a": "1", "b": {"a": "2", "c": [{"d": "}"}, "]"]}, "e": [], "f": null,
            "g": 1.5, "h" : "\"\u00e9\n\\" , "i": true} "#;
        let found = read(text).expect("an object");
        let wanted = [("a", "1"), ("h", "\"é\n\\")];
        assert_eq!(found.len(), wanted.len());
        for ((key, value), wanted) in found.iter().zip(wanted) {
            assert_eq!((&**key, &**value), wanted);
        }
        assert_eq!(read("{}"), Some(Vec::new()));
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":\"b",
            "{a:1}",
            "{\"a\":]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = "{\"a\":".to_owned() + &"[".repeat(1_000_000);
        assert_eq!(read(&deep), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_a_serialiser_writes_is_read(
            members in proptest::collection::btree_map("\\PC{0,8}", "[\u{0}-\u{ffff}]{0,12}", 0..6),
            nested in "[\\[\\]{}\",\\\\a]{0,20}",
        ) {
            let mut object: serde_json::Map<String, serde_json::Value> = members
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect();
            object.insert("~nested".to_owned(), serde_json::json!([{ "x": nested }, 1, null]));
            let text = serde_json::Value::Object(object).to_string();
            let mut found = read(&text).expect("an object");
            found.sort();
            prop_assert_eq!(found, members.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_text_is_too_much(text in "[{}\\[\\]\",:\\\\ua0 ]{0,60}") {
            let _ = read(&text);
        }
    }
}
