//! Terraform: JSON configuration (`*.tf.json`), and what `terraform show -json` prints of a plan or a
//! state. `container_definitions` is a text in which JSON stands, as the AWS provider takes it
//! (registry, `aws_ecs_task_definition`).

use std::collections::HashMap;

use super::nested::decode;
use super::{
    COMPUTED, Entry, Node, Span, Value, entries, entry, get, into_entries, mapping, or_else,
    renamed, scalar, text,
};
use crate::deployed::ecs::DEREGISTRATION_DELAY;

/// A resource: its type, its name, its body.
struct Resource<'a> {
    kind: &'a str,
    name: &'a str,
    body: &'a Node,
}

/// All resources, and how their texts are read.
struct Context<'a> {
    source: &'a str,
    /// Texts are templates: `${…}` is computed, `$${` is meant as it stands.
    is_template: bool,
    /// The families of the task definitions, by the names of the resources: nothing where a family is
    /// computed.
    families: HashMap<&'a str, Option<String>>,
}

/// The objects of a configuration, a plan or a state; `None` where this is none of them.
pub(super) fn objects(node: &Node, source: &str) -> Option<Vec<Node>> {
    let mut resources = Vec::new();
    let is_template = match get(node, "resource") {
        Some(configured) => {
            written(configured, &mut resources);
            true
        }
        None => {
            let mut values = ["planned_values", "values"].into_iter();
            let values = values.find_map(|key| get(node, key))?;
            shown(get(values, "root_module")?, &mut resources);
            false
        }
    };
    if !resources.iter().any(|it| it.kind.starts_with("aws_")) {
        return None;
    }
    let definitions = resources.iter();
    let definitions = definitions.filter(|it| it.kind == "aws_ecs_task_definition");
    let families = definitions.map(|it| {
        let family = match get(it.body, "family").and_then(scalar) {
            Some(family) => literal(family),
            None => Some(it.name.to_owned()),
        };
        (it.name, family)
    });
    let context = Context {
        source,
        is_template,
        families: families.collect(),
    };
    let objects = resources.iter();
    Some(objects.filter_map(|it| context.object(it)).collect())
}

/// `{ TYPE: { NAME: BODY } }`; wherever a block may stand, a list of blocks may.
fn written<'a>(node: &'a Node, resources: &mut Vec<Resource<'a>>) {
    for kind in blocks(node).iter().flat_map(entries) {
        for named in blocks(&kind.value).iter().flat_map(entries) {
            resources.extend(blocks(&named.value).iter().map(|body| Resource {
                kind: &kind.key,
                name: &named.key,
                body,
            }));
        }
    }
}

/// `resources: [{ type, name, values }]`, and the same in `child_modules`.
fn shown<'a>(module: &'a Node, resources: &mut Vec<Resource<'a>>) {
    for node in get(module, "resources").map_or(&[][..], blocks) {
        let part = |key: &str| get(node, key);
        let (kind, name) = (part("type").and_then(scalar), part("name").and_then(scalar));
        if let (Some(kind), Some(name), Some(body)) = (kind, name, part("values")) {
            resources.push(Resource { kind, name, body });
        }
    }
    for child in get(module, "child_modules").map_or(&[][..], blocks) {
        shown(child, resources);
    }
}

/// The blocks of a place: one, or a list of them.
fn blocks(node: &Node) -> &[Node] {
    match &node.value {
        Value::Sequence(items) => items,
        _ => std::slice::from_ref(node),
    }
}

impl Context<'_> {
    fn object(&self, resource: &Resource<'_>) -> Option<Node> {
        let value = match resource.kind {
            "aws_ecs_task_definition" => self.task_definition(resource),
            "aws_ecs_service" => self.service(resource),
            "aws_lb_target_group" | "aws_alb_target_group" => self.target_group(resource)?,
            _ => return None,
        };
        Some(Node {
            span: resource.body.span,
            value,
        })
    }

    fn task_definition(&self, resource: &Resource<'_>) -> Value {
        let mut body = self.body(resource);
        for entry in &mut body {
            match entry.key.as_str() {
                "containerDefinitions" => {
                    if let Some(containers) = self.containers(&entry.value) {
                        entry.value = containers;
                    }
                }
                "tags" => entry.value = tags(&entry.value),
                _ => {}
            }
        }
        let name = text(resource.name, resource.body.span);
        or_else(&mut body, "family", resource.body.span, name);
        mapping(body)
    }

    /// The containers in the text that stands for them: JSON, or JSON within `${jsonencode(…)}`.
    fn containers(&self, node: &Node) -> Option<Node> {
        let decoded = decode(self.source, node.span)?;
        let whole = decoded.text.trim();
        let start = decoded.text.find(whole)?;
        let (prefix, suffix) = ("${jsonencode(", ")}");
        let inner = whole.strip_prefix(prefix);
        let part = match inner.and_then(|inner| inner.strip_suffix(suffix)) {
            Some(inner) => {
                let start = start + prefix.len();
                start..start + inner.len()
            }
            None => start..start + whole.len(),
        };
        let containers = decoded.parse(part)?;
        match containers.value {
            Value::Sequence(_) => Some(self.meant(containers)),
            _ => None,
        }
    }

    fn service(&self, resource: &Resource<'_>) -> Value {
        let mut body = self.body(resource);
        for entry in &mut body {
            let key = match entry.key.as_str() {
                "name" => "serviceName",
                "loadBalancer" => "loadBalancers",
                _ => continue,
            };
            key.clone_into(&mut entry.key);
        }
        for entry in &mut body {
            match entry.key.as_str() {
                "loadBalancers" | "capacityProviderStrategy" => {
                    let items = blocks(&entry.value).to_vec();
                    entry.value.value = Value::Sequence(items);
                }
                "taskDefinition" => {
                    if let Some(family) = self.family(&entry.value) {
                        entry.value = text(&family, entry.value.span);
                    }
                }
                _ => {}
            }
        }
        let name = text(resource.name, resource.body.span);
        or_else(&mut body, "serviceName", resource.body.span, name);
        mapping(body)
    }

    /// The family of the task definition that an expression refers to, as in
    /// `${aws_ecs_task_definition.shop.arn}`.
    fn family(&self, node: &Node) -> Option<String> {
        let expression = scalar(get(node, COMPUTED)?)?;
        let (_, rest) = expression.split_once("aws_ecs_task_definition.")?;
        let name = rest.split(|c: char| !(c.is_alphanumeric() || "_-".contains(c)));
        let name = name.into_iter().next()?;
        self.families.get(name)?.clone()
    }

    fn target_group(&self, resource: &Resource<'_>) -> Option<Value> {
        let body = self.body(resource);
        let find = |key: &str| body.iter().find(|entry| entry.key == key);
        let delay = find("deregistrationDelay")?;
        let attribute = Node {
            span: delay.value.span,
            value: mapping([
                entry(
                    "Key",
                    delay.key_span,
                    text(DEREGISTRATION_DELAY, delay.key_span),
                ),
                entry("Value", delay.key_span, delay.value.clone()),
            ]),
        };
        let attributes = Node {
            span: delay.value.span,
            value: Value::Sequence(vec![attribute]),
        };
        let arn = find("arn").map(|arn| entry("TargetGroupArn", arn.key_span, arn.value.clone()));
        let attributes = entry("Attributes", delay.key_span, attributes);
        Some(mapping(std::iter::once(attributes).chain(arn)))
    }

    /// A resource's body in the words in which it is sent.
    fn body(&self, resource: &Resource<'_>) -> Vec<Entry> {
        // The keys of tags are nobody's to rename.
        let rename = |entry: &Entry| match entry.key.as_str() {
            "tags" => entry.value.clone(),
            _ => renamed(&entry.value, camel),
        };
        let entries = entries(resource.body).iter().map(|entry| Entry {
            key: camel(&entry.key),
            key_span: entry.key_span,
            value: self.meant(rename(entry)),
        });
        entries.collect()
    }

    /// Texts as they are meant: `$${` is `${`, and what has `${…}` in it is computed.
    fn meant(&self, node: Node) -> Node {
        if !self.is_template {
            return node;
        }
        let span = node.span;
        let value = match node.value {
            Value::Scalar { text, plain } => match literal(&text) {
                Some(text) => Value::Scalar { text, plain },
                None => computed(&text, span),
            },
            Value::Sequence(items) => {
                Value::Sequence(items.into_iter().map(|item| self.meant(item)).collect())
            }
            Value::Mapping(_) => mapping(into_entries(node).into_iter().map(|mut entry| {
                entry.value = self.meant(entry.value);
                entry
            })),
        };
        Node { span, value }
    }
}

fn computed(expression: &str, span: Span) -> Value {
    mapping([entry(COMPUTED, span, text(expression, span))])
}

/// A template's text; `None` where something in it is computed.
fn literal(text: &str) -> Option<String> {
    let mut literal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${").into_iter().chain(rest.find("%{")).min() {
        let mark = &rest[at..=at];
        let before = rest[..at].strip_suffix(mark)?;
        literal.push_str(before);
        literal.push_str(mark);
        literal.push('{');
        rest = &rest[at + 2..];
    }
    literal.push_str(rest);
    Some(literal)
}

/// `{ key: value }` as `[{ key, value }]`.
fn tags(node: &Node) -> Node {
    let tag = |tag: &Entry| Node {
        span: tag.value.span,
        value: mapping([
            entry("key", tag.key_span, text(&tag.key, tag.key_span)),
            entry("value", tag.key_span, tag.value.clone()),
        ]),
    };
    Node {
        span: node.span,
        value: Value::Sequence(entries(node).iter().map(tag).collect()),
    }
}

/// `task_definition` as `taskDefinition`.
fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::literal;
    use crate::deployed::Deployed;

    #[test]
    fn tags_keep_their_names() {
        let text = r#"{ "resource": { "aws_ecs_task_definition": { "shop": {
            "family": "shop", "container_definitions": "[]", "tags": { "cost_center": "7" }
        } } } }"#;
        let deployed = Deployed::named("shop.tf.json", text);
        let tag = deployed.workloads[0].labels.get("cost_center");
        assert_eq!(tag.map(|tag| tag.value.as_str()), Some("7"));
    }

    #[test]
    fn what_stands_for_itself_is_told_from_what_is_computed() {
        for (text, meant) in [
            ("", Some("")),
            ("a$b%c{", Some("a$b%c{")),
            ("$${x}", Some("${x}")),
            ("a %%{ b } $${c}", Some("a %{ b } ${c}")),
            ("$$$${x}", Some("$$${x}")),
            ("${x}", None),
            ("a%{ if b }", None),
            ("$${a} ${b}", None),
        ] {
            assert_eq!(literal(text).as_deref(), meant, "{text}");
        }
    }
}
