//! The disk is full when the report is to be written.
//!
//! `/dev/full` takes no byte and says that the device is full; that needs neither root nor a file system
//! of one's own.

use std::path::Path;

use super::additions::Aside;
use super::judgement::Judgement;
use super::{Asks, No, Scenario, Scene};

const FULL: &str = "/dev/full";

pub(super) static SCENARIO: Scenario = Scenario {
    name: "full-disk",
    about: "the report goes to a device that is full",
    asks: Asks::Report,
    passes: "it stops as if it could be written: nothing is lost, exit code 0, in time",
    argument: None,
    arrange,
    judge,
};

fn arrange(scene: &mut Scene) -> Result<(), No> {
    if !Path::new(FULL).exists() {
        return Err(No::Applicable(format!("there is no {FULL} on this system")));
    }
    scene.additions.report = Some(FULL.into());
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as every scenario is asked")]
fn judge(_: &Scene, _: &Aside, judgement: &mut Judgement<'_>) -> Result<(), No> {
    judgement
        .held_up_because("what cannot be reported is taken for a failure of the shutdown itself");
    Ok(())
}
