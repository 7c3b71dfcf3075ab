//! Holds a report against `docs/shutdown-report.schema.json`: just as much of JSON Schema as that
//! file uses, and no field beside those that it names.

use serde_json::Value;

/// What is wrong with `document`, a line each; empty: nothing.
pub(crate) fn complaints(document: &Value) -> Vec<String> {
    let schema = include_str!("../../../docs/shutdown-report.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let mut complaints = Vec::new();
    check(&schema, &schema, document, "$", &mut complaints);
    complaints
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let kept = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let pointer = wanted.as_str().and_then(|it| it.strip_prefix('#'));
                let target = pointer.and_then(|it| root.pointer(it));
                check(root, target.expect("a definition"), value, path, out);
                true
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "minimum" => value.as_u64() >= wanted.as_u64(),
            "type" => match wanted {
                Value::Array(any) => any.iter().any(|it| is(value, it)),
                one => is(value, one),
            },
            "required" => {
                let names = wanted.as_array().expect("a list");
                names
                    .iter()
                    .all(|it| value.get(it.as_str().expect("a name")).is_some())
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let path = format!("{path}.{name}");
                    match wanted.get(name) {
                        Some(schema) => check(root, schema, value, &path, out),
                        None => out.push(format!("{path} is not in the schema")),
                    }
                }
                true
            }
            "items" => {
                for (at, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, value, &format!("{path}[{at}]"), out);
                }
                true
            }
            other => panic!("this reader does not know the keyword {other}"),
        };
        if !kept {
            out.push(format!("{path}: {value} is not {keyword} {wanted}"));
        }
    }
}

fn is(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("this reader does not know the type {other}"),
    }
}
