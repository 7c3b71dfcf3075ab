//! The rules that results name, with their pages.

use lifecycle_manifest::rules::Rule;
use lifecycle_manifest::{Confidence, Severity};

use super::model::{Configuration, Descriptor, DescriptorProperties, Help, Message};

/// GitHub code scanning shows no longer description.
const LONGEST_DESCRIPTION: usize = 1024;

/// Rules in the order in which they were first named.
#[derive(Default)]
pub(super) struct Used(Vec<&'static Rule>);

impl Used {
    /// The rule's number.
    pub(super) fn index(&mut self, rule: &'static Rule) -> usize {
        self.0
            .iter()
            .position(|own| *own == rule)
            .unwrap_or_else(|| {
                self.0.push(rule);
                self.0.len() - 1
            })
    }

    pub(super) fn into_descriptors(self) -> Vec<Descriptor> {
        self.0.into_iter().map(descriptor).collect()
    }
}

fn descriptor(rule: &'static Rule) -> Descriptor {
    let page: Vec<&str> = rule
        .page
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let page = page.join("\n");
    let page = page.trim();
    Descriptor {
        id: rule.code,
        name: rule.name,
        short_description: Message::new(rule.summary()),
        full_description: Message::new(&full_description(rule, page)),
        help_uri: rule.url(),
        help: Help {
            text: page.to_owned(),
            markdown: page.to_owned(),
        },
        default_configuration: Configuration {
            level: rule.severity.as_str(),
        },
        properties: DescriptorProperties {
            tags: vec!["reliability", "graceful-shutdown"],
            precision: match rule.confidence {
                Confidence::High => "very-high",
                Confidence::Medium => "medium",
                Confidence::Low => "low",
            },
            severity: match rule.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
        },
    }
}

/// The summary and, as far as there is room, what the page says of why it matters.
fn full_description(rule: &Rule, page: &str) -> String {
    let why = page
        .split("\n## ")
        .find_map(|section| section.strip_prefix("Why it matters\n"));
    let mut text = rule.summary().to_owned();
    for line in why.unwrap_or_default().lines().map(str::trim) {
        if line.is_empty() {
            continue;
        }
        if text.chars().count() + 1 + line.chars().count() > LONGEST_DESCRIPTION {
            break;
        }
        text.push(' ');
        text.push_str(line);
    }
    text
}
