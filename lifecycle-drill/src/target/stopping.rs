//! A stop that the engine itself plays: what it was seen to do, and when.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::tool::Follower;

/// What the engine has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The signal went out.
    pub(crate) signalled: Option<Instant>,
    /// SIGKILL went out.
    pub(crate) killed: Option<Instant>,
    /// The engine has nothing left to do.
    pub(crate) over: bool,
}

/// An engine's stop under way. Dropping it ends the commands that watch it, and not the stop.
pub(crate) struct Stopping {
    pub(crate) seen: watch::Receiver<Seen>,
    /// The commands that stop and that watch.
    pub(crate) _commands: Vec<Follower>,
}

impl Stopping {
    /// Waits until the signal has gone out.
    pub(crate) async fn signalled(&self) -> Instant {
        let mut seen = self.seen.clone();
        let at = seen.wait_for(|seen| seen.signalled.is_some()).await;
        match at.map(|seen| seen.signalled) {
            Ok(Some(at)) => at,
            // Nobody watches any more; the end of the process tells the rest.
            _ => std::future::pending().await,
        }
    }

    /// Waits until SIGKILL has gone out, or nothing more will.
    pub(crate) async fn over(&self) {
        let mut seen = self.seen.clone();
        // Nobody watches any more: just as over.
        let _unwatched = seen
            .wait_for(|seen| seen.over || seen.killed.is_some())
            .await;
    }

    /// When SIGKILL went out, if it did.
    pub(crate) fn killed(&self) -> Option<Instant> {
        self.seen.borrow().killed
    }
}

/// The moment that an engine calls by this many nanoseconds since 1970.
pub(crate) fn moment_of(nanos: u64) -> Instant {
    let then = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    let (now, clock) = (Instant::now(), SystemTime::now());
    match clock.duration_since(then) {
        Ok(ago) => now.checked_sub(ago).unwrap_or(now),
        Err(ahead) => now + ahead.duration(),
    }
}

/// Nanoseconds since 1970 of a moment as engines write it: `2026-01-31T12:00:00.123456789Z`, with less
/// of a second, or with another offset than `Z`.
pub(crate) fn nanos_of(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|it| it.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let zone = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, part) = clock.split_once('.').unwrap_or((clock, ""));
    let minutes = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
    };
    let (clock, seconds) = clock.rsplit_once(':')?;
    let offset = match zone {
        "Z" => 0,
        zone if zone.starts_with('-') => -minutes(&zone[1..])?,
        zone => minutes(&zone[1..])?,
    };
    // Days since 1970 of the Gregorian calendar, whose years are taken to begin in March.
    let (shifted, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leaps = shifted / 4 - shifted / 100 + shifted / 400;
    let days = shifted * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468;
    let whole = (days * 1_440 + minutes(clock)? - offset) * 60 + seconds.parse::<i64>().ok()?;
    let part: String = part.chars().chain("000000000".chars()).take(9).collect();
    let whole = u64::try_from(whole).ok()?.checked_mul(1_000_000_000)?;
    whole.checked_add(part.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_engines_write_them() {
        let seconds = |text: &str| nanos_of(text).map(|nanos| nanos / 1_000_000_000);
        assert_eq!(nanos_of("1970-01-01T00:00:00.000000001Z"), Some(1));
        assert_eq!(seconds("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(
            nanos_of("2024-12-31T23:59:59.5Z"),
            Some(1_735_689_599_500_000_000)
        );
        assert_eq!(
            seconds("2026-01-31T13:00:00.25+01:00"),
            seconds("2026-01-31T12:00:00Z")
        );
        // What Docker says of a container that has not ended.
        assert_eq!(nanos_of("0001-01-01T00:00:00Z"), None);
        for bad in [
            "",
            "2026",
            "2026-01-31",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00Z",
        ] {
            assert_eq!(nanos_of(bad), None, "{bad}");
        }
    }
}
