//! `job`: what a Job and a `CronJob` have beside other workloads.

use std::time::Duration;

use super::{Controller, FACTS, Kubernetes};
use crate::figure::Figure;
use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::platform::held;
use crate::read::{Table, Zero};
use crate::rules::shape;

/// `job`.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { workload: cron-job, job: { schedule: '30 3 * * *', deadline: 1h } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.schedule(), Some("30 3 * * *"));
/// assert_eq!(kubernetes.job_deadline().unwrap().term(), "1h deadline");
/// assert!(kubernetes.job.concurrency.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// `schedule`: when a `CronJob` starts one.
    pub schedule: Option<Written<String>>,
    /// `deadline`: after so long all its pods are stopped.
    pub deadline: Option<Written<Duration>>,
    /// `replacement`: when a pod that stops is started anew.
    pub replacement: Option<Written<Successor>>,
    /// `concurrency`: what happens when the clock strikes and the last run is not over.
    pub concurrency: Option<Written<Concurrency>>,
}

/// `replacement`: when a Job starts a pod in the place of one that is stopping
/// (batch/v1/types.go, `PodReplacementPolicy`).
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Successor;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { workload: job, job: { replacement: while-stopping } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// assert_eq!(kubernetes.successor(), Successor::WhileStopping);
/// assert_eq!(Successor::WhileStopping.policy(), "TerminatingOrFailed");
/// assert_eq!(Successor::AfterEnd.policy(), "Failed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Successor {
    /// When the old one has ended: `Failed`.
    AfterEnd,
    /// While the old one still shuts down: `TerminatingOrFailed`, the Kubernetes default.
    WhileStopping,
}

impl Successor {
    /// All of them, with their names in the manifest.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("after-end", Self::AfterEnd),
        ("while-stopping", Self::WhileStopping),
    ];

    /// The word in Kubernetes' objects.
    pub const fn policy(self) -> &'static str {
        match self {
            Self::AfterEnd => "Failed",
            Self::WhileStopping => "TerminatingOrFailed",
        }
    }

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AfterEnd => "after-end",
            Self::WhileStopping => "while-stopping",
        }
    }
}

/// `concurrency`: what a `CronJob` does when its last run is not over
/// (batch/v1/types.go, `ConcurrencyPolicy`).
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::Concurrency;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   kubernetes: { workload: cron-job, job: { schedule: '@daily' } }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let kubernetes = platforms.iter().find_map(Platform::kubernetes).unwrap();
/// // Kubernetes' own default is `Allow`.
/// assert_eq!(kubernetes.concurrency(), Concurrency::Forbid);
/// assert_eq!(Concurrency::Forbid.policy(), "Forbid");
/// assert_eq!(Concurrency::Forbid.as_str(), "forbid");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum Concurrency {
    /// Starts another beside it, the Kubernetes default.
    Allow,
    /// Leaves the new one out.
    Forbid,
    /// Stops the old one.
    Replace,
}

impl Concurrency {
    /// All of them, with their names in the manifest.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("allow", Self::Allow),
        ("forbid", Self::Forbid),
        ("replace", Self::Replace),
    ];

    /// The word in Kubernetes' objects.
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Forbid => "Forbid",
            Self::Replace => "Replace",
        }
    }

    /// The name in the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Forbid => "forbid",
            Self::Replace => "replace",
        }
    }
}

impl Job {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let job = Self {
            schedule: schedule(&mut table),
            deadline: table.duration("deadline", Zero::Refused),
            replacement: table.word("replacement", "a time for a replacement", Successor::WORDS),
            concurrency: table.word(
                "concurrency",
                "what happens to a run beside another",
                Concurrency::WORDS,
            ),
        };
        table.finish();
        job
    }
}

impl Kubernetes {
    /// When a pod that stops is started anew: after its end, unless the other is written.
    pub fn successor(&self) -> Successor {
        let written = self.job.replacement.as_ref();
        written.map_or(Successor::AfterEnd, |written| written.value)
    }

    /// What happens to a run beside another: it is left out, unless something else is written.
    pub fn concurrency(&self) -> Concurrency {
        let written = self.job.concurrency.as_ref();
        written.map_or(Concurrency::Forbid, |written| written.value)
    }

    /// After how long all pods of a run are stopped, in whole seconds.
    pub fn job_deadline(&self) -> Option<Figure> {
        let written = self.job.deadline.as_ref()?;
        let finishes = self.controller().finishes();
        finishes.then(|| held(written, "deadline", FACTS.unit))
    }

    /// When runs start.
    pub fn schedule(&self) -> Option<&str> {
        let runs = self.controller() == Controller::CronJob;
        let schedule = self.job.schedule.as_ref().filter(|_| runs)?;
        Some(&schedule.value)
    }
}

/// A `CronJob` can run by this: five fields, or a word such as `@daily`.
///
/// ```
/// use lifecycle_manifest::platform::is_schedule;
/// assert!(is_schedule("*/15 0-6 * * mon-fri"));
/// assert!(is_schedule("@daily"));
/// assert!(!is_schedule("60 3 * * *"));
/// assert!(!is_schedule("30 3 * *"));
/// ```
pub fn is_schedule(text: &str) -> bool {
    as_schedule(text).is_ok()
}

fn schedule(table: &mut Table<'_, '_>) -> Option<Written<String>> {
    let text = table.text("schedule")?;
    let Err(what) = as_schedule(&text.value) else {
        return Some(text);
    };
    let shown: String = text.value.chars().take(40).collect();
    let message = format!("`{shown}` is no schedule: {what}");
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, Place::Value(text.route));
    table.push(finding.help(
        "write minute, hour, day, month and weekday, such as `\"30 3 * * *\"`, or a word such as `@daily`",
    ));
    None
}

/// What the scheduler of a `CronJob` takes (github.com/robfig/cron v3, `ParseStandard`): five fields or
/// one of its words.
fn as_schedule(text: &str) -> Result<(), String> {
    const WORDS: [&str; 7] = [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
        ("minute", 0, 59, &[]),
        ("hour", 0, 23, &[]),
        ("day", 1, 31, &[]),
        (
            "month",
            1,
            12,
            &[
                "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
            ],
        ),
        (
            "weekday",
            0,
            6,
            &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        ),
    ];
    if let Some(every) = text.strip_prefix("@every ") {
        let known = crate::duration::parse(every);
        return known.map(|_| ()).map_err(|error| error.to_string());
    }
    if text.starts_with('@') {
        return match WORDS.contains(&text) {
            true => Ok(()),
            false => Err(format!("the words are {}", WORDS.join(", "))),
        };
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("it has {} fields of five", fields.len()));
    }
    for (field, (name, least, most, names)) in fields.into_iter().zip(FIELDS) {
        for part in field.split(',') {
            let known = is_range(part, least, most, names);
            known.ok_or_else(|| {
                format!("`{part}` is no {name}, which goes from {least} to {most}")
            })?;
        }
    }
    Ok(())
}

/// `*`, `3`, `mon-fri`, `*/15`, `0-30/5`.
fn is_range(part: &str, least: u32, most: u32, names: &[&str]) -> Option<()> {
    let number = |text: &str| -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = names.iter().position(|name| *name == lower) {
            return u32::try_from(at).ok().map(|at| at + least);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    if let Some(step) = step {
        number(step).filter(|step| *step > 0)?;
    }
    if range == "*" || range == "?" {
        return Some(());
    }
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(range)?, number(range)?),
    };
    (least <= from && from <= to && to <= most).then_some(())
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "job")]
#[allow(dead_code, reason = "only its shape is read")]
pub(crate) struct JobSchema {
    /// When a `CronJob`, which must have it, starts a run: minute, hour, day, month and weekday. Unset: a Job, which runs once.
    #[schemars(extend("examples" = ["30 3 * * *"]))]
    schedule: Option<String>,
    /// After so long all pods of a run are stopped, with their whole grace period. Unset: never.
    deadline: Option<crate::schema::DurationSchema>,
    /// When a pod that stops is started anew: `after-end`, or `while-stopping` as Kubernetes has it by default. `after-end` when not written.
    replacement: Option<Successor>,
    /// What a `CronJob` does when its last run is not over: `allow` another beside it, `forbid` it, or `replace` the old one, which is then stopped. `forbid` when not written.
    concurrency: Option<Concurrency>,
}

#[cfg(test)]
mod tests {
    use super::is_schedule;

    #[test]
    fn a_schedule_is_what_the_controller_takes_for_one() {
        for good in [
            "30 3 * * *",
            "*/15 * * * *",
            "0-30/5,45 0,12 1 JAN-mar mon-fri",
            "0 0 ? * 6",
            "  0   0 1 1 0 ",
            "@daily",
            "@hourly",
            "@every 90m",
        ] {
            assert!(is_schedule(good), "{good:?}");
        }
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 7",
            "30-20 * * * *",
            "*/0 * * * *",
            "*/ * * * *",
            "+5 * * * *",
            "1,,2 * * * *",
            "@reboot",
            "@every",
            "@every now",
            "TZ=UTC 0 3 * * *",
            "0 3 * * sunday",
        ] {
            assert!(!is_schedule(bad), "{bad:?}");
        }
    }
}
