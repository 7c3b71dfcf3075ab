//! `lifecycle init` with the real command: files, flags, standard input, and a dialogue on a terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lifecycle_manifest::Analysis;

fn lifecycle(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifecycle"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn given(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lines that are keys.
fn active(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .collect()
}

#[test]
fn without_anything_said_the_manifest_is_the_usual_one_and_clean() {
    let project = tempfile::tempdir().unwrap();
    let shop = project.path().join("Shop_Front");
    std::fs::create_dir(&shop).unwrap();
    let made = lifecycle(&shop, &["init"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    assert!(made.stdout.is_empty());
    for words in [
        "wrote lifecycle.yaml",
        "lifecycle check",
        "lifecycle plan",
        "lifecycle gen k8s",
    ] {
        assert!(err(&made).contains(words), "{}", err(&made));
    }
    let text = std::fs::read_to_string(shop.join("lifecycle.yaml")).unwrap();
    assert!(active(&text).contains(&"service: shop-front"), "{text}");
    let checked = lifecycle(&shop, &["check", "-D", "all"]);
    assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
}

#[test]
fn the_package_gives_the_name_before_the_directory() {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(
        project.path().join("Cargo.toml"),
        "[package]\nname = \"order_api\"\n",
    )
    .unwrap();
    let made = lifecycle(project.path(), &["init", "--stdout"]);
    assert!(
        active(&out(&made)).contains(&"service: order-api"),
        "{}",
        out(&made)
    );
    assert!(!project.path().join("lifecycle.yaml").exists());
}

#[test]
fn a_manifest_that_is_there_stays_unless_it_is_forced_away() {
    let project = tempfile::tempdir().unwrap();
    let file = project.path().join("lifecycle.yaml");
    std::fs::write(&file, "mine\n").unwrap();
    for args in [
        &["init"][..],
        &["init", "."],
        &["init", "lifecycle.yaml"],
        &["init", "-o", "lifecycle.yaml"],
    ] {
        let refused = lifecycle(project.path(), args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(
            err(&refused).contains("`--force` overwrites it"),
            "{}",
            err(&refused)
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
    }
    let printed = lifecycle(project.path(), &["init", "-o", "-"]);
    assert_eq!(printed.status.code(), Some(0));
    assert!(out(&printed).contains("lifecycle: 1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
    let forced = lifecycle(project.path(), &["init", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", err(&forced));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("lifecycle: 1")
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_something_that_is_there() {
    let project = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("elsewhere.yaml", project.path().join("lifecycle.yaml")).unwrap();
    let refused = lifecycle(project.path(), &["init"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!project.path().join("elsewhere.yaml").exists());
}

#[test]
fn a_place_that_cannot_be_written_to_is_said_and_nothing_is_left_there() {
    let project = tempfile::tempdir().unwrap();
    // A file where a directory must be holds for every user, root too.
    std::fs::write(project.path().join("occupied"), "").unwrap();
    for (path, words) in [
        ("occupied/lifecycle.yaml", "there is no directory occupied"),
        ("missing/lifecycle.yaml", "there is no directory missing"),
        ("services-shop", "there is no directory services-shop"),
    ] {
        let refused = lifecycle(project.path(), &["init", path]);
        assert_eq!(refused.status.code(), Some(2), "{path}");
        assert!(err(&refused).contains(words), "{}", err(&refused));
    }
    let left: Vec<_> = std::fs::read_dir(project.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_directory_is_said() {
    // Nothing can be made below /proc, whoever asks.
    let refused = lifecycle(Path::new("/"), &["init", "/proc/lifecycle.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("could not write /proc/lifecycle.yaml"),
        "{}",
        err(&refused)
    );
}

#[test]
fn flags_say_what_the_questions_would_ask() {
    let project = tempfile::tempdir().unwrap();
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--stdout",
            "--service",
            "checkout",
            "--platform",
            "kubernetes",
            "--platform",
            "ecs",
            "--resource",
            "api=http-server:20s",
            "--resource",
            "mails=queue-consumer",
            "--resource",
            "db=database",
            "--port",
            "9000",
            "--health-port",
            "9090",
            "--image",
            "registry.example.com/checkout:1",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let text = out(&made);
    for line in [
        "service: checkout",
        "  health: { port: 9090 }",
        "  api: { kind: http-server, port: 9000, timeout: 20s }",
        "  mails: { kind: queue-consumer, timeout: 10s }",
        "  db: { kind: database, timeout: 5s }",
        "    image: \"registry.example.com/checkout:1\"",
    ] {
        assert!(active(&text).contains(&line), "{line}\n{text}");
    }
    let analysis = Analysis::of(&text);
    assert!(
        analysis.findings.is_empty(),
        "{:?}\n{text}",
        analysis.findings
    );
    assert!(
        text.contains("grace_period: 36s   # the smallest that fits"),
        "{text}"
    );
}

#[test]
fn a_platform_that_gives_less_gets_shorter_steps() {
    let project = tempfile::tempdir().unwrap();
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--stdout",
            "--platform",
            "kubernetes",
            "--platform",
            "cloud_run",
        ],
    );
    let text = out(&made);
    let analysis = Analysis::of(&text);
    assert!(
        analysis.findings.is_empty(),
        "{:?}\n{text}",
        analysis.findings
    );
    assert!(text.contains("timeout: 15s"), "{text}");
    assert!(
        active(&text)
            .iter()
            .any(|line| line.starts_with("    timeouts: { http: ")),
        "{text}"
    );
}

#[test]
fn what_cannot_be_meant_is_said_with_what_was_probably_meant() {
    let project = tempfile::tempdir().unwrap();
    for (args, words) in [
        (
            &["--resource", "db=databse"][..],
            "did you mean `database`?",
        ),
        (&["--resource", "db"], "NAME=KIND"),
        (
            &["--resource", "self=task"],
            "cannot be the name of a resource",
        ),
        (
            &["--resource", "a=task", "--resource", "a=cache"],
            "stands here twice",
        ),
        (&["--service", "My Shop"], "`my-shop` can"),
        (&["--platform", "kubernets"], "kubernetes"),
        (&["--port", "0"], "0"),
        (&["--workload", "x"], "--from"),
        (&["--from", "nothing.yaml"], "could not read nothing.yaml"),
    ] {
        let refused = lifecycle(project.path(), &[&["init"], args].concat());
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(err(&refused).contains(words), "{args:?}: {}", err(&refused));
    }
    assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0);
}

const TWO: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, namespace: web }
spec: { template: { spec: { containers: [{ name: shop, ports: [{ containerPort: 8080 }] }] } } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: nightly }] } } } } }
";

#[test]
fn several_workloads_are_listed_and_one_is_chosen() {
    let project = tempfile::tempdir().unwrap();
    let refused = given(project.path(), &["init", "--from", "-"], TWO);
    assert_eq!(refused.status.code(), Some(2));
    for words in [
        "Deployment shop in namespace web",
        "CronJob nightly",
        "--workload KIND/NAME",
    ] {
        assert!(err(&refused).contains(words), "{}", err(&refused));
    }
    assert!(!project.path().join("lifecycle.yaml").exists());
    for (asked, line) in [
        (
            "shop",
            "  http: { kind: http-server, port: 8080, timeout: 15s }",
        ),
        ("deployment/shop", "service: shop"),
        ("web/shop", "service: shop"),
        ("CronJob/nightly", "  work: { kind: task, timeout: 10s }"),
    ] {
        let made = given(
            project.path(),
            &["init", "--stdout", "--from", "-", "--workload", asked],
            TWO,
        );
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        assert!(
            active(&out(&made))
                .iter()
                .any(|there| there.starts_with(line)),
            "{asked}\n{}",
            out(&made)
        );
    }
    let unknown = given(
        project.path(),
        &["init", "--from", "-", "--workload", "shoop"],
        TWO,
    );
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        err(&unknown).contains("there is no workload `shoop`"),
        "{}",
        err(&unknown)
    );
}

#[test]
fn a_file_without_a_workload_or_without_yaml_is_said() {
    let project = tempfile::tempdir().unwrap();
    for (text, words) in [
        ("", "there is no workload in standard input"),
        (
            "kind: ConfigMap\n",
            "there is no workload in standard input",
        ),
        ("a: [b\n", "standard input, line"),
        (
            "{\"serviceName\":\"a\",\"taskDefinition\":\"a\"}",
            "no task definition",
        ),
    ] {
        let refused = given(project.path(), &["init", "--from", "-"], text);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(err(&refused).contains(words), "{text}: {}", err(&refused));
    }
}

#[test]
fn several_files_are_one_description() {
    let project = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(project.path().join(name), text).unwrap();
    write(
        "taskdef.json",
        r#"{"family":"shop","requiresCompatibilities":["FARGATE"],"cpu":"512","memory":"1 GB","containerDefinitions":[{"name":"shop","image":"x","stopTimeout":40,"portMappings":[{"containerPort":8080}]}]}"#,
    );
    write(
        "service.json",
        r#"{"serviceName":"shop","cluster":"main","taskDefinition":"shop:3","desiredCount":4,"loadBalancers":[{"targetGroupArn":"arn:tg","containerName":"shop","containerPort":8080}]}"#,
    );
    write(
        "group.json",
        r#"{"TargetGroupArn":"arn:tg","Attributes":[{"Key":"deregistration_delay.timeout_seconds","Value":"20"}]}"#,
    );
    write(
        "deployment.yaml",
        "kind: Deployment\nmetadata: { name: shop }\nspec: { template: { spec: { terminationGracePeriodSeconds: 50, containers: [{ name: shop }] } } }\n",
    );
    let made = lifecycle(
        project.path(),
        &[
            "init",
            "--from",
            "taskdef.json",
            "--from",
            "service.json",
            "--from",
            "group.json",
            "--from",
            "deployment.yaml",
            "--stdout",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let text = out(&made);
    // A directory is the files in it.
    let all = lifecycle(project.path(), &["init", "--from", ".", "--stdout"]);
    assert_eq!(
        active(&out(&all)).len(),
        active(&text).len(),
        "{}",
        err(&all)
    );
    for line in [
        "service: shop",
        "    grace_period: 50s",
        "    grace_period: 40s",
        "    desired_count: 4",
        "    cpu: 512",
        "    memory: 1024",
        "    cluster: \"main\"",
        "    load_balancer: { deregistration_delay: 20s, target_group_arn: \"arn:tg\" }",
    ] {
        assert!(active(&text).contains(&line), "{line}\n{text}");
    }
}

/// Files in the shapes that are met in the world, each of them described and compared with itself.
fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/deployed");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|ending| ending == "yaml" || ending == "json")
        })
        .collect();
    files.sort();
    files
}

/// The workloads that a file asks to choose among, as they are chosen; nothing where there is one.
fn choices(refused: &Output) -> Vec<String> {
    let words = err(refused);
    let listed = words.lines().filter_map(|line| line.strip_prefix("  "));
    listed
        .map(|line| {
            let line = line.split(" in namespace ").next().unwrap();
            let title = line.split(" (").next().unwrap();
            let (kind, name) = title.rsplit_once(' ').unwrap();
            format!("{}/{name}", kind.replace(' ', ""))
        })
        .collect()
}

#[test]
fn what_was_described_has_not_drifted() {
    let project = tempfile::tempdir().unwrap();
    let files = corpus();
    assert!(files.len() >= 40, "only {} files", files.len());
    let mut wrong = Vec::new();
    let mut described = 0;
    for file in &files {
        let file = file.to_str().unwrap();
        let first = lifecycle(project.path(), &["init", "--stdout", "--from", file]);
        let asked = match first.status.code() {
            Some(0) => vec![None],
            _ => choices(&first).into_iter().map(Some).collect(),
        };
        assert!(!asked.is_empty(), "{file}: {}", err(&first));
        for workload in asked {
            let mut args = vec!["init", "--force", "-o", "lifecycle.yaml", "--from", file];
            if let Some(workload) = &workload {
                args.extend(["--workload", workload]);
            }
            let made = lifecycle(project.path(), &args);
            assert_eq!(made.status.code(), Some(0), "{args:?}: {}", err(&made));
            described += 1;
            let name = file.rsplit('/').next().unwrap();
            let checked = lifecycle(
                project.path(),
                &[
                    "check",
                    "lifecycle.yaml",
                    "--against",
                    file,
                    "--format",
                    "json",
                ],
            );
            let report: serde_json::Value = serde_json::from_slice(&checked.stdout)
                .unwrap_or_else(|_| panic!("{name}: {}", err(&checked)));
            let findings = report["findings"].as_array().unwrap();
            // What is wrong with the manifest's shape would hide everything else.
            let drift = findings.iter().filter(|finding| {
                let code = finding["code"].as_str().unwrap();
                code.starts_with("LC0") || code.starts_with("LC7")
            });
            wrong.extend(
                drift.map(|finding| format!("{name}: {} {}", finding["code"], finding["message"])),
            );
        }
    }
    assert!(
        wrong.is_empty(),
        "{} described\n{}",
        described,
        wrong.join("\n")
    );
}

#[test]
fn what_could_not_be_known_and_what_does_not_fit_is_said() {
    let project = tempfile::tempdir().unwrap();
    let file = "kind: Deployment\nmetadata: { name: shop }\nspec: { template: { spec: { terminationGracePeriodSeconds: 10, containers: [{ name: shop, ports: [{ containerPort: 80 }], lifecycle: { preStop: { sleep: { seconds: 10 } } } }] } } }\n";
    std::fs::write(project.path().join("deployment.yaml"), file).unwrap();
    let made = lifecycle(project.path(), &["init", "--from", "deployment.yaml"]);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    for words in [
        "not in deployment.yaml, and marked so in the manifest:",
        "http            how long does a request take at most?",
        "traffic.health  where does it answer readiness?",
        "as it stands: ",
        "(hook-takes-whole-grace)",
    ] {
        assert!(err(&made).contains(words), "{}", err(&made));
    }
    let text = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
    assert!(
        text.contains("  # not in deployment.yaml: how long does a request take at most?\n"),
        "{text}"
    );
    assert!(
        text.contains("settle: 10s   # the preStop sleep of deployment.yaml"),
        "{text}"
    );
}

#[test]
fn steps_are_fitted_to_the_grace_period_that_is_deployed() {
    let project = tempfile::tempdir().unwrap();
    for (grace, timeout) in [(60, "15s"), (30, "15s"), (20, "10s"), (12, "4s")] {
        let file = format!(
            "kind: Deployment\nmetadata: {{ name: shop }}\nspec: {{ template: {{ spec: {{ terminationGracePeriodSeconds: {grace}, containers: [{{ name: shop, ports: [{{ containerPort: 80 }}], lifecycle: {{ preStop: {{ sleep: {{ seconds: 5 }} }} }} }}] }} }} }}\n"
        );
        let made = given(project.path(), &["init", "--from", "-", "--stdout"], &file);
        let text = out(&made);
        let line = format!("  http: {{ kind: http-server, port: 80, timeout: {timeout} }}");
        assert!(
            active(&text).iter().any(|there| there.starts_with(&line)),
            "{grace}\n{text}"
        );
        let errors = Analysis::of(&text).findings.len();
        assert_eq!(errors, 0, "{text}");
    }
}

/// A person at a terminal: what is typed goes in, what is shown comes out.
#[cfg(target_os = "linux")]
mod dialogue {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::process::{Child, Command};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::active;

    struct Terminal {
        keys: File,
        shown: Receiver<Vec<u8>>,
        seen: String,
        child: Child,
    }

    impl Terminal {
        fn new(directory: &Path, args: &[&str]) -> Self {
            let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&person).unwrap();
            unlockpt(&person).unwrap();
            let name = ptsname(&person, Vec::new()).unwrap();
            let program: OwnedFd = rustix::fs::open(
                name.as_c_str(),
                OFlags::RDWR | OFlags::NOCTTY,
                Mode::empty(),
            )
            .unwrap();
            let end = || program.try_clone().unwrap();
            let child = Command::new(env!("CARGO_BIN_EXE_lifecycle"))
                .args(args)
                .current_dir(directory)
                .env("TERM", "xterm")
                .env_remove("NO_COLOR")
                .stdin(end())
                .stdout(end())
                .stderr(end())
                .spawn()
                .unwrap();
            let keys = File::from(person);
            let mut screen = keys.try_clone().unwrap();
            let (sender, shown) = channel();
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                // The terminal is gone when the last end of the program is.
                while let Ok(count @ 1..) = screen.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
            Self {
                keys,
                shown,
                seen: String::new(),
                child,
            }
        }

        /// Waits until these words are on the screen, and forgets all up to them.
        fn sees(&mut self, words: &str) {
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                if let Some(at) = self.seen.find(words) {
                    self.seen.drain(..at + words.len());
                    return;
                }
                let left = until.saturating_duration_since(Instant::now());
                let Ok(bytes) = self.shown.recv_timeout(left) else {
                    panic!("never saw {words:?}, but {:?}", self.seen);
                };
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
        }

        /// These words come up within a moment.
        fn has_seen(&mut self, words: &str) -> bool {
            while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(200)) {
                self.seen.push_str(&String::from_utf8_lossy(&bytes));
            }
            self.seen.contains(words)
        }

        fn types(&mut self, keys: &str) {
            // Where the program has ended, nobody reads.
            self.keys.write_all(keys.as_bytes()).ok();
        }

        fn ends(mut self) -> Option<i32> {
            let until = Instant::now() + Duration::from_secs(20);
            while Instant::now() < until {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            self.child.kill().unwrap();
            panic!("it does not end; seen {:?}", self.seen);
        }
    }

    const DOWN: &str = "\u{1b}[B";

    #[test]
    fn the_questions_are_answered_one_after_another() {
        let project = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::new(project.path(), &["init"]);
        terminal.sees("What is the service called?");
        terminal.types("Bad Name\r");
        terminal.sees("lower-case letters");
        // The refused answer is gone; a new one is typed.
        terminal.types("checkout\r");
        terminal.sees("What does it hold?");
        terminal.sees("queue-consumer");
        // http-server is marked; four further down is the queue-consumer.
        terminal.types(&format!("{} \r", DOWN.repeat(4)));
        terminal.sees("Which port");
        terminal.types("\r");
        terminal.sees("Where does it run?");
        terminal.sees("Cloud Run");
        terminal.types(&format!("{DOWN} \r"));
        terminal.sees("wrote lifecycle.yaml");
        assert_eq!(terminal.ends(), Some(0));
        let text = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
        for line in [
            "service: checkout",
            "  http: { kind: http-server, port: 8080, timeout: 15s }",
            "  jobs: { kind: queue-consumer, timeout: 10s }",
            "  kubernetes:",
            "  ecs:",
        ] {
            assert!(active(&text).contains(&line), "{line}\n{text}");
        }
        assert!(
            lifecycle_manifest::Analysis::of(&text).findings.is_empty(),
            "{text}"
        );
    }

    #[test]
    fn enter_alone_takes_every_default() {
        let project = tempfile::tempdir().unwrap();
        let shop = project.path().join("shop");
        std::fs::create_dir(&shop).unwrap();
        let mut terminal = Terminal::new(&shop, &["init"]);
        for question in [
            "What is the service called?",
            "What does it hold?",
            "Which port",
            "Where does it run?",
        ] {
            terminal.sees(question);
            terminal.types("\r");
        }
        terminal.sees("wrote lifecycle.yaml");
        assert_eq!(terminal.ends(), Some(0));
        let asked = std::fs::read_to_string(shop.join("lifecycle.yaml")).unwrap();
        let unasked = super::out(&super::lifecycle(&shop, &["init", "--stdout"]));
        assert_eq!(asked, unasked);
    }

    #[test]
    fn who_turns_away_has_written_nothing() {
        for (before, key) in [(0, "\u{3}"), (1, "\u{1b}"), (1, "\u{3}")] {
            let project = tempfile::tempdir().unwrap();
            let mut terminal = Terminal::new(project.path(), &["init"]);
            terminal.sees("What is the service called?");
            if before == 1 {
                terminal.types("\r");
                terminal.sees("What does it hold?");
            }
            // A key that comes before the question listens is lost, as this terminal belongs to nobody.
            while !terminal.has_seen("nothing was written") {
                terminal.types(key);
            }
            assert_eq!(terminal.ends(), Some(2), "{key:?}");
            assert_eq!(
                std::fs::read_dir(project.path()).unwrap().count(),
                0,
                "{key:?}"
            );
        }
    }

    #[test]
    fn an_interrupt_gives_the_cursor_back() {
        let project = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::new(project.path(), &["init"]);
        terminal.sees("What is the service called?");
        terminal.types("\r");
        terminal.sees("What does it hold?");
        terminal.sees("custom");
        let pid = rustix::process::Pid::from_child(&terminal.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        terminal.sees("\u{1b}[?25h");
        terminal.sees("nothing was written");
        assert_eq!(terminal.ends(), Some(2));
    }

    #[test]
    fn flags_and_yes_ask_nothing() {
        for args in [
            &["init", "--yes"][..],
            &["init", "--service", "shop"],
            &["init", "--port", "80"],
        ] {
            let project = tempfile::tempdir().unwrap();
            let mut terminal = Terminal::new(project.path(), args);
            terminal.sees("wrote lifecycle.yaml");
            assert_eq!(terminal.ends(), Some(0));
            assert!(project.path().join("lifecycle.yaml").exists());
        }
    }
}
