//! What systemd says of a unit: `systemctl show`, read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::time::{ClockId, clock_gettime};

use super::Unit;
use crate::guard::new_mark;
use crate::target::process::Status;
use crate::target::tool::Tool;

/// What systemd says of a unit.
///
/// The script of its stop comes from them:
///
/// ```
/// use std::time::Duration;
/// use lifecycle_drill::target::{process::signal_name, unit::UnitProperties};
/// use lifecycle_drill::Script;
///
/// // As `Unit::properties` answers:
/// let shop = UnitProperties {
///     active: true,
///     timeout_stop: Some(Duration::from_secs(90)),
///     kill_signal: 15,
///     kill_mode: "control-group".to_owned(),
///     exec_stop: false,
/// };
/// assert_eq!(signal_name(shop.kill_signal), "SIGTERM");
/// let a_day = Duration::from_secs(24 * 60 * 60);
/// let script = Script {
///     signals_everyone: shop.kill_mode == "control-group",
///     ..Script::new("shop", "systemd", shop.timeout_stop.unwrap_or(a_day))
/// };
/// assert!(script.signals_everyone);
/// assert_eq!(script.signal_to_kill(), Duration::from_secs(90));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitProperties {
    /// It runs now.
    pub active: bool,
    /// `TimeoutStopSec=`; `None` for infinity.
    pub timeout_stop: Option<Duration>,
    /// `KillSignal=`, as a number.
    pub kill_signal: i32,
    /// `KillMode=`: `control-group`, `mixed`, `process`, `none`.
    pub kill_mode: String,
    /// It has an `ExecStop=`.
    pub exec_stop: bool,
}

impl Unit {
    /// Asks systemd about the unit.
    ///
    /// Errors: there is no systemd to ask, or it knows no such unit.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use lifecycle_drill::Unit;
    ///
    /// let unit = Unit { name: "shop.service".to_owned(), stops_itself: true };
    /// let properties = unit.properties()?;
    /// // Of a unit with `TimeoutStopSec=1min 30s` and nothing else about its stop:
    /// assert_eq!(properties.timeout_stop, Some(Duration::from_secs(90)));
    /// assert_eq!((properties.kill_mode.as_str(), properties.kill_signal), ("control-group", 15));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn properties(&self) -> anyhow::Result<UnitProperties> {
        let systemctl = Tool::new(&["systemctl"], &new_mark());
        let shown = show(&systemctl, &self.name)?;
        let get = |key: &str| shown.get(key).map_or("", String::as_str);
        ensure!(
            get("LoadState") == "loaded",
            "systemd has no unit `{}` ({})",
            self.name,
            get("LoadState")
        );
        Ok(UnitProperties {
            active: get("ActiveState") == "active",
            timeout_stop: span(get("TimeoutStopUSec")),
            kill_signal: get("KillSignal").parse().unwrap_or(15),
            kill_mode: get("KillMode").to_owned(),
            exec_stop: !get("ExecStop").is_empty(),
        })
    }
}

/// What `systemctl show` says, by property.
pub(super) fn show(systemctl: &Tool, name: &str) -> anyhow::Result<HashMap<String, String>> {
    let shown = systemctl.now(&[
        "show",
        "--property=LoadState,ActiveState,SubState,MainPID,ControlGroup,TimeoutStopUSec,KillSignal,\
         KillMode,ExecStop,Result,ExecMainCode,ExecMainStatus,ExecMainExitTimestampMonotonic,\
         StateChangeTimestampMonotonic,ActiveExitTimestampMonotonic",
        "--",
        name,
    ])?;
    Ok(properties(&shown))
}

pub(super) fn properties(shown: &str) -> HashMap<String, String> {
    shown
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A time span as systemd prints it: `1min 30s`, `250ms`; `None` for infinity and what is no span.
fn span(text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for part in text.split_whitespace() {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = part[..end].parse().ok()?;
        let unit = match &part[end..] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        sum += Duration::try_from_secs_f64(number * unit).ok()?;
    }
    (!text.is_empty()).then_some(sum)
}

/// The moment that systemd calls by this many microseconds of the monotonic clock.
pub(super) fn moment(micros: &str) -> Option<Instant> {
    let then = Duration::from_micros(micros.parse().ok().filter(|micros| *micros > 0)?);
    let (now, clock) = (Instant::now(), clock_gettime(ClockId::Monotonic));
    let clock = Duration::new(
        u64::try_from(clock.tv_sec).ok()?,
        u32::try_from(clock.tv_nsec).ok()?,
    );
    now.checked_sub(clock.checked_sub(then)?)
}

/// `ExecMainCode` is that of waitid(2): 1 exited, 2 killed, 3 dumped core.
pub(super) fn status(code: &str, status: &str) -> Status {
    match (code, status.parse()) {
        ("1" | "exited", Ok(status)) => Status::Code(status),
        ("2" | "3" | "killed" | "dumped", Ok(status)) => Status::Signal(status),
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_prints_them() {
        assert_eq!(span("1min 30s"), Some(Duration::from_secs(90)));
        assert_eq!(span("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(span("2.500s"), Some(Duration::from_millis(2_500)));
        assert_eq!(span("1h 5min"), Some(Duration::from_secs(3_900)));
        assert_eq!(span("infinity"), None);
        assert_eq!(span(""), None);
    }

    #[test]
    fn ends_are_read_as_systemd_notes_them() {
        assert_eq!(status("1", "3"), Status::Code(3));
        assert_eq!(status("2", "9"), Status::Signal(9));
        assert_eq!(status("0", "0"), Status::Unknown);
    }
}
