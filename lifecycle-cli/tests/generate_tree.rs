//! `lifecycle gen` without a target: one tree of everything, fresh or not, with somebody's own files
//! and templates in it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use support::run;

const MANIFEST: &str = "\
lifecycle: 1
service: shop
resources:
  http: { kind: http-server, port: 8080, timeout: 10s }
platforms:
  kubernetes: { image: x }
  ecs: { load_balancer: {} }
";

fn project(manifest: &str) -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    write(project.path(), "lifecycle.yaml", manifest);
    project
}

fn write(project: &Path, path: &str, text: &str) {
    let path = project.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Runs it, and expects this exit code.
fn expect(project: &Path, args: &[&str], code: i32) -> String {
    let output = run(project, args);
    let words = words(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{words}");
    words
}

/// Every file below a directory, by its path.
fn tree(directory: &Path) -> BTreeMap<String, String> {
    fn walk(directory: &Path, before: &str, tree: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = format!("{before}{}", path.file_name().unwrap().to_str().unwrap());
            match path.is_dir() {
                true => walk(&path, &format!("{name}/"), tree),
                false => {
                    tree.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
    }
    let mut tree = BTreeMap::new();
    walk(directory, "", &mut tree);
    tree
}

const ALL: [&str; 6] = [
    "ecs/service.json",
    "ecs/target-group-attributes.json",
    "ecs/task-definition.json",
    "k8s/deployment.yaml",
    "k8s/poddisruptionbudget.yaml",
    "k8s/service.yaml",
];

#[test]
fn everything_that_the_manifest_names_is_in_one_tree_and_stays_fresh() {
    let project = project(MANIFEST);
    let project = project.path();
    let missing = expect(project, &["gen", "-o", "deploy", "--check"], 1);
    assert!(missing.contains("stale: 6 files;"), "{missing}");
    assert!(!project.join("deploy").exists());
    expect(project, &["gen", "-o", "deploy"], 0);
    let first = tree(&project.join("deploy"));
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        ALL.iter().collect::<Vec<_>>()
    );
    let again = expect(project, &["gen", "-o", "deploy"], 0);
    assert!(!again.contains("wrote"), "{again}");
    assert_eq!(tree(&project.join("deploy")), first);
    expect(project, &["gen", "-o", "deploy", "--check"], 0);
    // A folder is what the target by itself writes.
    expect(project, &["gen", "k8s", "-o", "deploy/k8s", "--check"], 0);
    // The manifest may be named where the target may be.
    expect(
        project,
        &["gen", "lifecycle.yaml", "-o", "deploy", "--check"],
        0,
    );
    expect(project, &["gen", ".", "-o", "deploy", "--check"], 0);
    expect(project, &["gen", ".", ".", "-o", "deploy", "--check"], 2);

    write(
        project,
        "deploy/k8s/service.yaml",
        &first["k8s/service.yaml"].replace("shop", "shup"),
    );
    let stale = expect(project, &["gen", "-o", "deploy", "--check"], 1);
    assert!(
        stale.contains("stale: 1 file;") && stale.contains("shup"),
        "{stale}"
    );
}

#[test]
fn the_manifest_may_say_where_the_tree_is() {
    let manifest = format!("{MANIFEST}generate: {{ output: to/here }}\n");
    let project = project("");
    write(project.path(), "service/lifecycle.yaml", &manifest);
    let project = project.path();
    expect(project, &["gen", "service", "--check"], 1);
    expect(project, &["gen", "service"], 0);
    assert_eq!(tree(&project.join("service/to/here")).len(), ALL.len());
    expect(&project.join("service"), &["gen", "--check"], 0);
    expect(project, &["gen", "k8s", "service", "--check"], 0);
    let printed = expect(project, &["gen", "k8s", "service"], 0);
    assert!(printed.contains("kind: Deployment"), "{printed}");
    for elsewhere in ["/tmp/x", "../x", "a/../../x", "", "~/x"] {
        let manifest = format!("{MANIFEST}generate: {{ output: \"{elsewhere}\" }}\n");
        write(project, "service/lifecycle.yaml", &manifest);
        let refused = expect(project, &["gen", "service"], 1);
        assert!(refused.contains("LC011"), "{refused}");
    }
    write(project, "service/lifecycle.yaml", MANIFEST);
    let where_to = expect(project, &["gen", "service"], 2);
    assert!(where_to.contains("-o deploy"), "{where_to}");
    expect(project, &["gen", "k8s", "service", "--check"], 2);
    expect(project, &["gen", "k8s", "service", "--force"], 2);
}

#[test]
fn one_file_of_somebody_else_keeps_all_from_being_written() {
    let project = project(MANIFEST);
    let project = project.path();
    write(project, "deploy/k8s/service.yaml", "mine: true\n");
    let refused = expect(project, &["gen", "-o", "deploy"], 2);
    assert!(
        refused.contains("--force") && refused.contains("generate.own"),
        "{refused}"
    );
    assert_eq!(tree(&project.join("deploy")).len(), 1);
    expect(project, &["gen", "-o", "deploy", "--force"], 0);
    assert_eq!(tree(&project.join("deploy")).len(), ALL.len());
}

#[test]
fn what_cannot_be_written_keeps_all_from_being_written() {
    let project = project(MANIFEST);
    let project = project.path();
    // The last of the files has no place to go.
    write(project, "deploy/ecs", "a file where a folder should be\n");
    expect(project, &["gen", "-o", "deploy"], 2);
    let there = tree(&project.join("deploy"));
    assert_eq!(there.keys().collect::<Vec<_>>(), ["ecs"]);
    // So does a platform of which something is missing.
    std::fs::remove_file(project.join("deploy/ecs")).unwrap();
    write(
        project,
        "lifecycle.yaml",
        &MANIFEST.replace("{ image: x }", "{}"),
    );
    let refused = expect(project, &["gen", "-o", "deploy"], 2);
    assert!(refused.contains("which image?"), "{refused}");
    assert_eq!(tree(&project.join("deploy")).len(), 0);
}

#[test]
fn what_the_manifest_no_longer_makes_goes_and_what_is_somebodys_own_stays() {
    let project = project(MANIFEST);
    let project = project.path();
    expect(project, &["gen", "-o", "deploy"], 0);
    write(project, "deploy/k8s/ingress.yaml", "mine: true\n");
    let old = "# generated by lifecycle gen k8s from lifecycle.yaml\n";
    write(project, "deploy/k8s/old-name.yaml", old);
    write(project, "deploy/k8s/of/mine.yaml", old);
    write(project, "deploy/elsewhere/deployment.yaml", old);
    let manifest = MANIFEST.replace("  ecs: { load_balancer: {} }\n", "");
    write(project, "lifecycle.yaml", &manifest);
    let stale = expect(project, &["gen", "-o", "deploy", "--check"], 1);
    assert!(stale.contains("stale: 6 files;"), "{stale}");
    expect(project, &["gen", "-o", "deploy"], 0);
    let left = tree(&project.join("deploy"));
    let names: Vec<&str> = left.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "elsewhere/deployment.yaml",
            "k8s/deployment.yaml",
            "k8s/ingress.yaml",
            "k8s/poddisruptionbudget.yaml",
            "k8s/service.yaml"
        ]
    );
    expect(project, &["gen", "-o", "deploy", "--check"], 0);
}

/// A platform has one target in the tree; others of its are there when they are asked for, and stay.
#[test]
fn what_another_target_of_a_platform_wrote_into_the_tree_stays() {
    let project = project(MANIFEST);
    let project = project.path();
    expect(project, &["gen", "-o", "deploy"], 0);
    expect(
        project,
        &["gen", "k8s-policy", "-o", "deploy/k8s-policy"],
        0,
    );
    let both = tree(&project.join("deploy"));
    assert!(both.len() > ALL.len());
    expect(project, &["gen", "-o", "deploy", "--check"], 0);
    expect(project, &["gen", "-o", "deploy"], 0);
    assert_eq!(tree(&project.join("deploy")), both);
}

#[test]
fn files_of_ones_own_are_neither_written_nor_compared_nor_removed() {
    let own = "generate: { own: [k8s/service, ecs] }\n";
    let project = project(&format!("{MANIFEST}{own}"));
    let project = project.path();
    let mine = "# generated by lifecycle gen k8s, and changed by hand since\n";
    write(project, "deploy/k8s/service.yaml", mine);
    write(
        project,
        "deploy/ecs/service.json",
        "{\"generated by lifecycle gen ecs\": 1}\n",
    );
    expect(project, &["gen", "-o", "deploy"], 0);
    expect(project, &["gen", "-o", "deploy", "--check"], 0);
    expect(project, &["gen", "k8s", "-o", "deploy/k8s"], 0);
    expect(project, &["gen", "k8s", "-o", "deploy/k8s", "--force"], 0);
    let left = tree(&project.join("deploy"));
    assert_eq!(left["k8s/service.yaml"], mine);
    assert_eq!(left.len(), 4, "{:?}", left.keys());
    let refused = expect(project, &["gen", "ecs", "-o", "deploy/ecs"], 2);
    assert!(refused.contains("generate.own"), "{refused}");
    // To look at, there is still what would be written.
    let printed = expect(project, &["gen", "k8s"], 0);
    assert!(printed.contains("kind: Service\n"), "{printed}");
    // A Service that is no longer made is nobody's to remove.
    let without = format!("{MANIFEST}{own}").replace("port: 8080, ", "");
    write(
        project,
        "lifecycle.yaml",
        &without.replace("load_balancer: {}", ""),
    );
    expect(project, &["gen", "-o", "deploy"], 0);
    assert_eq!(tree(&project.join("deploy"))["k8s/service.yaml"], mine);
}

#[test]
fn an_own_file_that_no_target_writes_is_an_error_with_the_nearest_one() {
    for (entry, near) in [
        ("k8s/servise", "did you mean `k8s/service`?"),
        ("k8/service", "did you mean `k8s/service`?"),
        ("k8s/service.yml", "did you mean `k8s/service.yaml`?"),
        ("kubernets", "these can be"),
        ("helm/values.yaml", "these can be"),
    ] {
        let project = project(&format!(
            "{MANIFEST}generate:\n  own: [ecs/service, {entry}]\n"
        ));
        let refused = expect(project.path(), &["gen", "-o", "deploy"], 2);
        assert!(refused.contains(near), "{entry}: {refused}");
        assert!(refused.contains("lifecycle.yaml:9:22"), "{refused}");
        assert!(!project.path().join("deploy").exists());
    }
    let project = project(&format!("{MANIFEST}generate: {{ owns: [] }}\n"));
    let refused = expect(project.path(), &["check"], 1);
    assert!(
        refused.contains("LC003") && refused.contains("own"),
        "{refused}"
    );
}

#[test]
fn a_template_of_ones_own_gets_the_same_data() {
    let project = project(MANIFEST);
    let project = project.path();
    let mine =
        "# {{ header }}\nkind: Service\nname: {{ service }}\nports: {{ service_ports | length }}\n";
    write(project, "mine/kubernetes/service.yaml.j2", mine);
    write(project, "mine/README.md", "Not a template.\n");
    let generate = ["gen", "-o", "deploy", "--templates", "mine"];
    expect(project, &generate, 0);
    let made = tree(&project.join("deploy"));
    assert!(
        made["k8s/service.yaml"].ends_with("\nkind: Service\nname: \"shop\"\nports: 1\n"),
        "{}",
        made["k8s/service.yaml"]
    );
    assert!(made["k8s/deployment.yaml"].contains("terminationGracePeriodSeconds"));
    expect(project, &[&generate[..], &["--check"]].concat(), 0);
    // Without it, the built-in one is meant.
    expect(project, &["gen", "-o", "deploy", "--check"], 1);
    let manifest = format!("{MANIFEST}generate: {{ output: deploy, templates: mine }}\n");
    write(project, "lifecycle.yaml", &manifest);
    expect(project, &["gen", "--check"], 0);
}

#[test]
fn what_is_wrong_with_a_template_of_ones_own_is_said_with_its_place() {
    for (path, text, says) in [
        (
            "kubernetes/service.yaml.j2",
            "# {{ header }}\nname: {{ servise }}\n",
            "service.yaml.j2",
        ),
        (
            "kubernetes/service.yaml.j2",
            "# {{ header }\n",
            "service.yaml.j2",
        ),
        (
            "kubernetes/service.yaml.j2",
            "kind: Service\n",
            "does not print `header`",
        ),
        (
            "kubernetes/servise.yaml.j2",
            "# {{ header }}\n",
            "did you mean `kubernetes/service.yaml.j2`?",
        ),
        ("k8s/x/y.yaml.j2", "", "these can be: `"),
        ("init/lifecycle.yaml.j2", "", "replaces no template"),
        ("kubernetes/service.yaml", "", "there is no template in"),
    ] {
        let project = project(MANIFEST);
        write(project.path(), &format!("mine/{path}"), text);
        let generate = ["gen", "-o", "deploy", "--templates", "mine"];
        let refused = expect(project.path(), &generate, 2);
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("fault of lifecycle"), "{refused}");
        assert!(!project.path().join("deploy").exists());
    }
    let project = project(MANIFEST);
    expect(
        project.path(),
        &["gen", "-o", "x", "--templates", "none"],
        2,
    );
}

#[test]
fn the_data_of_every_template_is_printed_and_makes_the_same_file() {
    let project = project(MANIFEST);
    let project = project.path();
    let printed = run(project, &["gen", "--print-data"]);
    assert!(printed.status.success());
    let document: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(document["version"], 1);
    let files = document["files"].as_array().unwrap();
    assert_eq!(files.len(), ALL.len());
    for file in files {
        let template = file["template"].as_str().unwrap();
        let path = support::root().join("templates").join(template);
        assert!(path.is_file(), "{template}");
    }
    let deployment = files.iter().find(|it| it["file"] == "deployment.yaml");
    let data = &deployment.unwrap()["data"];
    assert_eq!(data["service"], "shop");
    assert_eq!(data["grace_seconds"], 30);
    let one = run(project, &["gen", "ecs", "--print-data"]);
    let document: serde_json::Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(document["files"].as_array().unwrap().len(), 3);
}

#[test]
fn patches_of_everything_lie_in_one_tree_too() {
    let project = project(MANIFEST);
    let project = project.path();
    expect(project, &["gen", "--patch", "-o", "patches"], 0);
    let made = tree(&project.join("patches"));
    assert!(
        made.contains_key("ecs/shop.cloudformation.json"),
        "{:?}",
        made.keys()
    );
    expect(project, &["gen", "--patch", "-o", "patches", "--check"], 0);
    // Whole files beside them leave them where they are.
    expect(project, &["gen", "-o", "patches"], 0);
    assert!(tree(&project.join("patches")).contains_key("ecs/shop_override.tf.json"));
}

#[test]
fn a_lost_manifest_is_not_taken_for_a_misspelt_target() {
    let project = project(MANIFEST);
    for lost in ["shop.yaml", "services/shop"] {
        let said = expect(project.path(), &["gen", lost], 2);
        assert!(said.contains(&format!("could not read {lost}")), "{said}");
    }
    let said = expect(project.path(), &["gen", "k9s"], 2);
    assert!(said.contains("k8s"), "{said}");
}

#[test]
fn that_a_program_asks_itself_is_said_to_need_the_runtime() {
    for (target, check, noted) in [
        ("ecs", "runtime", true),
        ("compose", "runtime", true),
        ("docker", "runtime", true),
        ("ecs", "[CMD, ./health]", false),
        ("compose", "[CMD, ./health]", false),
        ("docker", "[CMD, ./health]", false),
    ] {
        let project = project(&format!(
            "lifecycle: 1\nservice: shop\ntraffic: {{ health: {{ port: 8081 }} }}\n\
             resources: {{ http: {{ kind: http-server, port: 8080, timeout: 3s }} }}\n\
             platforms: {{ {target}: {{ image: x, health_check: {check} }} }}\n"
        ));
        let said = expect(project.path(), &["gen", target, "-o", "deploy"], 0);
        let note = format!("note: `health_check: runtime` under `platforms.{target}`");
        assert_eq!(said.contains(&note), noted, "{said}");
        if target == "ecs" {
            let said = expect(project.path(), &["gen", "ecs", "--patch", "-o", "own"], 0);
            assert_eq!(said.contains(&note), noted, "{said}");
        }
    }
}

/// Nomad refuses a job whose times for a deployment do not lie within one another
/// (`UpdateStrategy.Validate`).
#[test]
fn a_job_of_nomad_leaves_nothing_at_a_default_that_does_not_fit() {
    for (progress, written) in [
        ("", "progress_deadline = \"600s\""),
        ("301s", "progress_deadline = \"301s\""),
        (
            "5m",
            "progress_deadline = \"300s\"\n# Nomad takes only what is shorter than progress_deadline.\nhealthy_deadline = \"270s\"",
        ),
        (
            "11s",
            "progress_deadline = \"11s\"\n# Nomad takes only what is shorter than progress_deadline.\nhealthy_deadline = \"9s900ms\"\nmin_healthy_time = \"8s910ms\"",
        ),
        ("0s", "progress_deadline = \"0s\""),
    ] {
        let knob = match progress {
            "" => String::new(),
            time => format!("progress_deadline: {time}, "),
        };
        let project = project(&format!(
            "lifecycle: 1\nservice: shop\nresources: {{ jobs: {{ kind: task, timeout: 3s }} }}\n\
             platforms: {{ nomad: {{ image: x, grace_period: 10s, {knob}kill_signal: SIGTERM }} }}\n"
        ));
        expect(project.path(), &["gen", "nomad", "-o", "deploy"], 0);
        let job = std::fs::read_to_string(project.path().join("deploy/shop.nomad.hcl")).unwrap();
        let (_, update) = job.split_once("progress_deadline").unwrap();
        let (update, _) = update.split_once('}').unwrap();
        let lines: Vec<&str> = update.trim().lines().map(str::trim).collect();
        assert_eq!(format!("progress_deadline {}", lines.join("\n")), written);
    }
}
