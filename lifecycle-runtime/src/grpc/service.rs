//! What stands before the service's own methods: the health protocol, and the client's deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::health::Health;
use super::reply::{Reply, TOO_LATE};
use crate::work::BoxFuture;

/// A tower service over gRPC's bodies, with what this crate adds.
#[derive(Clone)]
pub(super) struct Front<S> {
    pub(super) service: S,
    pub(super) health: Arc<Health>,
}

impl<S, B> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    type Response = Response<Reply<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if self.health.answers(request.uri().path()) {
            return Answering::Health {
                health: self.health.call(request),
            };
        }
        let deadline = deadline(request.headers()).map(|after| Box::pin(sleep(after)));
        Answering::Service {
            future: self.service.call(request),
            deadline,
        }
    }
}

pin_project! {
    #[project = AnsweringProj]
    pub(super) enum Answering<F, B> {
        Health { health: BoxFuture<Response<Reply<B>>> },
        Service { #[pin] future: F, deadline: Option<Pin<Box<Sleep>>> },
    }
}

impl<F, B, E> Future for Answering<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<Reply<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringProj::Health { health } => health.as_mut().poll(cx).map(Ok),
            AnsweringProj::Service { future, deadline } => {
                if let Poll::Ready(answer) = future.poll(cx) {
                    let deadline = deadline.take();
                    return Poll::Ready(
                        answer
                            .map(|response| response.map(|body| Reply::Service { body, deadline })),
                    );
                }
                let Some(deadline) = deadline else {
                    return Poll::Pending;
                };
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Ok(TOO_LATE.only()))
            }
        }
    }
}

/// How long the client waits: `grpc-timeout`, up to eight digits and a unit. What is none is ignored.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at(value.len().checked_sub(1)?);
    let number = matches!(digits.len(), 1..=8) && digits.bytes().all(|it| it.is_ascii_digit());
    let count: u32 = digits.parse().ok().filter(|_| number)?;
    let unit = match unit {
        "H" => Duration::from_secs(3600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    Some(unit * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_digits_and_a_unit() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            deadline(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("20S"), Some(Duration::from_secs(20)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        assert_eq!(
            read("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
        for none in [
            "",
            "S",
            "1",
            "1s",
            "+1S",
            "1.5S",
            "123456789S",
            "-1S",
            "1 S",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(deadline(&HeaderMap::new()), None);
    }
}
