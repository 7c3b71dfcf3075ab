//! Durations as programs in Go read them: `45s`, `1m30s`, `1.5h`, `1h0m0s`.

use std::time::Duration;

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration; `None` where Go would refuse it, and where it is negative.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(part(number, *nanos)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// `1.5` of a unit.
fn part(number: &str, nanos: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u64>().ok(),
    };
    // Nine digits are a billionth of an hour.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = u128::from(digits(fraction)?) * u128::from(nanos) / scale;
    let whole = digits(whole)?.checked_mul(nanos)?;
    let nanos = whole.checked_add(u64::try_from(fraction).ok()?)?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn durations_are_what_go_takes_for_them() {
        for (text, millis) in [
            ("45s", Some(45_000)),
            ("1m30s", Some(90_000)),
            ("1h0m0s", Some(3_600_000)),
            ("1.5s", Some(1_500)),
            (".5s", Some(500)),
            ("1.s", Some(1_000)),
            ("30s1m", Some(90_000)),
            ("500ms", Some(500)),
            ("1000us", Some(1)),
            ("1000µs", Some(1)),
            ("0", Some(0)),
            ("+5s", Some(5_000)),
            ("0.1000000000000001h", Some(360_000)),
            ("", None),
            ("+", None),
            ("5", None),
            (".s", None),
            ("s", None),
            ("-5s", None),
            ("5 s", None),
            ("5S", None),
            ("5d", None),
            ("1..5s", None),
            ("٣s", None),
            ("99999999999999999999s", None),
            ("${var.grace}", None),
        ] {
            assert_eq!(
                duration(text),
                millis.map(Duration::from_millis),
                "{text:?}"
            );
        }
    }
}
