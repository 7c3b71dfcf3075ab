//! TOML, as `fly.toml` is written in.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{around, at, not, small_enough};
use crate::text::{Document, Entry, Node, Source, Span, SyntaxError, Value};

/// What is broken is told, and the rest is read.
pub(super) fn read(text: &str) -> (Document, Vec<SyntaxError>) {
    let source = Source::new(text);
    if let Err(error) = small_enough(source.text()) {
        return (super::document_of(source, None), vec![error]);
    }
    let (table, errors) = DeTable::parse_recoverable(source.text());
    let end = source.text().len();
    let errors = errors.iter().map(|error| {
        let span = error.span().map_or(Span::new(end, end), at);
        not("TOML", error.message(), span)
    });
    let errors = errors.collect();
    let root = mapping(&source, table.get_ref(), Span::new(0, end));
    (super::document_of(source, Some(root)), errors)
}

/// A table's entries in the order of the file. A table with a header of its own reaches from there to
/// the end of its last value.
fn mapping(source: &Source, table: &DeTable<'_>, span: Span) -> Node {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: at(key.span()),
            value: node(source, value),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    let spans = entries.iter().map(|entry| entry.value.span);
    Node {
        span: around(span, spans),
        value: Value::Mapping(entries.into()),
    }
}

fn node(source: &Source, value: &Spanned<DeValue<'_>>) -> Node {
    let span = at(value.span());
    let value = match value.get_ref() {
        DeValue::Table(table) => return mapping(source, table, span),
        DeValue::Array(items) => {
            let items: Vec<Node> = items.iter().map(|item| node(source, item)).collect();
            let span = around(span, items.iter().map(|item| item.span));
            let value = Value::Sequence(items);
            return Node { span, value };
        }
        DeValue::String(text) => Value::Scalar {
            text: text.clone().into_owned(),
            plain: false,
        },
        // Numbers, truth values and times, as they stand there.
        _ => Value::Scalar {
            text: source.slice(span).to_owned(),
            plain: true,
        },
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::text::{Document, Route};

    fn shown(document: &Document, route: &[&str]) -> (String, String) {
        let route = route
            .iter()
            .fold(Route::root().index(0), |route, key| match key.parse() {
                Ok(index) => route.index(index),
                Err(_) => route.key(key),
            });
        let slice = |span| document.source.slice(span).to_owned();
        (
            slice(document.key_span(&route)),
            slice(document.value_span(&route)),
        )
    }

    #[test]
    fn every_key_and_every_value_knows_its_bytes() {
        let (document, errors) = read(
            "\u{feff}app = \"é\" # one\r\nkill_timeout = 1_0\r\n[http_service]\r\n'internal port' = 8080\r\n[[http_service.checks]]\r\nport = 1\r\n[[http_service.checks]]\r\nport = 2\r\n",
        );
        assert!(errors.is_empty(), "{errors:?}");
        let shown = |route: &[&str]| shown(&document, route);
        assert_eq!(shown(&["app"]), ("app".into(), "\"é\"".into()));
        assert_eq!(
            shown(&["kill_timeout"]),
            ("kill_timeout".into(), "1_0".into())
        );
        assert_eq!(
            shown(&["http_service", "internal port"]),
            ("'internal port'".into(), "8080".into())
        );
        assert_eq!(
            shown(&["http_service", "checks", "1", "port"]),
            ("port".into(), "2".into())
        );
        let (key, value) = shown(&["http_service"]);
        assert_eq!(key, "http_service");
        assert!(
            value.starts_with("[http_service]") && value.ends_with("port = 2"),
            "{value}"
        );
    }

    #[test]
    fn what_is_broken_is_told_and_the_rest_is_read() {
        let (document, errors) = read("app = \"a\"\nkill_timeout = 5 s\napp = \"b\"\n");
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert_eq!(shown(&document, &["app"]).1, "\"a\"");
        for hostile in [
            "[".repeat(100_000),
            "a = ".to_owned() + &"[".repeat(100_000),
            "a.".repeat(100_000),
        ] {
            assert!(!read(&hostile).1.is_empty());
        }
    }
}
