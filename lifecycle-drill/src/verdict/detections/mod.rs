//! One detection a file, named as its finding, and the list of all.

mod built_from_another_plan;
mod died_at_start;
mod died_before_signal;
mod died_before_stop;
mod exit_before_drain;
mod exit_late;
mod exit_not_zero;
mod exit_zero_after_abandoning;
mod held_by_idle_connections;
mod keep_alive_reset;
mod listener_closed_before_readiness;
mod liveness_failed;
mod load_behind;
mod load_held_back;
mod load_off_target;
mod never_ready;
mod package_runner_first;
mod processes_left_behind;
mod readiness_already_down;
mod readiness_late;
mod readiness_never_flipped;
mod request_failed;
mod request_lost;
mod request_refused;
mod shell_first;
mod sigkill_needed;
mod signal_not_handled;
mod slow_while_stopping;
mod step_over_plan;
mod waited_with_nothing_to_do;

use super::Detection;
pub(crate) use load_behind::behind;
pub(crate) use load_held_back::{ended_early, held_back};
pub(crate) use load_off_target::off_target;
pub(crate) use request_failed::is_alike;
pub(crate) use slow_while_stopping::slow;

/// Every detection, in the order in which findings are told: what stands in front of the program,
/// what its users felt, what its probes said, how it left, and what is to be said about the drill.
pub static ALL: &[&Detection] = &[
    &never_ready::DETECTION,
    &died_at_start::DETECTION,
    &died_before_stop::DETECTION,
    &died_before_signal::DETECTION,
    &shell_first::DETECTION,
    &package_runner_first::DETECTION,
    &signal_not_handled::DETECTION,
    &request_lost::DETECTION,
    &keep_alive_reset::DETECTION,
    &request_failed::DETECTION,
    &request_refused::DETECTION,
    &slow_while_stopping::DETECTION,
    &readiness_already_down::DETECTION,
    &readiness_never_flipped::DETECTION,
    &readiness_late::DETECTION,
    &listener_closed_before_readiness::DETECTION,
    &liveness_failed::DETECTION,
    &sigkill_needed::DETECTION,
    &held_by_idle_connections::DETECTION,
    &waited_with_nothing_to_do::DETECTION,
    &exit_before_drain::DETECTION,
    &exit_zero_after_abandoning::DETECTION,
    &exit_not_zero::DETECTION,
    &exit_late::DETECTION,
    &step_over_plan::DETECTION,
    &built_from_another_plan::DETECTION,
    &processes_left_behind::DETECTION,
    &load_off_target::DETECTION,
    &load_held_back::DETECTION,
    &load_behind::DETECTION,
];
