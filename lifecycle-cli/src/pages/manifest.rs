//! `docs/reference/manifest.md`: every key, out of the JSON Schema that editors have.

use std::fmt::Write as _;

use lifecycle_manifest::{Kind, schema};
use serde_json::Value;

use super::{cell, hold_part};

/// The schema, in which one part refers to others.
pub(super) struct Root(Value);

/// A key: its whole path, what it takes, what it is for.
struct Row {
    path: String,
    takes: String,
    means: String,
}

impl Root {
    pub(super) fn new() -> Self {
        Self(schema::schema().to_value())
    }

    /// What it refers to, or itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let name = value["$ref"].as_str().and_then(|it| it.rsplit('/').next());
        name.map_or(value, |name| &self.0["$defs"][name])
    }

    pub(super) fn platform<'a>(&'a self, key: &str) -> &'a Value {
        let platforms = self.resolve(&self.0["properties"]["platforms"]);
        self.resolve(&platforms["properties"][key])
    }

    /// The ways in which it can be written.
    fn forms<'a>(&'a self, value: &'a Value) -> Vec<&'a Value> {
        let value = self.resolve(value);
        match value["anyOf"].as_array() {
            Some(forms) => forms.iter().flat_map(|form| self.forms(form)).collect(),
            None => vec![value],
        }
    }

    /// One form in a word or two.
    fn takes(&self, value: &Value) -> String {
        if value["title"] == "duration" {
            return "duration".to_owned();
        }
        if let Some(words) = value["enum"].as_array() {
            let words: Vec<String> = words
                .iter()
                .map(|word| format!("`{}`", plain(word)))
                .collect();
            return words.join(", ");
        }
        if let Some(word) = value.get("const") {
            return format!("`{}`", plain(word));
        }
        let is = |name: &str| {
            let kind = &value["type"];
            kind == name
                || kind
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|it| it == name))
        };
        if is("object") {
            return "mapping".to_owned();
        }
        if is("array") {
            let forms = self.forms(&value["items"]);
            let items: Vec<String> = forms.iter().map(|form| self.takes(form)).collect();
            return format!("list: {}", unique(items).join(" or "));
        }
        let range = |least: &Value, most: &Value| match (least.as_u64(), most.as_u64()) {
            (Some(least), Some(most)) => format!(", {least} to {most}"),
            (Some(least), None) if least > 0 => format!(", at least {least}"),
            _ => String::new(),
        };
        match value["type"].as_str() {
            Some("integer") => format!("number{}", range(&value["minimum"], &value["maximum"])),
            Some("boolean") => "`true`, `false`".to_owned(),
            Some("string") => "text".to_owned(),
            _ => String::new(),
        }
    }

    /// The mappings in it, with what stands between its own path and theirs.
    fn mappings<'a>(&'a self, value: &'a Value) -> Vec<(&'static str, &'a Value)> {
        let mut found = Vec::new();
        for form in self.forms(value) {
            if form["properties"].is_object() {
                found.push(("", form));
            } else if form["items"].is_object() {
                let items = self.mappings(&form["items"]);
                found.extend(items.into_iter().map(|(_, items)| ("[]", items)));
            }
        }
        found
    }

    fn rows(&self, mapping: &Value, before: &str, rows: &mut Vec<Row>) {
        let none = serde_json::Map::new();
        for (key, value) in mapping["properties"].as_object().unwrap_or(&none) {
            let path = format!("{before}{key}");
            let forms = self.forms(value);
            let takes = forms.iter().map(|form| self.takes(form)).collect();
            let told = value["description"].as_str();
            let told = told.or(self.resolve(value)["description"].as_str());
            let mut means = told.unwrap_or_default().to_owned();
            for form in &forms {
                means.push_str(&words(form));
            }
            rows.push(Row {
                path: path.clone(),
                takes: unique(takes).join("; or "),
                means,
            });
            for (between, mapping) in self.mappings(value) {
                self.rows(mapping, &format!("{path}{between}."), rows);
            }
        }
    }
}

/// What each of its words means; of the kinds a table of their own tells it.
fn words(form: &Value) -> String {
    let (Some(words), Some(told)) = (
        form["enum"].as_array(),
        form["markdownEnumDescriptions"].as_array(),
    ) else {
        return String::new();
    };
    if words.len() > 9 {
        return String::new();
    }
    let mut text = String::new();
    for (word, told) in words.iter().zip(told) {
        let told = plain(told);
        if !told.is_empty() {
            let _ = write!(text, "\n`{}`: {told}", plain(word));
        }
    }
    text
}

/// A text without its quotes, anything else as JSON has it.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn unique(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = Vec::new();
    texts.retain(|text| {
        let fresh = !text.is_empty() && !seen.contains(text);
        seen.push(text.clone());
        fresh
    });
    texts
}

/// The keys of a mapping, and of those in it.
pub(super) fn table(root: &Root, mapping: &Value) -> String {
    let mut rows = Vec::new();
    root.rows(mapping, "", &mut rows);
    let mut seen = Vec::new();
    let mut text = String::from("| key | takes | |\n|---|---|---|\n");
    for Row { path, takes, means } in rows {
        // Two ways of writing a mapping share keys.
        if seen.contains(&path) {
            continue;
        }
        let _ = writeln!(text, "| `{path}` | {} | {} |", cell(&takes), cell(&means));
        seen.push(path);
    }
    text
}

fn kinds() -> String {
    let mut text = String::from("| kind | phase | in Rust | |\n|---|---|---|---|\n");
    for kind in Kind::ALL {
        let _ = writeln!(
            text,
            "| `{}` | {} | `{}` | {} |",
            kind.as_str(),
            kind.phase().as_str(),
            kind.runtime_type(),
            cell(kind.summary())
        );
    }
    text
}

/// The sections that are too large for a table, or told elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "platforms",
        "Each key is a platform, and may be empty (`{}`) for that platform's defaults. [The platforms](../platforms/README.md) have a page each, with all its keys.",
    ),
    (
        "lints",
        "Each key is the name of [a rule](../rules/README.md), or `all`; its value is `allow`, `warn` or `deny`, or `{ level: …, reason: … }`. `allow` asks for a reason.",
    ),
];

fn page() -> String {
    let root = Root::new();
    let none = serde_json::Map::new();
    let keys = root.0["properties"].as_object().unwrap_or(&none);
    let required = root.0["required"].as_array().cloned().unwrap_or_default();
    let mut text = String::from("## The file\n\n| key | takes | |\n|---|---|---|\n");
    for (key, value) in keys {
        let takes: Vec<String> = root
            .forms(value)
            .iter()
            .map(|form| root.takes(form))
            .collect();
        let must = match required.iter().any(|it| it == key) {
            true => " Must be there.",
            false => "",
        };
        let mut means = plain(&value["description"]);
        for form in root.forms(value) {
            means.push_str(&words(form));
        }
        let _ = writeln!(
            text,
            "| `{key}` | {} | {}{must} |",
            cell(&unique(takes).join("; or ")),
            cell(&means)
        );
    }
    for (key, value) in keys {
        if let Some((_, words)) = ELSEWHERE.iter().find(|(name, _)| name == key) {
            let _ = write!(text, "\n## {key}\n\n{words}\n");
            continue;
        }
        let mut mappings: Vec<&Value> =
            root.mappings(value).into_iter().map(|(_, it)| it).collect();
        let named = root.resolve(&value["additionalProperties"]);
        if key == "resources" {
            mappings = vec![named];
        }
        for mapping in mappings {
            let _ = write!(text, "\n## {key}\n\n");
            if key == "resources" {
                text.push_str("Each key is the name of a resource, and its value a mapping with these keys:\n\n");
            }
            text.push_str(&table(&root, mapping));
            if key == "resources" {
                let _ = write!(text, "\n### Kinds\n\n{}", kinds());
            }
        }
    }
    text
}

#[test]
fn the_reference_of_the_manifest_is_fresh() {
    hold_part("reference/manifest.md", "manifest", page().trim_end());
}
