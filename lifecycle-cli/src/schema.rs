//! `lifecycle schema`.

use std::io::Write as _;

use anyhow::Result;

use crate::Outcome;

pub(crate) fn run() -> Result<Outcome> {
    let mut out = anstream::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &lifecycle_manifest::schema::schema())?;
    writeln!(out)?;
    Ok(Outcome::Clean)
}
