//! A gRPC service of one unary and one streaming method, as tonic's generated code would have it,
//! and clients for it. Its messages are plain text.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use hyper_util::rt::TokioIo;
use lifecycle::Cancellation;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Response, Status, Streaming};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Text as a message.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some).map_err(|_| Status::internal("not text"))
    }
}

/// What the service does, by what it is asked:
///
/// | `Get` | |
/// |---|---|
/// | `slow` | waits for the gate |
/// | `stuck` | waits for its cancellation |
/// | `never` | does not end |
/// | `panic` | panics |
/// | anything else | is answered with the same |
///
/// `Follow` sends `first`, waits for the gate, and sends `last`.
#[derive(Clone)]
pub(crate) struct Quotes(Arc<State>);

pub(crate) struct State {
    pub(crate) gate: Semaphore,
    pub(crate) in_flight: AtomicUsize,
    /// Every request that a method has seen.
    pub(crate) seen: Mutex<BTreeSet<String>>,
}

impl Quotes {
    pub(crate) fn new() -> (Self, Arc<State>) {
        let state = Arc::new(State {
            gate: Semaphore::new(0),
            in_flight: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        (Self(Arc::clone(&state)), state)
    }
}

impl State {
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1000);
    }

    async fn gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

struct InFlight(Arc<State>);

impl InFlight {
    fn new(state: &Arc<State>) -> Self {
        state.in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(state))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn get(state: Arc<State>, request: Request<String>) -> Result<Response<String>, Status> {
    let _in_flight = InFlight::new(&state);
    let cancellation = request.extensions().get::<Cancellation>().cloned();
    let asked = request.into_inner();
    state.seen.lock().unwrap().insert(asked.clone());
    match asked.as_str() {
        "slow" => state.gate().await,
        "never" => std::future::pending().await,
        "panic" => panic!("on purpose"),
        "stuck" => {
            cancellation.unwrap().cancelled().await;
            return Err(Status::unavailable("cancelled"));
        }
        _ => {}
    }
    Ok(Response::new(asked))
}

type Stream = ReceiverStream<Result<String, Status>>;

fn follow(state: Arc<State>) -> Stream {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let _in_flight = InFlight::new(&state);
        let _ = sender.send(Ok("first".to_owned())).await;
        tokio::select! {
            () = state.gate() => {}
            () = sender.closed() => return,
        }
        let _ = sender.send(Ok("last".to_owned())).await;
    });
    ReceiverStream::new(receiver)
}

/// A closure as a tower service.
pub(crate) struct Method<F>(pub(crate) F);

impl<F, Fut, R> Service<Request<String>> for Method<F>
where
    F: FnMut(Request<String>) -> Fut,
    Fut: Future<Output = Result<Response<R>, Status>> + Send + 'static,
{
    type Response = Response<R>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<R>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(self.0(request))
    }
}

impl NamedService for Quotes {
    const NAME: &'static str = "shop.Quotes";
}

impl<B> Service<http::Request<B>> for Quotes
where
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let mut grpc = Grpc::new(Text);
            Ok(match request.uri().path() {
                "/shop.Quotes/Get" => {
                    let method = Method(move |request| get(Arc::clone(&state), request));
                    grpc.unary(method, request).await
                }
                "/shop.Quotes/Follow" => {
                    let method = Method(move |_| {
                        let followed = follow(Arc::clone(&state));
                        std::future::ready(Ok(Response::new(followed)))
                    });
                    grpc.server_streaming(method, request).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

/// A listener and its address.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Connects to the first of these that listens.
#[derive(Clone)]
struct FirstOf(Arc<[SocketAddr]>);

impl Service<Uri> for FirstOf {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = BoxFuture<std::io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let addresses = Arc::clone(&self.0);
        Box::pin(async move { Ok(TokioIo::new(TcpStream::connect(&*addresses).await?)) })
    }
}

/// A tonic channel of one connection at a time, to the first of `addresses` that listens. It sends
/// nothing twice.
pub(crate) fn channel(addresses: &[SocketAddr]) -> Channel {
    Endpoint::from_static("http://test").connect_with_connector_lazy(FirstOf(addresses.into()))
}

pub(crate) async fn ask(channel: &Channel, text: &str) -> Result<String, Status> {
    let mut client = Client::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static("/shop.Quotes/Get");
    let answer = client
        .unary(Request::new(text.to_owned()), path, Text)
        .await?;
    Ok(answer.into_inner())
}

/// Whether GOAWAY has come before the call: tonic's channel notices with its next call that its
/// connection is to go. That call is not sent, or disowned by the server's last GOAWAY, and HTTP/2
/// says that it may be sent again (RFC 9113, section 6.8), which tonic leaves to its caller.
pub(crate) fn has_gone_away(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_canceled()
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let well = error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_go_away() && error.is_remote() && well;
        }
        source = error.source();
    }
    false
}

pub(crate) async fn follow_at(channel: &Channel) -> Result<Streaming<String>, Status> {
    let mut client = Client::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static("/shop.Quotes/Follow");
    let answer = client
        .server_streaming(Request::new(String::new()), path, Text)
        .await?;
    Ok(answer.into_inner())
}
