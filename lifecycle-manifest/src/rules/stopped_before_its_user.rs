//! A service that the program still needs is stopped first.

#[cfg(feature = "deployed")]
use crate::{
    deployed::{Container, Deployed, Pair, View, Workload},
    finding::{Confidence, Finding, Place, Severity},
};

rule! {
    /// A service that the program needs while it stops may be stopped before it.
    ///
    /// ## What it finds
    ///
    /// A service of a Compose file that the manifest names under `compose: { depends_on: … }`, and that the deployed service does not depend on, itself or by way of others.
    /// Without a manifest, or beside it: a service whose name stands as a host in the environment of another that does not depend on it.
    ///
    /// ## Why it matters
    ///
    /// Compose stops services in the reverse order of `depends_on`, and side by side where there is none.
    /// The database is gone while the last orders are written, and every step that needs it fails.
    ///
    /// ## Example
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     environment:
    ///       DATABASE_URL: postgres://shop@db:5432/shop
    ///   db:
    ///     image: postgres
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The dependency: `db` is then started before `shop`, and stopped after it.
    ///
    /// ```yaml deployed
    /// services:
    ///   shop:
    ///     image: shop
    ///     environment:
    ///       DATABASE_URL: postgres://shop@db:5432/shop
    ///     depends_on: [db]
    ///   db:
    ///     image: postgres
    /// ```
    ///
    /// ## Options
    ///
    /// - `depends_on` under `compose`: the services that the program needs while it stops.
    ///
    /// ## When to allow it
    ///
    /// When the program does not call that service while it stops.
    ///
    /// ## Source
    ///
    /// docker/compose, `pkg/compose/stop.go`: services are walked in reverse order of their dependencies.
    pub(super) RULE = "LC819", "stopped-before-its-user", Warning, Medium
}

/// What the manifest says the program needs.
#[cfg(feature = "deployed")]
pub(super) fn check(pair: &Pair<'_>, findings: &mut Vec<Finding>) {
    let Some(compose) = pair.platform.compose() else {
        return;
    };
    for needed in &compose.depends_on {
        let file = pair.file();
        let is_here = service(file, &needed.value).is_some();
        if !is_here || depends(file, pair.container(), &needed.value) {
            continue;
        }
        let message = format!(
            "{} may outlive `{}`, which it needs while it stops",
            pair.title(),
            needed.value
        );
        let mut finding = pair
            .finding(&RULE, message, Place::Key(pair.container().route.clone()))
            .label(format!("no `depends_on` leads to `{}`", needed.value))
            .beside((
                Place::Value(needed.route.clone()),
                "needed while it stops".to_owned(),
            ))
            .help(format!("add `depends_on: [{}]`", needed.value));
        finding.severity = Severity::Error;
        finding.confidence = Confidence::High;
        findings.push(finding);
    }
}

/// What an environment says by itself.
#[cfg(feature = "deployed")]
pub(super) fn guess(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in view
        .workloads
        .iter()
        .filter(|it| it.workload.platform == "compose")
    {
        let file = &view.files[seen.file];
        for container in &seen.workload.containers {
            let mut said: Vec<&str> = Vec::new();
            for variable in &container.environment {
                let Some(value) = &variable.value else {
                    continue;
                };
                let others = file.workloads.iter().filter_map(|it| it.name.as_ref());
                let host = others
                    .map(|name| name.value.as_str())
                    .filter(|name| *name != container.name())
                    .find(|name| is_host(&variable.name.value, &value.value, name));
                let Some(host) = host else { continue };
                if said.contains(&host) || depends(file, container, host) {
                    continue;
                }
                said.push(host);
                let message = format!(
                    "`{}` calls `{host}`, and does not depend on it",
                    container.name()
                );
                findings.push(
                    seen.finding(&RULE, message, Place::Value(value.route.clone()))
                        .label(format!("`{host}` may be stopped first"))
                        .help(format!("add `depends_on: [{host}]`")),
                );
            }
        }
    }
}

#[cfg(feature = "deployed")]
fn service<'a>(file: &'a Deployed, name: &str) -> Option<&'a Workload> {
    let is = |it: &&Workload| {
        let named = it.name.as_ref();
        it.platform == "compose" && named.is_some_and(|named| named.value == name)
    };
    file.workloads.iter().find(is)
}

/// A service depends on another, itself or by way of others.
#[cfg(feature = "deployed")]
fn depends(file: &Deployed, container: &Container, name: &str) -> bool {
    container.leads_to(name, |on| service(file, on)?.containers.first())
}

/// A variable's value names a host: in a URL, with a port, or alone where the variable is a host's.
#[cfg(feature = "deployed")]
fn is_host(variable: &str, value: &str, name: &str) -> bool {
    let alone = variable.to_ascii_uppercase().ends_with("HOST");
    value.split(',').any(|part| {
        let (in_url, rest) = match part.split_once("://") {
            Some((_, rest)) => (true, rest),
            None => (false, part),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        match authority.split_once(':') {
            Some((host, port)) => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                host == name && digits
            }
            None => authority == name && (in_url || alone),
        }
    })
}

#[cfg(all(test, feature = "deployed"))]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_known_where_it_can_be_nothing_else() {
        for (variable, value, is) in [
            ("DATABASE_URL", "postgres://shop:x@db:5432/shop", true),
            ("DATABASE_URL", "postgres://db/shop", true),
            ("DATABASE_URL", "postgres://db", true),
            ("DATABASE_URL", "postgres://db?x=1", true),
            ("BROKERS", "kafka:9092,db:9092", true),
            ("PGHOST", "db", true),
            ("DB", "db", false),
            ("DATABASE_URL", "postgres://x/db", false),
            ("DATABASE_URL", "postgres://db.example.com/x", false),
            ("NOTE", "db:x", false),
            ("NOTE", "db:", false),
            ("DATABASE_URL", "sqlite://data/db", false),
        ] {
            assert_eq!(is_host(variable, value, "db"), is, "{variable}={value}");
        }
    }
}
