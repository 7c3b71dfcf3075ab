//! A dependency whose close panics.

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene, resource};

pub(super) static SCENARIO: Scenario = Scenario {
    name: "panicking-close",
    about: "closing a dependency panics: the plan's last step, or the one that is named",
    asks: Asks::Faults,
    passes: "the others are stopped all the same, the report names the resource, and the exit code says so (80 \
             or 81); nothing is lost",
    argument: Some("RESOURCE"),
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    let name = scene.choose_resource()?;
    scene.fault(&format!("{name}=panic"));
    Ok(())
}

fn judge(scene: &Scene, aside: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    resource::judge(scene, aside, judgement, "panicked")
}
