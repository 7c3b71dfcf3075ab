//! The one request that an HTTP/1 connection answers at a time, written without a lock.
//!
//! A lock, however free, and a shared path cost six atomic operations a request; this costs none but
//! plain stores. Only the connection's task writes. Readers are rare (a report, a drain), and check
//! by a version whether they read while it was written.

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::sync::yield_now;

/// How much of a path is kept: enough for most routes, and a report has little room.
const WORDS: usize = if cfg!(lifecycle_loom) { 2 } else { 12 };

/// There is no request.
const FREE: u64 = 0;
/// There is one, and the clock has not been read for it: nearly all are answered without anybody
/// asking, and the clock costs as much as everything else here.
const UNTIMED: u64 = 1;

#[derive(Default)]
pub(super) struct Slot {
    /// Odd while the rest is being written.
    version: AtomicU32,
    /// Since when the request has been waited for, as the server counts; [`FREE`] or [`UNTIMED`].
    since: AtomicU64,
    /// At most eight bytes, which all methods but invented ones have.
    method: AtomicU64,
    path: [AtomicU64; WORDS],
    /// The path's whole length.
    length: AtomicU32,
}

/// What a slot held.
pub(super) struct Written {
    pub(super) since: Option<u64>,
    pub(super) method: String,
    /// The beginning of the path; whether it goes on.
    pub(super) path: (String, bool),
}

impl Slot {
    /// How many bytes of a path are kept.
    pub(super) const PATH: usize = 8 * WORDS;

    /// Whether a request is in flight.
    pub(super) fn is_taken(&self) -> bool {
        self.since.load(Ordering::Relaxed) != FREE
    }

    pub(super) fn take(&self, method: &str, path: &str) {
        self.write(|| {
            self.since.store(UNTIMED, Ordering::Relaxed);
            let method = word(method.as_bytes());
            self.method.store(method, Ordering::Relaxed);
            let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
            self.length.store(length, Ordering::Relaxed);
            for (place, bytes) in self.path.iter().zip(path.as_bytes().chunks(8)) {
                place.store(word(bytes), Ordering::Relaxed);
            }
        });
    }

    pub(super) fn free(&self) {
        self.write(|| self.since.store(FREE, Ordering::Relaxed));
    }

    /// Whether there is a request whose time has not been noted.
    pub(super) fn is_untimed(&self) -> bool {
        self.since.load(Ordering::Relaxed) == UNTIMED
    }

    /// Notes that the request is waited for at `now`, unless that has been noted before. The one
    /// store that others than the connection's task may do; the worst it can hit is the next request.
    pub(super) fn note_time(&self, now: u64) {
        let now = now.max(UNTIMED + 1);
        let relaxed = Ordering::Relaxed;
        let _ = self.since.compare_exchange(UNTIMED, now, relaxed, relaxed);
    }

    fn write(&self, stores: impl FnOnce()) {
        let version = self.version.load(Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        stores();
        self.version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    /// Changes with every request that comes or goes.
    pub(super) fn version(&self) -> u32 {
        self.version.load(Ordering::Relaxed)
    }

    /// What is in flight now, if anything.
    pub(super) fn read(&self) -> Option<Written> {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let since = self.since.load(Ordering::Relaxed);
            let method = self.method.load(Ordering::Relaxed).to_le_bytes();
            let length = self.length.load(Ordering::Relaxed) as usize;
            let path: Vec<u8> = self
                .path
                .iter()
                .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
                .take(length)
                .collect();
            fence(Ordering::Acquire);
            if version.is_multiple_of(2) && version == self.version.load(Ordering::Relaxed) {
                let used = method.iter().position(|byte| *byte == 0);
                return (since != FREE).then(|| Written {
                    since: (since != UNTIMED).then_some(since),
                    method: text(&method[..used.unwrap_or(method.len())]),
                    path: (text(&path), path.len() < length),
                });
            }
            // Whoever writes is a few stores from the end, and perhaps not on a processor.
            yield_now();
        }
    }
}

/// Up to eight bytes as one word, the first lowest.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let count = bytes.len().min(word.len());
    word[..count].copy_from_slice(&bytes[..count]);
    u64::from_le_bytes(word)
}

/// A path may have been cut in the middle of a character.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let slot = Slot::default();
        assert!(slot.read().is_none());
        for path in ["", "/", "/orders", "/orders/1", "/a/path/of/some/length"] {
            slot.take("PROPPATCH", path);
            assert!(slot.is_untimed());
            assert_eq!(slot.read().unwrap().since, None);
            slot.note_time(7);
            slot.note_time(8);
            let written = slot.read().unwrap();
            assert_eq!(written.since, Some(7));
            assert_eq!(written.method, "PROPPATC");
            assert_eq!(written.path, (path.to_owned(), false));
        }
        slot.free();
        slot.note_time(9);
        assert!(!slot.is_taken());
        assert!(slot.read().is_none());
    }

    #[test]
    fn a_long_path_is_cut() {
        let slot = Slot::default();
        let path = "/0123456789".repeat(20);
        slot.take("GET", &path);
        let written = slot.read().unwrap();
        assert_eq!(written.path, (path[..8 * WORDS].to_owned(), true));
    }

    #[test]
    fn a_time_noted_late_makes_no_request_of_none() {
        for _ in 0..if cfg!(miri) { 1 } else { 2000 } {
            let slot = Slot::default();
            std::thread::scope(|scope| {
                scope.spawn(|| slot.note_time(7));
                slot.take("GET", "/");
                slot.free();
            });
            assert!(!slot.is_taken());
            assert!(slot.read().is_none());
        }
    }

    #[test]
    fn a_reader_never_sees_half_of_a_request() {
        let slot = Slot::default();
        let requests = [("GET", "/aaaaaaaaaaaaaaaaaaaaaaaaaaa"), ("POST", "/b")];
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
                    for (method, path) in requests {
                        slot.take(method, path);
                    }
                }
            });
            while !writer.is_finished() {
                if let Some(written) = slot.read() {
                    let seen = (written.method.as_str(), written.path.0.as_str());
                    assert!(requests.contains(&seen), "{seen:?}");
                }
            }
        });
    }
}
