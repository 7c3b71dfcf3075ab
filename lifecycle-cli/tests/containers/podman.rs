//! Drills of images on Podman, which tells nobody of the signals that it sends.

use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, getrlimit};
use serde_json::Value;

use super::engine::Victim;
use super::{good, has, support};

/// Podman with images and containers of its own, gone when the test is.
struct Podman {
    directory: tempfile::TempDir,
}

impl Podman {
    /// `None` where it cannot be had, which is said.
    fn start() -> Option<Self> {
        if !has("podman") {
            support::skipped("there is no podman");
            return None;
        }
        if !rustix::process::getuid().is_root() {
            support::skipped("podman's own networks need root");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("pm").tempdir_in("/tmp");
        let directory = directory.unwrap();
        let at = |name: &str| directory.path().join(name);
        // By itself it asks for more than a sandbox may give.
        let most = 4_096;
        let files = getrlimit(Resource::Nofile)
            .maximum
            .unwrap_or(most)
            .min(most);
        let processes = getrlimit(Resource::Nproc).maximum.unwrap_or(most).min(most);
        let limits = format!(
            "[containers]\ndefault_ulimits = [\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]\n"
        );
        std::fs::write(at("containers.conf"), limits).unwrap();
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            at("images").display(),
            at("run").display()
        );
        std::fs::write(at("storage.conf"), storage).unwrap();
        let podman = Self { directory };
        let answer = podman.podman().arg("info").output().unwrap();
        if !answer.status.success() {
            let answer = support::answer(&answer);
            support::skipped(&format!("podman does not work here: {answer}"));
            return None;
        }
        Some(podman)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let at = |name: &str| self.directory.path().join(name);
        let mut command = Command::new(program);
        command
            .env("CONTAINERS_CONF", at("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", at("storage.conf"))
            // No Docker engine answers.
            .env("DOCKER_HOST", format!("unix://{}", at("none").display()));
        command
    }

    fn podman(&self) -> Command {
        self.command("podman")
    }

    fn remove_all(&self) -> Command {
        let mut command = self.podman();
        command.args(["rm", "--all", "--force", "--time", "0"]);
        command
    }

    fn image(&self, name: &str, root: &Path, command: &[&str]) {
        let tar = self.directory.path().join("image.tar");
        good(
            Command::new("tar")
                .arg("-C")
                .arg(root)
                .arg("-cf")
                .arg(&tar)
                .arg("."),
        );
        let command = format!("CMD={}", serde_json::to_string(command).unwrap());
        good(
            self.podman()
                .args(["import", "--quiet", "--change", &command])
                .args(["--change", "EXPOSE=8080"])
                .arg(&tar)
                .arg(name),
        );
    }

    /// Whether a container can be run at all: a sandbox may not let it.
    fn runs(&self, image: &str) -> bool {
        let ran = self
            .podman()
            .args(["run", "--detach", image])
            .output()
            .unwrap();
        if !ran.status.success() {
            let answer = support::answer(&ran);
            support::skipped(&format!("podman runs nothing here: {answer}"));
        }
        let _ = self.remove_all().output();
        ran.status.success()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.remove_all().output();
    }
}

#[test]
fn podman_stops_an_image_as_docker_does() {
    let (Some(victim), Some(podman)) = (Victim::build(), Podman::start()) else {
        return;
    };
    let (image, nothing) = ("localhost/victim:1", tempfile::tempdir().unwrap());
    podman.image(
        image,
        victim.root(),
        &["/victim", "700", "8080", "everywhere"],
    );
    if !podman.runs(image) {
        return;
    }
    let drill = |directory: &Path, args: &[&str]| -> Value {
        let output = podman
            .command(env!("CARGO_BIN_EXE_lifecycle"))
            .current_dir(directory)
            .args(["drill", "--image", image, "--format", "json"])
            .args(["--warm-up", "300ms", "--rate", "50"])
            .args(args)
            .output()
            .unwrap();
        let left = good(podman.podman().args(["ps", "--all", "--quiet"]));
        assert_eq!(left, "", "{args:?}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{args:?}: {}", support::answer(&output)))
    };

    let stopped = drill(nothing.path(), &[]);
    assert_eq!(stopped["process"]["status"]["code"], 0, "{stopped:#}");
    assert_eq!(stopped["process"]["sigkill_needed"], false);
    assert_ne!(stopped["requests"]["before"]["served"], 0, "{stopped:#}");
    assert_eq!(stopped["process"]["signalled"]["main"]["first"], true);

    // SIGKILL at the end of the grace period, though Podman does not say that it sent one.
    let manifest = "lifecycle: 1\nservice: victim\nbudget: { reserve: 250ms }\ntraffic: { settle: 0s }\nresources:\n  http: { kind: http-server, port: 8080, timeout: 1s }\nplatforms:\n  docker: { grace_period: 2s }\n";
    let project = support::project(&[("lifecycle.yaml", manifest)]);
    let never = ["--", "/victim", "never", "8080", "everywhere"];
    let killed = drill(project.path(), &never);
    assert_eq!(killed["process"]["sigkill_needed"], true, "{killed:#}");
    let names: Vec<&str> = killed["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["name"].as_str())
        .collect();
    assert!(names.contains(&"sigkill-needed"), "{names:?}");
    assert!(!names.contains(&"exit-not-zero"), "{names:?}");
}
