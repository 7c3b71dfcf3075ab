//! Reports of played terminations, held against `docs/shutdown-report.schema.json` by a JSON Schema
//! validator: `LIFECYCLE_CONFORMANCE_PYTHON` names a Python with `jsonschema` and `xmlschema`. Without
//! it this test says that it was skipped; the reports of all other tests are held against the schema
//! by a reader of their own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{ms, plan, skipped, step};
use lifecycle::plan::Kind;
use lifecycle::testing::{Fault, Termination};
use lifecycle::{Custom, QueueConsumer, Signal, Telemetry};
use tokio::time::sleep;

/// Three kinds, one after another.
fn shop() -> Termination {
    let telemetry = step("traces", Kind::Telemetry, ms(2000), &[0]).best_effort();
    Termination::of(plan(
        ms(1000),
        vec![
            step("emails", Kind::QueueConsumer, ms(5000), &[]),
            telemetry,
            step("lock", Kind::Custom, ms(3000), &[1]),
        ],
    ))
    .with(
        "emails",
        QueueConsumer::new(|claims| async move {
            let _working = claims.working("mail \"7\"\n\u{1f980}");
            claims.stopping().await;
            sleep(ms(10)).await;
        }),
    )
    .with("traces", Telemetry::new(|| async {}))
    .with("lock", Custom::new(|| async {}))
}

fn validate(python: &Path, schema: &Path, files: &[PathBuf]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(python)
        .arg(root.join("tests/conformance/reports.py"))
        .arg("json-strict")
        .arg(schema)
        .args(files)
        .output()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn reports_keep_to_their_schema() {
    let Some(python) = std::env::var_os("LIFECYCLE_CONFORMANCE_PYTHON").map(PathBuf::from) else {
        return skipped("LIFECYCLE_CONFORMANCE_PYTHON names no Python with jsonschema");
    };
    let terminations = [
        shop(),
        shop().platform("kubernetes").signal(Signal::Interrupt),
        shop().fault("emails", Fault::Hang),
        shop()
            .fault("lock", Fault::Panic)
            .fault("traces", Fault::Fail),
        shop().fault("emails", Fault::Die(ms(100))),
        shop().while_starting(ms(0)),
        shop()
            .fault("emails", Fault::Hang)
            .again(ms(1500), Signal::Interrupt)
            .signal(Signal::Interrupt),
        shop().start(|| async { Err::<Nothing, _>("no database") }),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut outcomes = Vec::new();
    for (at, termination) in terminations.into_iter().enumerate() {
        let report = termination.run().await;
        outcomes.push(report.exit_code());
        let path = folder.path().join(format!("{at}.json"));
        std::fs::write(&path, report.to_json()).unwrap();
        files.push(path);
    }
    assert_eq!(outcomes, [0, 0, 80, 81, 80, 0, 82, 1]);

    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/shutdown-report.schema.json");
    let output = validate(&python, &schema, &files);
    let said = String::from_utf8_lossy(&output.stdout);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{talk}");

    let broken = folder.path().join("broken.json");
    let text = std::fs::read_to_string(&files[0]).unwrap();
    std::fs::write(&broken, text.replace("\"clean\"", "\"fine\"")).unwrap();
    let output = validate(&python, &schema, &[broken]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("'fine' is not one of"), "{said}");
}

struct Nothing;

impl lifecycle::Resources for Nothing {
    fn wire(self, _: &mut lifecycle::Wiring) {}
}
