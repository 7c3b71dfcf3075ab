//! Two pods hold what only one may hold.

use super::Context;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Concurrency, Controller, Kubernetes, Platform, Replacement, Successor};

rule! {
    /// Two pods may hold at once what is said to be held by one alone.
    ///
    /// ## What it finds
    ///
    /// A resource with `exclusive: true` on Kubernetes where two pods may run side by side: a Job that starts a replacement while the old pod still shuts down, a `CronJob` that lets runs overlap, a Deployment that is not replaced by `recreate`, or more than one pod.
    ///
    /// ## Why it matters
    ///
    /// A pod that shuts down still works for its whole grace period. What starts in its place meanwhile waits for a lock that is not yet free, or writes beside it.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   ledger: { kind: file, timeout: 5s, exclusive: true }
    /// platforms:
    ///   kubernetes: { workload: job, job: { replacement: while-stopping } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A replacement that starts after the end, which is what is generated where nothing is written; for a Deployment one replica and the strategy `recreate`.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   ledger: { kind: file, timeout: 5s, exclusive: true }
    /// platforms:
    ///   kubernetes: { workload: job }
    /// ```
    ///
    /// ## Options
    ///
    /// - `exclusive` of a resource: only one instance may hold it at a time.
    /// - `job.replacement`, `job.concurrency`, `rollout.strategy`, `replicas`.
    ///
    /// ## When to allow it
    ///
    /// When the second one waits in order for the first to let go.
    ///
    /// ## Source
    ///
    /// Kubernetes, batch/v1/types.go: `podReplacementPolicy` is `TerminatingOrFailed` by default, `concurrencyPolicy` is `Allow`. The controller of Deployments waits for old pods to end under `Recreate` alone.
    pub(super) RULE = "LC408", "exclusive-held-twice", Warning, Medium, check
}

/// Why two may hold it, where that is decided, and what to write instead.
struct Overlap {
    why: &'static str,
    place: Place,
    help: &'static str,
    edit: Option<Edit>,
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let Some(overlap) = overlap(kubernetes) else {
        return;
    };
    for resource in &context.manifest.resources {
        let Some(exclusive) = resource.exclusive.as_ref().filter(|it| it.value) else {
            continue;
        };
        let message = format!(
            "two pods may hold `{}` at once: {}",
            resource.name, overlap.why
        );
        let finding = Finding::new(&RULE, message, overlap.place.clone())
            .on(line.platform())
            .related(
                Place::Value(exclusive.route.clone()),
                "only one instance may hold it",
            );
        findings.push(match &overlap.edit {
            Some(edit) => finding.fix_with(overlap.help, Fix::new(Safety::Unsafe, [edit.clone()])),
            None => finding.help(overlap.help),
        });
    }
}

fn overlap(kubernetes: &Kubernetes) -> Option<Overlap> {
    let here = Place::Key(kubernetes.common.route.clone());
    match kubernetes.controller() {
        Controller::Job | Controller::CronJob => of_job(kubernetes),
        Controller::DaemonSet => Some(Overlap {
            why: "a DaemonSet runs one on every node",
            place: here,
            help: "write `workload: stateful-set` and `replicas: 1`",
            edit: None,
        }),
        controller if kubernetes.most_pods() > 1 => {
            let at = kubernetes.autoscaler.as_ref().map(|it| &it.max);
            let at = at.or(kubernetes.replicas.as_ref());
            Some(Overlap {
                why: "there is more than one",
                place: at.map_or(here, |at| Place::Value(at.route.clone())),
                help: match controller {
                    Controller::StatefulSet => "write `replicas: 1`",
                    _ => "write `replicas: 1` and `rollout: { strategy: recreate }`",
                },
                edit: None,
            })
        }
        Controller::Deployment if kubernetes.replacement() != Replacement::Recreate => {
            let rolling = &kubernetes.rollout;
            let place = match (&rolling.strategy, &rolling.max_surge) {
                (Some(strategy), _) => Place::Value(strategy.route.clone()),
                (None, Some(surge)) => Place::Value(surge.route.clone()),
                (None, None) => here,
            };
            Some(Overlap {
                why: "a rollout starts a new one while the old one still stops",
                place,
                help: "write `rollout: { strategy: recreate }`",
                edit: None,
            })
        }
        _ => None,
    }
}

fn of_job(kubernetes: &Kubernetes) -> Option<Overlap> {
    let job = &kubernetes.job;
    if let Some(written) = job
        .concurrency
        .as_ref()
        .filter(|it| it.value != Concurrency::Forbid)
    {
        let place = Place::Value(written.route.clone());
        return Some(Overlap {
            why: match written.value {
                Concurrency::Replace => "a new run starts while the old one still stops",
                _ => "a new run starts beside the old one",
            },
            place: place.clone(),
            help: "write `concurrency: forbid`",
            edit: Some(Edit::replace(place, Concurrency::Forbid.as_str())),
        });
    }
    if let Some(written) = job
        .replacement
        .as_ref()
        .filter(|it| it.value == Successor::WhileStopping)
    {
        let place = Place::Value(written.route.clone());
        return Some(Overlap {
            why: "a replacement starts while the old one still stops",
            place: place.clone(),
            help: "write `replacement: after-end`",
            edit: Some(Edit::replace(place, Successor::AfterEnd.as_str())),
        });
    }
    let version = kubernetes.version.as_ref();
    let version = version.filter(|_| !kubernetes.has_pod_replacement())?;
    Some(Overlap {
        why: "below Kubernetes 1.29 a replacement starts while the old one still stops",
        place: Place::Value(version.route.clone()),
        help: "let the program wait until the other one has let go",
        edit: None,
    })
}
