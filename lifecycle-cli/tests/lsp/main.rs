//! Editors: `lifecycle lsp`, and the schema in the language server that most editors have for YAML, in
//! sessions of a real client over standard input and output.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod client;
mod editing;
mod edits;
mod protocol;
#[path = "../../../tests/skipped.rs"]
mod skipped;
mod yaml_language_server;

/// A manifest that fits its platforms, with characters of every width before what is asked about.
const FITS: &str = "\
# Überweisungen 🦀
lifecycle: 1
service: payments
traffic: { settle: 5s }
resources:
  http:   { kind: http-server, port: 8080, timeout: 15s, uses: [ledger] }   # 🦀 first
  emails: { kind: queue-consumer, timeout: 10s, lease: 30s }
  ledger: { kind: database, timeout: 4s }
  cache:  { kind: cache, timeout: 1s, after: [http, emails] }
platforms:
  kubernetes: { grace_period: 40s, image: x, timeouts: { emails: 20s } }
  ecs:
    load_balancer: { deregistration_delay: 20s }
";
