//! Times that nobody has said, chosen so that the plan fits.
//!
//! Nothing is added up here: a draft is written, read and laid on each platform's clock, and the
//! timeline says whether it fits.

use std::time::Duration;

use anyhow::Result;
use lifecycle_manifest::{Analysis, Timeline};

use super::draft::{Common, Draft, Name, Slot};
use super::write;

/// The longest that is tried for a step whose time nobody has said, in seconds.
const MOST: u64 = 15;

/// Raises grace periods that are too short to the smallest that fits; where a platform does not give
/// that much, its steps are shortened.
pub(super) fn grace_periods(draft: &mut Draft) -> Result<()> {
    let analysis = Analysis::of(&write::manifest(draft)?);
    let wanted: Vec<(&'static str, Option<Duration>)> = timelines(&analysis)
        .iter()
        .filter(|line| !line.missing().is_zero())
        .map(|line| (line.platform(), line.smallest_grace()))
        .collect();
    for (key, smallest) in wanted {
        match smallest {
            Some(smallest) => {
                if let Some(common) = common(draft, key) {
                    let note = "the smallest that fits: see the sum of `lifecycle check`";
                    common.grace = Slot::noted(smallest, note);
                }
            }
            None => shorten(draft, key)?,
        }
    }
    Ok(())
}

/// Shortens the steps whose time nobody has said to what fits the grace periods. Where nothing fits,
/// they keep their usual times.
pub(super) fn timeouts(draft: &mut Draft) -> Result<()> {
    let keys: Vec<&'static str> = draft.commons().map(|(key, _)| key).collect();
    let mut fitting = Vec::new();
    for key in keys {
        fitting.push((key, longest(draft, key)?));
    }
    // The longest of all is the manifest's; a platform that gives less has its own.
    let Some(base) = fitting.iter().filter_map(|(_, most)| *most).max() else {
        return Ok(());
    };
    limit(draft, base);
    for (key, most) in fitting {
        if most.is_some_and(|most| most < base) {
            shorten(draft, key)?;
        }
    }
    Ok(())
}

/// Gives a platform steps of its own that fit it.
fn shorten(draft: &mut Draft, key: &'static str) -> Result<()> {
    let Some(most) = longest(draft, key)? else {
        return Ok(());
    };
    let shorter: Vec<(Name, Duration)> = draft
        .resources
        .iter()
        .filter(|resource| resource.active && resource.timeout > most)
        .map(|resource| (resource.name.clone(), most))
        .collect();
    if let Some(common) = common(draft, key) {
        common.timeouts = shorter;
    }
    Ok(())
}

/// The longest limit on the steps with which a platform's plan fits.
fn longest(draft: &Draft, key: &'static str) -> Result<Option<Duration>> {
    for millis in (1..=MOST)
        .rev()
        .map(|seconds| seconds * 1_000)
        .chain([500, 250])
    {
        let most = Duration::from_millis(millis);
        let mut tried = draft.clone();
        limit(&mut tried, most);
        let analysis = Analysis::of(&write::manifest(&tried)?);
        let fits = |line: &&Timeline| line.platform() == key && line.missing().is_zero();
        if timelines(&analysis).iter().any(|line| fits(&line)) {
            return Ok(Some(most));
        }
    }
    Ok(None)
}

fn limit(draft: &mut Draft, most: Duration) {
    for resource in &mut draft.resources {
        if !resource.fixed {
            resource.timeout = resource.timeout.min(most);
        }
    }
}

fn timelines(analysis: &Analysis) -> &[Timeline] {
    analysis
        .resolved
        .as_ref()
        .map_or(&[], |resolved| resolved.timelines.as_slice())
}

fn common<'d>(draft: &'d mut Draft, key: &str) -> Option<&'d mut Common> {
    draft
        .commons()
        .find(|(of, _)| *of == key)
        .map(|(_, common)| common)
}
