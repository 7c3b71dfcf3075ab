//! A health check that a platform runs inside of the container: ECS, Docker and Compose have it alike.

use crate::finding::{Finding, Place};
use crate::manifest::Written;
use crate::read::Table;
use crate::rules::shape;
use crate::text::Value;

/// `health_check`: a command that the platform runs inside the container.
///
/// ```
/// use lifecycle_manifest::{Analysis, Platform};
/// use lifecycle_manifest::platform::HealthCheck;
///
/// let analysis = Analysis::of("\
/// lifecycle: 1
/// service: shop
/// resources:
///   http: { kind: http-server, port: 8080, timeout: 5s }
/// traffic: { health: { port: 8081 } }
/// platforms:
///   docker: { health_check: runtime }
///   compose: { health_check: [CMD, curl, -f, 'http://localhost:8080/'] }
/// ");
/// let platforms = analysis.resolved.unwrap().manifest.platforms;
/// let docker = platforms.iter().find_map(Platform::docker).unwrap();
/// assert!(matches!(docker.health_check, Some(HealthCheck::Runtime)));
/// let compose = platforms.iter().find_map(Platform::compose).unwrap();
/// let Some(HealthCheck::Command(words)) = &compose.health_check else { panic!("a command") };
/// assert_eq!((words[0].value.as_str(), words[1].value.as_str()), ("CMD", "curl"));
/// ```
#[derive(Debug, Clone)]
pub enum HealthCheck {
    /// `runtime`: the program asks itself. Needs this project's runtime, and nothing else in the
    /// image.
    Runtime,
    /// A command of the image, as in `[CMD-SHELL, "curl -f http://localhost/ || exit 1"]`.
    Command(Vec<Written<String>>),
}

pub(super) fn health_check(table: &mut Table<'_, '_>) -> Option<HealthCheck> {
    let entry = table.entry("health_check")?;
    if !matches!(entry.value.value, Value::Sequence(_)) {
        let words = [("runtime", ())];
        return table
            .word("health_check", "a way to ask for health", &words)
            .map(|_| HealthCheck::Runtime);
    }
    let command = table.names("health_check").unwrap_or_default();
    let known = ["CMD", "CMD-SHELL"];
    if command.len() < 2 || !known.contains(&command[0].value.as_str()) {
        let route = table.route().key("health_check");
        let finding = Finding::new(
            &shape::WRONG_TYPE,
            format!("`{route}` takes a command that begins with `CMD` or `CMD-SHELL`"),
            Place::Value(route),
        );
        table.push(finding.help("write `[CMD, PROGRAM, ARGUMENT]`, or `runtime`"));
        return None;
    }
    Some(HealthCheck::Command(command))
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) enum HealthCheckSchema {
    /// The program asks itself: only one built with the lifecycle runtime can.
    Runtime(RuntimeSchema),
    /// A command of the image, beginning with `CMD` or `CMD-SHELL`.
    #[schemars(title = "command")]
    Command(#[schemars(length(min = 2))] Vec<String>),
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only its shape is read")]
pub(super) enum RuntimeSchema {
    /// The program asks itself: only one built with the lifecycle runtime can.
    Runtime,
}
