//! `lifecycle drill` on the example that is a worker: no traffic, and a queue that never empties.

use std::process::Command;

use serde_json::{Value, json};

use crate::Queue as _;
use crate::rabbitmq::Server;

/// More than the worker does before it is stopped.
const JOBS: usize = 60;

pub(crate) fn thumbnails(server: &Server) {
    let queue = server.queue_of_thumbnails();
    let images = tempfile::tempdir().unwrap();
    let mut image = b"P6 64 64 255\n".to_vec();
    image.resize(image.len() + 64 * 64 * 3, 7);
    std::fs::write(images.path().join("in.ppm"), image).unwrap();
    let target = |job: usize| format!("out-{job}.ppm");
    for job in 0..JOBS {
        let body = json!({ "source": "in.ppm", "target": target(job), "width": 16 });
        queue.publish(&target(job), &body.to_string());
    }

    let program = lifecycle_tests::program("thumbnails", "thumbnails");
    let drill = Command::new(lifecycle_tests::program("lifecycle-cli", "lifecycle"))
        .args(["drill", "--platform", "kubernetes", "--format", "json"])
        .arg(lifecycle_tests::root().join("examples/thumbnails"))
        .arg("--")
        .arg(program)
        .env("AMQP_URL", server.url())
        .env("IMAGES_DIR", images.path())
        // Some are in work when the signal comes.
        .env("STORE_LATENCY_MS", "300")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&drill.stdout);
    let told = format!("{text}\n{}", String::from_utf8_lossy(&drill.stderr));
    assert_eq!(drill.status.code(), Some(0), "{told}");
    let measured: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(measured["passed"], true, "{told}");
    assert_eq!(measured["report"]["exit_code"], 0, "{told}");
    let steps = measured["report"]["steps"].as_array().unwrap();
    let resizer = steps.iter().find(|step| step["name"] == "resizer").unwrap();
    assert!(
        !resizer["handed_back"].as_array().unwrap().is_empty(),
        "{told}"
    );

    // Each job is done or still to be done, and none is both.
    let done = (0..JOBS).filter(|&job| images.path().join(target(job)).exists());
    let done: Vec<String> = done.map(target).collect();
    let left = queue.claim(crate::worker::Lease::Long);
    assert!(
        !done.is_empty() && !left.is_empty(),
        "{} and {}",
        done.len(),
        left.len()
    );
    assert_eq!(done.len() + left.len(), JOBS);
    assert!(left.iter().all(|job| !done.contains(job)));
}
