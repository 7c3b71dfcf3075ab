//! `rollout`: how a new version takes the place of the old one, and how long its pods take for it.

use std::time::Duration;

use super::{Controller, FACTS, Kubernetes};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::platform::held;
use crate::read::{Table, Zero};
use crate::rules::shape;

/// How long a Deployment may go without progress before it is said to have failed, when nothing is
/// said (apps/v1/types.go, `DeploymentSpec`).
const PROGRESS_DEADLINE: Duration = Duration::from_secs(600);

/// A Deployment's `maxUnavailable` where it is not written (`SetDefaults_Deployment`,
/// pkg/apis/apps/v1/defaults.go).
#[cfg(feature = "deployed")]
pub(crate) const DEFAULT_MAX_UNAVAILABLE: &str = "25%";

/// The largest share that is taken: more than all pods leave nobody, and as much again beside them is
/// what a whole second set is.
const MOST_PERCENT: u32 = 100;

/// The most pods that a number may name.
const MOST_PODS: u32 = 10_000;

/// `rollout`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Share;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { rollout: { max_surge: 25%, min_ready: 10s } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.shares(), (Share::Percent(25), Share::Pods(0)));
/// assert_eq!(kubernetes.min_ready().term(), "10s min ready");
/// assert!(kubernetes.rollout.start_time.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Rolling {
    /// `strategy`: who goes first.
    pub strategy: Option<Written<Replacement>>,
    /// `max_surge`: how many pods there may be beside those that are asked for.
    pub max_surge: Option<Written<Share>>,
    /// `max_unavailable`: how many of those that are asked for may be missing.
    pub max_unavailable: Option<Written<Share>>,
    /// `min_ready`: how long a new pod must have been ready before the next old one leaves.
    pub min_ready: Option<Written<Duration>>,
    /// `start_time`: from the creation of a pod until it is ready.
    pub start_time: Option<Written<Duration>>,
    /// `progress_deadline`: without progress for so long, the rollout is said to have failed.
    pub progress_deadline: Option<Written<Duration>>,
}

/// `strategy`: who goes first, the old pod or the new one.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Replacement;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { workload: daemon-set, rollout: { strategy: on-delete } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.replacement(), Replacement::OnDelete);
/// assert_eq!(Replacement::OnDelete.kind(), "OnDelete");
/// assert_eq!(Replacement::Rolling.kind(), "RollingUpdate");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Replacement {
    /// Some at a time, within what `max_surge` and `max_unavailable` allow.
    Rolling,
    /// All old pods are gone before the first new one starts.
    Recreate,
    /// Nothing is replaced until somebody deletes a pod.
    OnDelete,
}

impl Replacement {
    /// All of them, with their names in the manifest.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("rolling", Self::Rolling),
        ("recreate", Self::Recreate),
        ("on-delete", Self::OnDelete),
    ];

    /// The `type` in Kubernetes' objects.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Rolling => "RollingUpdate",
            Self::Recreate => "Recreate",
            Self::OnDelete => "OnDelete",
        }
    }

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Recreate => "recreate",
            Self::OnDelete => "on-delete",
        }
    }
}

/// A number of pods, or a share of them.
///
/// ```
/// use lifecycle_manifest::platform::Share;
/// let quarter = Share::parse("25%").unwrap();
/// assert_eq!((quarter.down(10), quarter.up(10)), (2, 3));
/// assert_eq!(quarter.to_string(), "25%");
/// assert_eq!(Share::parse("2"), Some(Share::Pods(2)));
/// assert_eq!(Share::parse("101%"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Pods(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Share {
    /// `2` or `25%`; `None` for anything else, and for more than all.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str, most: u32| {
            let plain = digits == "0" || !digits.starts_with('0');
            let digits = plain && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.trim_end_matches('%').parse().ok().filter(|_| digits)?;
            (number <= most).then_some(number)
        };
        match text.strip_suffix('%') {
            Some(digits) => number(digits, MOST_PERCENT).map(Self::Percent),
            None => number(text, MOST_PODS).map(Self::Pods),
        }
    }

    /// So many of these pods, a share rounded down.
    pub fn down(self, pods: u32) -> u32 {
        match self {
            Self::Pods(number) => number,
            Self::Percent(percent) => pods * percent / 100,
        }
    }

    /// So many of these pods, a share rounded up.
    pub fn up(self, pods: u32) -> u32 {
        match self {
            Self::Pods(number) => number,
            Self::Percent(percent) => (pods * percent).div_ceil(100),
        }
    }

    /// It names no pod, however many there are.
    pub fn is_nothing(self) -> bool {
        matches!(self, Self::Pods(0) | Self::Percent(0))
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pods(number) => write!(f, "{number}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Rolling {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let rolling = Self {
            strategy: table.word("strategy", "a way to replace pods", Replacement::WORDS),
            max_surge: share(&mut table, "max_surge"),
            max_unavailable: share(&mut table, "max_unavailable"),
            min_ready: table.duration("min_ready", Zero::Allowed),
            start_time: table.duration("start_time", Zero::Allowed),
            progress_deadline: table.duration("progress_deadline", Zero::Refused),
        };
        table.finish();
        rolling
    }
}

fn share(table: &mut Table<'_, '_>, key: &'static str) -> Option<Written<Share>> {
    let text = table.text(key)?;
    if let Some(share) = Share::parse(&text.value) {
        return Some(text.map(|_| share));
    }
    let shown: String = text.value.chars().take(40).collect();
    let message = format!(
        "`{}` takes a number of pods or a share of them, and this is `{shown}`",
        text.route
    );
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(text.route));
    table.push(finding.help("write a number such as `1`, or a share up to `100%`"));
    None
}

impl Kubernetes {
    /// Who goes first, old pods or new ones.
    pub fn replacement(&self) -> Replacement {
        let written = self.rollout.strategy.as_ref();
        written.map_or(Replacement::Rolling, |strategy| strategy.value)
    }

    /// `maxSurge` and `maxUnavailable` as they are generated, written or not. Unless something else is
    /// said, a new pod is ready before an old one leaves; a `DaemonSet`, which has its place on a node
    /// taken, goes without one pod at a time, as Kubernetes has it.
    pub fn shares(&self) -> (Share, Share) {
        let value = |written: &Option<Written<Share>>| written.as_ref().map(|share| share.value);
        let (surge, unavailable) = (
            value(&self.rollout.max_surge),
            value(&self.rollout.max_unavailable),
        );
        let none_of = |share: Option<Share>| share.is_some_and(Share::is_nothing);
        let (none, one) = (Share::Pods(0), Share::Pods(1));
        match self.controller() {
            Controller::Deployment => (
                surge.unwrap_or(one),
                unavailable.unwrap_or(if none_of(surge) { one } else { none }),
            ),
            Controller::DaemonSet => match (surge, unavailable) {
                (Some(surge), unavailable) if !surge.is_nothing() => {
                    (surge, unavailable.unwrap_or(none))
                }
                (_, unavailable) if none_of(unavailable) => (surge.unwrap_or(one), none),
                (surge, unavailable) => (surge.unwrap_or(none), unavailable.unwrap_or(one)),
            },
            _ => (none, unavailable.unwrap_or(one)),
        }
    }

    /// How long a new pod must have been ready before the next old one leaves, in whole seconds.
    pub fn min_ready(&self) -> Figure {
        match &self.rollout.min_ready {
            Some(written) => held(written, "min ready", FACTS.unit),
            None => Figure::new(
                Duration::ZERO,
                "min ready",
                Origin::PlatformDefault(FACTS.name),
            ),
        }
    }

    /// How long a Deployment may go without progress, in whole seconds.
    pub fn progress_deadline(&self) -> Figure {
        match &self.rollout.progress_deadline {
            Some(written) => held(written, "progress deadline", FACTS.unit),
            None => Figure::new(
                PROGRESS_DEADLINE,
                "progress deadline",
                Origin::PlatformDefault(FACTS.name),
            ),
        }
    }

    /// From the creation of a pod until it is ready; `None` where nobody says it.
    pub fn start_time(&self) -> Option<Figure> {
        let written = self.rollout.start_time.as_ref()?;
        let origin = Origin::Written(written.route.clone());
        Some(Figure::new(written.value, "start time", origin))
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "rollout")]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct RolloutSchema {
    /// Who goes first: `rolling` within `max_surge` and `max_unavailable`; `recreate`, a Deployment's old pods are gone before the first new one starts; `on-delete`, a `StatefulSet` or `DaemonSet` waits until somebody deletes a pod. `rolling` when not written.
    strategy: Option<Replacement>,
    /// How many pods there may be beside those that are asked for, as a number or a share; 1 for a Deployment, 0 for a `DaemonSet` when not written.
    max_surge: Option<ShareSchema>,
    /// How many of the pods that are asked for may be missing, as a number or a share; 0 for a Deployment, 1 for a `StatefulSet` and a `DaemonSet` when not written.
    max_unavailable: Option<ShareSchema>,
    /// How long a new pod must have been ready before the next old one leaves; 0s when not written.
    min_ready: Option<crate::schema::DurationSchema>,
    /// From the creation of a pod until it is ready. Unset: not known, and a rollout is reckoned without it.
    start_time: Option<crate::schema::DurationSchema>,
    /// Without progress for so long, a Deployment's rollout is said to have failed; 600s when not written.
    progress_deadline: Option<crate::schema::DurationSchema>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its shape is read")]
enum ShareSchema {
    /// So many pods.
    Pods(#[schemars(range(min = 0, max = 10_000))] u32),
    /// So many of a hundred, or a number in quotes.
    Percent(
        #[schemars(regex(pattern = "^((0|[1-9][0-9]?|100)%|0|[1-9][0-9]{0,3}|10000)$"))] String,
    ),
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn a_share_is_a_number_or_a_percentage_up_to_all() {
        for (text, share) in [
            ("0", Some(Share::Pods(0))),
            ("1", Some(Share::Pods(1))),
            ("10000", Some(Share::Pods(10_000))),
            ("10001", None),
            ("25%", Some(Share::Percent(25))),
            ("100%", Some(Share::Percent(100))),
            ("101%", None),
            ("0%", Some(Share::Percent(0))),
            ("025%", None),
            ("%", None),
            ("", None),
            ("+1", None),
            ("1.5", None),
            ("25 %", None),
            ("25%%", None),
            ("99999999999%", None),
        ] {
            assert_eq!(Share::parse(text), share, "{text:?}");
        }
    }

    #[test]
    fn what_may_be_missing_is_rounded_down_and_what_may_be_added_up() {
        let quarter = Share::Percent(25);
        assert_eq!((quarter.down(3), quarter.up(3)), (0, 1));
        assert_eq!((quarter.down(4), quarter.up(4)), (1, 1));
        assert_eq!((quarter.down(5), quarter.up(5)), (1, 2));
        let most = Share::Percent(100);
        assert_eq!((most.down(10_000), most.up(10_000)), (10_000, 10_000));
    }
}
