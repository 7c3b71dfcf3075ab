//! The health protocol, asked by tonic-health's client.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use lifecycle::GrpcServer;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::common::ms;
use crate::http_client::{PATIENCE, eventually};
use crate::quotes::{self, Quotes, Text, ask, channel, listener};
use crate::{Running, of_one_server};

const LONG: Duration = Duration::from_secs(60);

type Client = HealthClient<Channel>;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

async fn check(client: &mut Client, service: &str) -> Result<ServingStatus, Code> {
    let answer = client.check(of(service)).await;
    answer
        .map(|answer| answer.into_inner().status())
        .map_err(|status| status.code())
}

async fn watch(client: &mut Client, service: &str) -> Streaming<HealthCheckResponse> {
    client.watch(of(service)).await.unwrap().into_inner()
}

async fn next(watch: &mut Streaming<HealthCheckResponse>) -> Result<ServingStatus, Code> {
    let next = timeout(PATIENCE, watch.message()).await.unwrap();
    next.map(|message| message.unwrap().status())
        .map_err(|status| status.code())
}

#[tokio::test]
async fn watchers_hear_of_the_signal_at_once_and_hold_up_nothing() {
    let (listener, address) = listener().await;
    let (quotes, state) = Quotes::new();
    let server = GrpcServer::new(listener, quotes).health_of("shop.Quotes");
    // It settles for as long as the test does not stop waiting for it.
    let running = Running::up(of_one_server(ms(500), LONG), server).await;
    let channel = channel(&[address]);
    let mut client = HealthClient::new(channel.clone());

    let mut whole = watch(&mut client, "").await;
    let mut one = watch(&mut client, "shop.Quotes").await;
    let mut unknown = watch(&mut client, "shop.Orders").await;
    // It may not have been ready yet.
    let mut status = next(&mut whole).await.unwrap();
    if status == ServingStatus::NotServing {
        status = next(&mut whole).await.unwrap();
    }
    assert_eq!(status, ServingStatus::Serving);
    while next(&mut one).await.unwrap() != ServingStatus::Serving {}
    assert_eq!(next(&mut unknown).await, Ok(ServingStatus::ServiceUnknown));
    assert_eq!(check(&mut client, "").await, Ok(ServingStatus::Serving));
    assert_eq!(
        check(&mut client, "shop.Quotes").await,
        Ok(ServingStatus::Serving)
    );
    assert_eq!(check(&mut client, "shop.Orders").await, Err(Code::NotFound));

    running.stop();
    assert_eq!(next(&mut whole).await, Ok(ServingStatus::NotServing));
    assert_eq!(next(&mut one).await, Ok(ServingStatus::NotServing));
    // It says so, and serves on: nobody has been refused before the watchers knew.
    let mut elsewhere = HealthClient::new(quotes::channel(&[address]));
    assert_eq!(
        check(&mut elsewhere, "").await,
        Ok(ServingStatus::NotServing)
    );
    assert_eq!(
        ask(&quotes::channel(&[address]), "settling").await.unwrap(),
        "settling"
    );
    assert!(state.seen.lock().unwrap().contains("settling"));

    for watch in [&mut whole, &mut one, &mut unknown] {
        assert_eq!(next(watch).await, Err(Code::Unavailable));
    }
    let report = running.report().await;
    assert_eq!((report.exit_code(), report.rejected), (0, 0), "{report:?}");
}

#[tokio::test]
async fn it_is_not_serving_before_everything_is_up() {
    let (listener, address) = listener().await;
    let up = Arc::new(Semaphore::new(0));
    let probe = Arc::clone(&up);
    let server = GrpcServer::new(listener, Quotes::new().0).started_when(move || {
        let probe = Arc::clone(&probe);
        async move {
            probe.acquire().await.unwrap().forget();
            Ok::<_, std::io::Error>(())
        }
    });
    let running = Running::new(of_one_server(Duration::ZERO, LONG), server);
    let mut client = HealthClient::new(channel(&[address]));
    let mut whole = watch(&mut client, "").await;
    assert_eq!(next(&mut whole).await, Ok(ServingStatus::NotServing));
    assert_eq!(check(&mut client, "").await, Ok(ServingStatus::NotServing));
    assert!(!running.health.is_ready());
    up.add_permits(1);
    assert_eq!(next(&mut whole).await, Ok(ServingStatus::Serving));
    assert!(running.health.is_ready());
    running.stop();
    assert_eq!(next(&mut whole).await, Ok(ServingStatus::NotServing));
    assert_eq!(next(&mut whole).await, Err(Code::Unavailable));
    assert_eq!(running.report().await.exit_code(), 0);
}

#[tokio::test]
async fn all_services_are_listed() {
    let (listener, address) = listener().await;
    let server = GrpcServer::new(listener, Quotes::new().0)
        .health_of("b")
        .health_of("a");
    let running = Running::up(of_one_server(Duration::ZERO, LONG), server).await;
    eventually(|| running.health.is_ready()).await;
    let mut client = tonic::client::Grpc::new(channel(&[address]));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/List");
    let list = client.unary(Request::new(String::new()), path, Text).await;
    // A map of three entries: each a key, and a value whose status is 1.
    let expected = "\n\x06\n\0\x12\x02\x08\x01\
                    \n\x07\n\x01a\x12\x02\x08\x01\
                    \n\x07\n\x01b\x12\x02\x08\x01";
    assert_eq!(list.unwrap().into_inner(), expected);
    running.stop();
    assert_eq!(running.report().await.exit_code(), 0);
}

#[tokio::test]
async fn what_is_no_call_of_the_protocol_is_told_so() {
    let (listener, address) = listener().await;
    let running = Running::up(
        of_one_server(Duration::ZERO, LONG),
        GrpcServer::new(listener, Quotes::new().0),
    )
    .await;
    let ask = async |path: &'static str, text: &str| {
        let mut client = tonic::client::Grpc::new(channel(&[address]));
        client.ready().await.unwrap();
        let request = Request::new(text.to_owned());
        let answer = client
            .unary(request, PathAndQuery::from_static(path), Text)
            .await;
        answer.unwrap_err().code()
    };
    let check = "/grpc.health.v1.Health/Check";
    assert_eq!(
        ask("/grpc.health.v1.Health/Cure", "").await,
        Code::Unimplemented
    );
    assert_eq!(ask(check, "\n\x05x").await, Code::InvalidArgument);
    assert_eq!(ask(check, &"x".repeat(5000)).await, Code::InvalidArgument);
    running.stop();
    assert_eq!(running.report().await.exit_code(), 0);
}

#[tokio::test]
async fn a_service_may_answer_for_its_own_health() {
    let (listener, address) = listener().await;
    let server = GrpcServer::new(listener, Quotes::new().0).without_health();
    let running = Running::up(of_one_server(Duration::ZERO, LONG), server).await;
    let mut client = HealthClient::new(channel(&[address]));
    // What the service says of a path that it does not know.
    assert_eq!(check(&mut client, "").await, Err(Code::Unimplemented));
    running.stop();
    assert_eq!(running.report().await.exit_code(), 0);
}
