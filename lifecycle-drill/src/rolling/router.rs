//! Who gets the next connection or request, and what became of those that an instance did not answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::deploy::Balancing;

/// Between two looks for somebody to send a request to.
const LOOK: Duration = Duration::from_millis(5);

/// How a balancer saw a request fail.
///
/// ```
/// use lifecycle_drill::rolling::router::Fault;
///
/// let how: Fault = serde_json::from_str(r#""nobody-listened""#)?;
/// assert_eq!(how, Fault::NobodyListened);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nobody listened at the instance.
    NobodyListened,
    /// The instance closed the connection before a byte of the answer.
    Closed,
    /// The instance reset the connection before a byte of the answer.
    Reset,
    /// A connection kept alive was closed in the instant of its next request.
    IdleClose,
    /// The answer began and did not end.
    Cut,
    /// What came back was not HTTP.
    Garbled,
    /// There was no instance to send it to.
    NoInstance,
    /// The drill's balancer had no descriptor or port left for it.
    NoRoom,
}

impl Fault {
    /// In words, after a number of requests.
    ///
    /// ```
    /// use lifecycle_drill::rolling::router::Fault;
    ///
    /// let told = format!("12 requests {}", Fault::NobodyListened.words());
    /// assert_eq!(told, "12 requests found nobody listening");
    /// ```
    pub const fn words(self) -> &'static str {
        match self {
            Self::NobodyListened => "found nobody listening",
            Self::Closed => "closed in flight",
            Self::Reset => "reset in flight",
            Self::IdleClose => "closed on a kept-alive connection as they were sent",
            Self::Cut => "cut in the middle of the answer",
            Self::Garbled => "answered with something that is not HTTP",
            Self::NoInstance => "had no instance to go to",
            Self::NoRoom => "found the drill's balancer without a descriptor or port",
        }
    }
}

/// How often an instance failed in one way, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub(super) count: u64,
    pub(super) first: Instant,
    pub(super) last: Instant,
}

/// What passes over one of the balancer's own connections to an instance.
pub(super) type Outgoing = SendRequest<Incoming>;
/// The body of an answer to a client.
pub(super) type Answer = BoxBody<Bytes, hyper::Error>;

/// An instance as the balancer knows it.
pub(super) struct Backend {
    /// From 1.
    pub(super) number: usize,
    pub(super) address: SocketAddr,
    /// New connections or requests go there.
    routed: AtomicBool,
    /// It was asked to stop.
    leaving: AtomicBool,
    ready: Mutex<Readiness>,
    /// Nobody asks it any more.
    pub(super) over: AtomicBool,
    /// Requests that it was sent and has not answered; by connection, until the first byte of the
    /// answer.
    pub(super) in_flight: AtomicUsize,
    /// Connections to it that are open.
    pub(super) open: AtomicUsize,
    /// Requests that it was sent, or connections, where those are what is balanced.
    pub(super) taken: AtomicU64,
    /// Connections kept to it that rest; `None` once no more are kept.
    idle: Mutex<Option<Vec<Outgoing>>>,
}

/// What the platform's probes say of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readiness {
    pub(super) up: bool,
    /// When that began.
    pub(super) since: Instant,
}

impl Backend {
    pub(super) fn new(number: usize, address: SocketAddr) -> Self {
        Self {
            number,
            address,
            routed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            ready: Mutex::new(Readiness {
                up: false,
                since: Instant::now(),
            }),
            over: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    pub(super) fn readiness(&self) -> Readiness {
        *lock(&self.ready)
    }

    /// What a probe has found out.
    pub(super) fn found(&self, up: bool) {
        let mut ready = lock(&self.ready);
        if ready.up != up {
            *ready = Readiness {
                up,
                since: Instant::now(),
            };
        }
    }

    pub(super) fn is_routed(&self) -> bool {
        self.routed.load(SeqCst)
    }

    /// It was asked to stop, and routing has noticed.
    pub(super) fn has_left(&self) -> bool {
        !self.is_routed() && self.leaving.load(SeqCst)
    }

    /// New connections or requests go there from now on, or not any more.
    pub(super) fn route(&self, routed: bool) {
        self.routed.store(routed, SeqCst);
        if !routed && self.leaving.load(SeqCst) {
            // What rests is closed; what is under way comes to its end.
            *lock(&self.idle) = None;
        }
    }

    /// It was asked to stop.
    pub(super) fn leave(&self) {
        self.leaving.store(true, SeqCst);
    }

    /// A connection that rests, the one used last.
    pub(super) fn rested(&self) -> Option<Outgoing> {
        let mut idle = lock(&self.idle);
        let idle = idle.as_mut()?;
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, connection: Outgoing) {
        if let Some(idle) = lock(&self.idle).as_mut() {
            idle.push(connection);
        }
    }

    /// Counts a request, or a connection, until what it gives is dropped.
    pub(super) fn counted(self: &Arc<Self>, what: fn(&Self) -> &AtomicUsize) -> Counted {
        what(self).fetch_add(1, SeqCst);
        Counted {
            backend: Arc::clone(self),
            what,
        }
    }
}

/// One more in a number of a [`Backend`], until it is dropped.
pub(super) struct Counted {
    backend: Arc<Backend>,
    what: fn(&Backend) -> &AtomicUsize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.what)(&self.backend).fetch_sub(1, SeqCst);
    }
}

/// All instances, and the choice among them.
pub(super) struct Router {
    balancing: Balancing,
    last_resort: bool,
    /// How long a request waits for somebody to send it to.
    holds: Duration,
    backends: Mutex<Vec<Arc<Backend>>>,
    turn: AtomicU64,
    faults: Mutex<BTreeMap<(Option<usize>, Fault), Faults>>,
}

impl Router {
    pub(super) fn new(balancing: Balancing, last_resort: bool, holds: Duration) -> Self {
        Self {
            balancing,
            last_resort,
            holds,
            backends: Mutex::new(Vec::new()),
            turn: AtomicU64::new(0),
            faults: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn add(&self, backend: Arc<Backend>) {
        lock(&self.backends).push(backend);
    }

    /// Who gets the next one; `None` while nobody does.
    pub(super) fn pick(&self) -> Option<Arc<Backend>> {
        let backends = lock(&self.backends);
        let routed: Vec<_> = backends.iter().filter(|it| it.is_routed()).collect();
        let turn = self.turn.fetch_add(1, SeqCst);
        let pick = match self.balancing {
            Balancing::Connections => scattered(turn),
            Balancing::Requests => turn,
        };
        let of = |list: &[&Arc<Backend>]| {
            let at = usize::try_from(pick % list.len().max(1) as u64).ok()?;
            list.get(at).map(|backend| Arc::clone(backend))
        };
        if !routed.is_empty() || !self.last_resort {
            return of(&routed);
        }
        let leaving: Vec<_> = backends
            .iter()
            .filter(|it| it.leaving.load(SeqCst) && it.readiness().up)
            .collect();
        of(&leaving)
    }

    /// The same, once there is somebody; `None` where there was nobody for as long as one waits here.
    pub(super) async fn pick_in_time(&self) -> Option<Arc<Backend>> {
        let until = tokio::time::Instant::now() + self.holds;
        loop {
            let picked = self.pick();
            if picked.is_some() || tokio::time::Instant::now() >= until {
                return picked;
            }
            sleep(LOOK).await;
        }
    }

    /// Remembers what went wrong, with whom, and now.
    pub(super) fn fault(&self, backend: Option<&Backend>, fault: Fault) {
        let now = Instant::now();
        lock(&self.faults)
            .entry((backend.map(|it| it.number), fault))
            .and_modify(|faults| {
                faults.count += 1;
                faults.last = now;
            })
            .or_insert(Faults {
                count: 1,
                first: now,
                last: now,
            });
    }

    /// All that went wrong, by instance and kind.
    pub(super) fn faults(&self) -> Vec<(Option<usize>, Fault, Faults)> {
        lock(&self.faults)
            .iter()
            .map(|((number, fault), faults)| (*number, *fault, *faults))
            .collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that looks chosen at random, the same in every drill (splitmix64).
const fn scattered(turn: u64) -> u64 {
    let mixed = turn.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(balancing: Balancing, last_resort: bool) -> (Router, Vec<Arc<Backend>>) {
        let router = Router::new(balancing, last_resort, Duration::ZERO);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let backends: Vec<_> = (1..=3)
            .map(|number| Arc::new(Backend::new(number, address)))
            .collect();
        for backend in &backends {
            backend.found(true);
            backend.route(true);
            router.add(Arc::clone(backend));
        }
        (router, backends)
    }

    fn picks(router: &Router, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| router.pick().map_or(0, |backend| backend.number))
            .collect()
    }

    #[test]
    fn requests_go_around_and_connections_are_scattered_evenly() {
        let (router, _) = three(Balancing::Requests, false);
        assert_eq!(picks(&router, 5), [1, 2, 3, 1, 2]);
        let (router, _) = three(Balancing::Connections, false);
        let picked = picks(&router, 3_000);
        for number in 1..=3 {
            let times = picked.iter().filter(|it| **it == number).count();
            assert!(times.abs_diff(1_000) < 120, "{number}: {times}");
        }
        assert_ne!(picked[..6], [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn who_is_not_routed_gets_nothing() {
        let (router, backends) = three(Balancing::Requests, false);
        backends[1].route(false);
        assert!(!picks(&router, 10).contains(&2));
        backends[0].route(false);
        backends[2].route(false);
        assert_eq!(picks(&router, 2), [0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_router_that_holds_requests_sends_them_to_who_comes_next() {
        let (mut router, backends) = three(Balancing::Requests, false);
        for backend in &backends {
            backend.route(false);
        }
        let began = tokio::time::Instant::now();
        assert!(router.pick_in_time().await.is_none());
        assert_eq!(began.elapsed(), Duration::ZERO);
        router.holds = Duration::from_secs(75);
        let comes = async {
            sleep(Duration::from_secs(20)).await;
            backends[1].route(true);
        };
        let (picked, ()) = tokio::join!(router.pick_in_time(), comes);
        assert_eq!(picked.map(|backend| backend.number), Some(2));
        assert!(began.elapsed() < Duration::from_secs(21));
        backends[1].route(false);
        assert!(router.pick_in_time().await.is_none());
    }

    #[test]
    fn with_nobody_left_kube_proxy_takes_those_that_leave_and_still_serve() {
        let (router, backends) = three(Balancing::Connections, true);
        for backend in &backends {
            backend.leave();
            backend.route(false);
        }
        backends[0].found(false);
        backends[1].found(false);
        assert_eq!(picks(&router, 3), [3, 3, 3]);
        backends[2].found(false);
        assert_eq!(picks(&router, 1), [0]);
    }

    #[test]
    fn faults_are_counted_by_instance_and_kind() {
        let (router, backends) = three(Balancing::Requests, false);
        router.fault(Some(&backends[1]), Fault::Reset);
        router.fault(Some(&backends[1]), Fault::Reset);
        router.fault(None, Fault::NoInstance);
        let faults: Vec<_> = router
            .faults()
            .into_iter()
            .map(|(number, fault, faults)| (number, fault, faults.count))
            .collect();
        assert_eq!(
            faults,
            [(None, Fault::NoInstance, 1), (Some(2), Fault::Reset, 2)]
        );
    }
}
