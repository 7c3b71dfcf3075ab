//! A target group and the balancer before it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-connection-draining.html>,
//! and the attributes of target groups and load balancers that each number names.

use std::time::Duration;

use super::FACTS;
use crate::duration::{human, show};
use crate::figure::{Figure, Origin};
use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::platform::held;
use crate::read::{Table, Zero};
use crate::rules::shape;
use crate::text::Route;

/// The deregistration delay of a target group when nothing is said
/// (`deregistration_delay.timeout_seconds`).
const DEFAULT_DEREGISTRATION_DELAY: Duration = Duration::from_secs(300);

/// The idle timeout of an Application Load Balancer when nothing is said
/// (`idle_timeout.timeout_seconds`).
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most a target group takes for its deregistration delay.
pub(crate) const DEREGISTRATION_DELAY_CAP: Duration = Duration::from_secs(3_600);

/// The most an Application Load Balancer takes for its idle timeout.
const IDLE_TIMEOUT_CAP: Duration = Duration::from_secs(4_000);

/// `load_balancer`: a target group and the balancer before it.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 15s }
/// platforms:
///   ecs: { load_balancer: { deregistration_delay: 20s } }
/// ");
/// let resolved = analysis.resolved.unwrap();
/// let ecs = resolved.manifest.platforms.iter().find_map(Platform::ecs).unwrap();
/// let balancer = ecs.load_balancer.as_ref().unwrap();
/// assert_eq!(balancer.deregistration_delay().term(), "20s deregistration delay");
/// assert_eq!(balancer.idle_timeout().origin.to_string(), "the load balancer default");
/// // The delay passes before the grace period begins.
/// assert_eq!(resolved.timelines[0].terms.outside, Some(balancer.deregistration_delay()));
/// ```
#[derive(Debug, Clone)]
pub struct LoadBalancer {
    /// Where the block stands.
    pub route: Route,
    /// `deregistration_delay`.
    pub deregistration_delay: Option<Written<Duration>>,
    /// `idle_timeout`.
    pub idle_timeout: Option<Written<Duration>>,
    /// `target_group_arn`.
    pub target_group_arn: Option<Written<String>>,
}

/// What AWS would refuse is refused here, with the limit.
fn bounded(
    written: Option<Written<Duration>>,
    most: Duration,
    table: &mut Table<'_, '_>,
) -> Option<Written<Duration>> {
    let written = written?;
    if written.value <= most {
        return Some(written);
    }
    let message = format!("`{}` is at most {}", written.route, human(most));
    let place = Place::Value(written.route);
    let finding = Finding::new(&shape::OUT_OF_RANGE, message, place.clone());
    let most = show(most);
    table.push(finding.fix(
        format!("write `{most}`, the most that AWS takes"),
        place,
        most,
    ));
    None
}

impl LoadBalancer {
    pub(super) fn read(mut table: Table<'_, '_>) -> Self {
        let balancer = Self {
            route: table.route().clone(),
            deregistration_delay: bounded(
                table.duration("deregistration_delay", Zero::Allowed),
                DEREGISTRATION_DELAY_CAP,
                &mut table,
            ),
            idle_timeout: bounded(
                table.duration("idle_timeout", Zero::Refused),
                IDLE_TIMEOUT_CAP,
                &mut table,
            ),
            target_group_arn: table.text("target_group_arn"),
        };
        table.finish();
        balancer
    }

    /// The deregistration delay, or AWS's default.
    pub fn deregistration_delay(&self) -> Figure {
        figure(
            self.deregistration_delay.as_ref(),
            "deregistration delay",
            DEFAULT_DEREGISTRATION_DELAY,
            "target group",
        )
    }

    /// The idle timeout, or AWS's default.
    pub fn idle_timeout(&self) -> Figure {
        figure(
            self.idle_timeout.as_ref(),
            "idle timeout",
            DEFAULT_IDLE_TIMEOUT,
            "load balancer",
        )
    }
}

fn figure(
    written: Option<&Written<Duration>>,
    label: &str,
    default: Duration,
    whose: &'static str,
) -> Figure {
    match written {
        Some(written) => held(written, label, FACTS.unit),
        None => Figure::new(default, label, Origin::PlatformDefault(whose)),
    }
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, title = "load balancer")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) struct LoadBalancerSchema {
    /// How long requests that were sent may finish before the signal; 300s when not written.
    deregistration_delay: Option<crate::schema::DurationSchema>,
    /// After how much silence the balancer closes a connection; 60s when not written.
    idle_timeout: Option<crate::schema::DurationSchema>,
    /// The target group. Unset: given to `aws` by hand.
    target_group_arn: Option<String>,
}
