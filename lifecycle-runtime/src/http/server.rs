//! The state all connections of one server share, and how it comes to its end.

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::exchange::Handler;
use super::listen::Entrance;
use super::options::Options;
use super::peer::Peer;
use super::track::{InFlight, Track};
use super::wire::{Raw, Wire};
use crate::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Map, Mutex, MutexGuard, Notify};
use crate::work::{Active, Window};

/// How many requests are named. A report has little room; the oldest say most.
const NAMED: usize = 16;

/// How far a server has come towards its end. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nobody has asked it to stop.
    Serving,
    /// It serves everyone, and asks clients to take their next request elsewhere.
    Settling,
    /// Nobody new comes in; who is connected is still served.
    Lingering,
    /// Connections go as soon as their requests are answered; new requests are refused.
    Draining,
    /// Whatever is left is cut.
    Abandoned,
}

impl Stage {
    const ALL: [Self; 5] = [
        Self::Serving,
        Self::Settling,
        Self::Lingering,
        Self::Draining,
        Self::Abandoned,
    ];
}

/// What every connection reads and hardly ever writes, and, set apart, what is written when one
/// comes or goes.
pub(super) struct Server {
    stage: AtomicU8,
    started: Instant,
    pub(super) options: Options,
    pub(super) handler: Arc<dyn Handler>,
    /// When the intake was stopped.
    stopped: OnceLock<Instant>,
    /// As chosen, and no longer than half of the step: what costs nobody an answer is no reason for
    /// a step to time out.
    head_timeout: OnceLock<Duration>,
    rejections: AtomicU64,
    panics: AtomicU64,
    /// How many connections were open when they were abandoned.
    cut: AtomicUsize,
    /// What was cut before, because its client took nothing.
    stalled: Mutex<Stalled>,
    registry: Apart<Mutex<Registry>>,
    /// Notified when the last connection has gone, once the intake has stopped, and on abandon.
    over: Notify,
    /// Fires when the intake is to stop.
    pub(super) intake: CancellationToken,
}

/// Keeps its content off the lines of memory beside it.
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Default)]
struct Registry {
    next: u64,
    connections: Map<u64, Arc<Track>>,
    /// How many of them the server need not wait for: see [`Track::away`].
    away: usize,
}

#[derive(Default)]
struct Stalled {
    connections: usize,
    /// The first of what was in flight on them.
    names: Vec<String>,
}

impl Registry {
    fn is_over(&self) -> bool {
        self.connections.len() == self.away
    }
}

impl Server {
    pub(super) fn new(handler: Arc<dyn Handler>, options: Options) -> Self {
        Self {
            stage: AtomicU8::new(Stage::Serving as u8),
            options,
            handler,
            stopped: OnceLock::new(),
            head_timeout: OnceLock::new(),
            rejections: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            started: Instant::now(),
            cut: AtomicUsize::new(0),
            stalled: Mutex::default(),
            registry: Apart(Mutex::default()),
            over: Notify::new(),
            intake: CancellationToken::new(),
        }
    }

    /// Relaxed, because each connection looks after it has been woken, and being woken orders it.
    pub(super) fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// Moves on to `stage`, unless the server is further already, and tells those it concerns.
    pub(super) fn advance(&self, stage: Stage) {
        if self.stage.fetch_max(stage as u8, Ordering::Release) >= stage as u8 {
            return;
        }
        // An HTTP/1 connection learns of the first two when it next answers; waking thousands of
        // idle ones for nothing would only delay those that have something to do.
        let everyone = stage >= Stage::Draining;
        for track in self.tracks() {
            // A handler that blocks its thread has not come to where its time is noted.
            track.note_time();
            if everyone || track.http2.get() {
                track.wake();
            }
        }
        if stage == Stage::Abandoned {
            self.over.notify_waiters();
        }
    }

    /// Serves a connection that has been accepted.
    pub(super) fn serve(self: &Arc<Self>, raw: Raw, peer: Peer, listener: &Entrance) {
        if self.options.nodelay
            && let Raw::Tcp(stream) = &raw
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%peer, %error, "TCP_NODELAY is not set");
        }
        let track = self.register(peer);
        tokio::spawn(Connection::new(Wire::new(raw, track), listener));
    }

    /// Notes a connection, before its task is there: it is waited for from now on.
    pub(super) fn register(self: &Arc<Self>, peer: Peer) -> Arc<Track> {
        let mut registry = self.registry();
        let id = registry.next;
        registry.next += 1;
        let track = Arc::new(Track::new(Arc::clone(self), peer, id));
        registry.connections.insert(id, Arc::clone(&track));
        track
    }

    /// The socket is closed.
    pub(super) fn forget(&self, id: u64) {
        let mut registry = self.registry();
        let track = registry.connections.remove(&id);
        if track.as_ref().is_some_and(|track| track.away.get()) {
            registry.away -= 1;
        }
        let last = registry.is_over();
        drop(registry);
        drop(track);
        if last && self.stage() >= Stage::Lingering {
            self.over.notify_waiters();
        }
    }

    /// Notes whether the connection is waited for, or all that is in flight on it belongs to another
    /// resource. Asked under the registry's lock, so that the latest answer is the one that stays.
    pub(super) fn set_away(&self, track: &Track, away: impl FnOnce() -> bool) {
        let mut registry = self.registry();
        let away = away();
        if track.away.get() == away || !registry.connections.contains_key(&track.id()) {
            return;
        }
        track.away.set(away);
        if away {
            registry.away += 1;
        } else {
            registry.away -= 1;
        }
        let last = registry.is_over();
        drop(registry);
        if last && self.stage() >= Stage::Lingering {
            self.over.notify_waiters();
        }
    }

    /// Resolves when no connection is left that is waited for, or what is left has been given up.
    pub(super) async fn over(&self) {
        loop {
            let mut notified = std::pin::pin!(self.over.notified());
            // Listening before looking: a connection that goes in between is not missed.
            notified.as_mut().enable();
            if self.stage() == Stage::Abandoned || self.is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Whether nobody is connected that is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.registry().is_over()
    }

    /// Stops the intake. Returns until when idle connections may linger.
    pub(super) fn stop_intake(&self, window: Window) -> Instant {
        let linger = match window.hurry {
            true => Duration::ZERO,
            false => self.options.linger.min(window.timeout / 4),
        };
        // Stopped once: a second call finds both as they are.
        let _ = self
            .head_timeout
            .set(self.options.head_timeout.min(window.timeout / 2));
        let now = *self.stopped.get_or_init(Instant::now);
        self.advance(Stage::Lingering);
        self.intake.cancel();
        now + linger
    }

    /// How long a connection may do nothing once the intake has stopped.
    pub(super) fn head_timeout(&self) -> Duration {
        let set = self.head_timeout.get().copied();
        set.unwrap_or(self.options.head_timeout)
    }

    /// What begins once nobody new comes in: the linger, then the drain.
    pub(super) async fn drain(&self, linger: Instant) -> Result<(), Abandoned> {
        // Over before its time is a server that nobody is connected to, or only sessions that others
        // hold: those must learn, too, that no request comes after theirs.
        let _ = timeout_at(linger, self.over()).await;
        self.advance(Stage::Draining);
        self.over().await;
        let stalled = self.stalled().connections;
        match self.cut.load(Ordering::Relaxed) + stalled {
            0 => Ok(()),
            connections => Err(Abandoned {
                connections,
                stalled,
                timeout: self.options.stall_timeout,
            }),
        }
    }

    /// Notes that a connection is cut whose client has taken nothing for the stall timeout.
    pub(super) fn cut_stalled(&self, track: &Track) {
        let mut found = Vec::new();
        track.in_flight(Instant::now(), &mut found);
        let names = found.into_iter().map(|request| request.name);
        let mut stalled = self.stalled();
        stalled.connections += 1;
        let room = NAMED.saturating_sub(stalled.names.len());
        stalled.names.extend(names.take(room));
        tracing::warn!(peer = %track.peer, "cut: the client takes nothing of its answer");
    }

    fn stalled(&self) -> MutexGuard<'_, Stalled> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in flight, and what was cut while the server drained.
    pub(super) fn unfinished(&self) -> Active {
        let mut active = self.active();
        let stalled = self.stalled();
        active.count += stalled.connections as u64;
        let room = NAMED.saturating_sub(active.names.len());
        let names = stalled.names.iter().take(room).cloned();
        active.names.extend(names);
        active
    }

    /// When a request that has only half arrived is given up, given that the connection has nothing
    /// else to do.
    pub(super) fn head_deadline(&self) -> Instant {
        let stopped = self.stopped.get().copied();
        stopped.unwrap_or_else(Instant::now) + self.head_timeout()
    }

    /// Fires the cancellation of every request in flight.
    pub(super) fn cancel(&self) {
        for track in self.tracks() {
            if !track.away.get() {
                track.cancel();
            }
        }
    }

    /// Cuts what is left.
    pub(super) fn abandon(&self) {
        let registry = self.registry();
        let cut = registry.connections.len() - registry.away;
        drop(registry);
        self.cut.store(cut, Ordering::Relaxed);
        self.advance(Stage::Abandoned);
    }

    /// What is in flight. Takes each connection's lock for an instant and none that is held while
    /// other code runs: it answers when every worker is blocked.
    pub(super) fn active(&self) -> Active {
        let mut found: Vec<InFlight> = Vec::new();
        let now = Instant::now();
        for track in self.tracks() {
            track.in_flight(now, &mut found);
        }
        found.sort_by_key(|request| Reverse(request.age));
        Active {
            count: found.len() as u64,
            oldest: found.first().map(|request| request.age),
            names: found
                .into_iter()
                .take(NAMED)
                .map(|request| request.name)
                .collect(),
        }
    }

    /// How long the server had been serving at `now`.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// The same in nanoseconds, which last for five centuries.
    pub(super) fn nanoseconds(&self, now: Instant) -> u64 {
        u64::try_from(self.age(now).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Counts a request that is refused.
    pub(super) fn reject(&self) {
        self.rejections.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests have been refused.
    pub(super) fn rejections(&self) -> u64 {
        self.rejections.load(Ordering::Relaxed)
    }

    /// Counts a handler that has panicked.
    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// How many handlers have panicked.
    pub(super) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn tracks(&self) -> Vec<Arc<Track>> {
        self.registry().connections.values().cloned().collect()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connections were cut before their requests were answered.
#[derive(Debug)]
pub(super) struct Abandoned {
    connections: usize,
    /// How many of them because the client took nothing for this long.
    stalled: usize,
    timeout: Duration,
}

impl std::fmt::Display for Abandoned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            connections,
            stalled,
            timeout,
        } = self;
        let noun = match connections {
            1 => "connection",
            _ => "connections",
        };
        write!(f, "{connections} {noun} cut")?;
        match stalled {
            0 => Ok(()),
            _ if stalled == connections => write!(f, ": nothing taken for {timeout:?}"),
            _ => write!(f, ", {stalled} of them for taking nothing for {timeout:?}"),
        }
    }
}

impl std::error::Error for Abandoned {}
