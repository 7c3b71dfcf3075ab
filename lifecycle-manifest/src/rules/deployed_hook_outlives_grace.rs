//! A deployed preStop hook takes the whole grace period.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Action, Lasts, View},
    duration::human,
    finding::{Finding, Place, Side},
};

rule! {
    /// A deployed preStop hook takes the whole grace period, or more.
    ///
    /// ## What it finds
    ///
    /// A native sleep, or a command that sleeps, that is as long as `terminationGracePeriodSeconds` or longer, be it written or the default of 30.
    ///
    /// ## Why it matters
    ///
    /// The hook runs inside the grace period. The program gets its signal when it is over, and is killed two seconds later.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 30 } } }     # the grace period is 30s by default
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A grace period that holds the hook and the program's own shutdown.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   terminationGracePeriodSeconds: 60
    ///   containers:
    ///     - name: shop
    ///       lifecycle: { preStop: { sleep: { seconds: 30 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// Never: a longer native sleep is refused, an equal one leaves the program nothing.
    ///
    /// ## Source
    ///
    /// Kubernetes `validation.go` refuses a sleep above the grace period and accepts an equal one; kubelet v1.36 bounds a command by it.
    pub(super) RULE = "LC805", "deployed-hook-outlives-grace", Error, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|seen| seen.workload.platform == "kubernetes")
    {
        let Some(grace) = seen.grace(view) else {
            continue;
        };
        for container in seen.containers() {
            // Of the program itself the manifest says what is planned, and that is compared.
            if seen.main.is_some_and(|main| main.route == container.route) {
                continue;
            }
            let Some(hook) = &container.pre_stop else {
                continue;
            };
            let time = hook.lasts().at_least();
            if time.is_zero() || time < grace.value {
                continue;
            }
            let least = match hook.lasts() {
                Lasts::AtLeast(_) => "at least ",
                _ => "",
            };
            let how = match time == grace.value {
                true => "all of the grace period: nothing is left for the program",
                false => "longer than the grace period",
            };
            let message = format!(
                "the preStop hook of `{}` takes {least}{}, {how}",
                container.name(),
                human(time)
            );
            let place = match &hook.action {
                Action::Sleep(seconds) => Place::Value(seconds.route.clone()),
                _ => Place::Value(hook.route.key("exec").key("command")),
            };
            let label = grace.label("terminationGracePeriodSeconds", |value| {
                format!("SIGKILL comes {value} after the stop")
            });
            findings.push(
                seen.finding(&RULE, message, place)
                    .label("the signal comes after this")
                    .related_in(Side::Deployed(seen.file), grace.place.clone(), label)
                    .help(format!(
                        "write a `terminationGracePeriodSeconds` that holds the {} and the program's own shutdown",
                        human(time)
                    )),
            );
        }
    }
}
