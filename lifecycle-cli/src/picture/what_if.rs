//! `--if hang:orders-db`: which steps do other than they should, and what comes of it in words.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use lifecycle_manifest::duration::{self, human};
use lifecycle_manifest::{Course, Ending, Plan, WhatIf, nearest};

/// One `--if`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    what: What,
    /// A resource's name, or `*` for all that no other case names.
    name: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Hang,
    Fail,
    Instant,
    Slow(Duration),
}

/// All that are not named one by one.
const ALL: &str = "*";

impl What {
    fn course(self) -> Course {
        match self {
            Self::Hang => Course::Hangs,
            Self::Fail => Course::Fails,
            Self::Instant => Course::Takes(Duration::ZERO),
            Self::Slow(time) => Course::Takes(time),
        }
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "write `hang:NAME`, `fail:NAME`, `instant:NAME` or `slow:NAME=3s`, with `*` for all";
        let Some((what, name)) = text.split_once(':') else {
            return Err(format!("it does not say what happens to whom; {FORMS}"));
        };
        let (name, time) = match name.split_once('=') {
            Some((name, time)) => (name, Some(time)),
            None => (name, None),
        };
        let what = match (what, time) {
            ("hang", None) => What::Hang,
            ("fail", None) => What::Fail,
            ("instant", None) => What::Instant,
            ("slow", Some(time)) => What::Slow(
                duration::parse(time).map_err(|error| format!("{error}; {}", error.help()))?,
            ),
            ("slow", None) => return Err(format!("how slow? write `slow:{name}=3s`")),
            ("hang" | "fail" | "instant", Some(_)) => {
                return Err(format!(
                    "`{what}` takes no time: write `{what}:{name}`, or `slow:{name}=3s`"
                ));
            }
            _ => return Err(format!("`{what}` is not known here; {FORMS}")),
        };
        if name.is_empty() {
            return Err(format!("it names no resource; {FORMS}"));
        }
        Ok(Self {
            what,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.what {
            What::Hang => write!(f, "hang:{name}"),
            What::Fail => write!(f, "fail:{name}"),
            What::Instant => write!(f, "instant:{name}"),
            What::Slow(time) => write!(f, "slow:{name}={}", duration::show(time)),
        }
    }
}

/// Every `--if`, looked up in a plan. None: the plan itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cases(Vec<Case>);

impl Cases {
    /// What is asked of this plan.
    ///
    /// # Errors
    ///
    /// A resource that the plan does not have, or one that is asked for twice.
    pub(crate) fn of(cases: &[Case], plan: &Plan) -> Result<Self> {
        let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        for (at, case) in cases.iter().enumerate() {
            let name = case.name.as_str();
            if name != ALL && !names.contains(&name) {
                let known = match nearest(name, names.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", shown(&names)),
                };
                bail!(
                    "--if {case}: the manifest has no resource `{}`; {known}",
                    lifecycle_manifest::render::one_line(name)
                );
            }
            if let Some(other) = cases[..at].iter().find(|other| other.name == name) {
                bail!(
                    "--if {case}: `{name}` cannot do two things; `--if {other}` is there already"
                );
            }
        }
        Ok(Self(cases.to_vec()))
    }

    /// One step that hangs, or fails, while the others end as `others` says.
    pub(super) fn one(name: &str, hangs: bool, others: Others) -> Self {
        let what = if hangs { What::Hang } else { What::Fail };
        let mut cases = vec![Case {
            what,
            name: name.to_owned(),
        }];
        cases.extend(others.case());
        Self(cases)
    }

    /// All steps the same way.
    pub(super) fn all(hang: bool) -> Self {
        let what = if hang { What::Hang } else { What::Instant };
        Self(vec![Case {
            what,
            name: ALL.to_owned(),
        }])
    }

    /// There is none: the plan itself is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each as it would be written.
    pub(super) fn written(&self) -> Vec<String> {
        self.0.iter().map(Case::to_string).collect()
    }

    /// How each step of the plan takes its end; `None` where nothing was asked.
    pub(super) fn courses(&self, plan: &Plan) -> Option<Vec<Course>> {
        if self.is_empty() {
            return None;
        }
        let of = |name: &str| self.0.iter().find(|case| case.name == name);
        let courses = plan.steps.iter().map(|step| {
            let case = of(&step.name).or_else(|| of(ALL));
            case.map_or(Course::WholeTimeout, |case| case.what.course())
        });
        Some(courses.collect())
    }
}

/// What comes of it, in a sentence for people.
pub(super) fn words(plan: &Plan, happened: &WhatIf, exit: Duration) -> String {
    let mut words: Vec<String> = Vec::new();
    let ended = |ending| -> Vec<&str> {
        let steps = plan.steps.iter().zip(&happened.steps);
        steps
            .filter(|(_, it)| it.ending == ending)
            .map(|(step, _)| step.name.as_str())
            .collect()
    };
    for (ending, does) in [
        (Ending::Abandoned, "given up after timeout and unwind"),
        (Ending::Cancelled, "cancelled at the timeout"),
        (Ending::Failed, "failed"),
        (Ending::Cut, "cut off by SIGKILL"),
        (Ending::NeverBegan, "never began"),
    ] {
        let names = ended(ending);
        if !names.is_empty() {
            words.push(format!("{}: {}", does, shown(&names)));
        }
    }
    let after = human(exit);
    let end = match (happened.is_killed(), happened.exit.code) {
        (true, _) => format!("The process is killed {after} after the stop, before it is done"),
        (false, code) => {
            let left = human(happened.left());
            let means = match code {
                80 => " (work was abandoned)",
                81 => " (all work was done, something was not closed in order)",
                _ => "",
            };
            format!(
                "The process exits with {code}{means} {after} after the stop, {left} before SIGKILL"
            )
        }
    };
    match words.is_empty() {
        true => format!("{end}."),
        false => {
            let lost = words.join("; ");
            let mut letters = lost.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            let lost: String = first.into_iter().chain(letters).collect();
            format!("{lost}. {end}.")
        }
    }
}

/// What the steps do that are not spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// They take their whole timeout: the most that is in order.
    WholeTimeout,
    /// They end at once, as most do on most days.
    AtOnce,
}

impl Others {
    fn case(self) -> Option<Case> {
        (self == Self::AtOnce).then(|| Case {
            what: What::Instant,
            name: ALL.to_owned(),
        })
    }
}

/// Names in a sentence: the first few, and how many more.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 6;
    let few: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| lifecycle_manifest::render::one_line(name))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => few.join(", "),
        more => format!("{} and {more} more", few.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Case, String> {
        text.parse()
    }

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in [
            "hang:orders-db",
            "fail:http",
            "instant:*",
            "slow:http=2s500ms",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_case_says_what_would_be() {
        let error = |text: &str| read(text).unwrap_err();
        assert!(error("orders-db").contains("write `hang:NAME`"));
        assert!(error("hangs:db").starts_with("`hangs` is not known here"));
        assert_eq!(error("slow:db"), "how slow? write `slow:db=3s`");
        assert!(error("hang:db=3s").contains("`slow:db=3s`"));
        assert!(error("slow:db=3").contains("3s"));
        assert!(error("hang:").starts_with("it names no resource"));
    }
}
