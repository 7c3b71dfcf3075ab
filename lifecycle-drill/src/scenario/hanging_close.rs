//! A dependency whose close never comes to its end.

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene, resource};

pub(super) static SCENARIO: Scenario = Scenario {
    name: "hanging-close",
    about: "closing a dependency never comes to its end: the plan's last step, or the one that is named",
    asks: Asks::Faults,
    passes: "it goes on at the step's timeout, names the resource in its report, and says so by its exit code \
             (80 or 81), in time; every other step is done, and nothing is lost",
    argument: Some("RESOURCE"),
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let name = scene.choose_resource()?;
    scene.fault(&format!("{name}=hang"));
    Ok(())
}

fn judge(scene: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    resource::judge(scene, aside, judgement, "timed-out")
}
