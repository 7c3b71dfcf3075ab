//! A hook's command that the image does not have.

use super::Context;
use crate::duration::show;
use crate::finding::{Edit, Finding, Fix, Place, Safety};
use crate::platform::{Platform, PreStop};

rule! {
    /// The preStop command is not in the image.
    ///
    /// ## What it finds
    ///
    /// A command as hook (a shell, `sleep`, `curl`, `wget`) for an image that by its name has neither shell nor tools: scratch, distroless, chainguard.
    /// Under `compose` a hook with a `timeout` is one of them whatever it runs: what bounds it is a shell and its `timeout`.
    ///
    /// ## Why it matters
    ///
    /// On Kubernetes the hook fails with an event that nobody reads, and the signal comes at once: the delay is silently lost.
    /// Compose gives up on stopping a container whose hook fails: it runs on, without a signal.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   kubernetes:
    ///     image: "gcr.io/distroless/static:latest"
    ///     pre_stop: { exec: [/usr/bin/sleep, "15"], timeout: 15s }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The native sleep, which the kubelet does itself.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// resources:
    ///   http: { kind: http-server, timeout: 5s }
    /// platforms:
    ///   kubernetes:
    ///     image: "gcr.io/distroless/static:latest"
    ///     pre_stop: 15s
    /// ```
    ///
    /// ## Options
    ///
    /// - `pre_stop` under `kubernetes`: a sleep such as `10s` needs Kubernetes 1.30. Not written, it is a sleep of the settle time, or the program waits by itself where there is none.
    /// - `image` under `kubernetes` and `compose`.
    ///
    /// ## When to allow it
    ///
    /// When the program is in the image after all, whatever the image is called.
    ///
    /// ## Source
    ///
    /// coredns/helm#43; a real kubelet 1.36 sent SIGTERM 0.2 s after the stop for a hook that was not there.
    pub(super) RULE = "LC402", "exec-hook-needs-shell", Error, Medium, check
}

/// Words in the names of images that hold one program and nothing else.
const BARE: [&str; 3] = ["scratch", "distroless", "chainguard"];

/// Programs that come with a shell's userland and not with a service.
pub(super) const USERLAND: [&str; 6] = ["sleep", "sh", "bash", "ash", "curl", "wget"];

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    composed(context, findings);
    let Some((line, kubernetes)) = context.on(Platform::kubernetes) else {
        return;
    };
    let Some(PreStop::Exec {
        route,
        command,
        timeout,
    }) = &kubernetes.pre_stop
    else {
        return;
    };
    let Some(image) = kubernetes
        .common
        .image
        .as_ref()
        .filter(|image| is_bare(&image.value))
    else {
        return;
    };
    let program = command.first().map_or("", |word| word.value.as_str());
    let name = program.rsplit('/').next().unwrap_or(program);
    if !USERLAND.contains(&name) {
        return;
    }
    let message = format!("the hook runs `{program}`, which the image by its name does not have");
    let finding = Finding::new(&RULE, message, Place::Value(route.key("exec")))
        .on(line.platform())
        .label("fails, and the signal comes at once")
        .related(
            Place::Value(image.route.clone()),
            "by its name without shell and tools",
        );
    if !kubernetes.has_native_sleep() {
        findings.push(finding.fix_with(
            "take `pre_stop` away: this cluster has no native sleep, and the program waits by itself",
            Fix::new(
                Safety::Unsafe,
                [Edit::Remove {
                    entry: route.clone(),
                }],
            ),
        ));
        return;
    }
    let sleep = show(timeout.value);
    findings.push(finding.fix(
        format!("let the kubelet sleep: `pre_stop: {sleep}`"),
        Place::Value(route.clone()),
        sleep,
    ));
}

/// The same under Compose, where a bounded hook runs under a shell.
fn composed(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some((line, compose)) = context.on(Platform::compose) else {
        return;
    };
    let image = compose.common.image.as_ref();
    let Some(image) = image.filter(|image| is_bare(&image.value)) else {
        return;
    };
    for hook in &compose.pre_stop {
        let program = hook.command.first().map_or("", |word| word.value.as_str());
        let name = program.rsplit('/').next().unwrap_or(program);
        let needs = match (&hook.timeout, USERLAND.contains(&name)) {
            (Some(_), _) => "a shell and `timeout`, by which the hook is bounded",
            (None, true) => "this program",
            (None, false) => continue,
        };
        let message = format!("the hook needs {needs}, which the image by its name does not have");
        findings.push(
            Finding::new(&RULE, message, Place::Value(hook.route.key("exec")))
                .on(line.platform())
                .label("fails, and Compose gives up on stopping the container")
                .related(
                    Place::Value(image.route.clone()),
                    "by its name without shell and tools",
                )
                .help("do in the program's own steps what the hook does, or take an image that has a shell"),
        );
    }
}

/// A whole word of the image's path or tag says that nothing but the program is in it.
pub(super) fn is_bare(image: &str) -> bool {
    let image = image.to_lowercase();
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.map(str::to_owned).collect()
    };
    // Their variants for debugging and for building have a shell: their names or tags end in it.
    let last = image.rsplit('/').next().unwrap_or(&image);
    let has_shell = |word: &String| ["debug", "dev"].contains(&word.as_str());
    words(&image)
        .iter()
        .any(|word| BARE.contains(&word.as_str()))
        && !words(last).iter().any(has_shell)
}
