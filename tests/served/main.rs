//! `lifecycle serve` in a browser, as a person uses it: Chromium, driven by `page.mjs` beside this file.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lifecycle_tests::{program, root, skipped};

/// Where `.ci/run` puts what drives the browser.
const DRIVER: &str = "LIFECYCLE_PLAYWRIGHT";

/// Ended where a test breaks off.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|file| file.is_file())
}

#[test]
fn a_person_edits_sees_mends_saves_and_drills() {
    let driver = std::env::var_os(DRIVER).map(PathBuf::from);
    let browser = on_path(&["chromium", "chromium-browser", "google-chrome"]);
    let node = on_path(&["node"]);
    let (Some(driver), Some(browser), Some(node)) = (driver, browser, node) else {
        skipped(&format!(
            "the local page in a browser: needs Chromium, node, and playwright-core's directory in {DRIVER}"
        ));
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let manifest = directory.path().join("lifecycle.yaml");
    std::fs::copy(root().join("tests/peers/lifecycle.yaml"), &manifest).expect("a manifest");
    let (mut server, url) = start(&manifest);

    let output = Command::new(node)
        .arg(root().join("tests/served/page.mjs"))
        .args([url.as_str(), &manifest.to_string_lossy()])
        .arg(server.0.id().to_string())
        .env(DRIVER, driver)
        .env("LIFECYCLE_CHROMIUM", browser)
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{words}");

    let status = server.0.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

fn start(manifest: &Path) -> (Server, String) {
    let mut child = Command::new(program("lifecycle-cli", "lifecycle"))
        .arg("serve")
        .arg(manifest)
        .arg("--")
        .arg(program("lifecycle-tests", "peer-lifecycle"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut url = String::new();
    let out = child.stdout.take().expect("a pipe");
    let server = Server(child);
    BufReader::new(out).read_line(&mut url).expect("an address");
    (server, url.trim_end().to_owned())
}
