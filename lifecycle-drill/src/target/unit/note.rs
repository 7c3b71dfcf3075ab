//! A stop as systemd's states tell it.

use std::collections::HashMap;
use std::time::Instant;

use super::shown::moment;
use crate::target::stopping::Seen;

/// A stop as systemd's states tell it.
#[derive(Default)]
pub(super) struct Note {
    pub(super) seen: Seen,
    /// The last look at which `ExecStop=` was still at work.
    stopping: Option<Instant>,
}

impl Note {
    /// Takes note of a look; true when the stop is over.
    pub(super) fn read(&mut self, shown: &HashMap<String, String>) -> bool {
        let get = |key: &str| shown.get(key).map_or("", String::as_str);
        let since = || moment(get("StateChangeTimestampMonotonic")).unwrap_or_else(Instant::now);
        match get("SubState") {
            "stop" => self.stopping = Some(Instant::now()),
            "stop-sigterm" | "final-sigterm" => {
                self.seen.signalled.get_or_insert_with(since);
            }
            "stop-sigkill" | "final-sigkill" => {
                self.seen.killed.get_or_insert_with(since);
            }
            "dead" | "failed" => {
                // It went by between two looks: after the last at which the hook ran, or else at once.
                let at_once = || moment(get("ActiveExitTimestampMonotonic"));
                if self.seen.signalled.is_none() {
                    self.seen.signalled = self.stopping.or_else(at_once);
                }
                // What is killed is gone before the next look.
                if get("Result") == "timeout" {
                    let gone = || moment(get("ExecMainExitTimestampMonotonic"));
                    self.seen.killed = self.seen.killed.or_else(gone);
                }
                self.seen.over = true;
                return true;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown::properties;
    use super::*;

    #[test]
    fn a_stop_is_read_from_its_states() {
        let shown = |state: &str, since: u64| {
            properties(&format!(
                "SubState={state}\nStateChangeTimestampMonotonic={since}\nActiveExitTimestampMonotonic=900000"
            ))
        };
        let mut note = Note::default();
        assert!(!note.read(&shown("stop", 1_000_000)));
        assert!(note.seen.signalled.is_none());
        assert!(!note.read(&shown("stop-sigterm", 2_000_000)));
        assert!(!note.read(&shown("stop-sigkill", 5_000_000)));
        let (signalled, killed) = (note.seen.signalled.unwrap(), note.seen.killed.unwrap());
        let between = killed.duration_since(signalled).as_millis();
        assert!((2_990..3_010).contains(&between), "{between}");
        assert!(note.read(&shown("failed", 5_100_000)));

        // Killed, and gone, between two looks.
        let mut note = Note::default();
        note.read(&shown("stop-sigterm", 2_000_000));
        let mut killed = shown("failed", 5_000_000);
        for (key, value) in [
            ("Result", "timeout"),
            ("ExecMainExitTimestampMonotonic", "4990000"),
        ] {
            killed.insert(key.to_owned(), value.to_owned());
        }
        assert!(note.read(&killed));
        assert_eq!(note.seen.killed.is_some(), moment("4990000").is_some());

        // Gone between two looks.
        let mut note = Note::default();
        assert!(note.read(&shown("dead", 1_000_000)));
        assert_eq!(note.seen.signalled.is_some(), moment("900000").is_some());
    }
}
