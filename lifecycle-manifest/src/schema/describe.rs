//! What the schema says of a place in a manifest: one source for every editor.

use std::sync::LazyLock;

use serde_json::Value;

use crate::text::{Route, Segment};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| super::schema().to_value());

/// What the key that a route ends in is about, in Markdown; `None` where the format knows no such
/// key, and for names, which are the reader's own.
///
/// ```
/// use lifecycle_manifest::{schema, text::Route};
/// let reserve = schema::describe(&Route::keys(["budget", "reserve"])).unwrap();
/// assert!(reserve.starts_with("Never planned for"));
/// assert_eq!(schema::describe(&Route::keys(["budget", "spare"])), None);
/// ```
pub fn describe(route: &Route) -> Option<&'static str> {
    let (last, parents) = route.segments().split_last()?;
    let Segment::Key(key) = last else {
        return None;
    };
    schemas(parents)
        .into_iter()
        .find_map(|schema| schema["properties"][&**key]["description"].as_str())
}

/// What a word means as the value at a route, where the format knows a few words for it.
///
/// ```
/// use lifecycle_manifest::{schema, text::Route};
/// let kind = Route::keys(["resources", "db", "kind"]);
/// assert_eq!(schema::describe_word(&kind, "database"), Some("A database pool."));
/// ```
pub fn describe_word(route: &Route, word: &str) -> Option<&'static str> {
    words(route)
        .into_iter()
        .find_map(|(known, text)| (known == word).then_some(text))
}

/// The keys that a mapping at a route may have, each with what it is about.
///
/// ```
/// use lifecycle_manifest::{schema, text::Route};
/// let keys = schema::keys(&Route::keys(["budget"]));
/// let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
/// assert_eq!(names, ["reserve", "unwind"]);
/// assert!(keys[0].1.starts_with("Never planned for"));
/// ```
pub fn keys(route: &Route) -> Vec<(&'static str, &'static str)> {
    schemas(route.segments())
        .into_iter()
        .filter_map(|schema| schema["properties"].as_object())
        .flatten()
        .map(|(key, property)| {
            let text = property["description"].as_str().unwrap_or_default();
            (key.as_str(), text)
        })
        .collect()
}

/// The words that a value at a route may be, each with its meaning.
///
/// ```
/// use lifecycle_manifest::{schema, text::Route};
/// let words = schema::words(&Route::keys(["resources", "db", "kind"]));
/// assert!(words.contains(&("database", "A database pool.")));
/// assert!(schema::words(&Route::keys(["service"])).is_empty());
/// ```
pub fn words(route: &Route) -> Vec<(&'static str, &'static str)> {
    schemas(route.segments())
        .into_iter()
        .filter_map(|schema| {
            let texts = schema["markdownEnumDescriptions"].as_array()?;
            Some(schema["enum"].as_array()?.iter().zip(texts))
        })
        .flatten()
        .filter_map(|(word, text)| Some((word.as_str()?, text.as_str()?)))
        .collect()
}

/// All that a value at a route may be: references followed, choices opened.
fn schemas(segments: &[Segment]) -> Vec<&'static Value> {
    let mut here = Vec::new();
    open(&SCHEMA, &mut here);
    for segment in segments {
        let mut inner = Vec::new();
        for schema in here {
            let child = match segment {
                Segment::Key(key) => match &schema["properties"][&**key] {
                    Value::Null => &schema["additionalProperties"],
                    property => property,
                },
                Segment::Index(_) => &schema["items"],
            };
            open(child, &mut inner);
        }
        here = inner;
    }
    here
}

/// A schema and all that it may stand for. The format's own schema has no circles.
fn open(schema: &'static Value, into: &mut Vec<&'static Value>) {
    if !schema.is_object() {
        return;
    }
    into.push(schema);
    let pointer = schema["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    if let Some(target) = pointer.and_then(|to| SCHEMA.pointer(to)) {
        open(target, into);
    }
    for choices in ["anyOf", "oneOf", "allOf"] {
        for choice in schema[choices].as_array().into_iter().flatten() {
            open(choice, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn every_key_of_the_format_is_described() {
        let mut routes = vec![Route::root()];
        let mut seen = 0;
        while let Some(route) = routes.pop() {
            for (key, text) in keys(&route) {
                seen += 1;
                assert!(
                    text.len() > 10 && text.ends_with('.'),
                    "{route}.{key}: {text:?}"
                );
                routes.push(route.key(key));
            }
            let anything = route.key("anything").key("");
            if !schemas(anything.parent().unwrap().segments()).is_empty() {
                routes.extend(anything.parent());
            }
            if !schemas(route.index(0).segments()).is_empty() {
                routes.push(route.index(0));
            }
        }
        assert!(seen > 60, "{seen}");
    }

    /// Keys that must be written have no default to speak of; platforms and lints are set or not.
    #[test]
    fn every_key_that_may_be_left_away_says_what_then_holds() {
        let mut routes = vec![Route::root()];
        while let Some(route) = routes.pop() {
            let schemas = schemas(route.segments());
            let is_required = |key: &str| {
                let lists = schemas
                    .iter()
                    .filter_map(|schema| schema["required"].as_array());
                lists.flatten().any(|required| required == key)
            };
            let named = ["lints", "platforms"].map(str::to_owned);
            let names_its_own = named.contains(&route.to_string());
            for (key, text) in keys(&route) {
                let says = ["Unset: ", "when not written", "defaults"];
                let said = says.iter().any(|words| text.contains(words));
                assert!(
                    said || names_its_own || is_required(key),
                    "{route}.{key}: what holds when it is not written? {text}"
                );
                routes.push(route.key(key));
            }
            if schemas
                .iter()
                .any(|schema| schema["additionalProperties"].is_object())
            {
                routes.push(route.key("anything"));
            }
            if schemas.iter().any(|schema| schema["items"].is_object()) {
                routes.push(route.index(0));
            }
        }
    }

    #[test]
    fn names_and_list_items_lead_through() {
        let sidecar = Route::keys(["platforms", "kubernetes", "sidecars"]).index(3);
        assert_eq!(
            describe(&sidecar.key("timeout")),
            Some("How long it takes to stop.")
        );
        let timeouts = Route::keys(["platforms", "ecs", "timeouts"]);
        assert_eq!(describe(&timeouts.key("http")), None);
        assert_eq!(describe(&Route::root()), None);
    }

    #[test]
    fn every_kind_has_its_meaning() {
        let route = Route::keys(["resources", "x", "kind"]);
        for kind in Kind::ALL {
            assert!(describe_word(&route, kind.as_str()).is_some(), "{kind:?}");
        }
        assert_eq!(words(&route).len(), Kind::ALL.len());
        assert_eq!(describe_word(&route, "databse"), None);
    }
}
