//! The rules. One file a rule (or a family of the same shape); this file is only their list.
//!
//! A rule reads the manifest, the plan and the timelines, and answers with findings that name
//! routes. It never prints, never reads files, never computes what the timeline has computed.

use crate::finding::{Confidence, Finding, Severity};
use crate::manifest::Manifest;
use crate::plan::{Cycle, Plan};
use crate::platform::{Ecs, Kubernetes, Platform};
use crate::timeline::Timeline;

/// What a rule is: its two names, how bad its findings are, and its page.
#[derive(Debug)]
pub struct Rule {
    /// The stable code, for machines.
    pub code: &'static str,
    /// The name for people; it reads after "allow".
    pub name: &'static str,
    /// How bad its findings are, unless one says otherwise.
    pub severity: Severity,
    /// How sure its findings are, unless one says otherwise.
    pub confidence: Confidence,
    /// The version of this tool that had it first.
    pub since: &'static str,
    /// Its documentation, in Markdown: the rule's doc comment.
    pub page: &'static str,
    /// How it looks for findings; `None` for what is found while the file is read.
    pub check: Option<fn(&Context<'_>, &mut Vec<Finding>)>,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Rule {
    /// Its level can be set, and a finding of it allowed. What is wrong with the file's shape or its
    /// order cannot: there is nothing to go on with.
    pub fn can_be_allowed(&self) -> bool {
        self.check.is_some() || self.severity == Severity::Warning
    }

    /// The first line of the page.
    pub fn summary(&self) -> &'static str {
        self.page.trim_start().lines().next().unwrap_or_default()
    }
}

/// What a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The file's values.
    pub manifest: &'a Manifest,
    /// The steps in order.
    pub plan: &'a Plan,
    /// The plan on each platform's clock.
    pub timelines: &'a [Timeline],
}

impl<'a> Context<'a> {
    /// The Kubernetes entry with its timeline, where there is one.
    fn kubernetes(&self) -> Option<(&'a Timeline, &'a Kubernetes)> {
        self.timelines
            .iter()
            .find_map(|line| match self.entry(line) {
                Some(Platform::Kubernetes(kubernetes)) => Some((line, kubernetes)),
                _ => None,
            })
    }

    /// The ECS entry with its timeline, where there is one.
    fn ecs(&self) -> Option<(&'a Timeline, &'a Ecs)> {
        self.timelines
            .iter()
            .find_map(|line| match self.entry(line) {
                Some(Platform::Ecs(ecs)) => Some((line, ecs)),
                _ => None,
            })
    }

    fn entry(&self, line: &Timeline) -> Option<&'a Platform> {
        self.manifest.platforms.get(line.platform())
    }
}

/// Declares a rule; its doc comment is its page.
macro_rules! rule {
    ($(#[doc = $doc:literal])* $vis:vis $id:ident = $code:literal, $name:literal, $severity:ident, $confidence:ident $(, $check:path)?) => {
        $(#[doc = $doc])*
        $vis static $id: crate::rules::Rule = crate::rules::Rule {
            code: $code,
            name: $name,
            severity: crate::finding::Severity::$severity,
            confidence: crate::finding::Confidence::$confidence,
            since: "0.1.0",
            page: concat!($($doc, "\n"),*),
            check: rule!(@check $($check)?),
        };
    };
    (@check) => { None };
    (@check $check:path) => { Some($check) };
}

pub mod shape;
mod verdict;

mod above_platform_cap;
mod agent_decides_grace;
mod default_deregistration_delay;
mod dependency_cycle;
mod drain_outlived_by_load_balancer;
mod exec_hook_needs_shell;
mod flushed_before_drained;
mod grace_not_settable;
mod grace_of_nothing;
mod grace_too_short;
mod hook_outlives_grace;
mod hook_takes_whole_grace;
mod jobs;
mod keep_alive_below_balancer;
mod lease_expires_at_work;
mod liveness_waits_whole_grace;
mod longest_job_outlives_drain;
mod longest_request_outlives_drain;
mod mesh_leaves_first;
mod needs_newer_cluster;
mod no_drain_time;
mod node_leaves_first;
mod poll_outlives_drain;
mod port_taken;
mod prefetch_outlives_drain;
mod readiness_slower_than_settle;
mod rounded_up;
mod settle_paid_twice;
mod settle_unpaid;
mod sidecar_leaves_first;
mod spot_notice_too_short;
mod step_closed_before_its_user;
mod unused_grace;
mod value_above_cap;

/// Every rule, in the order of the codes.
pub static ALL: &[&Rule] = &[
    &shape::SYNTAX,
    &shape::DUPLICATE_KEY,
    &shape::UNKNOWN_KEY,
    &shape::MISSING_KEY,
    &shape::WRONG_TYPE,
    &shape::BAD_DURATION,
    &shape::UNKNOWN_VALUE,
    &shape::UNKNOWN_RESOURCE,
    &shape::UNSUPPORTED_YAML,
    &shape::BAD_NAME,
    &shape::OUT_OF_RANGE,
    &shape::UNSUPPORTED_FORMAT,
    &shape::KEY_NOT_FOR_KIND,
    &shape::UNKNOWN_RULE,
    &shape::BAD_ALLOWANCE,
    &shape::UNUSED_ALLOWANCE,
    &grace_too_short::RULE,
    &hook_outlives_grace::RULE,
    &hook_takes_whole_grace::RULE,
    &no_drain_time::RULE,
    &unused_grace::RULE,
    &above_platform_cap::RULE,
    &value_above_cap::RULE,
    &grace_not_settable::RULE,
    &rounded_up::RULE,
    &grace_of_nothing::RULE,
    &node_leaves_first::RULE,
    &agent_decides_grace::RULE,
    &dependency_cycle::RULE,
    &step_closed_before_its_user::RULE,
    &flushed_before_drained::RULE,
    &settle_unpaid::RULE,
    &settle_paid_twice::RULE,
    &readiness_slower_than_settle::RULE,
    &drain_outlived_by_load_balancer::RULE,
    &keep_alive_below_balancer::RULE,
    &longest_request_outlives_drain::RULE,
    &default_deregistration_delay::RULE,
    &sidecar_leaves_first::RULE,
    &exec_hook_needs_shell::RULE,
    &spot_notice_too_short::RULE,
    &needs_newer_cluster::RULE,
    &liveness_waits_whole_grace::RULE,
    &mesh_leaves_first::RULE,
    &port_taken::RULE,
    &longest_job_outlives_drain::RULE,
    &lease_expires_at_work::RULE,
    &poll_outlives_drain::RULE,
    &prefetch_outlives_drain::RULE,
];

/// The rule with this code or name, whatever the case.
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| {
        rule.code.eq_ignore_ascii_case(code_or_name) || rule.name.eq_ignore_ascii_case(code_or_name)
    })
}

/// What is wrong with circles of waits, each by the rule it belongs to.
pub(crate) fn circles(cycles: &[Cycle]) -> Vec<Finding> {
    let finding = |cycle| {
        step_closed_before_its_user::finding(cycle)
            .unwrap_or_else(|| dependency_cycle::finding(cycle))
    };
    cycles.iter().map(finding).collect()
}

/// Runs every rule that needs a plan.
pub(crate) fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for rule in ALL {
        if let Some(check) = rule.check {
            check(context, findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_names_are_stable_unique_and_in_order() {
        let listed: Vec<String> = ALL
            .iter()
            .map(|rule| format!("{} {}", rule.code, rule.name))
            .collect();
        let stored: Vec<&str> = include_str!("codes.txt").lines().collect();
        assert_eq!(
            listed, stored,
            "a code or a name has changed: they are a contract"
        );
        let codes: BTreeSet<_> = ALL.iter().map(|rule| rule.code).collect();
        let names: BTreeSet<_> = ALL.iter().map(|rule| rule.name).collect();
        assert_eq!((codes.len(), names.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn every_page_says_what_why_and_what_instead() {
        for rule in ALL {
            for heading in ["## Why it matters", "## What to write instead"] {
                assert!(
                    rule.page.contains(heading),
                    "{} lacks “{heading}”",
                    rule.name
                );
            }
            assert!(rule.summary().len() > 20, "{} has no summary", rule.name);
        }
    }
}
