//! One HTTP/1.1 connection and one exchange on it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use tokio::time::{timeout, timeout_at};

use super::connecting::{NoConnection, connect};
use super::outcome::{GATEWAY, LEAVES, Observed, Outcome, classify};
use super::own_time::own_time;
use super::read_pace::ReadPace;
pub(crate) use super::template::Template;
use super::template::Upload;
use super::wire::{Traffic, Wire};

/// How much of an answer is read at once by a client that reads slowly.
const SMALL_READ: usize = 8 * 1_024;
/// How long a connection may take after an answer until it can carry the next request.
const RESTING: Duration = Duration::from_secs(1);
/// A client that connects sends its request within this, where nothing holds it back.
const AT_ONCE: Duration = Duration::from_millis(10);
/// How many times its limit a probe may take in which this machine has no time to look for the answer.
const HELD_BACK: u32 = 10;

/// The state machine between the sender and the socket.
type Driver = Pin<Box<http1::Connection<TokioIo<Wire>, Upload>>>;

/// A connection, and what passed over it.
///
/// Nothing drives it between requests, and during a request the request itself does: what is sent
/// is on the wire in the same instant, as it is with a plain blocking client. A task of its own
/// would write it a scheduling round later, and at saturation would notice first that the server
/// has closed, which hides the very race that the drill is to find.
pub(crate) struct Connection {
    sender: SendRequest<Upload>,
    /// Dropped as soon as it is over: only then does the sender learn of it.
    driver: Option<Driver>,
    traffic: Arc<Traffic>,
    used: bool,
    manner: Manner,
}

/// How a client uses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It looks first whether the server has closed the connection, as a pool does.
    Looks,
    /// It writes at once. A client that has just read an answer and sends its next request has no
    /// time to look; that this one sometimes would have is only for want of processor time.
    Writes,
}

/// How long an exchange may take.
#[derive(Clone, Copy)]
pub(crate) enum Patience<'a> {
    /// All of it has until then.
    Whole(Instant),
    /// The answer has until then to begin, and may go on for as long as it likes; called when it
    /// has begun.
    Head(Instant, &'a (dyn Fn() + Send + Sync)),
}

impl Patience<'_> {
    pub(crate) const fn until(self) -> Instant {
        match self {
            Self::Whole(until) | Self::Head(until, _) => until,
        }
    }

    /// Tells that an answer has begun, to whoever waits for it.
    pub(crate) fn begun(self, status: u16) {
        if let Self::Head(_, begun) = self
            && (200..300).contains(&status)
        {
            begun();
        }
    }

    /// Waits for what follows the beginning of an answer; `None` when it takes too long.
    pub(crate) async fn rest<T>(self, rest: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Whole(until) => timeout_at(until.into(), rest).await.ok(),
            Self::Head(..) => Some(rest.await),
        }
    }
}

impl Connection {
    pub(crate) async fn open(
        address: SocketAddr,
        until: Instant,
        manner: Manner,
        trickling: bool,
    ) -> Result<Self, NoConnection> {
        let stream = connect(address, until, trickling).await?;
        let (wire, traffic) = Wire::new(stream);
        let mut builder = http1::Builder::new();
        if trickling {
            builder.max_buf_size(SMALL_READ);
        }
        let Ok((sender, connection)) = builder.handshake(TokioIo::new(wire)).await else {
            return Err(NoConnection::Refused);
        };
        let driver = Some(Box::pin(connection));
        Ok(Self {
            sender,
            driver,
            traffic,
            used: false,
            manner,
        })
    }

    /// Whether another request can be sent at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until the connection can carry another request; `false` when it is closed instead, or does
    /// not come to rest: a server may answer early and never read what is left of a body.
    pub(crate) async fn idle(&mut self) -> bool {
        let Self {
            sender,
            driver,
            traffic,
            ..
        } = self;
        let rests = async {
            sender.ready().await?;
            // A body that was handed over in one piece may still be on its way.
            poll_fn(|_| match traffic.is_held_up() {
                true => Poll::Pending,
                false => Poll::Ready(Ok::<_, hyper::Error>(())),
            })
            .await
        };
        let rested = timeout(RESTING, driving(driver, rests)).await;
        rested.is_ok_and(|rested| rested.is_ok())
    }

    /// Sends one request and follows its answer to the end.
    ///
    /// `None`: the connection was gone before the head was written.
    pub(crate) async fn exchange(
        &mut self,
        template: &Template,
        patience: Patience<'_>,
    ) -> Option<Outcome> {
        let started = Instant::now();
        match self.manner {
            Manner::Looks if self.used => self.traffic.begin_looking(),
            Manner::Looks | Manner::Writes => self.traffic.begin(),
        }
        let mut seen = Observed {
            reused: self.used,
            ..Observed::default()
        };
        self.answer(template, &mut seen, patience).await;
        self.used = true;
        if self.manner == Manner::Writes && seen.complete {
            self.traffic.stop_listening();
        }
        seen.head_written = self.traffic.head_written();
        seen.received = self.traffic.received();
        seen.end = self.traffic.end();
        seen.took = started.elapsed();
        classify(&seen)
    }

    async fn answer(&mut self, template: &Template, seen: &mut Observed, patience: Patience<'_>) {
        let Self { sender, driver, .. } = self;
        let request = template.build();
        let answer = async {
            let response = async {
                sender.ready().await.ok()?;
                match sender.try_send_request(request).await {
                    Ok(response) => Some(response),
                    Err(refused) => {
                        seen.garbled = refused.error().is_parse();
                        None
                    }
                }
            };
            let response = match timeout_at(patience.until().into(), response).await {
                Ok(Some(response)) => response,
                Ok(None) => return,
                Err(_) => {
                    seen.timed_out = true;
                    return;
                }
            };
            let status = response.status().as_u16();
            seen.status = Some(status);
            seen.says_when = says_when(response.headers());
            seen.by_balancer = response.headers().contains_key(GATEWAY);
            patience.begun(status);
            match patience
                .rest(read_to_end(response, template.read_over))
                .await
            {
                Some(complete) => seen.complete = complete,
                None => seen.timed_out = true,
            }
        };
        driving(driver, answer).await;
    }
}

/// Waits for `work` while the connection that it needs is driven.
async fn driving<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        // What the work hands to the connection goes out in this same turn, and what comes in is
        // seen by the work in it.
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(cx).is_ready())
        {
            // What went wrong is seen by the request that was on the connection.
            *driver = None;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// Reads an answer to its end without keeping it, evenly over a time if one is given; `false` when
/// it broke off.
async fn read_to_end(response: Response<Incoming>, over: Duration) -> bool {
    let mut body = response.into_body();
    let mut pace = ReadPace::new(over, body.size_hint().exact());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        pace.took(frame.data_ref().map_or(0, hyper::body::Bytes::len))
            .await;
    }
    true
}

/// Whether an answer tells the client to go elsewhere or to come back later.
pub(crate) fn says_when(headers: &HeaderMap<HeaderValue>) -> bool {
    let closes = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|token| token.trim().eq_ignore_ascii_case("close"))
        });
    closes || headers.contains_key(RETRY_AFTER) || headers.contains_key(LEAVES)
}

/// One GET on a connection of its own: the status, or `None` when there was no proper answer.
pub(crate) async fn probe(
    template: &Template,
    address: SocketAddr,
    limit: Duration,
) -> Option<u16> {
    probe_if_able(template, address, limit)
        .await
        .unwrap_or_default()
}

/// This machine had no port or descriptor left, or no time to send the request at once, which says nothing
/// about the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unable;

/// The same, where want of something on this side is told apart. The limit is one of time in which this
/// thread was not held back.
pub(crate) async fn probe_if_able(
    template: &Template,
    address: SocketAddr,
    limit: Duration,
) -> Result<Option<u16>, Unable> {
    let began = Instant::now();
    let until = began + limit * HELD_BACK;
    // Small for those who wait for it among much else.
    let probed = Box::pin(async {
        let mut connection = match Connection::open(address, until, Manner::Looks, false).await {
            Ok(connection) => connection,
            Err(NoConnection::Local) => return Err(Unable),
            Err(NoConnection::Refused) => return Ok(None),
        };
        let mut seen = Observed::default();
        let mut sent = None;
        {
            let mut answer = pin!(connection.answer(template, &mut seen, Patience::Whole(until)));
            poll_fn(|cx| {
                let answered = answer.as_mut().poll(cx);
                sent.get_or_insert_with(Instant::now);
                answered
            })
            .await;
        }
        let late = sent.is_some_and(|sent| sent.duration_since(began) > AT_ONCE);
        match seen.status.filter(|_| seen.complete) {
            // Nobody has to wait for a client that connects and says nothing.
            None if late && connection.traffic.received() == 0 => Err(Unable),
            answer => Ok(answer),
        }
    });
    tokio::select! {
        biased;
        probed = probed => probed,
        () = own_time(limit) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::script::RequestSpec;

    /// Takes one connection, answers one request on it, and then does this.
    fn answers_once(then: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        // Little of a body goes into the kernel.
        let socket = socket2::SockRef::from(&listener);
        socket.set_recv_buffer_size(4_096).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4_096]).unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            then(stream);
        });
        address
    }

    async fn open(address: SocketAddr) -> (Connection, Instant) {
        let until = Instant::now() + Duration::from_secs(60);
        let opened = Connection::open(address, until, Manner::Looks, false).await;
        (opened.ok().unwrap(), until)
    }

    #[tokio::test]
    async fn a_probe_is_late_only_by_what_this_side_was_not_held_back() {
        let limit = Duration::from_millis(600);
        let template = Template::new(&RequestSpec::get("/live"), "x").unwrap();
        let answers_after = |pause: Duration| {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                std::thread::sleep(pause);
                // Whoever asked may be gone.
                let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            });
            address
        };
        // As long as others have the processor nothing is polled here.
        let held_back = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            std::thread::sleep(Duration::from_millis(700));
        };
        let address = answers_after(Duration::from_millis(800));
        let (answer, ()) = tokio::join!(probe(&template, address, limit), held_back);
        assert_eq!(answer, Some(200));
        let address = answers_after(Duration::from_secs(60));
        assert_eq!(probe(&template, address, limit).await, None);
    }

    #[tokio::test]
    async fn a_probe_that_was_sent_late_says_nothing_of_who_did_not_wait_for_it() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Nothing is read from it for so long.
                std::thread::sleep(Duration::from_millis(20));
                drop(stream);
            }
        });
        let template = Template::new(&RequestSpec::get("/live"), "x").unwrap();
        let limit = Duration::from_secs(20);
        let held_back = async { std::thread::sleep(Duration::from_millis(200)) };
        let probed = probe_if_able(&template, address, limit);
        let (probed, ()) = tokio::join!(probed, held_back);
        assert_eq!(probed, Err(Unable));
        // Whoever was asked in time has failed.
        let until = Instant::now() + limit;
        while probe_if_able(&template, address, limit).await != Ok(None) {
            assert!(Instant::now() < until);
        }
    }

    #[tokio::test]
    async fn a_close_is_seen_also_when_the_runtime_had_no_time_to_tell() {
        let (tell, asked) = std::sync::mpsc::channel();
        let (told, closed) = std::sync::mpsc::channel();
        let address = answers_once(move |stream| {
            asked.recv().unwrap();
            drop(stream);
            told.send(()).unwrap();
        });
        let template = Template::new(&RequestSpec::get("/"), "x").unwrap();
        let (mut connection, until) = open(address).await;
        let patience = Patience::Whole(until);
        let first = connection.exchange(&template, patience).await;
        assert_eq!(first, Some(Outcome::Served(200)));
        assert!(connection.idle().await);
        // A stall: nothing is polled meanwhile.
        tell.send(()).unwrap();
        closed.recv().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(connection.exchange(&template, patience).await, None);
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_holds_up_nobody() {
        // Held open for as long as the test lasts.
        let (tell, kept) = std::sync::mpsc::channel();
        let address = answers_once(move |stream| tell.send(stream).unwrap());
        let spec = RequestSpec {
            method: "POST".to_owned(),
            body: vec![0; 16 << 20],
            ..RequestSpec::get("/")
        };
        let template = Template::new(&spec, "x").unwrap();
        let (mut connection, until) = open(address).await;
        let answered = connection.exchange(&template, Patience::Whole(until)).await;
        assert_eq!(answered, Some(Outcome::Served(200)));
        let rested = timeout(Duration::from_secs(60), connection.idle()).await;
        assert_eq!(rested, Ok(false));
        drop(kept);
    }

    #[test]
    fn a_refusal_is_polite_when_it_says_close_or_when_to_come_back() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        assert!(says_when(&headers(&[("connection", "Close")])));
        assert!(says_when(&headers(&[("connection", "x, close")])));
        assert!(says_when(&headers(&[("retry-after", "1")])));
        assert!(!says_when(&headers(&[("connection", "keep-alive")])));
        assert!(!says_when(&headers(&[])));
    }
}
