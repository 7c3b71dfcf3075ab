//! Durations that a platform takes only within bounds: what it would refuse is refused here, with the
//! bound.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::duration::{human, show};
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::manifest::Written;
use crate::read::Table;
use crate::rules::shape;

/// A duration within what `whose` takes; a finding, and nothing, beyond it.
pub(super) fn within(
    written: Option<Written<Duration>>,
    bounds: &RangeInclusive<Duration>,
    whose: &str,
    table: &mut Table<'_, '_>,
) -> Option<Written<Duration>> {
    let written = written?;
    let (bound, word) = if written.value > *bounds.end() {
        (*bounds.end(), "at most")
    } else if written.value < *bounds.start() {
        (*bounds.start(), "at least")
    } else {
        return Some(written);
    };
    let message = format!("`{}` is {word} {}", written.route, human(bound));
    let place = Place::Value(written.route);
    let text = show(bound);
    table.push(
        Finding::new(&shape::OUT_OF_RANGE, message, place.clone()).fix(
            format!("write `{text}`: {whose} takes {word} that"),
            place,
            text,
        ),
    );
    None
}

/// A key that another variant of the platform has.
pub(super) fn misplaced(key: &'static str, variant: &str, owner: &str, table: &mut Table<'_, '_>) {
    let entry = table.route().key(key);
    let message = format!("{variant} has no `{key}`");
    let remove = Edit::Remove {
        entry: entry.clone(),
    };
    table.push(
        Finding::new(&shape::KEY_NOT_FOR_KIND, message, Place::Key(entry)).fix_with(
            format!("take it away: `{key}` belongs to {owner}"),
            Fix::new(Safety::Unsafe, [remove]),
        ),
    );
}
