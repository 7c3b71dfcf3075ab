//! `selector`: the labels by which a workload and its Service know their pods. It decides nothing of the
//! shutdown, and is generated with everything else.
//!
//! Sources: a selector cannot be changed once its workload is there (apps/v1,
//! <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates>), and the
//! syntax of labels (`k8s.io/apimachinery/pkg/util/validation`,
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).

use super::Kubernetes;
use crate::finding::{Finding, Place};
use crate::read::{Table, wrong_type};
use crate::rules::shape;
use crate::text::Value;

/// The label that generated objects have of the service's name.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";

/// The longest name and the longest value of a label.
const LONGEST: usize = 63;
/// The longest prefix of a label's name.
const PREFIX_LONGEST: usize = 253;

/// `selector`: at least one label.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Selector;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { selector: { app: shop, tier: web } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// let selector = kubernetes.selector.as_ref().unwrap();
/// assert_eq!(selector.labels()[1], ("tier".to_owned(), "web".to_owned()));
/// assert_eq!(kubernetes.pod_labels("shop")[0], ("app.kubernetes.io/name", "shop"));
/// assert!(Selector::of(vec![("app".to_owned(), "no label".to_owned())]).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Vec<(String, String)>);

impl Selector {
    /// Of these labels; `None` where there is none, one stands twice, or one cannot be a label.
    pub fn of(labels: Vec<(String, String)>) -> Option<Self> {
        let once = |at: usize| labels[..at].iter().all(|(name, _)| *name != labels[at].0);
        let usable = |(name, value): &(String, String)| is_name(name) && is_value(value);
        let good = !labels.is_empty() && labels.iter().all(usable) && (0..labels.len()).all(once);
        good.then_some(Self(labels))
    }

    /// Names and values, in the order of the file.
    pub fn labels(&self) -> &[(String, String)] {
        &self.0
    }

    pub(super) fn read(table: &mut Table<'_, '_>) -> Option<Self> {
        let entry = table.entry("selector")?;
        let route = table.route().key("selector");
        let labels = match &entry.value.value {
            Value::Mapping(labels) if !labels.is_empty() => labels,
            value => {
                let finding = match value {
                    Value::Mapping(_) => Finding::new(
                        &shape::WRONG_TYPE,
                        format!("`{route}` takes one label at least, and this has none"),
                        Place::Value(route),
                    ),
                    _ => wrong_type(&route, "a mapping of labels to text", &entry.value),
                };
                let help = match &value {
                    Value::Scalar { text, .. } => of_command_line(text),
                    _ => None,
                };
                let labels = help.unwrap_or_else(|| "{ app: shop }".to_owned());
                table.push(finding.help(format!("write the labels that are deployed: `{labels}`")));
                return None;
            }
        };
        let read = labels.iter().filter_map(|label| {
            let route = route.key(&label.key);
            let value = table.scalar(&label.value, route.clone(), "text")?;
            let fault = match (is_name(&label.key), is_value(&value.value)) {
                (true, true) => return Some((label.key.clone(), value.value)),
                (false, _) => (Place::Key(route), &label.key),
                (true, false) => (Place::Value(route), &value.value),
            };
            table.push(no_label(fault.0, fault.1));
            None
        });
        Self::of(read.collect())
    }
}

/// What `kubectl -l` takes, `app=shop,tier=web`, as a mapping.
fn of_command_line(text: &str) -> Option<String> {
    let pairs = text.split(',').map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.strip_prefix('=').unwrap_or(value);
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    let selector = Selector::of(pairs.collect::<Option<_>>()?)?;
    let labels = selector.labels().iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    Some(format!("{{ {} }}", labels.join(", ")))
}

fn no_label(place: Place, text: &str) -> Finding {
    let shown: String = text.chars().take(70).collect();
    Finding::new(
        &shape::WRONG_TYPE,
        format!("`{shown}` cannot be in a label"),
        place,
    )
    .note(
        "a label has letters, digits, `-`, `_` and `.` between letters or digits, and is at most 63 long; \
         its name may have a domain and a `/` before it",
    )
}

fn is_name(name: &str) -> bool {
    let (prefix, name) = match name.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, name),
    };
    let is_part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let is_domain = |prefix: &str| prefix.len() <= PREFIX_LONGEST && prefix.split('.').all(is_part);
    !name.is_empty() && is_value(name) && prefix.is_none_or(is_domain)
}

/// An empty one is one too.
fn is_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let ends = [bytes.first(), bytes.last()];
    value.len() <= LONGEST
        && bytes.iter().all(inner)
        && ends
            .iter()
            .flatten()
            .all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(
    rename = "Selector",
    extend(
        "minProperties" = 1,
        "propertyNames" = {
            "maxLength": PREFIX_LONGEST + 1 + LONGEST,
            "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
        },
        "additionalProperties" = {
            "type": "string",
            "pattern": r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
        }
    )
)]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) struct SelectorSchema(std::collections::BTreeMap<String, String>);

impl Kubernetes {
    /// The labels by which the workload and its Service know their pods: those that are written, or the
    /// service's name.
    pub fn selector_of<'a>(&'a self, service: &'a str) -> Vec<(&'a str, &'a str)> {
        match &self.selector {
            None => vec![(NAME_LABEL, service)],
            Some(selector) => {
                let labels = selector.labels().iter();
                labels
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect()
            }
        }
    }

    /// The labels of the pods: the service's name, and whatever they are known by.
    pub fn pod_labels<'a>(&'a self, service: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut labels = self.selector_of(service);
        if !labels.iter().any(|(name, _)| *name == NAME_LABEL) {
            labels.insert(0, (NAME_LABEL, service));
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_kubernetes_own() {
        let long = "a".repeat(64);
        for (name, good) in [
            ("app", true),
            ("App_1.x-Y", true),
            ("app.kubernetes.io/name", true),
            ("", false),
            ("/app", false),
            ("example.com/", false),
            ("Example.com/app", false),
            ("example..com/app", false),
            ("-app", false),
            ("app name", false),
            ("a/b/c", false),
            (&long, false),
            (&long[1..], true),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        for (value, good) in [
            ("", true),
            ("shop", true),
            ("v1.2_3-a", true),
            ("shop.", false),
            ("a b", false),
            ("é", false),
            (&long, false),
        ] {
            assert_eq!(is_value(value), good, "{value}");
        }
    }

    #[test]
    fn what_kubectl_takes_is_offered_as_a_mapping() {
        let offered = |text| of_command_line(text);
        assert_eq!(offered("app=shop").as_deref(), Some("{ app: shop }"));
        let several = offered("app == shop, tier=web");
        assert_eq!(several.as_deref(), Some("{ app: shop, tier: web }"));
        for text in ["shop", "app=a b", "app in (a, b)", "app!=shop", ""] {
            assert_eq!(offered(text), None, "{text}");
        }
    }

    #[test]
    fn a_selector_has_each_label_once_and_one_at_least() {
        let of = |labels: &[(&str, &str)]| {
            let owned = labels
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            Selector::of(owned.collect())
        };
        assert!(of(&[]).is_none());
        assert!(of(&[("app", "a"), ("app", "b")]).is_none());
        assert!(of(&[("app", "a"), ("tier", "")]).is_some());
        assert!(of(&[("app", "a b")]).is_none());
    }
}
