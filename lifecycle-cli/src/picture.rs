//! plan
use crate::{Outcome, cli::PlanArgs};
use anyhow::Result;
pub(crate) fn run(_: &PlanArgs) -> Result<Outcome> {
    anyhow::bail!("not yet")
}
