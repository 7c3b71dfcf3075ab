//! The status as a table for people.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{NAME_LENGTH, NAMES, ResourceStatus, Status};
use crate::report::shorten;

const HEADINGS: [&str; 7] = [
    "RESOURCE",
    "KIND",
    "STATE",
    "FOR",
    "IN FLIGHT",
    "OLDEST",
    "WHAT",
];

/// `shop: stopping for 2.1s; SIGTERM; 12s to the deadline; kubernetes, plan 00112233aabbccdd`, then a
/// line for each resource.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} for {}",
            plain(&self.service),
            self.state.as_str(),
            age(self.since)
        )?;
        if !self.live {
            f.write_str("; NOT LIVE: no worker runs a task")?;
        }
        if let Some(signal) = self.signal {
            write!(f, "; {}", signal.as_str())?;
        }
        if let Some(cause) = &self.cause {
            write!(f, "; {}", plain(cause))?;
        }
        if let Some(left) = self.left {
            write!(f, "; {} to the deadline", age(left))?;
        }
        let platform = self.platform.as_deref().unwrap_or("no platform");
        write!(f, "; {}", plain(platform))?;
        if let Some(instance) = &self.instance {
            write!(f, ", {}", plain(instance))?;
        }
        writeln!(f, ", plan {}", plain(&self.digest))?;

        let rows: Vec<[String; 7]> = self.resources.iter().map(row).collect();
        let mut widths = HEADINGS.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let headings = HEADINGS.map(str::to_owned);
        for row in [&headings].into_iter().chain(&rows) {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                write!(line, "{cell:width$}  ")?;
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn row(resource: &ResourceStatus) -> [String; 7] {
    let time = |time: Option<Duration>| time.map(age).unwrap_or_default();
    let mut what: Vec<String> = resource
        .names
        .iter()
        .take(NAMES)
        .map(|name| plain(&shorten(name, NAME_LENGTH)))
        .collect();
    let more = resource.in_flight.saturating_sub(what.len() as u64);
    if more > 0 && !what.is_empty() {
        what.push(format!("+{more} more"));
    }
    what.extend(resource.error.as_deref().map(plain));
    [
        plain(&resource.name),
        resource.kind.as_str().to_owned(),
        resource.state.as_str().to_owned(),
        time(resource.since),
        resource.in_flight.to_string(),
        time(resource.oldest),
        what.join(", "),
    ]
}

/// Without anything that a terminal would obey: names come from clients.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// `250ms`, `1.8s`, `45s`, `3m 20s`, `2h 5m`, `4d 3h`.
pub(crate) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..10 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}
