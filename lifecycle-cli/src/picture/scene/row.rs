//! Bars one after the other.

use std::time::Duration;

use lifecycle_manifest::Figure;
use lifecycle_manifest::duration::millis;

use super::{Bar, Group, Shape};

/// Bars one after the other, from the stop on.
#[derive(Default)]
pub(super) struct Row {
    pub(super) at: u64,
    pub(super) bars: Vec<Bar>,
}

impl Row {
    pub(super) fn push(&mut self, shape: Shape, group: Group, time: Duration, label: &str) {
        let start_ms = self.at;
        self.at += millis(time);
        if self.at > start_ms {
            self.bars.push(Bar {
                shape,
                group,
                start_ms,
                end_ms: self.at,
                label: label.to_owned(),
            });
        }
    }

    pub(super) fn extend<'f>(
        &mut self,
        figures: impl IntoIterator<Item = &'f Figure>,
        group: Group,
    ) {
        for figure in figures {
            self.push(Shape::Time, group, figure.value, &figure.label);
        }
    }
}

/// From the end of all that is planned to SIGKILL: what is left, or what is missing.
pub(super) fn left_over(end: u64, kill: u64) -> Option<Bar> {
    let (shape, start_ms, end_ms, label) = match kill.checked_sub(end) {
        Some(0) => return None,
        Some(_) => (Shape::Spare, end, kill, "to spare"),
        None => (Shape::Missing, kill, end, "missing"),
    };
    Some(Bar {
        shape,
        group: Group::End,
        start_ms,
        end_ms,
        label: label.to_owned(),
    })
}
