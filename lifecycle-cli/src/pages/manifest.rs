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
            if !told(value).is_empty() {
                return "a word".to_owned();
            }
            let words = words.iter().map(|word| format!("`{}`", plain(word)));
            return words.collect::<Vec<_>>().join(", ");
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

    /// A key of the mapping, without those below it.
    fn row(&self, mapping: &Value, key: &str, before: &str) -> Row {
        let value = &mapping["properties"][key];
        let forms = self.forms(value);
        let takes = forms.iter().map(|form| self.takes(form)).collect();
        let means = value["description"].as_str();
        let means = means.or(self.resolve(value)["description"].as_str());
        let mut means = means.unwrap_or_default().to_owned();
        let required = mapping["required"].as_array();
        if required.is_some_and(|keys| keys.iter().any(|it| it == key)) {
            means.push_str(" Must be there.");
        }
        for form in &forms {
            means.push_str(&told(form));
        }
        Row {
            path: format!("{before}{key}"),
            takes: unique(takes).join(", or "),
            means,
        }
    }

    /// All keys of the mapping, and of those in it.
    fn rows(&self, mapping: &Value, before: &str, rows: &mut Vec<Row>) {
        for key in keys(mapping) {
            let row = self.row(mapping, key, before);
            let path = row.path.clone();
            // Two ways of writing a mapping share keys.
            if rows.iter().all(|there| there.path != path) {
                rows.push(row);
            }
            for (between, inner) in self.mappings(&mapping["properties"][key]) {
                self.rows(inner, &format!("{path}{between}."), rows);
            }
        }
    }
}

fn keys(mapping: &Value) -> impl Iterator<Item = &String> {
    let keys = mapping["properties"].as_object();
    keys.into_iter().flat_map(serde_json::Map::keys)
}

/// What each of its words means; of the kinds a table of their own tells it.
fn told(form: &Value) -> String {
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
    drawn(&rows)
}

fn drawn(rows: &[Row]) -> String {
    let mut text = String::from("| key | |\n|---|---|\n");
    for Row { path, takes, means } in rows {
        let _ = writeln!(text, "| `{path}` | *{}.* {} |", cell(takes), cell(means));
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
    let whole = &root.0;
    let rows: Vec<Row> = keys(whole).map(|key| root.row(whole, key, "")).collect();
    let mut text = format!("## The file\n\n{}", drawn(&rows));
    for key in keys(whole) {
        if let Some((_, words)) = ELSEWHERE.iter().find(|(name, _)| name == key) {
            let _ = write!(text, "\n## {key}\n\n{words}\n");
            continue;
        }
        let value = &whole["properties"][key];
        if key == "resources" {
            let named = table(&root, root.resolve(&value["additionalProperties"]));
            let head =
                "Each key is the name of a resource, and its value a mapping with these keys:";
            let _ = write!(
                text,
                "\n## {key}\n\n{head}\n\n{named}\n### Kinds\n\n{}",
                kinds()
            );
            continue;
        }
        for (_, mapping) in root.mappings(value) {
            let _ = write!(text, "\n## {key}\n\n{}", table(&root, mapping));
        }
    }
    text
}

#[test]
fn the_reference_of_the_manifest_is_fresh() {
    hold_part("reference/manifest.md", "manifest", page().trim_end());
}
