//! What a page shows of a command's output, which may leave something out: a line `…` stands for any
//! lines, and `…` in a line for anything in that line.

/// What is shown says what was printed.
pub(crate) fn fits(shown: &str, printed: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.trim_end()
            .lines()
            .map(|it| it.trim_end().to_owned())
            .collect()
    };
    let (shown, printed) = (lines(shown), lines(printed));
    matches(
        &shown,
        &printed,
        &|line| line == "…",
        &|shown, printed| {
            let (shown, printed): (Vec<char>, Vec<char>) =
                (shown.chars().collect(), printed.chars().collect());
            matches(
                &shown,
                &printed,
                &|char| *char == '…',
                &|shown, printed| shown == printed,
            )
        },
    )
}

/// A pattern with gaps covers all of a text. The last gap alone is ever widened: whatever a gap before
/// it could have taken instead, it can take too.
fn matches<T>(
    pattern: &[T],
    text: &[T],
    is_gap: &dyn Fn(&T) -> bool,
    same: &dyn Fn(&T, &T) -> bool,
) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut gap: Option<(usize, usize)> = None;
    while next < text.len() {
        if at < pattern.len() && is_gap(&pattern[at]) {
            gap = Some((at, next));
            at += 1;
        } else if at < pattern.len() && same(&pattern[at], &text[next]) {
            at += 1;
            next += 1;
        } else if let Some((from, taken)) = gap {
            gap = Some((from, taken + 1));
            at = from + 1;
            next = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_gap)
}

#[test]
fn what_is_left_out_may_be_anything_and_the_rest_may_not() {
    assert!(fits("a\nb\n", "a\nb"));
    assert!(!fits("a\nb", "a\nc"));
    assert!(!fits("a", "a\nb"));
    assert!(fits("…\nb\n", "a\nx\nb\n"));
    assert!(fits("a\n…", "a"));
    assert!(fits("a\n…\nc\n…\nd", "a\nc\nb\nc\nd"));
    assert!(!fits("a\n…\nc", "a\nb"));
    assert!(fits("took … ms", "took 15 ms"));
    assert!(!fits("took … ms", "took 15 s"));
    assert!(!fits("", "a"));
}
