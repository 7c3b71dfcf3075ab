//! A service that records spans, metrics and log lines up to its last moment.
//!
//! `WIRING` says how its telemetry ends: `finally`, as it should; `early`, with everything shut down
//! in the flush phase, as one would write it at first.

use std::time::Duration;

use anyhow::Result;
use lifecycle::{Database, Exporter, Task, Telemetry};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// The three providers, as a service has them.
struct Providers {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
}

impl Providers {
    fn start() -> Result<Self> {
        let this = Self {
            traces: SdkTracerProvider::builder()
                .with_batch_exporter(SpanExporter::builder().with_http().build()?)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_periodic_exporter(MetricExporter::builder().with_http().build()?)
                .build(),
            logs: SdkLoggerProvider::builder()
                .with_batch_exporter(LogExporter::builder().with_http().build()?)
                .build(),
        };
        // What the exporters themselves log must not be exported again.
        let quiet = || EnvFilter::new("info,hyper=off,reqwest=off,opentelemetry=off");
        let spans = tracing_opentelemetry::layer().with_tracer(this.traces.tracer("recorder"));
        tracing_subscriber::registry()
            .with(OpenTelemetryTracingBridge::new(&this.logs).with_filter(quiet()))
            .with(spans.with_filter(quiet()))
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(false),
            )
            .init();
        Ok(this)
    }

    /// Flushed in the flush phase, shut down when the last line is written.
    fn finally(self) -> Telemetry {
        let Self {
            traces,
            metrics,
            logs,
        } = self;
        let flush = (traces.clone(), metrics.clone(), logs.clone());
        Telemetry::all([
            Exporter::blocking("traces", move || flush.0.force_flush())
                .finally_blocking(move || traces.shutdown()),
            Exporter::blocking("metrics", move || flush.1.force_flush())
                .finally_blocking(move || metrics.shutdown()),
            Exporter::blocking("logs", move || flush.2.force_flush())
                .finally_blocking(move || logs.shutdown()),
        ])
    }

    /// Shut down in the flush phase: what is recorded later is lost.
    fn early(self) -> Telemetry {
        Telemetry::blocking(move || {
            self.traces.shutdown()?;
            self.metrics.shutdown()?;
            self.logs.shutdown()
        })
    }
}

async fn start() -> Result<Resources> {
    let providers = Providers::start()?;
    let jobs = providers
        .metrics
        .meter("recorder")
        .u64_counter("jobs")
        .build();
    let telemetry = match std::env::var("WIRING").as_deref() {
        Ok("early") => providers.early(),
        _ => providers.finally(),
    };
    let after = jobs.clone();
    Ok(Resources {
        work: Task::new(move |stopping| async move {
            for number in 0..50 {
                tracing::info_span!("job", number).in_scope(|| jobs.add(1, &[]));
            }
            println!("ready");
            stopping.requested().await;
            tracing::info_span!("last job").in_scope(|| jobs.add(1, &[]));
            tracing::info!("the work is done");
        }),
        telemetry,
        db: Database::new(move || async move {
            tracing::info_span!("close").in_scope(|| after.add(1, &[]));
            tracing::info!("the database is closed");
        }),
    })
}

lifecycle::include_plan!();

fn main() -> std::process::ExitCode {
    let runtime = match std::env::var("FLAVOR").as_deref() {
        Ok("current_thread") => lifecycle::Runtime::current_thread(),
        _ => lifecycle::Runtime::multi_thread().worker_threads(2),
    };
    let code = runtime.run(Resources::plan(), start);
    // What must not matter: an exit that takes its time.
    std::thread::sleep(Duration::from_millis(10));
    code
}
