//! What becomes of requests when an actix server stops, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod saturation;
mod stopping;

use std::borrow::Cow;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, ReqData};
use actix_web::{App, HttpResponse, HttpServer};
use lifecycle::plan::{Drift, Kind, OnFailure, Phase, Plan, Step, Timeline};
use lifecycle::{Cancellation, Lifecycle, Report, StopHandle};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Longer than anything a test waits for takes on a slow machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plan of one HTTP server.
fn plan(settle: Duration, timeout: Duration) -> Plan {
    Plan {
        service: "orders".into(),
        digest: "00112233aabbccdd".into(),
        health: None,
        keep_alive: None,
        drift: Drift::Warn,
        steps: Cow::Owned(vec![Step {
            name: "http".into(),
            kind: Kind::HttpServer,
            phase: Phase::Drain,
            waits_for: Cow::Borrowed(&[]),
            best_effort: false,
            lease: None,
            spread: None,
            on_failure: OnFailure::Stop,
        }]),
        timelines: Cow::Borrowed(&[]),
        unmanaged: Timeline {
            platform: "unmanaged".into(),
            settle,
            timeouts: Cow::Owned(vec![timeout]),
            unwind: Duration::from_millis(250),
            deadline: settle + timeout + Duration::from_secs(1),
            grace: Duration::from_secs(120),
            kill: Duration::from_secs(120),
        },
    }
}

/// A service that runs.
struct Running {
    address: SocketAddr,
    gate: Arc<Semaphore>,
    health: lifecycle::Health,
    stop: StopHandle,
    report: JoinHandle<Report>,
}

impl Running {
    /// | path | |
    /// |---|---|
    /// | `/` | answers |
    /// | `/slow` | waits for the gate |
    /// | `/stuck` | waits for its cancellation |
    /// | `/never` | does not end |
    async fn up(settle: Duration, timeout: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let shared = Arc::clone(&gate);
        let server = lifecycle_actix::serve(listener, move |drain| {
            let app = move || {
                let gate = Arc::clone(&shared);
                let slow = move || {
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.acquire().await.unwrap().forget();
                        "done"
                    }
                };
                App::new()
                    .route("/", web::get().to(|| async { "hello" }))
                    .route("/slow", web::get().to(slow))
                    .route("/stuck", web::get().to(stuck))
                    .route("/never", web::get().to(std::future::pending::<String>))
                    .wrap(drain.clone())
            };
            HttpServer::new(app).workers(2)
        });
        let lifecycle = Lifecycle::new(plan(settle, timeout))
            .with("http", server)
            .embedded();
        let (stop, health) = (lifecycle.stop_handle(), lifecycle.health());
        let report = tokio::spawn(lifecycle.run());
        while !health.is_ready() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self {
            address,
            gate,
            health,
            stop,
            report,
        }
    }

    fn stop(&self) {
        self.stop.stop("test");
    }

    async fn report(self) -> Report {
        let report = tokio::time::timeout(PATIENCE, self.report).await;
        report.unwrap().unwrap()
    }
}

async fn stuck(cancellation: ReqData<Cancellation>) -> HttpResponse {
    cancellation.cancelled().await;
    HttpResponse::ServiceUnavailable().body("cancelled")
}
