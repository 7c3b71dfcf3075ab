//! Completion of what a schema cannot know: the names of resources, in `after`, in `uses` and in a
//! platform's `timeouts`.

use lifecycle_manifest::text::{Document, Limits, Node, Part, Route, Segment, Value, parse};
use lsp_types::{CompletionItem, CompletionItemKind, CompletionTextEdit, Range, TextEdit};

use super::definition::summary;
use super::documents::Open;

/// What may be written at a place.
pub(super) fn at(open: &Open, offset: usize) -> Option<Vec<CompletionItem>> {
    let source = open.analysis().source.text();
    let before = source.get(..offset)?;
    if !["after", "uses", "timeouts"]
        .iter()
        .any(|key| before.contains(key))
    {
        return None;
    }
    let word = word_at(source, offset)?;
    let (document, place) = STANDINS
        .iter()
        .find_map(|standin| look(source, &word, standin))?;
    let resources = document.root.entry("resources")?;
    let Value::Mapping(entries) = &resources.value.value else {
        return None;
    };
    let range = Range::new(open.text.position(word.start), open.text.position(word.end));
    let items = entries
        .iter()
        .filter(|entry| !place.taken.contains(&entry.key))
        .map(|entry| {
            let text = match place.is_key {
                true => format!("{}: ", entry.key),
                false => entry.key.clone(),
            };
            CompletionItem {
                label: entry.key.clone(),
                kind: Some(CompletionItemKind::REFERENCE),
                detail: summary(&entry.value),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, text))),
                ..CompletionItem::default()
            }
        });
    Some(items.collect())
}

/// A half-written file is seldom YAML. With one of these in place of the word under the cursor it may
/// be: a name, a key, a list that is still open, one within braces that are open too.
const STANDINS: [&str; 6] = [
    "name",
    "name: 0",
    "name]",
    "name] }",
    "name: 0 }",
    "name: 0 } }",
];

/// Nobody waits for a name in a file that is larger by its aliases than by its text.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    repeated: 64 << 10,
    depth: 64,
};

/// Where a name is asked for.
struct Place {
    /// It is a key, with a value behind it.
    is_key: bool,
    /// Names that make no sense there: those that stand there already.
    taken: Vec<String>,
}

/// The word that the cursor is in or behind.
fn word_at(source: &str, offset: usize) -> Option<std::ops::Range<usize>> {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
    let (before, after) = (source.get(..offset)?, source.get(offset..)?);
    let start = before
        .rfind(is_end)
        .and_then(|at| Some(at + before[at..].chars().next()?.len_utf8()))
        .unwrap_or(0);
    let end = after.find(is_end).map_or(source.len(), |at| offset + at);
    Some(start..end)
}

fn look(source: &str, word: &std::ops::Range<usize>, standin: &str) -> Option<(Document, Place)> {
    let mut text = source.to_owned();
    text.replace_range(word.clone(), standin);
    let (document, _) = parse(&text, LIMITS);
    let document = document?;
    let (route, part) = document.at(word.start)?;
    let place = place(&document, &route, &part)?;
    Some((document, place))
}

fn place(document: &Document, route: &Route, part: &Part) -> Option<Place> {
    let segments: Vec<&str> = route
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => &**key,
            Segment::Index(_) => "",
        })
        .collect();
    let taken = |list: &Node| match &list.value {
        Value::Sequence(items) => items.iter().filter_map(text).collect(),
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
        Value::Scalar { .. } => Vec::new(),
    };
    match (segments.as_slice(), part) {
        (["resources", name, list @ ("after" | "uses"), ..], Part::Value) => {
            let list = Route::keys(["resources", name, list]);
            let mut taken = taken(document.get(&list)?);
            taken.push((*name).to_owned());
            Some(Place {
                is_key: false,
                taken,
            })
        }
        (["platforms", platform, "timeouts"], Part::Value)
        | (["platforms", platform, "timeouts", _], Part::Key) => {
            let timeouts = Route::keys(["platforms", platform, "timeouts"]);
            Some(Place {
                is_key: true,
                taken: taken(document.get(&timeouts)?),
            })
        }
        _ => None,
    }
}

fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that are offered at the `|` of a text.
    fn names(marked: &str) -> Vec<String> {
        let offset = marked.find('|').unwrap();
        let source = marked.replace('|', "");
        let word = word_at(&source, offset).unwrap();
        let found = STANDINS.iter().find_map(|it| look(&source, &word, it));
        let Some((document, place)) = found else {
            return Vec::new();
        };
        let Value::Mapping(resources) = &document.root.entry("resources").unwrap().value.value
        else {
            return Vec::new();
        };
        let names = resources.iter().map(|entry| entry.key.clone());
        names.filter(|name| !place.taken.contains(name)).collect()
    }

    #[test]
    fn names_are_offered_where_names_go_however_broken_the_rest() {
        let head = "resources:\n  db: { kind: database, timeout: 5s }\n  é: {}\n";
        for (tail, offered) in [
            ("  http: { uses: [|] }\n", "db é"),
            ("  http: { uses: [d|b] }\n", "db é"),
            ("  http: { uses: [db, |] }\n", "é"),
            ("  http: { uses: |}\n", "db é"),
            ("  http:\n    after: |\n", "db é"),
            ("  http:\n    after:\n      - |\n", "db é"),
            (
                "  http:\n    after:\n      - db\n      - |\n    timeout: 5s\n",
                "é",
            ),
            ("  http:\n    after: [|\n", "db é"),
            ("  http: { after: [|\nplatforms: {}\n", "db é"),
            ("  http: { after: [|", "db é"),
            ("  http: { kind: |}\n", ""),
            ("platforms: { ecs: { timeouts: { | } } }\n", "db é"),
            ("platforms: { ecs: { timeouts: { db: 1s, | } } }\n", "é"),
            ("platforms:\n  ecs:\n    timeouts:\n      |\n", "db é"),
            (
                "platforms:\n  ecs:\n    timeouts:\n      db: 5s\n      |\n",
                "é",
            ),
            ("platforms:\n  ecs:\n    timeouts: { |\n", "db é"),
            ("platforms:\n  ecs: |\n", ""),
            ("# |\n", ""),
        ] {
            assert_eq!(names(&format!("{head}{tail}")).join(" "), offered, "{tail}");
        }
    }

    #[test]
    fn a_resource_is_not_offered_to_itself() {
        assert_eq!(names("resources: { a: { uses: [|] }, b: {} }"), ["b"]);
    }
}
