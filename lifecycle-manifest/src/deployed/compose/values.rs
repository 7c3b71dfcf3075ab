//! What stands in a Compose file, as Compose reads it: durations, dollar signs, hooks with an end.

use std::time::Duration;

use super::super::hook::coreutils_time;
use super::super::{Action, Hook, Lasts, program as file_name, script};
use crate::duration::LONGEST;
use crate::manifest::Written;

impl Hook {
    /// How long it takes at most: what it sleeps, or by when `timeout` ends it; `None` where it has no
    /// end that can be told, or one beyond [`LONGEST`].
    pub fn bound(&self) -> Option<Duration> {
        let Action::Exec(command) = &self.action else {
            return None;
        };
        let bound = bound(command).or(match self.lasts() {
            Lasts::Exactly(time) => Some(time),
            Lasts::AtLeast(_) | Lasts::Unknown => None,
        });
        bound.filter(|time| *time <= LONGEST)
    }
}

/// When `timeout` ends a command: `timeout 5 …`, `timeout -s KILL 5 …`, itself or as the first word
/// of a shell's script. The time between its first signal and `-k`'s counts too.
fn bound(command: &[Written<String>]) -> Option<Duration> {
    let texts: Vec<String> = match script(command) {
        Some(script) => script.split_whitespace().map(str::to_owned).collect(),
        None => command.iter().map(|word| word.value.clone()).collect(),
    };
    let (program, mut rest) = texts.split_first()?;
    if file_name(program) != "timeout" {
        return None;
    }
    let mut kills = false;
    let mut after = Duration::ZERO;
    loop {
        match rest {
            [flag, value, more @ ..] if flag == "-s" || flag == "--signal" => {
                kills = value.trim_start_matches("SIG") == "KILL" || value == "9";
                rest = more;
            }
            [flag, value, more @ ..] if flag == "-k" => {
                after = coreutils_time(value)?;
                kills = true;
                rest = more;
            }
            [flag, more @ ..] if flag.starts_with('-') => rest = more,
            [time, ..] => {
                let time = coreutils_time(time)?;
                // Without SIGKILL it is the command that decides.
                return (kills && !time.is_zero()).then(|| time.saturating_add(after));
            }
            [] => return None,
        }
    }
}

/// `$$` is a dollar sign; `$NAME` and `${…}` are filled in by Compose.
pub(super) fn literal(text: &str) -> Option<String> {
    let mut literal = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        literal.push(c);
        if c == '$' {
            match rest.peek() {
                Some('$') => {
                    rest.next();
                }
                Some(next) if *next == '{' || *next == '_' || next.is_ascii_alphabetic() => {
                    return None;
                }
                _ => {}
            }
        }
    }
    Some(literal)
}

/// A duration as Compose reads it: `1m30s`, `1.5s`, `90s`, `1d`; a bare number is none.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(number);
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let nanos: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && part.is_empty() || part.contains('.') {
            return None;
        }
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let mut sum = u128::from(whole) * u128::from(nanos);
        let mut scale = u128::from(nanos);
        for digit in part.bytes() {
            scale /= 10;
            sum += scale * u128::from(digit - b'0');
        }
        total = total.checked_add(Duration::from_nanos(u64::try_from(sum).ok()?))?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Route;

    #[test]
    fn durations_are_what_compose_takes_for_durations() {
        let ms = |ms| Some(Duration::from_millis(ms));
        for (text, value) in [
            ("10s", ms(10_000)),
            ("1m30s", ms(90_000)),
            ("1.5s", ms(1_500)),
            (".5s", ms(500)),
            ("900ms", ms(900)),
            ("1h5m30s20ms", ms(3_930_020)),
            ("1d", ms(86_400_000)),
            ("1w", ms(604_800_000)),
            ("0s", ms(0)),
            ("1ns", Some(Duration::from_nanos(1))),
            ("1us", Some(Duration::from_micros(1))),
            ("1µs", Some(Duration::from_micros(1))),
            ("90", None),
            ("", None),
            ("s", None),
            (".s", None),
            ("30S", None),
            ("-5s", None),
            ("1m 30s", None),
            ("1..5s", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(duration(text), value, "{text:?}");
        }
    }

    #[test]
    fn a_dollar_sign_is_one_where_it_is_doubled() {
        assert_eq!(literal("a$$b").as_deref(), Some("a$b"));
        assert_eq!(literal("$${X}").as_deref(), Some("${X}"));
        assert_eq!(literal("a$").as_deref(), Some("a$"));
        assert_eq!(literal("$5").as_deref(), Some("$5"));
        assert_eq!(literal("${X}"), None);
        assert_eq!(literal("a$X"), None);
        assert_eq!(literal("$$$X"), None);
    }

    #[test]
    fn a_hook_is_bounded_by_a_timeout_that_kills() {
        let words = |words: &[&str]| -> Vec<Written<String>> {
            let word = |word: &&str| Written {
                value: (*word).to_owned(),
                route: Route::root(),
            };
            words.iter().map(word).collect()
        };
        let seconds = |command: &[&str]| bound(&words(command)).map(|it| it.as_secs());
        assert_eq!(seconds(&["timeout", "-s", "KILL", "5", "./leave"]), Some(5));
        assert_eq!(
            seconds(&["/usr/bin/timeout", "-k", "2", "1m", "./leave"]),
            Some(62)
        );
        let script = "timeout -s KILL 7 \"$@\" || true";
        assert_eq!(seconds(&["sh", "-c", script, "sh", "./leave"]), Some(7));
        assert_eq!(
            seconds(&["timeout", "5", "./leave"]),
            None,
            "SIGTERM may be ignored"
        );
        assert_eq!(
            seconds(&["timeout", "-s", "KILL", "0", "./leave"]),
            None,
            "0 is no limit"
        );
        for refused in ["1900ms", "1m30s", "1w"] {
            let command = ["timeout", "-s", "KILL", refused, "./leave"];
            assert_eq!(seconds(&command), None, "coreutils reads one unit");
        }
        assert_eq!(seconds(&["./leave"]), None);
        assert_eq!(seconds(&["timeout"]), None);
        assert_eq!(seconds(&[]), None);
    }
}
