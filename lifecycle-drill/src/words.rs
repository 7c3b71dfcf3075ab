//! Times and numbers in words, the same in tables and in sentences.

/// A length of time as a person reads it: `4.2ms`, `850ms`, `2.50s`, `30s`.
///
/// ```
/// use lifecycle_drill::words::span;
///
/// assert_eq!(span(4.21), "4.2ms");
/// assert_eq!(span(850.4), "850ms");
/// assert_eq!(span(2_500.0), "2.50s");
/// assert_eq!(span(30_000.0), "30s");
/// ```
pub fn span(ms: f64) -> String {
    let tenths = (ms.abs() * 10.0).round() / 10.0;
    if tenths < 10.0 && tenths.fract() != 0.0 {
        format!("{tenths:.1}ms")
    } else if tenths.round() < 1_000.0 {
        format!("{tenths:.0}ms")
    } else if (tenths / 1_000.0).fract() == 0.0 {
        format!("{:.0}s", tenths / 1_000.0)
    } else {
        format!("{:.2}s", tenths / 1_000.0)
    }
}

/// A moment on the timeline: `+850ms`, `-5s`, `0ms`.
///
/// ```
/// use lifecycle_drill::words::moment;
///
/// assert_eq!(moment(-5_000.0), "-5s");
/// assert_eq!(moment(0.0), "0ms");
/// assert_eq!(moment(1_206.6), "+1.21s");
/// ```
pub fn moment(ms: f64) -> String {
    let span = span(ms);
    match ms {
        _ if span == "0ms" => span,
        ..0.0 => format!("-{span}"),
        _ => format!("+{span}"),
    }
}

/// How many of something: `1 request`, `12,345 requests`.
///
/// ```
/// use lifecycle_drill::words::count;
///
/// assert_eq!(count(1, "request"), "1 request");
/// assert_eq!(count(12_345, "request"), "12,345 requests");
/// assert_eq!(count(2, "process"), "2 processes");
/// ```
pub fn count(number: u64, what: &str) -> String {
    let ending = match (number, what) {
        (1, _) => "",
        (_, "process") => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", grouped(number))
}

/// 12345 as 12,345.
///
/// ```
/// use lifecycle_drill::words::grouped;
///
/// assert_eq!(grouped(987), "987");
/// assert_eq!(grouped(1_234_567), "1,234,567");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_signed() {
        let spans = [
            0.0, 0.04, 4.25, 9.96, 850.4, 999.6, 1_000.0, 2_503.0, 30_000.0,
        ];
        let words = spans.map(span);
        let expected = [
            "0ms", "0ms", "4.3ms", "10ms", "850ms", "1.00s", "1s", "2.50s", "30s",
        ];
        assert_eq!(words, expected);
        assert_eq!(moment(-0.01), "0ms");
        assert_eq!(moment(-5_000.0), "-5s");
        assert_eq!(moment(0.1), "+0.1ms");
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        let grouping = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(grouping, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(count(2_000, "process"), "2,000 processes");
    }
}
