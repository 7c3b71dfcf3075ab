//! The facts of a shutdown through the `metrics` facade, as a recorder finds them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{ms, plan, step};
use lifecycle::plan::Kind;
use lifecycle::testing::{Fault, Terminated, Termination};
use lifecycle::{BlockingWork, CriticalSection, Database, QueueConsumer, Task, Telemetry};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::sleep;

/// `name{label=value}` and what was recorded under it.
fn taken(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<f64>> {
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    let named = snapshot.map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let values = match value {
            DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).unwrap())],
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(values) => values.into_iter().map(f64::from).collect(),
        };
        (format!("{}{{{}}}", key.name(), labels.join(",")), values)
    });
    named.collect()
}

/// `work`, then `traces`, then `db`; half a second of settling.
fn shop(telemetry: Telemetry) -> Termination {
    shop_that_takes(ms(250), telemetry)
}

fn shop_that_takes(time: Duration, telemetry: Telemetry) -> Termination {
    Termination::of(plan(
        ms(500),
        vec![
            step("work", Kind::Task, ms(5000), &[]),
            step("traces", Kind::Telemetry, ms(2000), &[0]),
            step("db", Kind::Database, ms(3000), &[1]),
        ],
    ))
    .with(
        "work",
        Task::new(move |stopping| async move {
            let _session = stopping.working("a session");
            stopping.requested().await;
            sleep(time).await;
        }),
    )
    .with("traces", telemetry)
    .with("db", Database::new(|| sleep(ms(125))))
}

#[tokio::test(start_paused = true)]
async fn a_clean_shutdown() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    shop(Telemetry::new(|| async {})).run().await.assert_clean();
    let expected = [
        ("lifecycle_ready_seconds{}", 0.0),
        ("lifecycle_in_flight{resource=work}", 0.0),
        ("lifecycle_shutdowns_total{signal=SIGTERM}", 1.0),
        ("lifecycle_shutdown_settle_seconds{}", 0.5),
        (
            "lifecycle_shutdown_step_duration_seconds{step=work,phase=drain,outcome=done}",
            0.25,
        ),
        (
            "lifecycle_shutdown_step_duration_seconds{step=traces,phase=flush,outcome=done}",
            0.0,
        ),
        (
            "lifecycle_shutdown_step_duration_seconds{step=db,phase=close,outcome=done}",
            0.125,
        ),
        (
            "lifecycle_shutdown_phase_duration_seconds{phase=drain}",
            0.25,
        ),
        (
            "lifecycle_shutdown_phase_duration_seconds{phase=flush}",
            0.0,
        ),
        (
            "lifecycle_shutdown_phase_duration_seconds{phase=close}",
            0.125,
        ),
        ("lifecycle_shutdown_duration_seconds{outcome=clean}", 0.875),
        ("lifecycle_shutdown_exit_code{}", 0.0),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), vec![value]));
    assert_eq!(taken(&snapshotter), BTreeMap::from(expected));
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_by_resource() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let report = shop_that_takes(ms(60_000), Telemetry::new(|| async {}))
        .fault("db", Fault::Fail)
        .run()
        .await;
    assert_eq!(report.exit_code(), 80);
    let taken = taken(&snapshotter);
    for (name, value) in [
        ("lifecycle_shutdown_active_at_deadline{resource=work}", 1.0),
        (
            "lifecycle_shutdown_failures_total{resource=work,phase=drain,outcome=timed-out}",
            1.0,
        ),
        (
            "lifecycle_shutdown_failures_total{resource=db,phase=close,outcome=failed}",
            1.0,
        ),
        ("lifecycle_shutdown_exit_code{}", 80.0),
        (
            "lifecycle_shutdown_duration_seconds{outcome=abandoned}",
            5.875,
        ),
    ] {
        assert_eq!(taken.get(name), Some(&vec![value]), "{name} in {taken:#?}");
    }
    assert!(!taken.contains_key("lifecycle_shutdown_active_at_deadline{resource=traces}"));
}

/// A consumer that gives two jobs back.
async fn handing_back() -> Terminated {
    let emails = QueueConsumer::new(|claims| async move {
        let jobs = ["mail-7", "mail-8"].map(|id| claims.working(id));
        claims.cancelled().await;
        for job in jobs {
            job.handed_back();
        }
    });
    let given = step("emails", Kind::QueueConsumer, ms(1000), &[]);
    Termination::of(plan(ms(0), vec![given]))
        .with("emails", emails)
        .run()
        .await
}

#[tokio::test(start_paused = true)]
async fn jobs_that_are_handed_back_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let report = handing_back().await;
    assert_eq!(report.step("emails").handed_back, ["mail-7", "mail-8"]);
    let counted = &taken(&snapshotter)["lifecycle_shutdown_handed_back_total{resource=emails}"];
    assert_eq!(*counted, [2.0]);
}

/// Two gates, each tried once after the signal: `transfers` while somebody is inside, `refunds` when
/// its step is over. And a thread that nothing ends.
async fn refusing_and_abandoning() -> Terminated {
    let (transfers, refunds) = (CriticalSection::new(), CriticalSection::new());
    let (first, second) = (transfers.handle(), refunds.handle());
    let thumbnails = BlockingWork::new();
    let (release, released) = mpsc::channel::<()>();
    let worker = thumbnails.handle().thread("deaf", move |_| {
        // It ends with the test, and heeds neither the request nor the cancellation.
        let _ = released.recv();
    });
    worker.unwrap();
    let given = vec![
        step("transfers", Kind::CriticalSection, ms(1000), &[]),
        step("refunds", Kind::CriticalSection, ms(1000), &[]),
        step("thumbnails", Kind::BlockingWork, ms(1000), &[]),
    ];
    let report = Termination::of(plan(ms(0), given))
        .with("transfers", transfers)
        .with("refunds", refunds)
        .with("thumbnails", thumbnails)
        .traffic(move |service| async move {
            let inside = first.enter("4711").unwrap();
            service.terminate();
            while !first.is_closed() {
                sleep(ms(10)).await;
            }
            first.enter("4712").map(drop).expect_err("it is closed");
            drop(inside);
            sleep(ms(500)).await;
            second.enter("4713").map(drop).expect_err("it is closed");
        })
        .run()
        .await;
    drop(release);
    report
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_and_what_is_left_running_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let report = refusing_and_abandoning().await;
    assert_eq!(report.step("transfers").rejected, 1);
    assert_eq!(report.step("refunds").rejected, 1);
    assert_eq!(report.step("thumbnails").abandoned, ["deaf"]);
    let taken = taken(&snapshotter);
    let counted: Vec<_> = taken
        .iter()
        .filter(|(name, _)| name.contains("_rejected_") || name.contains("_abandoned_"))
        .map(|(name, values)| (&**name, &**values))
        .collect();
    // Once each: what a step had refused when it ended is not counted again at the end.
    let expected: [(&str, &[f64]); 3] = [
        (
            "lifecycle_shutdown_abandoned_total{resource=thumbnails}",
            &[1.0],
        ),
        (
            "lifecycle_shutdown_rejected_total{resource=refunds}",
            &[1.0],
        ),
        (
            "lifecycle_shutdown_rejected_total{resource=transfers}",
            &[1.0],
        ),
    ];
    assert_eq!(counted, expected);
}

/// An exporter that is itself one of the steps has to find what came before it.
#[tokio::test(start_paused = true)]
async fn a_flush_finds_the_steps_before_it_and_the_last_call_all_of_them() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = Arc::new(recorder.snapshotter());
    let _recording = metrics::set_default_local_recorder(&recorder);
    let flushed = Arc::new(Mutex::new(Vec::new()));
    let note = || {
        let (flushed, snapshotter) = (Arc::clone(&flushed), Arc::clone(&snapshotter));
        move || async move { flushed.lock().unwrap().push(taken(&snapshotter)) }
    };
    let telemetry = Telemetry::new(note()).finally(note());
    shop(telemetry).run().await.assert_clean();
    let flushed = flushed.lock().unwrap();
    for name in [
        "lifecycle_in_flight{resource=work}",
        "lifecycle_shutdown_exit_code{}",
        "lifecycle_shutdown_phase_duration_seconds{phase=drain}",
        "lifecycle_shutdown_settle_seconds{}",
        "lifecycle_shutdown_step_duration_seconds{step=work,phase=drain,outcome=done}",
        "lifecycle_shutdowns_total{signal=SIGTERM}",
    ] {
        assert!(flushed[0].contains_key(name), "{name}: {flushed:#?}");
    }
    let whole = "lifecycle_shutdown_duration_seconds{outcome=clean}";
    assert!(!flushed[0].contains_key(whole));
    assert_eq!(flushed[1][whole], [0.875]);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_recorded_while_the_service_runs() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let found = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&found);
    shop(Telemetry::new(|| async {}))
        .traffic(move |_| async move {
            sleep(ms(1500)).await;
            seen.lock().unwrap().push(taken(&snapshotter));
        })
        .run()
        .await;
    let found = found.lock().unwrap();
    assert_eq!(found[0]["lifecycle_in_flight{resource=work}"], [1.0]);
    assert!(!found[0].contains_key("lifecycle_in_flight{resource=db}"));
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_described_and_in_the_manual() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    shop_that_takes(ms(60_000), Telemetry::new(|| async {}))
        .run()
        .await;
    handing_back().await;
    refusing_and_abandoning().await;
    let mut said = BTreeSet::new();
    for (key, _unit, description, _) in snapshotter.snapshot().into_vec() {
        let name = key.key().name().to_owned();
        assert!(description.is_some(), "{name} is not described");
        said.insert(name);
    }
    let page = include_str!("../src/manual/report.md").lines();
    let of_the_page: BTreeSet<String> = page
        .filter_map(|line| line.strip_prefix("| `lifecycle_")?.split_once('`'))
        .map(|(name, _)| format!("lifecycle_{name}"))
        .collect();
    assert_eq!(said, of_the_page);
}
