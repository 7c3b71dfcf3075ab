//! A deployed hook runs what its image does not have.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Action, Lasts, View, program},
    finding::{Finding, Place, Side},
};

rule! {
    /// A deployed preStop hook runs a program that its image does not have.
    ///
    /// ## What it finds
    ///
    /// A hook that runs `sleep`, a shell, `curl` or `wget` in an image that by its name has neither shell nor tools: scratch, distroless, chainguard.
    ///
    /// ## Why it matters
    ///
    /// The hook fails with an event that nobody reads, and the signal comes at once: the delay is silently lost.
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
    ///       image: gcr.io/distroless/static:latest
    ///       lifecycle: { preStop: { exec: { command: [sleep, "10"] } } }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The native sleep, which the kubelet does itself: `preStop: { sleep: { seconds: 10 } }`, from Kubernetes 1.30 on.
    ///
    /// ```yaml deployed
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: { name: shop }
    /// spec:
    ///   containers:
    ///     - name: shop
    ///       image: gcr.io/distroless/static:latest
    ///       lifecycle: { preStop: { sleep: { seconds: 10 } } }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the program is in the image after all, whatever the image is called.
    ///
    /// ## Source
    ///
    /// coredns/helm#43; a real kubelet 1.36 sent SIGTERM 0.2 s after the stop for a hook that was not there.
    pub(super) RULE = "LC806", "deployed-hook-needs-shell", Error, Medium
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        for container in seen.containers() {
            let (Some(hook), Some(image)) = (&container.pre_stop, &container.image) else {
                continue;
            };
            let Action::Exec(command) = &hook.action else {
                continue;
            };
            let Some(first) = command.first() else {
                continue;
            };
            let is_there = !super::exec_hook_needs_shell::is_bare(&image.value)
                || !super::exec_hook_needs_shell::USERLAND.contains(&program(&first.value));
            if is_there {
                continue;
            }
            let message = format!(
                "the preStop hook of `{}` runs `{}`, and the image has nothing but the program",
                container.name(),
                first.value
            );
            let finding = seen
                .finding(&RULE, message, Place::Value(first.route.clone()))
                .label("fails, and the signal comes at once")
                .related_in(
                    Side::Deployed(seen.file),
                    Place::Value(image.route.clone()),
                    "an image without shell and tools",
                );
            findings.push(match hook.lasts() {
                Lasts::Unknown => {
                    finding.help("let the program itself answer, or take an image that has it")
                }
                lasts => finding.help(format!(
                    "let the kubelet sleep: `preStop: {{ sleep: {{ seconds: {} }} }}`",
                    crate::duration::seconds_up(lasts.at_least())
                )),
            });
        }
    }
}
