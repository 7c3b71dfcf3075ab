//! The nearest known word to one that is not known.

/// The candidate that was probably meant, if any is near enough to be worth saying.
///
/// ```
/// use lifecycle_manifest::nearest;
/// let keys = ["grace_period", "replicas", "pre_stop"];
/// assert_eq!(nearest("gracePeriod", keys.into_iter()), Some("grace_period"));
/// assert_eq!(nearest("repilcas", keys.into_iter()), Some("replicas"));
/// assert_eq!(nearest("colour", keys.into_iter()), None);
/// ```
pub fn nearest<'a>(word: &str, mut candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_of(word, &mut candidates)
}

/// Compiled once, whatever the candidates come from: the macro brings it to every service.
fn nearest_of<'a>(word: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    // A hostile key may be megabytes long, and edit distance is quadratic.
    if word.len() > 80 {
        return None;
    }
    let plain = normal(word);
    candidates
        .map(|candidate| (distance(&plain, &normal(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    // `grace` for `grace_period`, `http` for `http-server`: a whole word of it counts as near.
    if a.len() >= 4 && b.split('_').any(|part| part == a) {
        return 1;
    }
    strsim::damerau_levenshtein(a, b)
}

/// `gracePeriod`, `grace-period` and `Grace_Period` are the same word.
fn normal(word: &str) -> String {
    let mut normal = String::with_capacity(word.len() + 4);
    let mut lower_before = false;
    for c in word.chars() {
        if c.is_uppercase() && lower_before {
            normal.push('_');
        }
        lower_before = c.is_lowercase();
        match c {
            '-' | ' ' | '.' => normal.push('_'),
            c => normal.extend(c.to_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_of_the_finger_and_of_the_style() {
        let keys = ["grace_period", "image", "replicas", "pre_stop"];
        let near = |word| nearest(word, keys.into_iter());
        assert_eq!(near("gracePeriod"), Some("grace_period"));
        assert_eq!(near("grace"), Some("grace_period"));
        assert_eq!(near("preStopp"), Some("pre_stop"));
        assert_eq!(near("repilcas"), Some("replicas"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(&"x".repeat(100_000)), None);
    }

    #[test]
    fn what_is_longer_than_any_slip_is_not_looked_at() {
        let longest = "x".repeat(63);
        let near = |length| nearest(&"x".repeat(length), std::iter::once(longest.as_str()));
        assert_eq!(near(80), Some(longest.as_str()));
        assert_eq!(near(81), None);
    }
}
