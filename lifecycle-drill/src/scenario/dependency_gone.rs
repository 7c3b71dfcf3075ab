//! A dependency is gone shortly before the platform's signal comes.

use std::time::Duration;

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene, resource};
use crate::measured::Course;

/// So long before the signal.
const BEFORE: Duration = Duration::from_millis(500);
/// The load before the stop, long enough for the program to be ready when the dependency goes.
const WARM_UP: Duration = Duration::from_secs(2);

pub(super) static SCENARIO: Scenario = Scenario {
    name: "dependency-gone",
    about: "a dependency ends by itself 500ms before the signal: the plan's last step, or the one that is named",
    asks: Asks::Faults,
    passes: "it stops in order, before the signal or with it: what was under way is answered, the report names \
             the resource, and the exit code says so (80 or 81)",
    argument: Some("RESOURCE"),
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let name = scene.choose_resource()?;
    scene.load.warm_up = WARM_UP;
    let script = &scene.script;
    let to_signal = match script.deregistration {
        // Routing ends before it, and then the signal comes as soon as nothing is in flight.
        Some(longest) if script.deregistration_ends_early => {
            longest.min(script.routing_lag) + script.hook_in_grace()
        }
        _ => script.asked_to_signal(),
    };
    let after = (scene.load.warm_up + to_signal).saturating_sub(BEFORE);
    scene.fault(&format!("{name}=die:{}ms", after.as_millis()));
    Ok(())
}

fn judge(scene: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    let name = scene.resource.as_deref().unwrap_or_default();
    if judgement.measured.course == Course::DiedAtStart {
        let why = format!("{name} was gone before the program was ready; its start takes too long");
        return Err(No::Applicable(why));
    }
    let report = judgement.measured.report.as_ref();
    let cause = report.and_then(|report| report.cause.clone());
    let own = cause.filter(|cause| cause.contains(name));
    let best_effort = judgement.step(name).is_some_and(|step| step.best_effort);
    match &own {
        Some(cause) => {
            let sentence = format!("the process began to stop before the signal: {cause}");
            judgement.note(sentence);
            if matches!(
                judgement.measured.course,
                Course::DiedBeforeStop | Course::DiedBeforeSignal
            ) {
                judgement.excuse(&["died-before-stop", "died-before-signal"]);
                // Without a signal there is no finding about the exit code to excuse: it is looked at below.
            }
        }
        // Whoever goes on without it may do so.
        None if best_effort => {}
        None => judgement.fail(
            "fault-not-told",
            format!("the report does not say that {name} ended before the signal"),
            "nothing looks at the dependency while the service runs, so that its end is not noticed",
        ),
    }
    resource::judge(scene, aside, judgement, "failed")
}
