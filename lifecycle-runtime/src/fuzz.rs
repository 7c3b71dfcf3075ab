//! What fuzzers call: what a running service is asked, and what it is told. There for cargo-fuzz, and
//! for clippy.

use std::time::Duration;

use crate::control::Control;
use crate::health::Health;
use crate::health::answer::{answer, head_end};
use crate::plan;

/// The end of a request's head in these bytes, if it is complete.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    head_end(bytes)
}

/// What the health server of a service that has just started answers to a request's complete head:
/// readiness is at `/ready`, liveness at `/live`.
pub fn probed(head: &[u8]) -> Vec<u8> {
    let second = Duration::from_secs(1);
    let timeline = plan::Timeline {
        platform: "unmanaged".into(),
        settle: Duration::ZERO,
        timeouts: Vec::new().into(),
        unwind: Duration::ZERO,
        deadline: second,
        grace: second,
        kill: second,
    };
    let paths = plan::Health {
        port: None,
        ready: "/ready".into(),
        live: "/live".into(),
    };
    let plan = plan::Plan {
        service: "shop".into(),
        digest: "0".into(),
        health: Some(paths.clone()),
        keep_alive: None,
        drift: plan::Drift::Warn,
        steps: Vec::new().into(),
        timelines: Vec::new().into(),
        unmanaged: timeline.clone(),
    };
    let health = Health::default();
    let control = Control::new(plan.into(), None, timeline, health.clone(), None);
    let control = std::sync::Arc::new(control);
    health.attach(&control);
    answer(head, &paths, &health)
}

/// The service that a client asks about by gRPC's health protocol, in the message of its request.
#[cfg(feature = "grpc")]
pub fn service_asked_for(message: &[u8]) -> Option<String> {
    crate::grpc::wire::first_string(message)
}

/// The body of a metadata service's answer, as far as it is there.
#[cfg(feature = "aws")]
pub fn metadata(answer: &[u8]) -> Option<Vec<u8>> {
    use crate::aws::client::{Body, body};
    match body(answer) {
        Body::Whole(body) | Body::UntilClose(body) => Some(body),
        Body::Partial => None,
    }
}

/// The members of a metadata service's object whose values are strings.
#[cfg(feature = "aws")]
pub fn strings(text: &str) -> Option<Vec<(String, String)>> {
    crate::aws::json::strings(text)
}
