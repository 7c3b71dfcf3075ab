//! What the scenarios have in common that put a fault into one resource.

use super::additions::Aside;
use super::judgement::Judgement;
use super::{No, Scene};

/// Work was abandoned.
const ABANDONED: i32 = 80;
/// The work was done, and not everything could be closed.
const NOT_CLOSED: i32 = 81;

/// The process names the resource in its report with this outcome, says so by its exit code, and every
/// other step has ended well.
#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
pub(super) fn judge(
    scene: &Scene,
    _: &Aside,
    judgement: &mut Judgement<'_>,
    outcome: &str,
) -> Result<(), No> {
    let name = scene.resource.as_deref().unwrap_or_default();
    judgement.held_up_because(
        "one dependency that does not come to its end keeps the whole shutdown, or ends it early: give every \
         close a timeout of its own, and go on with the others",
    );
    let Some(report) = &judgement.measured.report else {
        // A process that had to be killed has said why it fails already.
        if !judgement.measured.process.sigkill_needed {
            judgement.fail(
                "fault-not-told",
                format!("the process left without a report that names {name}"),
                "the report is written by what hung or panicked",
            );
        }
        return Ok(());
    };
    let others: Vec<String> = report
        .steps
        .iter()
        .filter(|step| step.name != name && step.outcome != "done" && !step.best_effort)
        .map(|step| format!("{} ({})", step.name, step.outcome))
        .collect();
    if !others.is_empty() {
        judgement.fail(
            "fault-spread",
            format!(
                "the fault is {name}'s, and these did not end well either: {}",
                others.join(", ")
            ),
            "they waited for the resource with the fault, or their own time was used up by it",
        );
    }
    let (said, best_effort) = match judgement.step(name) {
        Some(step) => (step.outcome.clone(), step.best_effort),
        None => ("nothing".to_owned(), false),
    };
    if said != outcome {
        judgement.fail(
            "fault-not-told",
            format!("the report says `{said}` of {name}, not `{outcome}`"),
            "the shutdown takes a fault for a success, or does not look at the result",
        );
    }
    match judgement.code() {
        Some(0) if !best_effort => judgement.fail(
            "fault-not-told",
            format!("the process left with exit code 0, though {name} {outcome}"),
            "the exit code does not tell what the report tells; whoever watches restarts sees nothing",
        ),
        Some(0 | ABANDONED | NOT_CLOSED) if said == outcome => {
            let end = judgement.step(name).and_then(|step| step.end_ms);
            judgement.excuse(&["exit-not-zero"]);
            judgement.note(match end {
                Some(ms) => format!(
                    "{name} {outcome} at {}, and the report names it",
                    crate::words::moment(ms)
                ),
                None => format!("{name} {outcome}, and the report names it"),
            });
        }
        _ => {}
    }
    Ok(())
}
