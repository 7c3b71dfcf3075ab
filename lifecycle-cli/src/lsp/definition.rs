//! Names of resources: where each is declared, where it is meant, and the outline of the file.

use lifecycle_manifest::text::{Document, Entry, Node, Part, Route, Segment, Span, Value};
use lsp_types::{
    DocumentSymbol, DocumentSymbolResponse, GotoDefinitionResponse, Location, SymbolInformation,
    SymbolKind,
};

use super::documents::Open;
use super::server::Client;

/// The resource that is named at a place: where it is declared, in `after` and `uses`, and in a
/// platform's `timeouts`.
pub(super) fn resource_named(document: &Document, route: &Route, part: &Part) -> Option<String> {
    let mut keys = route.segments().iter();
    let mut next = || match keys.next()? {
        Segment::Key(key) => Some(&**key),
        Segment::Index(_) => None,
    };
    let name = match (next()?, next()?, next(), part) {
        ("resources", name, None, Part::Key) => return only(route, 2, name),
        ("resources", _, Some("after" | "uses"), Part::Value) => {
            match &document.get(route)?.value {
                Value::Scalar { text, .. } => text,
                _ => return None,
            }
        }
        ("platforms", _, Some("timeouts"), Part::Key) => return only(route, 4, next()?),
        _ => return None,
    };
    Some(name.clone())
}

fn only(route: &Route, length: usize, name: &str) -> Option<String> {
    (route.segments().len() == length).then(|| name.to_owned())
}

/// Where the resource under the cursor is declared.
pub(super) fn at(open: &Open, offset: usize) -> Option<GotoDefinitionResponse> {
    let document = open.analysis().document.as_ref()?;
    let (route, part) = document.at(offset)?;
    let name = resource_named(document, &route, &part)?;
    let entry = declaration(document, &name)?;
    Some(location(open, entry.key_span).into())
}

/// Every place that names the resource under the cursor.
pub(super) fn references(open: &Open, offset: usize, declared: bool) -> Option<Vec<Location>> {
    let document = open.analysis().document.as_ref()?;
    let (route, part) = document.at(offset)?;
    let name = resource_named(document, &route, &part)?;
    let mut spans: Vec<Span> = Vec::new();
    if declared {
        spans.extend(declaration(document, &name).map(|entry| entry.key_span));
    }
    for resource in entries(document.root.entry("resources")) {
        for list in ["after", "uses"] {
            let Some(list) = resource.value.entry(list) else {
                continue;
            };
            let names = match &list.value.value {
                Value::Sequence(items) => items.as_slice(),
                _ => std::slice::from_ref(&list.value),
            };
            spans.extend(names.iter().filter(|n| is_text(n, &name)).map(|n| n.span));
        }
    }
    for platform in entries(document.root.entry("platforms")) {
        let timeouts = entries(platform.value.entry("timeouts"));
        spans.extend(timeouts.filter(|e| e.key == name).map(|e| e.key_span));
    }
    // An alias names again what its anchor names, in the same place.
    spans.sort_unstable();
    spans.dedup();
    Some(spans.into_iter().map(|span| location(open, span)).collect())
}

/// The entry of a resource.
fn declaration<'d>(document: &'d Document, name: &str) -> Option<&'d Entry> {
    document.root.entry("resources")?.value.entry(name)
}

fn entries(entry: Option<&Entry>) -> impl Iterator<Item = &Entry> {
    let entries = match entry.map(|entry| &entry.value.value) {
        Some(Value::Mapping(entries)) => &entries[..],
        _ => &[],
    };
    entries.iter()
}

fn is_text(node: &Node, wanted: &str) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if text == wanted)
}

fn location(open: &Open, span: Span) -> Location {
    Location::new(open.uri.clone(), open.text.range(span))
}

/// So many symbols are listed.
const MOST_SYMBOLS: usize = 2_000;

/// The outline: keys within keys, down to a resource's own.
pub(super) fn symbols(open: &Open, client: &Client) -> Option<DocumentSymbolResponse> {
    let document = open.analysis().document.as_ref()?;
    let mut left = MOST_SYMBOLS;
    let tree = tree(open, &document.root, 0, &mut left);
    if client.symbol_tree {
        return Some(DocumentSymbolResponse::Nested(tree));
    }
    let mut list = Vec::new();
    flatten(open, tree, None, &mut list);
    Some(DocumentSymbolResponse::Flat(list))
}

#[allow(deprecated, reason = "the type has no other constructor")]
fn tree(open: &Open, node: &Node, depth: usize, left: &mut usize) -> Vec<DocumentSymbol> {
    let Value::Mapping(entries) = &node.value else {
        return Vec::new();
    };
    let mut symbols = Vec::new();
    for entry in entries {
        if *left == 0 {
            break;
        }
        *left -= 1;
        // What an alias brings stands elsewhere.
        let end = match entry.value.span.start >= entry.key_span.start {
            true => entry.value.span.end.max(entry.key_span.end),
            false => entry.key_span.end,
        };
        let (kind, detail) = match &entry.value.value {
            Value::Scalar { text, .. } => {
                (SymbolKind::PROPERTY, Some(text.chars().take(60).collect()))
            }
            Value::Sequence(_) => (SymbolKind::ARRAY, None),
            Value::Mapping(_) => (SymbolKind::OBJECT, summary(&entry.value)),
        };
        let children = match depth < 2 {
            true => tree(open, &entry.value, depth + 1, left),
            false => Vec::new(),
        };
        symbols.push(DocumentSymbol {
            name: match entry.key.trim() {
                "" => "?".to_owned(),
                key => key.chars().take(80).collect(),
            },
            detail,
            kind,
            tags: None,
            deprecated: None,
            range: open.text.range(Span::new(entry.key_span.start, end)),
            selection_range: open.text.range(entry.key_span),
            children: (!children.is_empty()).then_some(children),
        });
    }
    symbols
}

/// A resource in short: `http-server, 15s`.
pub(super) fn summary(node: &Node) -> Option<String> {
    let words: Vec<&str> = ["kind", "timeout"]
        .iter()
        .filter_map(|key| match &node.entry(key)?.value.value {
            Value::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", ").chars().take(60).collect())
}

#[allow(deprecated, reason = "the type has no other constructor")]
fn flatten(
    open: &Open,
    tree: Vec<DocumentSymbol>,
    within: Option<&str>,
    list: &mut Vec<SymbolInformation>,
) {
    for symbol in tree {
        list.push(SymbolInformation {
            name: symbol.name.clone(),
            kind: symbol.kind,
            tags: None,
            deprecated: None,
            location: Location::new(open.uri.clone(), symbol.range),
            container_name: within.map(str::to_owned),
        });
        let children = symbol.children.unwrap_or_default();
        flatten(open, children, Some(&symbol.name), list);
    }
}
