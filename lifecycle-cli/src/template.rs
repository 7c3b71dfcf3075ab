//! Rendering a template so that no value can break out of its place.

use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use serde::Serialize;

/// Renders a template of ours. Strings come out quoted, as JSON that is also YAML.
///
/// # Errors
///
/// A template that does not render is a fault of this tool and not of the manifest; the error says so.
pub(crate) fn render(name: &str, source: &str, data: impl Serialize) -> Result<String> {
    render_as(name, source, quote, data)
}

/// The same for a file of another language, which quotes text in its own way.
pub(crate) fn render_as(
    name: &str,
    source: &str,
    quote: fn(&str) -> String,
    data: impl Serialize,
) -> Result<String> {
    rendered(name, source, quote, None, data).map_err(|error| {
        anyhow!("the template {name} does not render: {error:#}\nthis is a fault of lifecycle itself, please report it")
    })
}

/// The same for a template that is not ours: what is wrong with it is for whoever wrote it.
pub(crate) fn try_render(
    name: &str,
    source: &str,
    quote: fn(&str) -> String,
    data: impl Serialize,
) -> Result<String, Error> {
    rendered(name, source, quote, Some(2_000_000), data)
}

/// A template of ours comes to its end; one of theirs is made to, by its `fuel`.
fn rendered(
    name: &str,
    source: &str,
    quote: fn(&str) -> String,
    fuel: Option<u64>,
    data: impl Serialize,
) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(fuel);
    environment.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.set_debug(true);
    environment.set_formatter(move |out, state, value| format(out, state, value, quote));
    environment
        .template_from_named_str(name, source)?
        .render(minijinja::value::Serde(data))
}

/// Text for a comment: one line, whatever is in it.
pub(crate) fn comment(text: &str) -> Value {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    Value::from_safe_string(text.replace(breaks, " "))
}

/// Text that cannot end the element or the attribute that it stands in, of SVG or HTML. What no document may
/// hold, however it is written, and what would turn the direction of the text after it, is shown as the
/// replacement character.
pub(crate) fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fdd0}'..='\u{fdef}' => {
                escaped.push('\u{fffd}');
            }
            c if u32::from(c) & 0xfffe == 0xfffe => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn format(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
    quote: fn(&str) -> String,
) -> Result<(), Error> {
    let text = match value.kind() {
        ValueKind::Undefined | ValueKind::None | ValueKind::Map => {
            let what = format!("{} has no text in {}", value.kind(), state.name());
            return Err(Error::new(ErrorKind::InvalidOperation, what));
        }
        _ if value.is_safe() => value.to_string(),
        ValueKind::String => quote(value.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            let items: Result<Vec<String>, Error> = value
                .try_iter()?
                .map(|item| match item.as_str() {
                    Some(text) => Ok(quote(text)),
                    None => Ok(item.to_string()),
                })
                .collect();
            format!("[{}]", items?.join(", "))
        }
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        _ => value.to_string(),
    };
    out.write_str(&text)
        .map_err(|_| Error::new(ErrorKind::WriteFailure, "could not write"))
}

/// Text in double quotes that every reader of JSON, YAML 1.1 and YAML 1.2 takes for that same text:
/// besides what JSON escapes, what YAML does not let stand as it is.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Controls, line separators that YAML 1.1 folds, the byte order mark and non-characters.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                // Writing to a `String` cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_never_ends_is_stopped() {
        let around =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let error = try_render("endless", around, quote, ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfFuel);
        let deep = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        assert!(try_render("deep", deep, quote, ()).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_is_read_back_as_the_same(text in any::<String>()) {
            let json: String = serde_json::from_str(&quote(&text)).unwrap();
            prop_assert_eq!(&json, &text);
            let yaml: String = serde_yaml::from_str(&quote(&text)).unwrap();
            prop_assert_eq!(&yaml, &text);
        }
    }

    #[test]
    fn words_that_yaml_would_take_for_something_else_stay_words() {
        for text in [
            "no", "on", "~", "null", "1e3", "0o17", "12:30", "- a", "a: b", "{{ x }}", "\u{85}",
        ] {
            let value: serde_yaml::Value = serde_yaml::from_str(&quote(text)).unwrap();
            assert_eq!(value, serde_yaml::Value::String(text.to_owned()));
        }
    }

    #[test]
    fn a_missing_value_is_our_fault_and_said_to_be() {
        let error = render("x.yaml", "a: {{ nothing }}\n", ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("fault of lifecycle itself"), "{error}");
    }
}
