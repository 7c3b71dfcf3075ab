//! A health check by a shell that the image does not have.

use super::Context;
use super::exec_hook_needs_shell::is_bare;
use crate::finding::{Finding, Place};
use crate::platform::{HealthCheck, Platform};

rule! {
    /// The health check needs a shell that is not in the image.
    ///
    /// ## What it finds
    ///
    /// A `health_check` under `docker`, or one that begins with `CMD-SHELL` under `compose`, for an image that by its name has neither shell nor tools: scratch, distroless, chainguard.
    ///
    /// ## Why it matters
    ///
    /// `docker run` hands its health command to the image's shell, whatever it is.
    /// Without one every check fails, and the container is never healthy.
    ///
    /// ## Example
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 8081 } }
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   docker: { image: "gcr.io/distroless/static:latest", health_check: runtime }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// A `HEALTHCHECK` in the image, which needs no shell; or Compose, which takes the words as they are.
    ///
    /// ```yaml
    /// lifecycle: 1
    /// service: shop
    /// traffic: { health: { port: 8081 } }
    /// resources:
    ///   jobs: { kind: task, timeout: 5s }
    /// platforms:
    ///   compose: { image: "gcr.io/distroless/static:latest", health_check: runtime }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When a shell is in the image after all, whatever the image is called.
    ///
    /// ## Source
    ///
    /// docker/cli, `cli/command/container/opts.go`: `--health-cmd` becomes `CMD-SHELL`.
    pub(super) RULE = "LC417", "health-check-needs-shell", Warning, Medium, check
}

fn check(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for line in context.timelines {
        let (check, common) = match context.manifest.platforms.get(line.platform()) {
            Some(Platform::Docker(docker)) => (docker.health_check.as_ref(), &docker.common),
            Some(Platform::Compose(compose)) => {
                let by_shell = |check: &&HealthCheck| match check {
                    HealthCheck::Runtime => false,
                    HealthCheck::Command(words) => {
                        words.first().is_some_and(|word| word.value == "CMD-SHELL")
                    }
                };
                (
                    compose.health_check.as_ref().filter(by_shell),
                    &compose.common,
                )
            }
            _ => continue,
        };
        let image = common.image.as_ref().filter(|image| is_bare(&image.value));
        let (Some(_), Some(image)) = (check, image) else {
            continue;
        };
        let message = format!(
            "{} asks for health by a shell, which the image by its name does not have",
            line.facts.name
        );
        findings.push(
            Finding::new(
                &RULE,
                message,
                Place::Value(common.route.key("health_check")),
            )
            .on(line.platform())
            .label("fails every time")
            .related(
                Place::Value(image.route.clone()),
                "by its name without shell and tools",
            )
            .help("write `HEALTHCHECK` with a list of words in the image, and nothing here"),
        );
    }
}
