//! What lanes are drawn with. Coordinates are units of the drawing, which is stretched to the width
//! there is; nothing here is text of anybody but a title, which the template escapes.

use std::fmt::Write as _;

use serde::Serialize;

use super::scale::{Scale, WIDE, number};

/// Nothing is drawn narrower than this, or it would not be seen.
const NARROWEST: f64 = 2.5;

/// A box, or whatever else is closed.
#[derive(Debug, Serialize)]
pub(super) struct Shape {
    /// As an SVG path.
    pub(super) path: String,
    /// Its class of the style sheet.
    pub(super) class: &'static str,
    /// What it is, in words; empty for none.
    pub(super) title: String,
}

/// From when to when, and how high: `top` and `bottom` in units from the top of the lane.
pub(super) fn bar(
    scale: &Scale,
    (from, to): (f64, f64),
    (top, bottom): (f64, f64),
    class: &'static str,
    title: String,
) -> Option<Shape> {
    if from > scale.end_ms || to < scale.start_ms {
        return None;
    }
    let mut left = scale.x(from);
    let right = scale.x(to).max(left + NARROWEST).min(WIDE);
    left = left.min(right - NARROWEST);
    Some(Shape {
        path: format!(
            "M{} {}H{}V{}H{}Z",
            number(left),
            number(top),
            number(right),
            number(bottom),
            number(left)
        ),
        class,
        title,
    })
}

/// A row of steps: every slice a height above the ground, from one moment to the next. `base` is what
/// it stands on, slice by slice.
pub(super) struct Steps<'a> {
    pub(super) scale: &'a Scale,
    /// When the first slice begins.
    pub(super) start_ms: f64,
    /// How long each is.
    pub(super) slice_ms: f64,
    /// The lane's height.
    pub(super) height: f64,
}

impl Steps<'_> {
    /// The area between two rows of heights, each 0 to 1; `None` where there is none.
    pub(super) fn area(&self, base: &[f64], top: &[f64]) -> Option<String> {
        let mut path = String::new();
        let mut at = 0;
        while at < top.len() {
            if top[at] <= base[at] {
                at += 1;
                continue;
            }
            let run = (at..top.len())
                .take_while(|it| top[*it] > base[*it])
                .count();
            self.island(&mut path, at, &base[at..at + run], &top[at..at + run]);
            at += run;
        }
        (!path.is_empty()).then_some(path)
    }

    /// A stretch without a gap: along its top to the right, and along its ground back.
    fn island(&self, path: &mut String, first: usize, base: &[f64], top: &[f64]) {
        let x = |at: usize| number(self.x(at));
        let y = |share: f64| number((1.0 - share) * self.height);
        let _infallible = write!(path, "M{} {}", x(first), y(base[0]));
        let mut last = String::new();
        for (at, share) in top.iter().enumerate() {
            let height = y(*share);
            if height != last {
                if at > 0 {
                    let _infallible = write!(path, "H{}", x(first + at));
                }
                let _infallible = write!(path, "V{height}");
                last = height;
            }
        }
        let _infallible = write!(path, "H{}", x(first + top.len()));
        last.clear();
        for (at, share) in base.iter().enumerate().rev() {
            let height = y(*share);
            if height != last {
                if at + 1 < base.len() {
                    let _infallible = write!(path, "H{}", x(first + at + 1));
                }
                let _infallible = write!(path, "V{height}");
                last = height;
            }
        }
        path.push('Z');
    }

    fn x(&self, slice: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "there are a few hundred slices")]
        let slice = slice as f64;
        self.scale.x(self.start_ms + slice * self.slice_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_slices_are_one_box_and_gaps_are_left_out() {
        let scale = Scale::new(0.0, 100.0);
        let steps = Steps {
            scale: &scale,
            start_ms: 0.0,
            slice_ms: 10.0,
            height: 40.0,
        };
        let flat = steps.area(&[0.0; 4], &[0.5, 0.5, 0.5, 0.5]);
        assert_eq!(flat.as_deref(), Some("M0 40V20H400V40Z"));
        let gap = steps.area(&[0.0; 3], &[1.0, 0.0, 0.25]);
        assert_eq!(gap.as_deref(), Some("M0 40V0H100V40ZM200 40V30H300V40Z"));
        let on_top = steps.area(&[0.25, 0.5], &[0.5, 1.0]);
        assert_eq!(on_top.as_deref(), Some("M0 30V20H100V0H200V20H100V30Z"));
        assert_eq!(steps.area(&[0.0; 2], &[0.0; 2]), None);
    }

    #[test]
    fn what_is_short_is_still_seen_and_what_is_outside_is_not() {
        let scale = Scale::new(0.0, 1_000.0);
        let drawn = |from, to| bar(&scale, (from, to), (0.0, 10.0), "done", String::new());
        assert_eq!(drawn(500.0, 500.1).unwrap().path, "M500 0H502.5V10H500Z");
        assert_eq!(
            drawn(1_000.0, 1_000.0).unwrap().path,
            "M997.5 0H1000V10H997.5Z"
        );
        assert!(drawn(1_001.0, 1_002.0).is_none());
        assert!(drawn(-9.0, -1.0).is_none());
    }
}
