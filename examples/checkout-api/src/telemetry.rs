//! Logs to standard error, traces to an OpenTelemetry collector.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use lifecycle::Telemetry;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument as _;
use tracing::field::Empty;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What must be flushed at the end.
#[derive(Debug)]
pub(crate) struct Traces(Option<SdkTracerProvider>);

/// Sets up logs, filtered by `RUST_LOG` (unset: `info`), and, if `export` says so, traces over OTLP,
/// where the `OTEL_…` variables say.
pub(crate) fn start(export: bool) -> Result<Traces> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .context("RUST_LOG")?;
    let provider = export.then(provider).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer().with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
    });
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(filter)
        .with(logs)
        .with(traces)
        .init();
    Ok(Traces(provider))
}

fn provider() -> Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .build()
        .context("the trace exporter cannot be set up")?;
    let service = Resource::builder()
        .with_service_name(env!("CARGO_PKG_NAME"))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_resource(service)
        .with_batch_exporter(exporter)
        .build())
}

impl Traces {
    /// Sends what has not been sent yet, in the flush phase; ends when the last span is recorded, so
    /// that those of the closing steps are sent too.
    pub(crate) fn telemetry(self) -> Telemetry {
        let Some(provider) = self.0 else {
            return Telemetry::new(|| async {});
        };
        let last = provider.clone();
        // The shutdown sends what is left, but does not tell whether anybody took it.
        Telemetry::blocking(move || provider.force_flush())
            .finally_blocking(move || last.force_flush().and_then(|()| last.shutdown()))
    }
}

/// A span for each request.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    // The route and not the path: what a thousand orders have in common is one operation.
    let route = request.extensions().get::<MatchedPath>();
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route.map(MatchedPath::as_str),
        http.response.status_code = Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}
