//! Somebody else's file: many documents, in YAML or JSON, read as far as they can be.

use std::ops::Range;

use super::parse::Builder;
use super::{Document, Limits, Node, Source, Span, SyntaxError, Value};

/// So many faults of one file are told; nobody reads further.
const MOST_FAULTS: usize = 20;

impl Limits {
    /// For a whole `kubectl get all -o yaml`: 64 MiB and 2,000,000 values, of which no more
    /// than 400 MB of memory come.
    pub const fn of_a_stream() -> Self {
        Self {
            bytes: 64 << 20,
            nodes: 2_000_000,
            repeated: 16 << 20,
            depth: 128,
        }
    }
}

/// Reads a file that is not ours: a stream of documents, as YAML or as JSON values after one another.
///
/// The root is the sequence of the documents. The tags of CloudFormation are read as the
/// functions that they stand for, all others as if they were not there; merge keys are followed. A document that cannot be read is reported, and reading goes on with the next.
///
/// ```
/// use lifecycle_manifest::text::{Limits, Route, parse_stream};
/// let (document, errors) = parse_stream("a: 1\n---\n{\"b\": 2}\n", Limits::of_a_stream());
/// assert!(errors.is_empty());
/// let second = document.get(&Route::root().index(1).key("b")).unwrap();
/// assert_eq!(document.source.slice(second.span), "2");
/// ```
pub fn parse_stream(text: &str, limits: Limits) -> (Document, Vec<SyntaxError>) {
    let source = Source::new(text);
    let text = source.text();
    let mut builder = Builder::new(text, limits).lenient();
    let mut documents: Vec<Node> = Vec::new();
    match builder.small_enough() {
        Err(error) => builder.errors.push(error),
        Ok(()) => {
            let parts = json_values(text);
            let whole = parts.is_none().then_some(0..text.len());
            for part in parts.into_iter().flatten().chain(whole) {
                read(&mut builder, text, part, &mut documents);
            }
        }
    }
    let errors = builder.errors;
    let root = Node {
        span: Span::new(0, text.len()),
        value: Value::Sequence(documents),
    };
    let document = Document {
        source,
        root,
        comments: Vec::new(),
    };
    (document, errors)
}

/// Reads a part of the text, and goes on with the next document where one cannot be read.
fn read(builder: &mut Builder<'_>, text: &str, part: Range<usize>, documents: &mut Vec<Node>) {
    let mut start = part.start;
    while let Err(error) = builder.documents(start..part.end, documents) {
        let at = error.span.start;
        let goes_on = !matches!(error.kind, super::SyntaxErrorKind::TooLarge(..));
        builder.errors.push(error);
        let next = text.get(at..part.end).and_then(|rest| rest.find("\n---"));
        match next {
            Some(next) if goes_on && builder.errors.len() < MOST_FAULTS => start = at + next + 1,
            _ => break,
        }
    }
}

/// The ranges of JSON values that follow one another without a `---`, as `jq` and several `aws`
/// commands print them; `None` where the text is empty, or is not JSON.
fn json_values(text: &str) -> Option<Vec<Range<usize>>> {
    let mut values = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        if at == text.len() {
            break;
        }
        if !text[at..].starts_with(['{', '[']) {
            return None;
        }
        let end = at + json_end(&text[at..])?;
        values.push(at..end);
        at = end;
    }
    (!values.is_empty()).then_some(values)
}

/// Where the JSON value ends that the text begins with.
fn json_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Route, SyntaxErrorKind};
    use super::*;

    fn texts(text: &str, keys: &[&str]) -> (Vec<Option<String>>, usize) {
        let (document, errors) = parse_stream(text, Limits::of_a_stream());
        let Value::Sequence(documents) = &document.root.value else {
            return (Vec::new(), errors.len());
        };
        let found = (0..documents.len())
            .map(|index| {
                let route = keys
                    .iter()
                    .fold(Route::root().index(index), |route, key| route.key(key));
                let node = document.get(&route)?;
                Some(document.source.slice(node.span).to_owned())
            })
            .collect();
        (found, errors.len())
    }

    #[test]
    fn yaml_and_json_with_tabs_or_without_spaces_are_read_alike() {
        for text in [
            "spec:\n  grace: 30\n",
            "{\n\t\"spec\": {\n\t\t\"grace\": 30\n\t}\n}\n",
            "{\"spec\":{\"grace\":30}}",
            "\u{feff}spec:\r\n  grace: 30\r\n",
            "{\"spec\":\n{\"grace\"\n:\n30}}",
            "%YAML 1.1\n---\nspec: !!map { grace: 30 }\n...\n",
        ] {
            let (found, errors) = texts(text, &["spec", "grace"]);
            assert_eq!((found, errors), (vec![Some("30".into())], 0), "{text:?}");
        }
    }

    #[test]
    fn a_function_of_cloudformation_is_known_by_its_whole_tag() {
        let (found, errors) = texts("a: !Sub x\n---\na: !!Sub x\n", &["a", "Fn::Sub"]);
        assert_eq!((found, errors), (vec![Some("x".into()), None], 0));
    }

    #[test]
    fn json_values_after_one_another_are_documents_each_with_its_own_places() {
        let (found, errors) = texts("{\"a\": \"}\\\"{\"}\n{\"a\": 2}{\"a\": 3}", &["a"]);
        let found: Vec<String> = found.into_iter().flatten().collect();
        assert_eq!(
            (found, errors),
            (vec!["\"}\\\"{\"".into(), "2".into(), "3".into()], 0)
        );
    }

    #[test]
    fn a_broken_document_does_not_take_the_others_with_it() {
        let (found, errors) = texts("a: 1\n---\na: [\n---\na: 3\n", &["a"]);
        assert_eq!(found.first(), Some(&Some("1".into())));
        assert_eq!(found.last(), Some(&Some("3".into())));
        assert_eq!(errors, 1);
        let (found, errors) = texts("a: b: c\n  d: e\n  f: g\n---\na: [\n---\na: 3\n", &["a"]);
        assert_eq!(found.last(), Some(&Some("3".into())));
        assert_eq!(errors, 2);
    }

    #[test]
    fn so_many_faults_of_one_file_are_told_and_no_more() {
        let broken = "a: [\n---\n".repeat(MOST_FAULTS + 10);
        assert_eq!(texts(&broken, &["a"]).1, MOST_FAULTS);
    }

    #[test]
    fn what_is_too_large_is_not_read_on() {
        let limits = Limits {
            nodes: 5,
            ..Limits::of_a_stream()
        };
        let (_, errors) = parse_stream("[1, 2, 3, 4, 5]\n---\n[1]\n---\n[1]\n", limits);
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn keys_twice_are_told_and_merge_keys_followed() {
        let text = "x: &x { a: 1 }\ny: &y { b: 2 }\nz: { <<: [*x, *y], a: 3, a: 4 }\n";
        let (document, errors) = parse_stream(text, Limits::of_a_stream());
        assert!(matches!(
            errors[..],
            [SyntaxError {
                kind: SyntaxErrorKind::DuplicateKey(..),
                ..
            }]
        ));
        let z = Route::root().index(0).key("z");
        let a = document
            .get(&z.key("a"))
            .map(|node| document.source.slice(node.span));
        assert_eq!(a, Some("3"));
        assert!(document.get(&z.key("b")).is_some());
    }

    #[test]
    fn json_that_escapes_as_json_may_is_read() {
        let (document, errors) = parse_stream(
            "{\"a\": \"https:\\/\\/x \\u003c \\ud83d\\ude00 \\u00e9\", \"b\": 1}",
            Limits::of_a_stream(),
        );
        assert!(errors.is_empty(), "{errors:?}");
        assert!(document.get(&Route::root().index(0).key("b")).is_some());
    }
}
