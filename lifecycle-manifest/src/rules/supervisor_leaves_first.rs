//! What stops the containers kills before they have ended.

use std::time::Duration;

use super::Context;
use super::shorter::timeouts_within;
use super::verdict::grace_place;
use crate::duration::{human, show};
use crate::finding::{Finding, Place, Severity};
use crate::manifest::Written;
use crate::platform::{ENGINE_MARGIN, Platform};
use crate::timeline::Timeline;

rule! {
    /// What stops the containers does not wait for them.
    ///
    /// ## What it finds
    ///
    /// A `supervisor_timeout` under `docker` or `compose` that is not longer than what it stands around: hooks and grace period under Compose, the grace period and five seconds of the engine's own under Docker.
    /// Where even the plan is longer, it is an error.
    ///
    /// ## Why it matters
    ///
    /// Each level must outwait the one inside it.
    /// When a systemd unit or a job of CI gives up on `compose down`, or a host on its engine, whatever still runs is killed, however long its grace period is.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   compose: { grace_period: 90s, supervisor_timeout: 60s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A supervisor that waits longer, such as `TimeoutStopSec=100` in its unit, and that number here.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   exports: { kind: task, timeout: 80s }
    /// platforms:
    ///   compose: { grace_period: 90s, supervisor_timeout: 100s }
    /// ```
    ///
    /// ## Options
    ///
    /// - `supervisor_timeout` under `docker`: how long what stops the engine waits, such as `TimeoutStopSec` of its unit.
    /// - `supervisor_timeout` under `compose`: how long what runs `compose down` waits.
    ///
    /// ## When to allow it
    ///
    /// When what is cut off is resumed elsewhere.
    ///
    /// ## Source
    ///
    /// moby, `daemon/daemon.go`: an engine that shuts down waits for its longest container and five seconds.
    /// docker/compose, `pkg/compose/stop.go`: hooks first, then the grace period.
    pub(super) RULE = "LC113", "supervisor-leaves-first", Warning, High, check
}

/// What the end itself takes, at least: a level that waits exactly as long as the one inside it gives up
/// in the same moment.
const MARGIN: Duration = Duration::from_secs(1);

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let Some(inside) = Inside::of(context, line) else {
            continue;
        };
        let limit = inside.limit.value;
        let holds = |time: Duration| inside.around + time;
        if holds(line.grace().value) < limit {
            continue;
        }
        let cut = holds(line.needed()) > limit;
        let message = match cut {
            true => format!(
                "a stop under {} needs {}, and its supervisor waits {}",
                line.facts.name,
                human(holds(line.needed())),
                human(limit)
            ),
            false => format!(
                "a stop under {} may take {}, and its supervisor waits {}",
                line.facts.name,
                human(holds(line.grace().value)),
                human(limit)
            ),
        };
        let place = Place::Value(inside.limit.route.clone());
        let mut finding = Finding::new(&RULE, message, place.clone())
            .on(line.platform())
            .label("then it kills whatever still runs")
            .note(format!(
                "{}{} of grace period",
                inside.words,
                human(line.grace().value)
            ));
        if let Some(route) = line.grace().origin.route() {
            finding = finding.related(Place::Value(route.clone()), "the container has this long");
        }
        let longer = show(holds(line.grace().value) + MARGIN);
        if cut {
            finding.severity = Severity::Error;
            finding = finding.note(format!("sum: {}", line.sum()));
            let within = limit.saturating_sub(inside.around);
            finding.help.extend(timeouts_within(context, line, within));
        } else if let Some(smallest) = line.smallest_grace().filter(|it| holds(*it) < limit)
            && line.grace().origin.route().is_some()
        {
            let smallest = show(smallest);
            finding = finding.fix(
                format!("`grace_period: {smallest}` holds the plan"),
                grace_place(context, line),
                smallest,
            );
        }
        findings.push(finding.or_help(&format!(
            "let the supervisor wait {longer}, and write `supervisor_timeout: {longer}`"
        )));
    }
}

/// What a supervisor waits for beside the grace period.
struct Inside<'a> {
    limit: &'a Written<Duration>,
    around: Duration,
    words: String,
}

impl<'a> Inside<'a> {
    fn of(context: &Context<'a>, line: &Timeline) -> Option<Self> {
        match context.manifest.platforms.get(line.platform())? {
            Platform::Docker(docker) => Some(Self {
                limit: docker.supervisor_timeout.as_ref()?,
                around: ENGINE_MARGIN,
                words: format!("{} of the engine's own and ", human(ENGINE_MARGIN)),
            }),
            Platform::Compose(compose) => {
                let hooks = line.terms.outside.as_ref();
                let around = hooks.map_or(Duration::ZERO, |hooks| hooks.value);
                Some(Self {
                    limit: compose.supervisor_timeout.as_ref()?,
                    around,
                    words: match around.is_zero() {
                        true => String::new(),
                        false => format!("{} of hooks and ", human(around)),
                    },
                })
            }
            _ => None,
        }
    }
}
