//! The rules. One file a rule (or a family of the same shape); this file is only their list.
//!
//! A rule reads the manifest, the plan and the timelines, and answers with findings that name
//! routes. It never prints, never reads files, never computes what the timeline has computed.

#[cfg(feature = "deployed")]
use crate::deployed::{Pair, View};
use crate::finding::Finding;
use crate::manifest::Manifest;
use crate::plan::Cycle;

#[cfg(feature = "deployed")]
pub(crate) use deployment::{alone, compare, unreadable};
pub use family::{FAMILIES, Family};
pub use rule::{Context, Rule};

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

#[cfg(feature = "deployed")]
mod deployment;
mod family;
pub mod hazards;
pub mod page;
mod rule;
pub mod shape;
mod verdict;

mod above_platform_cap;
mod agent_decides_grace;
mod bluegreen_without_health_check;
mod capacity_drift;
mod children_left_behind;
mod children_signalled_too;
mod default_deregistration_delay;
mod dependency_cycle;
mod deployed_children_left_behind;
mod deployed_file_unreadable;
mod deployed_grace_cut;
mod deployed_grace_not_settable;
mod deployed_grace_of_nothing;
mod deployed_hook_cannot_run;
mod deployed_hook_needs_shell;
mod deployed_hook_never_ends;
mod deployed_hook_outlives_grace;
mod deployed_key_twice;
mod deployed_kill_timeout_in_seconds;
mod deployed_message_without_listener;
mod deployed_polled_too_late;
mod deployed_sidecar_not_waited_for;
mod deployed_signal_kills;
mod deployed_stop_without_end;
mod deployed_value_refused;
mod deployed_without_drain_delay;
mod deregistration_drift;
mod digest_drift;
mod drain_outlived_by_load_balancer;
mod drained_before_stopped;
mod ended_by_platform_first;
mod environment_drift;
mod exclusive_held_twice;
mod exec_hook_needs_shell;
mod exec_stop_cut_off;
mod flushed_before_drained;
mod grace_drift;
mod grace_in_wrong_unit;
mod grace_longer_than_known;
mod grace_not_settable;
mod grace_of_nothing;
mod grace_outlives_progress_deadline;
mod grace_too_short;
mod grace_without_end;
mod health_check_needs_shell;
mod health_check_without_port;
mod hook_drift;
mod hook_never_ends;
mod hook_outlives_grace;
mod hook_takes_whole_grace;
mod hung_program_holds_grace;
mod ingress_grace_not_the_apps;
mod job_drift;
mod jobs;
mod keep_alive_below_balancer;
mod kill_keys_misplaced;
mod leader_stops_first;
mod lease_expires_at_work;
mod listen_timeout_below_start;
mod liveness_waits_whole_grace;
mod longest_job_outlives_drain;
mod longest_request_outlives_drain;
mod margin_too_thin;
mod mesh_leaves_first;
mod message_without_listener;
mod needs_newer_cluster;
mod never_killed;
mod no_drain_time;
mod node_leaves_first;
mod not_deployed;
mod outer_grace_too_short;
mod outside_drift;
mod poll_outlives_drain;
mod polled_too_late;
mod port_drift;
mod port_taken;
mod prefetch_outlives_drain;
mod probe_asks_init;
mod probe_drift;
mod probe_grace_misplaced;
mod progress_deadline_too_short;
mod published_port_closed;
mod published_port_taken;
mod readiness_freezes;
mod readiness_slower_than_settle;
mod request_timeout_outlives_drain;
mod restart_skips_drain_delay;
mod rollout_drift;
mod rollout_takes_all_pods;
mod rollout_without_others;
mod rounded_up;
mod settle_paid_twice;
mod settle_unpaid;
mod shell_swallows_signal;
mod shorter;
mod sidecar_drift;
mod sidecar_leaves_first;
mod sidecar_outlives_grace;
mod signal_drift;
mod signal_not_handled;
mod socket_without_port;
mod spot_notice_too_short;
mod spread_outlives_drain;
mod step_closed_before_its_user;
mod stop_chain_outlives_spot;
mod stop_key_not_read;
mod stop_signal_left_to_platform;
mod stop_signal_not_sent;
mod stop_timeout_left_to_host;
mod stopped_before_its_user;
mod supervisor_leaves_first;
mod throttled_in_background;
mod timed;
#[cfg(feature = "deployed")]
mod told;
mod traffic_to_leaving_pods;
mod unit_drift;
mod unused_grace;
mod value_above_cap;
mod workload_drift;

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
    &supervisor_leaves_first::RULE,
    &hook_never_ends::RULE,
    &grace_without_end::RULE,
    &grace_outlives_progress_deadline::RULE,
    &drained_before_stopped::RULE,
    &margin_too_thin::RULE,
    &grace_in_wrong_unit::RULE,
    &outer_grace_too_short::RULE,
    &grace_longer_than_known::RULE,
    &sidecar_outlives_grace::RULE,
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
    &spread_outlives_drain::RULE,
    &sidecar_leaves_first::RULE,
    &exec_hook_needs_shell::RULE,
    &spot_notice_too_short::RULE,
    &needs_newer_cluster::RULE,
    &liveness_waits_whole_grace::RULE,
    &mesh_leaves_first::RULE,
    &progress_deadline_too_short::RULE,
    &exclusive_held_twice::RULE,
    &rollout_without_others::RULE,
    &request_timeout_outlives_drain::RULE,
    &ended_by_platform_first::RULE,
    &throttled_in_background::RULE,
    &ingress_grace_not_the_apps::RULE,
    &published_port_taken::RULE,
    &published_port_closed::RULE,
    &probe_asks_init::RULE,
    &health_check_needs_shell::RULE,
    &health_check_without_port::RULE,
    &children_left_behind::RULE,
    &children_signalled_too::RULE,
    &exec_stop_cut_off::RULE,
    &socket_without_port::RULE,
    &bluegreen_without_health_check::RULE,
    &listen_timeout_below_start::RULE,
    &message_without_listener::RULE,
    &polled_too_late::RULE,
    &port_taken::RULE,
    &signal_not_handled::RULE,
    &longest_job_outlives_drain::RULE,
    &lease_expires_at_work::RULE,
    &poll_outlives_drain::RULE,
    &prefetch_outlives_drain::RULE,
    &grace_drift::RULE,
    &hook_drift::RULE,
    &probe_drift::RULE,
    &port_drift::RULE,
    &sidecar_drift::RULE,
    &digest_drift::RULE,
    &environment_drift::RULE,
    &deregistration_drift::RULE,
    &capacity_drift::RULE,
    &not_deployed::RULE,
    &signal_drift::RULE,
    &outside_drift::RULE,
    &workload_drift::RULE,
    &rollout_drift::RULE,
    &job_drift::RULE,
    &readiness_freezes::RULE,
    &deployed_file_unreadable::RULE,
    &deployed_key_twice::RULE,
    &deployed_value_refused::RULE,
    &deployed_grace_of_nothing::RULE,
    &deployed_hook_outlives_grace::RULE,
    &deployed_hook_needs_shell::RULE,
    &deployed_hook_cannot_run::RULE,
    &probe_grace_misplaced::RULE,
    &hung_program_holds_grace::RULE,
    &stop_signal_not_sent::RULE,
    &traffic_to_leaving_pods::RULE,
    &shell_swallows_signal::RULE,
    &deployed_without_drain_delay::RULE,
    &rollout_takes_all_pods::RULE,
    &stop_timeout_left_to_host::RULE,
    &stop_chain_outlives_spot::RULE,
    &deployed_grace_cut::RULE,
    &deployed_hook_never_ends::RULE,
    &stopped_before_its_user::RULE,
    &never_killed::RULE,
    &deployed_stop_without_end::RULE,
    &deployed_children_left_behind::RULE,
    &unit_drift::RULE,
    &stop_key_not_read::RULE,
    &restart_skips_drain_delay::RULE,
    &leader_stops_first::RULE,
    &stop_signal_left_to_platform::RULE,
    &deployed_signal_kills::RULE,
    &kill_keys_misplaced::RULE,
    &deployed_kill_timeout_in_seconds::RULE,
    &deployed_polled_too_late::RULE,
    &deployed_message_without_listener::RULE,
    &deployed_grace_not_settable::RULE,
    &deployed_sidecar_not_waited_for::RULE,
];

/// The rule with this code or name, whatever the case.
///
/// ```
/// use lifecycle_manifest::rules;
/// assert_eq!(rules::find("lc101").unwrap().name, "grace-too-short");
/// assert_eq!(rules::find("grace-too-short").unwrap().code, "LC101");
/// assert!(rules::find("grace-too-long").is_none());
/// ```
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| {
        rule.code.eq_ignore_ascii_case(code_or_name) || rule.name.eq_ignore_ascii_case(code_or_name)
    })
}

/// What is wrong with circles of waits, each by the rule it belongs to.
pub(crate) fn circles(manifest: &Manifest, cycles: &[Cycle]) -> Vec<Finding> {
    let finding = |cycle| {
        step_closed_before_its_user::finding(manifest, cycle)
            .unwrap_or_else(|| dependency_cycle::finding(manifest, cycle))
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

/// The checks of a manifest beside its deployment, in the order of the codes.
#[cfg(feature = "deployed")]
const DRIFT: &[fn(&Pair<'_>, &mut Vec<Finding>)] = &[
    grace_drift::check,
    hook_drift::check,
    probe_drift::check,
    port_drift::check,
    sidecar_drift::check,
    digest_drift::check,
    environment_drift::check,
    deregistration_drift::check,
    capacity_drift::check,
    signal_drift::check,
    outside_drift::check,
    workload_drift::check,
    rollout_drift::check,
    job_drift::check,
    readiness_freezes::check,
    stopped_before_its_user::check,
    unit_drift::check,
];

/// The checks of a deployment by itself, in the order of the codes.
#[cfg(feature = "deployed")]
const DEPLOYED: &[fn(&View<'_>, &mut Vec<Finding>)] = &[
    deployed_value_refused::check,
    deployed_grace_of_nothing::check,
    deployed_hook_outlives_grace::check,
    deployed_hook_needs_shell::check,
    deployed_hook_cannot_run::check,
    probe_grace_misplaced::check,
    hung_program_holds_grace::check,
    stop_signal_not_sent::check,
    traffic_to_leaving_pods::check,
    shell_swallows_signal::check,
    deployed_without_drain_delay::check,
    rollout_takes_all_pods::check,
    stop_timeout_left_to_host::check,
    stop_chain_outlives_spot::check,
    deployed_grace_cut::check,
    deployed_hook_never_ends::check,
    stopped_before_its_user::guess,
    never_killed::check,
    deployed_stop_without_end::check,
    deployed_children_left_behind::check,
    stop_key_not_read::check,
    restart_skips_drain_delay::check,
    leader_stops_first::check,
    stop_signal_left_to_platform::check,
    deployed_signal_kills::check,
    kill_keys_misplaced::check,
    deployed_kill_timeout_in_seconds::check,
    deployed_polled_too_late::check,
    deployed_message_without_listener::check,
    deployed_grace_not_settable::check,
    deployed_sidecar_not_waited_for::check,
];

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
    fn every_rule_belongs_to_a_family() {
        for rule in ALL {
            let hundreds = rule.code.strip_prefix("LC").and_then(|code| code.get(..1));
            assert_eq!(Some(rule.family().hundreds), hundreds, "{}", rule.code);
        }
    }
}
