#!/usr/bin/env bash
# What `#[lifecycle::main]` costs a service to build: the same small axum program twice, cold, once
# with `#[tokio::main]` and once with this runtime. Prints crates and seconds; judge by the ratio.
# Usage: tests/bench/compile.sh [ROUNDS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

package() { # name, dependency lines
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"
[workspace]
[dependencies]
axum = { version = "0.8", default-features = false, features = ["http1", "tokio"] }
tokio = { version = "1", features = ["net", "rt-multi-thread", "macros", "signal"] }
$2
TOML
}

package plain ""
cat >"$work/plain/src/main.rs" <<'RUST'
use axum::{Router, routing::get};
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    axum::serve(listener, Router::new().route("/", get(|| async { "hello" })))
        .with_graceful_shutdown(async { let _ = tokio::signal::ctrl_c().await; })
        .await
}
RUST

package wired "lifecycle = { package = \"lifecycle-runtime\", path = \"$root/lifecycle-runtime\" }"
cat >"$work/wired/src/main.rs" <<'RUST'
use axum::{Router, routing::get};
use lifecycle::HttpServer;
#[lifecycle::main]
async fn main() -> std::io::Result<Resources> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(Resources { http: HttpServer::new(listener, Router::new().route("/", get(|| async { "hello" }))) })
}
RUST
cat >"$work/wired/lifecycle.yaml" <<'YAML'
lifecycle: 1
service: wired
resources: { http: { kind: http-server, port: 8080, timeout: 10s } }
platforms: { kubernetes: {} }
YAML

for name in plain wired; do
    cp "$root/Cargo.lock" "$work/$name/Cargo.lock"
    (cd "$work/$name" && cargo fetch --quiet)
done
for ((round = 1; round <= rounds; round++)); do
    for name in plain wired; do
        crates=$(cd "$work/$name" && cargo tree -e normal,build --prefix none | sed 's/ (\*)$//' | sort -u | wc -l)
        rm -rf "$work/$name/target"
        TIMEFORMAT="$name: $crates crates, cold build %R s wall, %U s user"
        (cd "$work/$name" && time cargo build --quiet --offline)
        touch "$work/$name/src/main.rs"
        TIMEFORMAT="$name: rebuild of the program alone %R s wall"
        (cd "$work/$name" && time cargo build --quiet --offline)
    done
done
