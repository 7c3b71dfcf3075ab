//! Names: of services and resources, and of what is meant by them.

use std::collections::HashSet;

use super::{list, nearest};
use crate::finding::{Finding, Place};
use crate::rules::shape;

/// A DNS label (RFC 1123, beginning with a letter): what Kubernetes takes for a Service's name, ECS
/// for a family, and what becomes a Rust field.
///
/// ```
/// use lifecycle_manifest::is_label;
/// assert!(is_label("orders-db"));
/// assert!(!is_label("Orders_DB"));
/// assert!(!is_label("2nd-db"));
/// assert!(!is_label(&"x".repeat(64)));
/// ```
pub fn is_label(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The finding for a name that is no label, with one that is where there is a plain one. `beside` are
/// the names of the resources, where it is one of them: these are named elsewhere too, in `after`, in
/// `uses` and in the program, so that a change here alone would mend nothing.
pub(crate) fn unusable(
    name: &str,
    place: Place,
    beside: Option<&HashSet<&str>>,
) -> Option<Finding> {
    if is_label(name) {
        return None;
    }
    let shown: String = name.chars().take(70).collect();
    let finding = Finding::new(
        &shape::BAD_NAME,
        format!("`{shown}` cannot be a name"),
        place.clone(),
    );
    let finding = finding.note(
        "a name has lower-case letters, digits and single `-` between them, begins with a letter, and is at most 63 long",
    );
    let better = label(name);
    Some(match (better, beside) {
        (None, _) => finding,
        (Some(better), None) => finding.fix(format!("write `{better}`"), place, better),
        (Some(better), Some(names)) if names.contains(better.as_str()) => {
            finding.help(format!("`{better}` is the name of another one already"))
        }
        (Some(better), Some(_)) => {
            finding.help(format!("write `{better}`, here and wherever it is named"))
        }
    })
}

/// `Orders_DB` as `orders-db`; `None` where too little of the name is left, or it is too long.
pub(crate) fn label(name: &str) -> Option<String> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let label = words.join("-");
    let label = label.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
    (is_label(label) && label.len() * 2 >= name.len()).then(|| label.to_owned())
}

/// The finding for a resource's name that is none, with the nearest one that is.
pub(crate) fn named_wrongly(message: String, place: Place, name: &str, names: &[&str]) -> Finding {
    let finding = Finding::new(&shape::UNKNOWN_RESOURCE, message, place.clone());
    match nearest(name, names.iter().copied()) {
        Some(near) => finding.fix(format!("did you mean `{near}`?"), place, near),
        None if (1..=12).contains(&names.len()) => finding.note(format!(
            "the resources are {}",
            list(names.iter().copied(), "and")
        )),
        None => finding,
    }
}
