//! What becomes of gRPC calls when a gRPC server stops, seen by tonic's client.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../http_client/mod.rs"]
mod http_client;

mod deaf;
mod health;
mod quotes;
mod saturation;
mod stopping;
#[cfg(feature = "futures")]
mod streams;

use std::time::Duration;

use common::{plan, step};
use lifecycle::plan::{Kind, Plan};
use lifecycle::{GrpcServer, Lifecycle, Report, StopHandle};
use tokio::task::JoinHandle;

/// A plan of one gRPC server.
fn of_one_server(settle: Duration, timeout: Duration) -> Plan {
    plan(settle, vec![step("quotes", Kind::GrpcServer, timeout, &[])])
}

/// A service of one gRPC server that runs.
struct Running {
    stop: StopHandle,
    health: lifecycle::Health,
    report: JoinHandle<Report>,
}

impl Running {
    fn new(plan: Plan, server: GrpcServer) -> Self {
        let lifecycle = Lifecycle::new(plan).with("quotes", server).embedded();
        Self {
            stop: lifecycle.stop_handle(),
            health: lifecycle.health(),
            report: tokio::spawn(lifecycle.run()),
        }
    }

    /// The same, up.
    async fn up(plan: Plan, server: GrpcServer) -> Self {
        let running = Self::new(plan, server);
        http_client::eventually(|| running.health.is_ready()).await;
        running
    }

    fn stop(&self) {
        self.stop.stop("test");
    }

    async fn report(self) -> Report {
        tokio::time::timeout(http_client::PATIENCE, self.report)
            .await
            .unwrap()
            .unwrap()
    }
}
