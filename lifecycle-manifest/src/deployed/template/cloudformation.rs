//! AWS CloudFormation: `Resources` of `AWS::ECS::TaskDefinition`, `AWS::ECS::Service` and
//! `AWS::ElasticLoadBalancingV2::TargetGroup`. Their properties are what is sent, each key with a
//! capital (template reference of `AWS::ECS::TaskDefinition ContainerDefinition`).

use super::{
    Entry, Node, Value, entries, entry, get, into_entries, mapping, or_else, renamed, scalar, text,
};

/// The objects of a template; `None` where this is none.
pub(super) fn objects(node: &Node) -> Option<Vec<Node>> {
    let resources = entries(get(node, "Resources")?);
    let is_resource = |entry: &Entry| kind(entry).is_some_and(|kind| kind.starts_with("AWS::"));
    if !resources.iter().any(is_resource) {
        return None;
    }
    let object = |resource: &Entry| {
        let empty = Node {
            span: resource.value.span,
            value: mapping([]),
        };
        let properties = get(&resource.value, "Properties").unwrap_or(&empty);
        match kind(resource)? {
            "AWS::ECS::TaskDefinition" => Some(task_definition(resource, properties)),
            "AWS::ECS::Service" => Some(service(resource, properties, resources)),
            "AWS::ElasticLoadBalancingV2::TargetGroup" => target_group(resource, properties),
            _ => None,
        }
    };
    Some(resources.iter().filter_map(object).collect())
}

fn kind(resource: &Entry) -> Option<&str> {
    scalar(get(&resource.value, "Type")?)
}

fn task_definition(resource: &Entry, properties: &Node) -> Node {
    let mut body = into_entries(sent(properties));
    // The stack names what has no name.
    or_else(
        &mut body,
        "family",
        resource.key_span,
        text(&resource.key, resource.key_span),
    );
    Node {
        span: resource.value.span,
        value: mapping(body),
    }
}

fn service(resource: &Entry, properties: &Node, resources: &[Entry]) -> Node {
    let mut body = into_entries(sent(properties));
    for entry in body
        .iter_mut()
        .filter(|entry| entry.key == "taskDefinition")
    {
        if let Some(family) = referred(&entry.value).and_then(|id| family(id, resources)) {
            entry.value = text(family, entry.value.span);
        }
    }
    or_else(
        &mut body,
        "serviceName",
        resource.key_span,
        text(&resource.key, resource.key_span),
    );
    Node {
        span: resource.value.span,
        value: mapping(body),
    }
}

/// The resource that a function refers to: `{ Ref: ID }`, `{ Fn::GetAtt: [ID, …] }`.
fn referred(node: &Node) -> Option<&str> {
    if let Some(id) = get(node, "Ref") {
        return scalar(id);
    }
    match &get(node, "Fn::GetAtt")?.value {
        Value::Scalar { text, .. } => text.split('.').next(),
        Value::Sequence(parts) => scalar(parts.first()?),
        Value::Mapping(_) => None,
    }
}

fn family<'a>(id: &str, resources: &'a [Entry]) -> Option<&'a str> {
    let resource = resources.iter().find(|resource| resource.key == id)?;
    let properties = get(&resource.value, "Properties");
    let named = properties.and_then(|it| scalar(get(it, "Family")?));
    Some(named.unwrap_or(&resource.key))
}

fn target_group(resource: &Entry, properties: &Node) -> Option<Node> {
    let attributes = properties.entry("TargetGroupAttributes")?;
    Some(Node {
        span: resource.value.span,
        value: mapping([entry(
            "Attributes",
            attributes.key_span,
            attributes.value.clone(),
        )]),
    })
}

/// Properties as they are sent. CloudFormation makes numbers of their text.
fn sent(properties: &Node) -> Node {
    let mut node = renamed(properties, |key| {
        let mut letters = key.chars();
        match letters.next() {
            Some(first) => first.to_lowercase().chain(letters).collect(),
            None => String::new(),
        }
    });
    converted(&mut node);
    node
}

fn converted(node: &mut Node) {
    match &mut node.value {
        Value::Scalar { text, plain } => *plain |= text.parse::<i64>().is_ok(),
        Value::Sequence(items) => items.iter_mut().for_each(converted),
        Value::Mapping(entries) => {
            let is_nothing =
                |entry: &Entry| get(&entry.value, "Ref").and_then(scalar) == Some("AWS::NoValue");
            let kept = std::mem::take(entries).into_iter();
            let kept = kept.filter(|entry| !is_nothing(entry)).map(|mut entry| {
                converted(&mut entry.value);
                entry
            });
            *entries = kept.collect::<Vec<Entry>>().into();
        }
    }
}
