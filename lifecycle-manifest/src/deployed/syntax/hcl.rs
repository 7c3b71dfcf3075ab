//! HCL, as Nomad's job files are written in.
//!
//! Blocks are read as the JSON syntax of HCL has them: a block's labels are keys within one
//! another, and at the end stands the list of the blocks of these names. What is computed when the job is
//! run, such as `var.image`, is a text with `${…}` around it.

use std::collections::HashMap;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::Element;

use super::{around, at, not, small_enough};
use crate::text::{Document, Entry, Node, Source, Span, SyntaxError, Value};

/// Under this key a block with labels holds the last of them, so that it has a place of its own. No name
/// in HCL has parentheses.
pub(in crate::deployed) const LABEL: &str = "(label)";

pub(super) fn read(text: &str) -> (Document, Vec<SyntaxError>) {
    let source = Source::new(text);
    if let Err(error) = small_enough(source.text()) {
        return (super::document_of(source, None), vec![error]);
    }
    match hcl_edit::parser::parse_body(source.text()) {
        Ok(body) => {
            let whole = Span::new(0, source.text().len());
            let root = mapping(&source, &body, whole);
            (super::document_of(source, Some(root)), Vec::new())
        }
        Err(error) => {
            let offset = error.location().offset();
            let words = error.message().replace('\n', ", ");
            let error = not("HCL", &words, Span::new(offset, offset));
            (super::document_of(source, None), vec![error])
        }
    }
}

/// A body's entries while they are gathered: blocks of one name stand apart in the file.
#[derive(Default)]
struct Gathered {
    entries: Vec<(String, Span, Held)>,
    by_key: HashMap<String, usize>,
}

/// What stands under a key.
enum Held {
    Attribute(Node),
    /// Blocks without a label, or without a further one.
    Blocks(Vec<Node>),
    /// Blocks with a label, by it.
    Labelled(Gathered),
}

impl Gathered {
    /// Puts a block under its name and its labels.
    fn block(&mut self, path: &[(String, Span)], body: Node) {
        let Some(((key, span), rest)) = path.split_first() else {
            return;
        };
        let at = *self.by_key.entry(key.clone()).or_insert_with(|| {
            let held = match rest.is_empty() {
                true => Held::Blocks(Vec::new()),
                false => Held::Labelled(Self::default()),
            };
            self.entries.push((key.clone(), *span, held));
            self.entries.len() - 1
        });
        match (&mut self.entries[at].2, rest.is_empty()) {
            (Held::Blocks(blocks), true) => blocks.push(body),
            (Held::Labelled(inner), false) => inner.block(rest, body),
            // With a label here and without one there: it has the empty one.
            (Held::Labelled(inner), true) => inner.block(&[(String::new(), *span)], body),
            // An attribute of the same name, or a label too many: the first holds.
            (Held::Attribute(_) | Held::Blocks(_), _) => {}
        }
    }

    fn node(self, span: Option<Span>) -> Node {
        let entries: Vec<Entry> = self
            .entries
            .into_iter()
            .map(|(key, key_span, held)| {
                let value = match held {
                    Held::Attribute(node) => node,
                    Held::Labelled(inner) => inner.node(None),
                    Held::Blocks(blocks) => {
                        let spans = blocks.iter().map(|block| block.span);
                        Node {
                            span: around(Span::default(), spans),
                            value: Value::Sequence(blocks),
                        }
                    }
                };
                Entry {
                    key,
                    key_span,
                    value,
                }
            })
            .collect();
        let spans = || entries.iter().map(|entry| entry.value.span);
        Node {
            span: span.unwrap_or_else(|| around(Span::default(), spans())),
            value: Value::Mapping(entries.into()),
        }
    }
}

fn mapping(source: &Source, body: &Body, span: Span) -> Node {
    entries(source, body, None).node(Some(span))
}

fn entries(source: &Source, body: &Body, label: Option<&(String, Span)>) -> Gathered {
    let mut gathered = Gathered::default();
    if let Some((text, span)) = label {
        let node = Node {
            span: *span,
            value: Value::Scalar {
                text: text.clone(),
                plain: false,
            },
        };
        let held = (LABEL.to_owned(), *span, Held::Attribute(node));
        gathered.entries.push(held);
    }
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let key = attribute.key.as_str().to_owned();
                let span = attribute.key.span().map_or(Span::default(), at);
                let next = gathered.entries.len();
                if *gathered.by_key.entry(key.clone()).or_insert(next) == next {
                    let held = Held::Attribute(expression(source, &attribute.value));
                    gathered.entries.push((key, span, held));
                }
            }
            Structure::Block(block) => {
                let whole = block.span().map_or(Span::default(), at);
                let path = path(block);
                let body = entries(source, &block.body, path.get(1..).and_then(<[_]>::last));
                gathered.block(&path, body.node(Some(whole)));
            }
        }
    }
    gathered
}

/// A block's name and its labels.
fn path(block: &Block) -> Vec<(String, Span)> {
    let name = block.ident.span().map_or(Span::default(), at);
    let labels = block.labels.iter().map(|label| {
        let span = label.span().map_or(name, at);
        (label.as_str().to_owned(), span)
    });
    std::iter::once((block.ident.as_str().to_owned(), name))
        .chain(labels)
        .collect()
}

fn expression(source: &Source, expression: &Expression) -> Node {
    let span = expression.span().map_or(Span::default(), at);
    let text = |text: String| Value::Scalar { text, plain: false };
    let value = match expression {
        Expression::Parenthesis(inner) => return self::expression(source, inner.inner()),
        Expression::String(string) => text(string.value().to_owned()),
        Expression::StringTemplate(template) => text(pieces(source, template.iter())),
        Expression::HeredocTemplate(heredoc) => {
            let mut heredoc = heredoc.as_ref().clone();
            heredoc.dedent();
            text(pieces(source, heredoc.template.iter()))
        }
        Expression::Null(_) | Expression::Bool(_) | Expression::Number(_) => Value::Scalar {
            text: source.slice(span).to_owned(),
            plain: true,
        },
        Expression::Array(items) => {
            let items = items.iter().map(|item| self::expression(source, item));
            Value::Sequence(items.collect())
        }
        Expression::Object(object) => {
            let mut gathered = Gathered::default();
            for (key, value) in object {
                let (key, key_span) = object_key(source, key);
                let next = gathered.entries.len();
                if *gathered.by_key.entry(key.clone()).or_insert(next) == next {
                    let held = Held::Attribute(self::expression(source, value.expr()));
                    gathered.entries.push((key, key_span, held));
                }
            }
            return gathered.node(Some(span));
        }
        _ => text(format!("${{{}}}", source.slice(span))),
    };
    Node { span, value }
}

/// A key of an object: a name, or text in quotes.
fn object_key(source: &Source, key: &ObjectKey) -> (String, Span) {
    match key {
        ObjectKey::Ident(name) => {
            let span = name.span().map_or(Span::default(), at);
            (name.as_str().to_owned(), span)
        }
        ObjectKey::Expression(key) => {
            let node = expression(source, key);
            match node.value {
                Value::Scalar { text, .. } => (text, node.span),
                _ => (source.slice(node.span).to_owned(), node.span),
            }
        }
    }
}

/// A template as text: what stands there literally, and `${…}` for what does not.
fn pieces<'t>(source: &Source, elements: impl Iterator<Item = &'t Element>) -> String {
    let piece = |element: &Element| match element {
        Element::Literal(text) => text.value().clone(),
        element => element
            .span()
            .map_or_else(String::new, |span| source.slice(at(span)).to_owned()),
    };
    elements.map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::text::{Document, Node, Route, Value};

    fn route(path: &str) -> Route {
        let keys = path.split('.');
        keys.fold(Route::root().index(0), |route, key| match key.parse() {
            Ok(index) => route.index(index),
            Err(_) => route.key(key),
        })
    }

    fn shown<'d>(document: &'d Document, path: &str) -> (&'d str, &'d str) {
        let (key, value) = (
            document.key_span(&route(path)),
            document.value_span(&route(path)),
        );
        (document.source.slice(key), document.source.slice(value))
    }

    fn text<'d>(document: &'d Document, path: &str) -> &'d str {
        match document.get(&route(path)).map(|node| &node.value) {
            Some(Value::Scalar { text, .. }) => text,
            other => panic!("{path}: {other:?}"),
        }
    }

    const JOB: &str = "\u{feff}# é\r
job \"shop\" {\r
  group web {\r
    count = -1\r
    network { mode = \"host\" }\r
    task \"app\" {\r
      kill_timeout = \"45s\" # forty-five\r
      env { A = \"1\" }\r
      image = var.image\r
    }\r
    task \"log\" { args = [\"a${b}\", \"$${c}\", (null)] }\r
    network { mode = \"bridge\" }\r
    meta = { \"x y\" = true, z = <<-E
        one
          two
        E
    }\r
  }\r
}\r
";

    #[test]
    fn every_key_and_every_value_knows_its_bytes() {
        let (document, errors) = read(JOB);
        assert!(errors.is_empty(), "{errors:?}");
        let group = "job.shop.0.group.web.0";
        let task = format!("{group}.task.app.0");
        assert_eq!(
            shown(&document, &format!("{task}.kill_timeout")),
            ("kill_timeout", "\"45s\"")
        );
        assert_eq!(
            shown(&document, "job.shop"),
            ("\"shop\"", shown(&document, "job").1)
        );
        assert_eq!(shown(&document, &format!("{group}.task.app")).0, "\"app\"");
        assert_eq!(shown(&document, "job.shop.0.group.web").0, "web");
        assert_eq!(shown(&document, &format!("{group}.count")), ("count", "-1"));
        assert_eq!(
            shown(&document, &format!("{group}.network.1.mode")).1,
            "\"bridge\""
        );
        assert_eq!(
            shown(&document, &format!("{group}.meta.x y")),
            ("\"x y\"", "true")
        );
        let block = shown(&document, &task).1;
        assert!(
            block.starts_with("task \"app\" {") && block.ends_with('}'),
            "{block}"
        );
    }

    #[test]
    fn values_are_what_hcl_makes_of_them() {
        let (document, _) = read(JOB);
        let group = "job.shop.0.group.web.0";
        assert_eq!(text(&document, &format!("{group}.task.app.0.env.0.A")), "1");
        assert_eq!(
            text(&document, &format!("{group}.task.app.0.image")),
            "${var.image}"
        );
        assert_eq!(
            text(&document, &format!("{group}.task.log.0.args.0")),
            "a${b}"
        );
        assert_eq!(
            text(&document, &format!("{group}.task.log.0.args.1")),
            "${c}"
        );
        assert_eq!(text(&document, &format!("{group}.meta.z")), "one\n  two\n");
        let null = document.get(&route(&format!("{group}.task.log.0.args.2")));
        assert!(null.is_some_and(Node::is_null));
    }

    #[test]
    fn what_is_broken_is_told_with_its_place() {
        let (document, errors) = read("job \"a\" {\n  count = \n}\n");
        let [error] = &errors[..] else {
            panic!("{errors:?}")
        };
        assert_eq!(document.source.position(error.span.start).line, 2);
        for hostile in [
            "a {".repeat(50_000),
            "a = ".to_owned() + &"[".repeat(100_000),
            "a = ".to_owned() + &"${\"".repeat(50_000),
            "a = 1".to_owned() + &" + 1".repeat(100_000),
        ] {
            assert!(!read(&hostile).1.is_empty());
        }
    }
}
