//! The last touches for editors: what yaml-language-server and its relatives show best.
//!
//! Nothing here changes what a schema takes; only how completion and hover put it.

use serde_json::{Map, Value, json};

/// Dresses a whole schema.
pub(super) fn dress(schema: &mut Value) {
    let mut empty = Vec::new();
    walk(schema, &mut |node| {
        words(node);
        choices(node);
        empty.extend(may_be_empty(node));
    });
    for mapping in empty {
        if let Some(mapping) = schema.pointer_mut(&mapping) {
            mapping["type"] = json!(["object", "null"]);
        }
    }
    // What is said of a choice is said of each key that holds it.
    let definitions = schema["$defs"].clone();
    let ways = |node: &Map<String, Value>| {
        let name = node.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        let choice = &definitions[name];
        choice["anyOf"].as_array()?;
        Some(choice["description"].as_str()?.to_owned())
    };
    walk(schema, &mut |node| {
        if let Some(ways) = ways(node) {
            append(node, &ways);
        }
        // Without this, an editor shows the Markdown's own characters.
        if let Some(Value::String(text)) = node.get("description") {
            let text = Value::String(text.clone());
            node.insert("markdownDescription".to_owned(), text);
        }
    });
}

/// Every schema within a schema, the inner ones first.
fn walk(value: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(node) => {
            for inner in node.values_mut() {
                walk(inner, change);
            }
            change(node);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        _ => {}
    }
}

/// A choice of words becomes an enumeration with a text for each: a hover then lists them all, and a
/// wrong word is answered with the right ones.
fn words(node: &mut Map<String, Value>) {
    let Some(choices) = node.get("oneOf").and_then(Value::as_array) else {
        return;
    };
    let words: Vec<Value> = choices
        .iter()
        .map(|choice| choice["const"].clone())
        .collect();
    if !words.iter().all(Value::is_string) {
        return;
    }
    let texts = choices.iter().map(|choice| choice["description"].clone());
    let texts: Vec<Value> = texts.collect();
    node.remove("oneOf");
    node.insert("type".to_owned(), json!("string"));
    node.insert("enum".to_owned(), Value::Array(words));
    node.insert("markdownEnumDescriptions".to_owned(), Value::Array(texts));
}

/// What a key may hold in several ways: the key's own text says them all. An editor would show the
/// first way's text alone.
fn choices(node: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = node.get_mut("anyOf") else {
        return;
    };
    let mut texts = Vec::new();
    for choice in choices.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(Value::String(text)) = choice.remove("description") {
            texts.push(format!("- {text}"));
        }
    }
    if texts.is_empty() {
        return;
    }
    append(node, &texts.join("\n"));
}

/// Adds a paragraph to what is said of a schema.
fn append(node: &mut Map<String, Value>, paragraph: &str) {
    let text = match node.get("description").and_then(Value::as_str) {
        Some(own) => format!("{own}\n\n{paragraph}"),
        None => paragraph.to_owned(),
    };
    node.insert("description".to_owned(), Value::String(text));
}

/// A key that may have nothing behind it: the mapping itself may be nothing, so that the key is
/// completed with a line for the mapping's first key. Gives the mapping's place in the schema.
fn may_be_empty(node: &mut Map<String, Value>) -> Option<String> {
    let choices = node.get("anyOf")?.as_array()?;
    let [mapping, nothing] = choices.as_slice() else {
        return None;
    };
    if nothing["type"] != "null" {
        return None;
    }
    let target = mapping["$ref"].as_str()?.to_owned();
    node.remove("anyOf");
    node.insert("$ref".to_owned(), Value::String(target.clone()));
    target.strip_prefix('#').map(str::to_owned)
}
