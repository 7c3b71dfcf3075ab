//! The manual: what happens at each moment, and a page for each kind of work.

// The pages speak of every feature's items.
#![cfg_attr(
    not(all(
        feature = "aws",
        feature = "futures",
        feature = "grpc",
        feature = "metrics",
        feature = "socket-activation",
        feature = "testing",
        feature = "tls"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

/// One page of the manual a module, each a text of its own.
macro_rules! pages {
    ($($name:ident = $text:literal,)*) => {$(
        #[doc = include_str!($text)]
        pub mod $name {}
    )*};
}

pages! {
    moments = "manual/moments.md",
    consumers = "manual/consumers.md",
    health = "manual/health.md",
    signals = "manual/signals.md",
    exit_codes = "manual/exit_codes.md",
    environment = "manual/environment.md",
    report = "manual/report.md",
    telemetry = "manual/telemetry.md",
    systemd = "manual/systemd.md",
    http = "manual/http.md",
    grpc = "manual/grpc.md",
    websockets = "manual/websockets.md",
    streams = "manual/streams.md",
    clients = "manual/clients.md",
    tasks = "manual/tasks.md",
    schedules = "manual/schedules.md",
    critical_sections = "manual/critical_sections.md",
    blocking_work = "manual/blocking_work.md",
    child_processes = "manual/child_processes.md",
    testing = "manual/testing.md",
}
