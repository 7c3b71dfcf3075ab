//! Editing the manifest rebuilds the program: cargo knows of it, though no source file has changed.

use std::path::Path;
use std::process::Command;

const MANIFEST: &str = "\
lifecycle: 1
service: shop
resources:
  jobs: { kind: task, timeout: 5s }
";

const PROGRAM: &str = "\
use shutdown::Task;

#[shutdown::main]
async fn main() -> Result<Resources, String> {
    Ok(Resources {
        jobs: Task::new(|stopping| async move { stopping.requested().await }),
    })
}
";

/// `cargo check`, and what it said.
fn check(package: &Path, target: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--color", "never"])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), words)
}

#[test]
fn an_edited_manifest_is_compiled_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Kept between runs, so that only the first one compiles what lies below.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuild-target");
    let package = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        std::fs::write(package.path().join(name), text).expect("a writable directory");
    };
    std::fs::create_dir(package.path().join("src")).expect("a writable directory");
    // The runtime by another name, which the macro finds here.
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\nshutdown = {{ package = \"lifecycle-runtime\", path = {root:?}, \
             default-features = false, features = [\"macros\"] }}\n"
        ),
    );
    let lock = std::fs::read_to_string(root.join("../Cargo.lock")).expect("a lock file");
    write("Cargo.lock", &lock);
    write("src/main.rs", PROGRAM);
    write("lifecycle.yaml", MANIFEST);
    let (built, words) = check(package.path(), &target);
    assert!(built, "{words}");

    write("lifecycle.yaml", &MANIFEST.replace("jobs", "tasks"));
    let (built, words) = check(package.path(), &target);
    assert!(!built && words.contains("tasks"), "{words}");

    write("lifecycle.yaml", &MANIFEST.replace("5s", "5"));
    let (built, words) = check(package.path(), &target);
    assert!(!built && words.contains("`5` has no unit"), "{words}");
    assert!(words.contains("lifecycle.yaml:4:32"), "{words}");

    write("lifecycle.yaml", MANIFEST);
    let (built, words) = check(package.path(), &target);
    assert!(built, "{words}");
}
