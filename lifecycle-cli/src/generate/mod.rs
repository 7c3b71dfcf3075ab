//! gen
use crate::{Outcome, cli::GenArgs};
use anyhow::Result;
pub(crate) fn run(_: &GenArgs) -> Result<Outcome> {
    anyhow::bail!("not yet")
}
