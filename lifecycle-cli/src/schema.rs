//! `lifecycle schema`.

use std::io::Write as _;

use anyhow::Result;

use crate::cli::{Document, SchemaArgs};
use crate::{Outcome, check, drill, picture};

pub(crate) fn run(args: &SchemaArgs) -> Result<Outcome> {
    let schema = match args.document {
        Document::Manifest => lifecycle_manifest::schema::schema(),
        Document::Report => check::report_schema(),
        Document::Drill => drill::schema(),
        Document::Plan => picture::schema(),
    };
    let mut out = crate::out::text();
    serde_json::to_writer_pretty(&mut out, &schema)?;
    writeln!(out)?;
    Ok(Outcome::Clean)
}
