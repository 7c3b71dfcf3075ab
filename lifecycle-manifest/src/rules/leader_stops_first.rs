//! The tasks of a group wait for their leader to be gone.

#[cfg(feature = "deployed")]
use crate::{
    deployed::View,
    duration::human,
    finding::{Finding, Place, Side},
    platform::nomad::FACTS,
    text::Value,
};

rule! {
    /// The program is asked to stop only once another task, the group's leader, is gone.
    ///
    /// ## What it finds
    ///
    /// A Nomad group whose leader is one task, and whose program, or any other main task, is another.
    ///
    /// ## Why it matters
    ///
    /// The leader is stopped alone and first, for as long as its own `kill_timeout` lasts; the others get their signal only then. The program serves on without it, and the whole stop takes both times.
    ///
    /// ## Example
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     task "shop" { driver = "docker" }
    ///     task "cache" {
    ///       driver       = "docker"
    ///       leader       = true
    ///       kill_timeout = "20s"
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## What to write instead
    ///
    /// The program as the leader; what helps it as a sidecar task, which is stopped last.
    ///
    /// ```hcl deployed
    /// job "shop" {
    ///   group "shop" {
    ///     task "shop" { driver = "docker" }
    ///     task "cache" {
    ///       driver       = "docker"
    ///       kill_timeout = "20s"
    ///       lifecycle {
    ///         hook    = "prestart"
    ///         sidecar = true
    ///       }
    ///     }
    ///   }
    /// }
    /// ```
    ///
    /// ## When to allow it
    ///
    /// When the leader is the program, and the others only accompany it.
    ///
    /// ## Source
    ///
    /// <https://developer.hashicorp.com/nomad/docs/job-specification/task>, `leader`; `client/allocrunner/alloc_runner.go` of Nomad 2.0.5.
    pub(super) RULE = "LC826", "leader-stops-first", Warning, High
}

#[cfg(feature = "deployed")]
pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for seen in &view.workloads {
        if seen.workload.platform != "nomad" {
            continue;
        }
        let document = &view.files[seen.file].document;
        let containers = &seen.workload.containers;
        let leads = |key: &str, container: &&crate::deployed::Container| {
            let node = document.get(&container.route.key(key));
            matches!(node.map(|node| &node.value), Some(Value::Scalar { text, plain: true }) if text == "true")
        };
        let led = |key| {
            let leader = containers.iter().find(|it| leads(key, it))?;
            Some((leader, leader.route.key(key)))
        };
        let Some((leader, place)) = led("leader").or_else(|| led("Leader")) else {
            continue;
        };
        let is_leader = |it: &crate::deployed::Container| it.route == leader.route;
        let others: Vec<_> = match seen.main {
            Some(main) if is_leader(main) => continue,
            Some(main) => vec![main],
            None => containers.iter().filter(|it| !is_leader(it)).collect(),
        };
        let Some(first) = others.first() else {
            continue;
        };
        let time = leader
            .grace
            .as_ref()
            .map_or(FACTS.default_grace, |it| it.value);
        let message = format!(
            "`{}` is asked to stop only once `{}` is gone, up to {} later",
            first.name(),
            leader.name(),
            human(time)
        );
        let mut finding = seen
            .finding(&RULE, message, Place::Value(place))
            .label("the leader is stopped alone, and first");
        for other in others {
            finding = finding.related_in(
                Side::Deployed(seen.file),
                crate::deployed::container_place(other),
                "waits for it",
            );
        }
        findings.push(finding.help("make the program the leader, or what helps it a task with `lifecycle { sidecar = true }`"));
    }
}
