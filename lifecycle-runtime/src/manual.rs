//! The manual: what happens at each moment, and a page for each kind of work.

/// One page of the manual a module, each a text of its own.
macro_rules! pages {
    ($($name:ident = $text:literal,)*) => {$(
        #[doc = include_str!($text)]
        pub mod $name {}
    )*};
}

pages! {
    moments = "manual/moments.md",
    health = "manual/health.md",
    signals = "manual/signals.md",
    exit_codes = "manual/exit_codes.md",
    environment = "manual/environment.md",
    report = "manual/report.md",
    telemetry = "manual/telemetry.md",
    systemd = "manual/systemd.md",
    websockets = "manual/websockets.md",
    streams = "manual/streams.md",
    testing = "manual/testing.md",
}
