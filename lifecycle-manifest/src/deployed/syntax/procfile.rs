//! Heroku's `Procfile`: a process type and its command a line.
//!
//! Source: <https://devcenter.heroku.com/articles/procfile>. The tree is one mapping, [`KEY`], with the
//! commands by their process types.

use crate::text::{
    Document, Entry, Mapping, Node, Source, Span, SyntaxError, SyntaxErrorKind, Value,
};

/// The key under which the process types stand.
pub(in crate::deployed) const KEY: &str = "Procfile";

/// What a Procfile is called.
pub(super) const ENDINGS: &[&str] = &["Procfile"];

/// Reads a Procfile.
pub(super) fn read(text: &str) -> (Document, Vec<SyntaxError>) {
    let source = Source::new(text);
    let mut errors = Vec::new();
    let mut types: Vec<Entry> = Vec::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let begin = at + (line.len() - line.trim_start().len());
        let whole = Span::new(begin, begin + trimmed.len());
        let Some((name, command)) = process_type(trimmed) else {
            let help =
                "write `TYPE: COMMAND`, as in `web: exec ./shop`; Heroku passes such a line over";
            let kind = SyntaxErrorKind::Unsupported("a line without a process type", help);
            errors.push(SyntaxError { span: whole, kind });
            continue;
        };
        let key_span = Span::new(begin, begin + name.len());
        if let Some(first) = types.iter().find(|entry| entry.key == name) {
            let kind = SyntaxErrorKind::DuplicateKey(name.to_owned(), first.key_span);
            errors.push(SyntaxError {
                span: key_span,
                kind,
            });
            continue;
        }
        types.push(Entry {
            key: name.to_owned(),
            key_span,
            value: Node {
                span: Span::new(whole.end - command.len(), whole.end),
                value: Value::Scalar {
                    text: command.to_owned(),
                    plain: false,
                },
            },
        });
    }
    let whole = Span::new(0, source.text().len());
    let node = |value| Node { span: whole, value };
    let file = Entry {
        key: KEY.to_owned(),
        key_span: whole,
        value: node(Value::Mapping(types.into())),
    };
    let document = Document {
        root: node(Value::Sequence(vec![node(Value::Mapping(Mapping::from(
            vec![file],
        )))])),
        source,
        comments: Vec::new(),
    };
    (document, errors)
}

/// `web: ./shop`: letters, digits, `-` and `_`, and what is behind the colon.
fn process_type(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let command = command.trim_start();
    (!name.is_empty() && name.chars().all(known) && !command.is_empty()).then_some((name, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Route;

    #[test]
    fn each_process_type_has_its_command_with_its_place() {
        let text =
            "# how it runs\r\nweb: exec ./shop --a: 1\r\n\n worker:\t./work \nbroken\nweb: x\n";
        let (document, errors) = read(text);
        let route = Route::root().index(0).key(KEY);
        let at = |name: &str| document.source.slice(document.value_span(&route.key(name)));
        assert_eq!((at("web"), at("worker")), ("exec ./shop --a: 1", "./work"));
        let told: Vec<&str> = errors
            .iter()
            .map(|error| document.source.slice(error.span))
            .collect();
        assert_eq!(told, ["broken", "web"]);
    }
}
