//! The JSON Schema of what a drill leaves.

use lifecycle_drill::compare::Comparison;
use lifecycle_drill::record::Record;
use lifecycle_drill::rolling::measured::RollingMeasured;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// What `lifecycle drill --format json`, `drill --record` and `replay --format json` print: a run,
/// several runs, or two drills compared. Fields may be added within a version; none is changed or
/// taken away.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    clippy::large_enum_variant,
    reason = "only its shape is read"
)]
enum Document {
    /// A drill, of one run or of several.
    Drill(Record),
    /// A rolling deploy.
    Rolling(RollingMeasured),
    /// Two drills compared.
    Compared(Comparison),
}

/// The schema of version 1.
pub(crate) fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Document>();
    schema.insert("title".into(), "lifecycle drill --format json".into());
    lifecycle_manifest::schema::no_examples(&mut schema);
    schema
}
