//! drill
use crate::{Outcome, cli::DrillArgs};
use anyhow::Result;
pub(crate) fn run(_: &DrillArgs) -> Result<Outcome> {
    anyhow::bail!("not yet")
}
