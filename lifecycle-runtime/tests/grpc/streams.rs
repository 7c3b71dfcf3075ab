//! A gRPC method that answers with a stream, as a session: it ends with a status of the service's
//! choosing, and does not hold the server's own step.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use lifecycle::plan::Kind;
use lifecycle::{GrpcServer, Lifecycle, Outcome, SessionStream, Sessions, Streams};
use tonic::body::Body;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::{Code, Request, Response, Status};

use crate::common::{found, ms, plan, step};
use crate::http_client::{PATIENCE, eventually};
use crate::quotes::{Method, Text, channel, follow_at, listener};

/// `Follow` ticks without end.
#[derive(Clone)]
struct Ticker(Sessions);

impl NamedService for Ticker {
    const NAME: &'static str = "shop.Quotes";
}

impl<B> Service<http::Request<B>> for Ticker
where
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let feed = self.0.clone();
        Box::pin(async move {
            let method = Method(move |request| std::future::ready(follow(&feed, &request)));
            Ok(Grpc::new(Text).server_streaming(method, request).await)
        })
    }
}

type Ticks = SessionStream<ReceiverStream<Result<String, Status>>>;

fn follow(feed: &Sessions, request: &Request<String>) -> Result<Response<Ticks>, Status> {
    let session = feed
        .enter(request.extensions(), "a follower")
        .map_err(|closed| Status::unavailable(closed.to_string()))?;
    let (sender, ticks) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move { while sender.send(Ok("tick".to_owned())).await.is_ok() {} });
    let ticks = session.stream(ReceiverStream::new(ticks));
    Ok(Response::new(ticks.last_item(|farewell| {
        Err(Status::unavailable(farewell.reason()))
    })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_a_session_ends_with_its_status_and_holds_no_server() {
    let (listener, address) = listener().await;
    let feed = Streams::new().reason("moving");
    let handle = feed.handle();
    let mut sessions = step("feed", Kind::Stream, ms(20_000), &[]);
    sessions.step.spread = Some(ms(3000));
    let plan = plan(
        ms(0),
        vec![step("quotes", Kind::GrpcServer, ms(2400), &[]), sessions],
    );
    let service = Lifecycle::new(plan)
        .with("quotes", GrpcServer::new(listener, Ticker(handle.clone())))
        .with("feed", feed)
        .embedded();
    let stop = service.stop_handle();
    let running = tokio::spawn(service.run());

    let mut followers = Vec::new();
    for _ in 0..10 {
        // A connection each.
        let channel = channel(&[address]);
        let mut follower = follow_at(&channel).await.unwrap();
        assert_eq!(follower.message().await.unwrap().as_deref(), Some("tick"));
        followers.push(tokio::spawn(async move {
            let _channel = channel;
            loop {
                match follower.message().await {
                    Ok(Some(_)) => {}
                    end => return end,
                }
            }
        }));
    }
    eventually(|| handle.count() == 10).await;
    stop.stop("test");
    for follower in followers {
        let end = tokio::time::timeout(PATIENCE, follower).await.unwrap();
        let status = end.unwrap().unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "moving")
        );
    }
    let report = tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    // The last is told after 2.7 s, when the server's own step is long over.
    assert!(report.total >= ms(2500), "{report:?}");
    let quotes = found(&report, "quotes").end.unwrap();
    assert!(quotes < ms(2400), "{report:?}");
}
