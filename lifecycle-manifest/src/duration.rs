//! The grammar of durations: `15s`, `250ms`, `1m30s`, `2h`.
//!
//! Units from large to small, each at most once, whole digits only. A bare number has no meaning
//! here: platforms count in seconds, milliseconds or minutes, and a slip between them shortens every
//! drain by a factor of a thousand.

use std::fmt;
use std::time::Duration;

/// The longest duration a manifest may hold: seven days.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The grammar as a regular expression, for the JSON Schema.
pub const PATTERN: &str = "^([0-9]+h([0-9]+m)?([0-9]+s)?([0-9]+ms)?|[0-9]+m([0-9]+s)?([0-9]+ms)?|[0-9]+s([0-9]+ms)?|[0-9]+ms)$";

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is not a duration.
///
/// ```
/// use lifecycle_manifest::duration::{DurationError, parse};
/// assert_eq!(parse("30"), Err(DurationError::NoUnit("30".to_owned())));
/// assert_eq!(parse("30s1m"), Err(DurationError::Order));
/// assert_eq!(DurationError::TooLong.to_string(), "a duration is at most 7 days");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DurationError {
    /// Nothing is written.
    Empty,
    /// A number without a unit; the number.
    NoUnit(String),
    /// A sign.
    Negative,
    /// A decimal point or comma; the same duration in whole units, where there is one.
    Fraction(Option<String>),
    /// A unit that is not one of `h`, `m`, `s`, `ms`; the duration as it was meant, where that is
    /// plain.
    UnknownUnit(String, Option<String>),
    /// Spaces between number and unit; the same without.
    Spaces(String),
    /// Units out of order, or one of them twice.
    Order,
    /// More than [`LONGEST`].
    TooLong,
    /// None of the above.
    Unreadable,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a duration is expected here"),
            Self::NoUnit(number) => write!(f, "`{number}` has no unit"),
            Self::Negative => f.write_str("a duration cannot be negative"),
            Self::Fraction(_) => f.write_str("a duration is written in whole units"),
            Self::UnknownUnit(unit, _) => write!(f, "`{unit}` is not a unit of time"),
            Self::Spaces(_) => f.write_str("a duration is written without spaces"),
            Self::Order => {
                f.write_str("the units of a duration go from large to small, each at most once")
            }
            Self::TooLong => f.write_str("a duration is at most 7 days"),
            Self::Unreadable => f.write_str("this is not a duration"),
        }
    }
}

impl std::error::Error for DurationError {}

impl DurationError {
    /// What to write instead.
    ///
    /// ```
    /// use lifecycle_manifest::duration::parse;
    /// let help = |text| parse(text).unwrap_err().help();
    /// assert_eq!(help("30"), "write `30s` for seconds or `30ms` for milliseconds");
    /// assert_eq!(help("1.5s"), "write `1s500ms`");
    /// ```
    pub fn help(&self) -> String {
        match self {
            Self::NoUnit(number) => {
                format!("write `{number}s` for seconds or `{number}ms` for milliseconds")
            }
            Self::Negative => "write how long it takes, such as `15s`".to_owned(),
            Self::Order => "write `1m30s`, not `30s1m`".to_owned(),
            Self::TooLong => "a shutdown takes minutes: write `168h` or less".to_owned(),
            _ => match self.meant() {
                Some(meant) => format!("write `{meant}`"),
                None => "write it in `h`, `m`, `s` and `ms`, such as `15s`, `250ms` or `1m30s`"
                    .to_owned(),
            },
        }
    }

    /// The duration that was meant, where only one can have been.
    ///
    /// ```
    /// use lifecycle_manifest::duration::parse;
    /// assert_eq!(parse("5 minutes").unwrap_err().meant(), Some("5m"));
    /// assert_eq!(parse("5").unwrap_err().meant(), None);
    /// ```
    pub fn meant(&self) -> Option<&str> {
        match self {
            Self::Fraction(meant) | Self::UnknownUnit(_, meant) => meant.as_deref(),
            Self::Spaces(meant) => Some(meant),
            _ => None,
        }
    }
}

/// Reads a duration.
///
/// # Errors
///
/// Says what is wrong with the text, and [`DurationError::help`] what to write instead.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration;
/// assert_eq!(duration::parse("1m30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration::parse("30").unwrap_err().to_string(), "`30` has no unit");
/// ```
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if rest.starts_with(|c: char| c.is_ascii_digit()) {
            DurationError::Negative
        } else {
            DurationError::Unreadable
        });
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(DurationError::Unreadable);
    }
    let mut total: u64 = 0;
    let mut next_unit = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(|b| !b.is_ascii_digit()).count();
        let (unit, tail) = tail.split_at(letters);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(number.chars().take(20).collect()));
        }
        if unit.starts_with(['.', ',']) {
            return Err(DurationError::Fraction(whole(text)));
        }
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(unknown_unit(text, unit));
        };
        if at < next_unit {
            return Err(DurationError::Order);
        }
        next_unit = at + 1;
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(UNITS[at].1))
            .and_then(|millis| total.checked_add(millis))
            .filter(|&millis| Duration::from_millis(millis) <= LONGEST)
            .ok_or(DurationError::TooLong)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

fn unknown_unit(text: &str, unit: &str) -> DurationError {
    let close: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if close.len() < text.len() && parse(&close).is_ok() {
        return DurationError::Spaces(close);
    }
    let unit = unit.trim();
    if !unit.chars().all(char::is_alphabetic) {
        return DurationError::Unreadable;
    }
    let meant = in_our_units(&close).filter(|meant| parse(meant).is_ok());
    DurationError::UnknownUnit(unit.chars().take(20).collect(), meant)
}

/// `5sec` as `5s`, `2Hours` as `2h`.
fn in_our_units(text: &str) -> Option<String> {
    let mut meant = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..]
            .bytes()
            .take_while(|byte| !byte.is_ascii_digit())
            .count();
        let (part, tail) = rest.split_at(digits + letters);
        meant.push_str(&part[..digits]);
        meant.push_str(match part[digits..].to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "ms" | "msec" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
            "m" | "min" | "mins" | "minute" | "minutes" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            _ => return None,
        });
        rest = tail;
    }
    Some(meant)
}

/// `1.5s` as `1s500ms`: the same time without a fraction, where milliseconds can hold it.
fn whole(text: &str) -> Option<String> {
    let text = text.replace(',', ".");
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (int, fraction) = number.split_once('.')?;
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = fraction.parse::<u64>().ok()?.checked_mul(*millis)?;
    if fraction % scale != 0 {
        return None;
    }
    let total = int
        .parse::<u64>()
        .ok()?
        .checked_mul(*millis)?
        .checked_add(fraction / scale)?;
    Some(show(Duration::from_millis(total)))
}

/// Writes a duration as the manifest would: a text that [`parse`] reads as the same. Below an
/// hour it is counted in seconds, as platforms count: `105s` is looked for in a deployment, not
/// `1m45s`. Parts below a millisecond are rounded up.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration::show;
/// assert_eq!(show(Duration::from_millis(32_750)), "32s750ms");
/// assert_eq!(show(Duration::from_secs(105)), "105s");
/// assert_eq!(show(Duration::from_secs(5_400)), "1h30m");
/// assert_eq!(show(Duration::ZERO), "0s");
/// ```
pub fn show(duration: Duration) -> String {
    let mut millis = millis(duration);
    if millis == 0 {
        return "0s".to_owned();
    }
    let units = if millis < LONG {
        &UNITS[2..]
    } else {
        &UNITS[..]
    };
    let mut text = String::new();
    for &(unit, size) in units {
        let count = millis / size;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push_str(unit);
            millis %= size;
        }
    }
    text
}

/// From here on, milliseconds are shown as hours and minutes.
const LONG: u64 = 3_600_000;

/// Writes a duration for a person: `32.75s`, `250ms`, `105s`, `1h30m`.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration::human;
/// assert_eq!(human(Duration::from_millis(32_750)), "32.75s");
/// assert_eq!(human(Duration::from_millis(250)), "250ms");
/// assert_eq!(human(Duration::from_secs(5_400)), "1h30m");
/// ```
pub fn human(duration: Duration) -> String {
    let millis = millis(duration);
    if matches!(millis, ..1_000 | LONG..) || millis.is_multiple_of(1_000) {
        return show(duration);
    }
    let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    format!("{}s", text.trim_end_matches('0'))
}

/// Whole milliseconds, rounded up.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration::millis;
/// assert_eq!(millis(Duration::from_secs(2)), 2_000);
/// assert_eq!(millis(Duration::from_micros(1_500)), 2);
/// ```
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Whole seconds, rounded up: every platform that counts seconds is given at least what was asked.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration::seconds_up;
/// assert_eq!(seconds_up(Duration::from_millis(30_250)), 31);
/// assert_eq!(seconds_up(Duration::from_secs(30)), 30);
/// ```
pub fn seconds_up(duration: Duration) -> u64 {
    millis(duration).div_ceil(1_000)
}

/// Whole seconds, rounded down: for what must happen at least that often.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_manifest::duration::seconds_down;
/// assert_eq!(seconds_down(Duration::from_millis(2_750)), 2);
/// ```
pub fn seconds_down(duration: Duration) -> u64 {
    duration.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_wrong_text_is_named_for_what_is_wrong_with_it() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("30", DurationError::NoUnit("30".into())),
            ("1m30", DurationError::NoUnit("30".into())),
            ("-5s", DurationError::Negative),
            ("-", DurationError::Unreadable),
            ("inf", DurationError::Unreadable),
            ("1.5s", DurationError::Fraction(Some("1s500ms".into()))),
            ("1,5m", DurationError::Fraction(Some("90s".into()))),
            ("0.0001s", DurationError::Fraction(None)),
            ("30s1m", DurationError::Order),
            ("5s5s", DurationError::Order),
            (
                "5 seconds",
                DurationError::UnknownUnit("seconds".into(), Some("5s".into())),
            ),
            ("5x", DurationError::UnknownUnit("x".into(), None)),
            ("99999999999999999999s", DurationError::TooLong),
            ("8000h", DurationError::TooLong),
            ("5s ", DurationError::Spaces("5s".into())),
            ("1 m 30 s", DurationError::Spaces("1m30s".into())),
            ("12:30", DurationError::Unreadable),
            ("1_000", DurationError::Unreadable),
            (
                "2Hours30Min",
                DurationError::UnknownUnit("Hours".into(), Some("2h30m".into())),
            ),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(millis in 0_u64..=604_800_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn seconds_are_never_rounded_down(millis in 0_u64..=604_800_000) {
            prop_assert!(seconds_up(Duration::from_millis(millis)) * 1_000 >= millis);
        }
    }
}
