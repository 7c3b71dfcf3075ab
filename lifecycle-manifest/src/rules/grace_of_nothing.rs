//! A grace period that the platform does not take as it is written: none, or next to none.

use super::Context;
use super::verdict::{Verdict, grace_place, with_sum_and_grace};
use crate::duration::{human, show};
use crate::figure::Origin;
use crate::finding::{Finding, Severity};
use crate::timeline::Timeline;

rule! {
    /// The grace period is nothing, or too little for the platform to take as it is.
    ///
    /// ## What it finds
    ///
    /// A `grace_period` of `0s`, or one below the least that Kubernetes gives a container.
    /// Under Docker and Compose a number that is no whole second loses its fraction on the way; what is generated is whole, and `rounded-up` says so.
    ///
    /// ## Why it matters
    ///
    /// Zero means something else everywhere.
    /// On Kubernetes the pod is gone from the API at once, its hook does not run, and the program is killed after two seconds.
    /// On Azure Container Apps the program is killed at once, without any signal before.
    /// On ECS it counts as not written: the default of 30 seconds holds. So it does under PM2, whose default is 1.6 seconds.
    /// Docker sends the signal and SIGKILL back to back.
    /// A grace period of one second is raised to two by the kubelet.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 5s }
    /// platforms:
    ///   kubernetes: { grace_period: 0s }
    ///   ecs: { grace_period: 0s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period that holds the plan; the help has the number.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   job: { kind: task, timeout: 5s }
    /// platforms:
    ///   kubernetes: { grace_period: 7s }
    ///   ecs: { grace_period: 7s }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: what is written is not what happens.
    ///
    /// ## Source
    ///
    /// Kubelet v1.36, `pkg/kubelet/kuberuntime/kuberuntime_container.go`: the window is raised to at least two seconds.
    /// ECS agent, `agent/engine/docker_task_engine.go`: a stop timeout of 0 counts as unset.
    /// Azure Container Apps, `ContainerAppTemplate`: zero means the kill signal at once.
    /// PM2 7.0.3, `processIsDead` of `lib/God/Methods.js`: a `kill_timeout` of 0 counts as unset.
    /// moby, `daemon/stop.go`: with a timeout of 0 the wait after the signal is over at once.
    pub(super) RULE = "LC110", "grace-of-nothing", Warning, High, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        match (Verdict::of(line), &line.grace().origin) {
            (Verdict::Nothing, _) => findings.push(nothing(context, line)),
            (Verdict::Fits, Origin::Unset { .. }) => findings.push(unset(context, line)),
            (Verdict::Fits, Origin::Written(_) | Origin::Rounded { .. })
                if line.grace().value < line.facts.kill_floor =>
            {
                findings.push(raised(context, line));
            }
            _ => {}
        }
    }
}

/// Kill at once.
fn nothing(context: &Context<'_>, line: &Timeline) -> Finding {
    let message = match line.facts.kill_floor {
        floor if floor.is_zero() => format!(
            "with a grace period of 0s {} kills the program at once",
            line.facts.name
        ),
        floor => format!(
            "with a grace period of 0s {} runs no hook and kills the program after {}",
            line.facts.name,
            human(floor)
        ),
    };
    let mut finding = Finding::new(&RULE, message, grace_place(context, line))
        .on(line.platform())
        .label("no time to shut down");
    finding.severity = Severity::Error;
    with_sum_and_grace(finding, line)
}

/// Taken for not written.
fn unset(context: &Context<'_>, line: &Timeline) -> Finding {
    let place = grace_place(context, line);
    let grace = line.grace();
    let message = format!(
        "{} takes a grace period of 0s for none, and waits {}",
        line.facts.name,
        human(grace.value)
    );
    let finding = Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label(format!("the default of {} holds", human(grace.value)))
        .note(format!("sum: {}", line.sum()));
    let same = show(grace.value);
    let finding = finding.safe_fix(
        format!("write `{same}`, which is what happens"),
        place.clone(),
        same,
    );
    match line.smallest_grace() {
        Some(smallest) if smallest < grace.value => {
            let text = show(smallest);
            finding.fix(
                format!("or `grace_period: {text}`, the smallest that fits"),
                place,
                text,
            )
        }
        _ => finding,
    }
}

/// Raised to the least there is.
fn raised(context: &Context<'_>, line: &Timeline) -> Finding {
    let place = grace_place(context, line);
    let floor = line.facts.kill_floor;
    let message = format!(
        "{} raises a grace period of {} to {}",
        line.facts.name,
        human(line.grace().value),
        human(floor)
    );
    let text = show(floor);
    Finding::new(&RULE, message, place.clone())
        .on(line.platform())
        .label(format!("SIGKILL comes after {}", human(floor)))
        .safe_fix(format!("write `{text}`"), place, text)
}
