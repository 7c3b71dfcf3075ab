//! What a process in a container is handed: its environment, and a directory for its report.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use lifecycle_manifest::contract;

use crate::guard::MARK;
use crate::script::{Script, Target};

/// Where the container finds the directory for its report.
pub(super) const SHARED: &str = "/run/lifecycle-drill";

/// The environment of the process, with the report's place as the container sees it.
pub(super) fn environment(
    target: &Target,
    script: &Script,
    mark: &str,
) -> BTreeMap<String, String> {
    let own = [
        (contract::REPORT.to_owned(), format!("{SHARED}/report.json")),
        (MARK.to_owned(), mark.to_owned()),
    ];
    let told = script.env.iter().chain(&target.env).cloned();
    told.chain(own).collect()
}

/// Whether a variable means something to the engine's own command, so that it cannot be handed to the
/// container through that command's environment.
fn is_the_engines(name: &str) -> bool {
    const NAMES: [&str; 6] = ["PATH", "HOME", "USER", "TMPDIR", "HOSTNAME", MARK];
    const FAMILIES: [&str; 14] = [
        "DOCKER",
        "PODMAN",
        "CONTAINER",
        "BUILDKIT",
        "BUILDX",
        "COMPOSE",
        "GO",
        "LD_",
        "XDG_",
        "SSL_",
        "SSH_",
        "DBUS_",
        "REGISTRY_",
        "STORAGE_",
    ];
    let upper = name.to_ascii_uppercase();
    NAMES.contains(&name)
        || name.starts_with("LIFECYCLE_DRILL")
        || upper.ends_with("_PROXY")
        || FAMILIES.iter().any(|family| upper.starts_with(family))
}

/// The directory of the report, open to whichever user the container runs as.
pub(super) fn share(report: &Path) -> anyhow::Result<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = report.parent().context("the report has no directory")?;
    // Whoever else is on this machine does not get so far: the directory above is the drill's alone.
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777))?;
    let directory = directory.to_str();
    Ok(directory
        .context("the directory for temporary files has a name that is not text")?
        .to_owned())
}

/// The environment as arguments of the engine's command, and what that command has to have in its own
/// for them: others on this machine may read a command line, and not the environment.
pub(super) fn arguments(
    environment: BTreeMap<String, String>,
) -> (Vec<String>, Vec<(String, String)>) {
    let (mut words, mut hidden) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        words.push("--env".to_owned());
        if is_the_engines(&name) {
            words.push(format!("{name}={value}"));
        } else {
            words.push(name.clone());
            hidden.push((name, value));
        }
    }
    (words, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_lies_where_nobody_else_comes() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = crate::own_report::private().unwrap();
        let shared = share(&crate::own_report::place(&scratch).unwrap()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(Path::new(&shared)), 0o777);
        assert_eq!(mode(scratch.path()), 0o700);
        assert_ne!(Path::new(&shared), scratch.path());
    }

    #[test]
    fn variables_of_the_engine_are_its_own() {
        for engines in [
            "PATH",
            "DOCKER_HOST",
            "https_proxy",
            "GODEBUG",
            MARK,
            "LD_PRELOAD",
        ] {
            assert!(is_the_engines(engines), "{engines}");
        }
        for own in [
            "DATABASE_PASSWORD",
            "API_TOKEN",
            "PORT",
            "LIFECYCLE_PLATFORM",
        ] {
            assert!(!is_the_engines(own), "{own}");
        }
    }

    #[test]
    fn values_are_not_in_the_line() {
        let all = [("API_TOKEN", "abc"), ("PATH", "/bin")];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (words, hidden) = arguments(BTreeMap::from(all.clone()));
        assert_eq!(words, ["--env", "API_TOKEN", "--env", "PATH=/bin"]);
        assert_eq!(hidden, all[..1]);
    }
}
