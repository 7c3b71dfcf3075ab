//! What is known to go wrong, and which rule finds it; or why none does.
//!
//! The list is the platforms' own: each way in which a stop is known to fail on one of them, everywhere,
//! or at a queue. Tests hold it complete: nothing is left out without a reason, and no platform is.

mod azure_container_apps;
mod cloud_run;
mod docker;
mod ecs;
mod everywhere;
mod fly;
mod heroku;
mod kubernetes;
mod nomad;
mod pm2;
mod queues;
mod systemd;

use std::fmt::Write as _;

use crate::platform::Platform;

/// One way in which a stop is known to fail.
///
/// ```
/// use lifecycle_manifest::rules::hazards;
/// let hazard = hazards::all().find(|hazard| hazard.id == "H-01").unwrap();
/// assert_eq!(hazard.rules, ["above-platform-cap"]);
/// assert!(hazard.unchecked.is_empty());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Hazard {
    /// Its number, after the letter of its family.
    pub id: &'static str,
    /// What goes wrong.
    pub what: &'static str,
    /// The rules that find it, by name.
    pub rules: &'static [&'static str],
    /// What of it no rule finds, and why; empty where all of it is found.
    pub unchecked: &'static str,
}

const fn found(id: &'static str, what: &'static str, rules: &'static [&'static str]) -> Hazard {
    Hazard {
        id,
        what,
        rules,
        unchecked: "",
    }
}

const fn partly(
    id: &'static str,
    what: &'static str,
    rules: &'static [&'static str],
    unchecked: &'static str,
) -> Hazard {
    Hazard {
        id,
        what,
        rules,
        unchecked,
    }
}

const fn not_found(id: &'static str, what: &'static str, why: &'static str) -> Hazard {
    partly(id, what, &[], why)
}

/// The ways in which stops fail in one place.
struct Group {
    place: Place,
    /// In the order of their numbers.
    hazards: &'static [Hazard],
}

enum Place {
    /// Platforms, by their keys.
    On(&'static [&'static str]),
    /// No platform: what a heading calls it.
    Elsewhere(&'static str),
}

impl Group {
    /// What a heading calls it.
    fn name(&self) -> String {
        match self.place {
            Place::On(keys) => {
                let facts = keys.iter().filter_map(|key| Platform::facts_of(key));
                let names: Vec<&str> = facts.map(|facts| facts.name).collect();
                names.join(" and ")
            }
            Place::Elsewhere(name) => name.to_owned(),
        }
    }
}

/// Every group, in the order of the page.
static GROUPS: &[&Group] = &[
    &kubernetes::GROUP,
    &ecs::GROUP,
    &docker::GROUP,
    &everywhere::GROUP,
    &queues::GROUP,
    &nomad::GROUP,
    &fly::GROUP,
    &systemd::GROUP,
    &pm2::GROUP,
    &cloud_run::GROUP,
    &heroku::GROUP,
    &azure_container_apps::GROUP,
];

/// All of them.
///
/// ```
/// use lifecycle_manifest::rules::{self, hazards};
/// let mut named = hazards::all().flat_map(|hazard| hazard.rules);
/// assert!(named.all(|name| rules::find(name).is_some()));
/// // What no rule finds has a reason.
/// let mut unfound = hazards::all().filter(|hazard| hazard.rules.is_empty()).peekable();
/// assert!(unfound.peek().is_some());
/// assert!(unfound.all(|hazard| !hazard.unchecked.is_empty()));
/// ```
pub fn all() -> impl Iterator<Item = &'static Hazard> {
    GROUPS.iter().flat_map(|group| group.hazards)
}

/// The page `docs/rules/not-checked.md`.
///
/// ```
/// use lifecycle_manifest::rules::hazards;
/// let page = hazards::page();
/// let at = |heading: &str| page.find(&format!("\n## {heading}\n")).unwrap();
/// assert!(at("Not checked") < at("Checked in part"));
/// assert!(page[at("Checked")..].contains("- **H-01** "));
/// ```
pub fn page() -> String {
    let mut page = String::from(
        "<!-- Written out of lifecycle-manifest/src/rules/hazards/; a test holds it fresh. -->\n\n\
         # What is known and not checked\n\n\
         Stops are known to fail in these ways, and no rule finds them: they cannot be known from a manifest or from what is deployed.\n\
         Each has its reason, and below stands by which rules all the others are found.\n",
    );
    let mut section =
        |title: &str, of: &dyn Fn(&Hazard) -> bool, line: &dyn Fn(&Hazard) -> String| {
            // Writing to a `String` cannot fail.
            let _ = write!(page, "\n## {title}\n");
            for group in GROUPS {
                let mut hazards = group.hazards.iter().filter(|hazard| of(hazard)).peekable();
                if hazards.peek().is_some() {
                    let _ = write!(page, "\n### {}\n\n", group.name());
                }
                for hazard in hazards {
                    let _ = writeln!(page, "- **{}** {}{}", hazard.id, hazard.what, line(hazard));
                }
            }
        };
    let why = |hazard: &Hazard| format!("\n  {}", hazard.unchecked);
    section("Not checked", &|hazard| hazard.rules.is_empty(), &why);
    section(
        "Checked in part",
        &|hazard| !hazard.rules.is_empty() && !hazard.unchecked.is_empty(),
        &|hazard| format!("{}{}", by_rules(hazard), why(hazard)),
    );
    section("Checked", &|hazard| hazard.unchecked.is_empty(), &by_rules);
    page
}

fn by_rules(hazard: &Hazard) -> String {
    let links: Vec<String> = hazard
        .rules
        .iter()
        .map(|name| format!("[{name}]({name}.md)"))
        .collect();
    format!("\n  Found by {}.", links.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_platform_has_its_hazards() {
        for key in Platform::KEYS {
            let is_about =
                |group: &&&Group| matches!(group.place, Place::On(keys) if keys.contains(key));
            let groups = GROUPS.iter().filter(is_about).count();
            assert_eq!(groups, 1, "groups of hazards on {key}");
        }
        for group in GROUPS {
            assert!(!group.hazards.is_empty(), "none {}", group.name());
            if let Place::On(keys) = group.place {
                let is_known = keys.iter().all(|key| Platform::KEYS.contains(key));
                assert!(is_known, "not all platforms: {keys:?}");
            }
        }
    }

    #[test]
    fn numbers_are_unique_and_in_order() {
        let mut letters = BTreeSet::new();
        for group in GROUPS {
            let listed: Vec<&str> = group.hazards.iter().map(|hazard| hazard.id).collect();
            let letter = &listed[0][..1];
            let numbers = 1..=listed.len();
            let numbers: Vec<String> = numbers.map(|at| format!("{letter}-{at:02}")).collect();
            assert_eq!(listed, numbers, "{}", group.name());
            assert!(letters.insert(letter), "{letter} is taken twice");
        }
    }

    #[test]
    fn every_hazard_has_a_rule_or_a_reason() {
        for hazard in all() {
            let id = hazard.id;
            let is_sentence = |text: &str| text.len() > 30 && text.ends_with('.');
            assert!(
                is_sentence(hazard.what),
                "{id} does not say what goes wrong"
            );
            assert!(
                is_sentence(hazard.unchecked)
                    || (hazard.unchecked.is_empty() && !hazard.rules.is_empty()),
                "{id} has neither a rule nor a reason"
            );
            let named: BTreeSet<&str> = hazard.rules.iter().copied().collect();
            assert_eq!(named.len(), hazard.rules.len(), "{id} names a rule twice");
            for name in hazard.rules {
                let rule = super::super::find(name);
                assert!(
                    rule.is_some_and(|rule| rule.name == *name),
                    "{id}: there is no rule `{name}`"
                );
            }
        }
    }
}
