//! What AWS says about the place where the service runs: Spot interruption notices, and which ECS task
//! it is. Feature `aws`; nothing is asked unless it is asked for here or by `LIFECYCLE_AWS`.
//!
//! # Spot interruptions
//!
//! EC2 announces the end of a Spot instance two minutes before it, on a best effort basis, at the
//! instance's metadata service ([Spot Instance interruption notices][notice]). Who passes that on
//! depends on where the service runs:
//!
//! | where | who tells the service |
//! |---|---|
//! | EKS | nobody, unless a node termination handler or Karpenter drains the node: then SIGTERM |
//! | ECS on EC2 | the agent with `ECS_ENABLE_SPOT_INSTANCE_DRAINING=true`: SIGTERM, after deregistration |
//! | Fargate Spot | ECS: SIGTERM; there is no instance to ask |
//! | an instance of one's own: systemd, Docker, Nomad | nobody before the instance shuts down |
//!
//! Only in the last case should the service itself ask. With `LIFECYCLE_AWS=spot` in its environment
//! it does so every 5 s, as EC2 recommends, from a thread of its own, and stops at a notice as for any
//! cause of its own: readiness turns 503, it settles, the steps run, and the report's cause is
//! `spot interruption: terminate at 2026-11-21T08:22:00Z`. The exit code is that of the steps; a
//! supervisor that starts a service again after a clean exit would do so here, on an instance that is
//! about to go. A service that wants to do something else awaits [`spot_interruption`].
//!
//! # ECS tasks
//!
//! With `LIFECYCLE_AWS=ecs-task` the service asks the [task metadata endpoint, version 4][task], that
//! ECS names in `ECS_CONTAINER_METADATA_URI_V4`, who it is. The answer, when it comes within 2 s, is
//! the status's and the report's `instance`: the ARN of the task. The start does not wait for it.
//!
//! `LIFECYCLE_AWS` takes both words with a comma between.
//!
//! # The network
//!
//! Requests go to link-local addresses, over plain HTTP, and nowhere else, unless
//! `AWS_EC2_METADATA_SERVICE_ENDPOINT` or `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6` say so, as for
//! the [SDKs]. `AWS_EC2_METADATA_DISABLED=true` forbids asking EC2. Only version 2 of the instance
//! metadata service is spoken. From inside a container its answers need a hop limit of 2 or more.
//!
//! [notice]: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
//! [task]: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html
//! [SDKs]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html

pub(crate) mod client;
mod ecs;
mod imds;
pub(crate) mod json;

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crate::control::Control;
use crate::tasks;
use imds::Imds;

/// How often EC2 recommends to ask.
const PERIOD: Duration = Duration::from_secs(5);

/// That EC2 is about to take a Spot instance back.
///
/// ```
/// use lifecycle::aws::Interruption;
///
/// /// Only an instance that comes back finds its disks again.
/// fn keeps_its_disks(notice: &Interruption) -> bool {
///     notice.action != "terminate"
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interruption {
    /// What will happen to the instance: `terminate`, `stop` or `hibernate`.
    pub action: String,
    /// About when, in UTC, as EC2 writes it: `2026-11-21T08:22:00Z`.
    pub at: String,
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.action, self.at)
    }
}

/// Resolves when EC2 announces that it takes this Spot instance back; never where it does not, and
/// never where its metadata service cannot be asked, which is logged as a warning once.
///
/// Asks every 5 s for as long as the future lives, from a thread of its own.
///
/// ```no_run
/// # async fn give_the_lease_back() {}
/// # async fn example() {
/// let notice = lifecycle::aws::spot_interruption().await;
/// give_the_lease_back().await;
/// lifecycle::stop(format!("spot interruption: {notice}"));
/// # }
/// ```
pub async fn spot_interruption() -> Interruption {
    let (told, heard) = tokio::sync::oneshot::channel();
    let spawned = tasks::thread("lifecycle-spot", move || {
        if let Some(notice) = watch(|| !told.is_closed()) {
            let _ = told.send(notice);
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "Spot interruptions cannot be watched for");
    }
    match heard.await {
        Ok(notice) => notice,
        Err(_) => std::future::pending().await,
    }
}

/// Asks until there is a notice, or nobody is `wanted` for it any more.
fn watch(wanted: impl Fn() -> bool) -> Option<Interruption> {
    let mut imds = match Imds::of_this_instance() {
        Ok(imds) => imds,
        Err(why) => {
            tracing::warn!("Spot interruptions cannot be watched for: {why}");
            return None;
        }
    };
    let mut warned = false;
    while wanted() {
        match imds.instance_action() {
            Ok(Some(notice)) => return Some(notice),
            Ok(None) => {}
            // The service does not stop because it cannot ask, nor does it fill the log.
            Err(why) if !warned => {
                warned = true;
                tracing::warn!("EC2 could not be asked for a Spot interruption: {why}");
            }
            Err(why) => tracing::debug!("EC2 could not be asked for a Spot interruption: {why}"),
        }
        thread::sleep(PERIOD);
    }
    None
}

/// Does what `LIFECYCLE_AWS` asks for; a sentence for each word that is not known.
pub(crate) fn obey(words: &str, control: &Arc<Control>) -> Vec<String> {
    let mut unknown = Vec::new();
    for word in words.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match word {
            "spot" => aside("lifecycle-spot", control, stop_at_notice),
            "ecs-task" => aside("lifecycle-ecs", control, |control| {
                let task = ecs::task();
                if let (Some(control), Some(task)) = (control.upgrade(), task) {
                    // Asked once.
                    let _ = control.instance.set(task);
                }
            }),
            _ => unknown.push(format!(
                "LIFECYCLE_AWS names `{word}`; it knows `spot` and `ecs-task`"
            )),
        }
    }
    unknown
}

fn stop_at_notice(control: &Weak<Control>) {
    let notice = watch(|| {
        control
            .upgrade()
            .is_some_and(|control| !control.requested.is_cancelled())
    });
    if let (Some(control), Some(notice)) = (control.upgrade(), notice) {
        control.stop(format!("spot interruption: {notice}"));
    }
}

/// On a thread that nobody waits for; without one the service goes on.
fn aside(name: &str, control: &Arc<Control>, what: impl FnOnce(&Weak<Control>) + Send + 'static) {
    let control = Arc::downgrade(control);
    let spawned = tasks::thread(name, move || what(&control));
    if let Err(error) = spawned {
        tracing::warn!(%error, "AWS cannot be asked");
    }
}
