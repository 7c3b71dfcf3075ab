//! The classic servers of the field, each stopping as its own documentation says, drilled by the plain
//! command: their verdicts are right, and `docs/drill.md` tells what they are.
//!
//! `tests/field/table` runs this with what it needs, and writes the page's table anew. Express comes
//! from `LIFECYCLE_FIELD`, a directory with its `node_modules`; gunicorn from the Python that
//! `LIFECYCLE_CONFORMANCE_PYTHON` names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use lifecycle_tests::{program, root, skipped};
use serde_json::Value;

/// Drills side by side; they mostly wait.
const AT_ONCE: usize = 4;
/// The marks around the table in the page.
const BEGIN: &str = "<!-- servers: written by tests/field/table -->";
const END: &str = "<!-- servers: end -->";
const HEAD: &str =
    "| Server | Started as | Lost | Refused | Left | Verdict |\n|---|---|---|---|---|---|\n";

/// What a server needs that is not on every machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Express,
    Npm,
    Python,
    Gunicorn,
    Java,
}

/// A server, and what is to be said of it.
struct Server {
    /// As the table has it.
    name: &'static str,
    needs: Needs,
    /// The manifest beside this file, without its ending; `None` for the platform's defaults alone.
    manifest: Option<&'static str>,
    /// Further words of `lifecycle drill`.
    options: &'static str,
    /// The command with `PORT` in it, and `BIN` and `PYTHON` where programs are.
    command: &'static [&'static str],
    /// Every failure and every warning about the server, each with what its message or cause says.
    found: &'static [(&'static str, &'static str)],
    /// What may be found too: races that are lost in some runs.
    may: &'static [&'static str],
}

const RACES: &[&str] = &["request-lost", "keep-alive-reset"];
/// What is found here and fails no drill; all else does.
const WARNINGS: &[&str] = &["request-refused", "waited-with-nothing-to-do"];
/// A race is lost by what is under way in one moment: ten requests that take 100 ms each at 100 a second,
/// and one on each of sixteen connections that are kept alive. More is no race.
const LOST_IN_RACES: u64 = 26;

const SERVERS: &[Server] = &[
    Server {
        name: "axum, plain `axum::serve`",
        needs: Needs::Nothing,
        manifest: None,
        options: "",
        command: &["BIN/field-axum-plain", "PORT"],
        found: &[
            (
                "signal-not-handled",
                "the program has no handler for SIGTERM",
            ),
            ("request-lost", "under way when the process left"),
            ("request-refused", "the process was gone at"),
        ],
        may: &[],
    },
    Server {
        name: "axum with `with_graceful_shutdown`",
        needs: Needs::Nothing,
        manifest: None,
        options: "",
        command: &["BIN/field-axum-graceful", "PORT"],
        found: &[("request-refused", "a longer settle time covers it")],
        may: RACES,
    },
    Server {
        name: "the same, with a request that never ends",
        needs: Needs::Nothing,
        manifest: Some("stuck"),
        options: "",
        command: &["BIN/field-axum-graceful", "PORT"],
        found: &[
            (
                "request-lost",
                "SIGKILL took the requests in flight with it",
            ),
            ("sigkill-needed", "the oldest is GET /forever"),
        ],
        may: &["keep-alive-reset", "request-refused"],
    },
    Server {
        name: "Express with `server.close` only",
        needs: Needs::Express,
        manifest: None,
        options: "--platform docker --ready http://127.0.0.1:PORT/",
        command: &["node", "express_close.js", "PORT"],
        found: &[
            (
                "listener-closed-before-readiness",
                "readiness never said no",
            ),
            (
                "held-by-idle-connections",
                "connections on which nothing was ever sent",
            ),
            ("request-refused", "the listener was closed at"),
        ],
        may: RACES,
    },
    Server {
        name: "Express with a full drain",
        needs: Needs::Express,
        manifest: Some("express"),
        options: "",
        command: &["node", "express_drain.js", "PORT"],
        found: &[],
        may: &[],
    },
    Server {
        name: "the same, without a manifest",
        needs: Needs::Express,
        manifest: None,
        options: "",
        command: &["node", "express_drain.js", "PORT"],
        found: &[],
        may: &[],
    },
    Server {
        name: "the same, through `sh -c`",
        needs: Needs::Express,
        manifest: None,
        options: "",
        command: &["sh", "-c", "node express_drain.js PORT || exit 1"],
        found: &[
            ("shell-first", "SIGTERM was never seen by your program"),
            ("request-refused", ""),
        ],
        may: &["request-lost"],
    },
    Server {
        name: "the same, through `sh -c` with `exec`",
        needs: Needs::Express,
        manifest: None,
        options: "",
        command: &["sh", "-c", "exec node express_drain.js PORT"],
        found: &[],
        may: &[],
    },
    Server {
        name: "the same, through npm",
        needs: Needs::Npm,
        manifest: None,
        options: "",
        command: &["npm", "start", "--silent", "--prefix", "npm", "--", "PORT"],
        found: &[
            (
                "package-runner-first",
                "the shell ends without passing it on",
            ),
            ("request-refused", ""),
        ],
        may: &["request-lost"],
    },
    Server {
        name: "Python's `http.server`",
        needs: Needs::Python,
        manifest: None,
        options: "",
        command: &["PYTHON", "http_server.py", "PORT"],
        found: &[
            (
                "signal-not-handled",
                "the program has no handler for SIGTERM",
            ),
            ("request-lost", "under way when the process left"),
            ("request-refused", "the process was gone at"),
        ],
        may: &[],
    },
    Server {
        name: "gunicorn with threads",
        needs: Needs::Gunicorn,
        manifest: None,
        options: "--platform docker",
        command: &[
            "PYTHON",
            "-m",
            "gunicorn",
            "-k",
            "gthread",
            "--threads",
            "32",
            "-b",
            "127.0.0.1:PORT",
            "gunicorn_app:app",
        ],
        // It takes no more connections, and leaves its listener open: they wait in the backlog.
        found: &[("request-lost", "backlog")],
        may: &[
            "keep-alive-reset",
            "request-refused",
            "held-by-idle-connections",
            "waited-with-nothing-to-do",
        ],
    },
    Server {
        name: "Java's `HttpServer` with a shutdown hook",
        needs: Needs::Java,
        manifest: None,
        options: "--rate 30 --warm-up 3s",
        command: &["java", "-XX:TieredStopAtLevel=1", "Server.java", "PORT"],
        found: &[
            ("exit-not-zero", "exit code 143"),
            ("request-refused", "a longer settle time covers it"),
        ],
        may: &[
            "request-lost",
            "keep-alive-reset",
            "waited-with-nothing-to-do",
        ],
    },
    Server {
        name: "the same, with a manifest that expects 143",
        needs: Needs::Java,
        manifest: Some("java"),
        options: "--rate 30 --warm-up 3s",
        command: &["java", "-XX:TieredStopAtLevel=1", "Server.java", "PORT"],
        found: &[],
        // Its stop waits for all of its time when nothing is under way as it begins.
        may: &[
            "request-lost",
            "keep-alive-reset",
            "request-refused",
            "waited-with-nothing-to-do",
        ],
    },
];

/// Where programs are.
struct Places {
    lifecycle: PathBuf,
    bin: PathBuf,
    field: PathBuf,
    express: Option<PathBuf>,
    /// One with gunicorn.
    python: Option<String>,
}

impl Places {
    fn find() -> Self {
        program("lifecycle-tests", "field-axum-graceful");
        let plain = program("lifecycle-tests", "field-axum-plain");
        let python = std::env::var("LIFECYCLE_CONFORMANCE_PYTHON").ok();
        Self {
            lifecycle: program("lifecycle-cli", "lifecycle"),
            bin: plain.parent().unwrap().to_owned(),
            field: root().join("tests/field").canonicalize().unwrap(),
            express: std::env::var_os("LIFECYCLE_FIELD").map(PathBuf::from),
            python: python.filter(|python| runs(&[python, "-c", "import gunicorn"])),
        }
    }

    /// What is missing for a server.
    fn missing(&self, needs: Needs) -> Option<&'static str> {
        let there = match needs {
            Needs::Nothing => return None,
            Needs::Express if self.express.is_none() => {
                return Some("LIFECYCLE_FIELD names no directory with express");
            }
            Needs::Express => runs(&["node", "--version"]),
            Needs::Npm => return self.missing(Needs::Express).or(Self::missing_npm()),
            Needs::Python => runs(&["python3", "--version"]),
            Needs::Gunicorn if self.python.is_none() => {
                return Some("LIFECYCLE_CONFORMANCE_PYTHON names no Python with gunicorn");
            }
            Needs::Gunicorn => true,
            Needs::Java => runs(&["java", "--version"]),
        };
        (!there).then_some("it is not on this machine")
    }

    fn missing_npm() -> Option<&'static str> {
        (!runs(&["npm", "--version"])).then_some("there is no npm")
    }

    /// The exit code, and what was measured.
    fn drill(&self, server: &Server) -> (Option<i32>, Value) {
        let port = free_port();
        let python = match server.needs {
            Needs::Gunicorn => self.python.clone().unwrap(),
            _ => "python3".to_owned(),
        };
        let words = server.command.iter().map(|word| {
            word.replace("PORT", &port.to_string())
                .replace("BIN", self.bin.to_str().unwrap())
                .replace("PYTHON", &python)
        });
        let usual = [["--rate", "100"], ["--warm-up", "700ms"]];
        let unsaid = |option: &&[&str; 2]| !server.options.contains(option[0]);
        let usual: Vec<_> = usual.iter().filter(unsaid).flatten().collect();
        let mut drill = Command::new(&self.lifecycle);
        drill.arg("drill").current_dir(&self.field);
        if let Some(manifest) = server.manifest {
            drill.arg(format!("{manifest}.yaml"));
        }
        if let Some(field) = &self.express {
            drill.env("NODE_PATH", field.join("node_modules"));
        }
        // No cache of compiled Python in the sources.
        drill.env("PYTHONDONTWRITEBYTECODE", "1");
        drill
            .args(["--port", &port.to_string(), "--format", "json"])
            .args(usual)
            .args(
                server
                    .options
                    .replace("PORT", &port.to_string())
                    .split_whitespace(),
            )
            .arg("--")
            .args(words);
        let output = drill.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        let measured = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {words}", server.name));
        (output.status.code(), measured)
    }
}

fn runs(command: &[&str]) -> bool {
    Command::new(command[0])
        .args(&command[1..])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Names, in the order of the report; what the machine's own busyness adds is left away.
fn names(measured: &Value) -> Vec<&str> {
    let findings = measured["findings"].as_array().unwrap();
    let names = findings.iter().map(|it| it["name"].as_str().unwrap());
    names.filter(|name| !name.starts_with("load-")).collect()
}

/// What is wrong about a verdict, in words; empty when it is right.
fn wrong(server: &Server, code: Option<i32>, measured: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = measured["findings"].as_array().unwrap();
    let fails = all.iter().any(|it| it["severity"] == "failure");
    if measured["passed"] != !fails || code != Some(i32::from(fails)) {
        wrong.push(format!(
            "passed is {} and the exit code {code:?}",
            measured["passed"]
        ));
    }
    let lost = lost(measured);
    if !server.found.iter().any(|(name, _)| RACES.contains(name)) && lost > LOST_IN_RACES {
        wrong.push(format!("{lost} requests are lost, more than in a race"));
    }
    let expected: BTreeSet<_> = server.found.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<_> = names(measured).into_iter().collect();
    for missing in expected.difference(&found) {
        wrong.push(format!("{missing} is not found"));
    }
    for more in found.difference(&expected) {
        if !server.may.contains(more) {
            wrong.push(format!("{more} is found"));
        }
    }
    for finding in measured["findings"].as_array().unwrap() {
        let name = finding["name"].as_str().unwrap();
        let said = format!("{}; {}", finding["message"], finding["cause"]);
        let Some((_, says)) = server.found.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let severity = match WARNINGS.contains(&name) {
            true => "warning",
            false => "failure",
        };
        if finding["severity"] != severity {
            wrong.push(format!("{name} is a {}", finding["severity"]));
        }
        if !said.contains(says) {
            wrong.push(format!("{name} does not say {says:?}, but {said}"));
        }
        if finding["at_ms"].is_null() {
            wrong.push(format!("{name} does not say when"));
        }
    }
    wrong
}

/// How often something became of a request, in all phases.
fn count(measured: &Value, key: &str) -> u64 {
    let phases = ["before", "settling", "stopping", "gone"];
    let counts = phases.map(|phase| measured["requests"][phase][key].as_u64().unwrap_or(0));
    counts.iter().sum()
}

fn lost(measured: &Value) -> u64 {
    count(measured, "lost")
}

/// A row of the table. What two runs need not have alike stands in the columns between.
fn row(server: &Server, measured: &Value) -> String {
    let refused = count(measured, "refused") + count(measured, "refused_at_connect");
    let exit = measured["process"]["exit_ms"].as_f64().unwrap();
    let left = match exit {
        ..1_000.0 => format!("{exit:.0} ms"),
        _ => format!("{:.1} s", exit / 1_000.0),
    };
    let left = match measured["process"]["sigkill_needed"].as_bool() {
        Some(true) => "killed".to_owned(),
        _ => left,
    };
    let [before, after] = [server_columns(server), verdict_column(server, measured)];
    format!("{before}{} | {refused} | {left} {after}\n", lost(measured))
}

fn server_columns(server: &Server) -> String {
    let command = server.command.join(" ").replace("BIN/", "");
    let command = command.replace("PYTHON", "python");
    let manifest = server.manifest.map(|name| format!(" {name}.yaml"));
    let options = match server.options {
        "" => String::new(),
        options => format!(" {options}"),
    };
    format!(
        "| {} | `drill{}{options} -- {}` | ",
        server.name,
        manifest.unwrap_or_default(),
        command.replace('|', "\\|")
    )
}

fn verdict_column(server: &Server, measured: &Value) -> String {
    // What may be found in some runs is not told: the table would never be fresh.
    let told: Vec<_> = names(measured)
        .into_iter()
        .filter(|name| server.found.iter().any(|(known, _)| known == name))
        .map(|name| format!("[{name}](#{name})"))
        .collect();
    let mut sure = server.found.iter().map(|(name, _)| name);
    let races = || server.may.iter().any(|name| RACES.contains(name));
    let verdict = match sure.any(|name| !WARNINGS.contains(name)) {
        true => "**failed**",
        false if races() => "passed, unless a race is lost",
        false => "passed",
    };
    match told.is_empty() {
        true => format!("| {verdict} |"),
        false => format!("| {verdict}: {} |", told.join(", ")),
    }
}

/// The first two columns and the last.
fn lasting(row: &str) -> Vec<&str> {
    let cells: Vec<_> = row.trim().split(" | ").collect();
    match cells.as_slice() {
        [server, command, .., verdict] => vec![server, command, verdict],
        _ => Vec::new(),
    }
}

#[test]
fn the_classic_servers_are_seen_through() {
    let places = Places::find();
    let mut waiting: Vec<&Server> = Vec::new();
    let mut complete = true;
    for server in SERVERS {
        match places.missing(server.needs) {
            None => waiting.push(server),
            Some(why) => {
                complete = false;
                skipped(&format!("{}: {why}", server.name));
            }
        }
    }
    // The long ones first.
    waiting.sort_by_key(|server| server.options.is_empty());
    waiting.reverse();
    let waiting = Mutex::new(waiting);
    let drilled = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(server) = { waiting.lock().unwrap().pop() } {
                    let (code, measured) = places.drill(server);
                    drilled.lock().unwrap().push((server.name, code, measured));
                }
            });
        }
    });
    let drilled = drilled.into_inner().unwrap();
    let mut faults = Vec::new();
    let mut rows = Vec::new();
    for server in SERVERS {
        let of_server = drilled.iter().find(|(name, ..)| *name == server.name);
        let Some((_, code, measured)) = of_server else {
            continue;
        };
        let wrong = wrong(server, *code, measured);
        if !wrong.is_empty() {
            faults.push(format!(
                "{}: {}\n{:#}",
                server.name,
                wrong.join("; "),
                measured["findings"]
            ));
        }
        rows.push(row(server, measured));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(!rows.is_empty());
    table(&rows, complete);
}

/// Compares the page with the rows, or writes it.
fn table(rows: &[String], complete: bool) {
    let path = root().join("docs/drill.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark");
    let (table, after) = rest.split_once(END).expect("the page has the second mark");
    if std::env::var_os("LIFECYCLE_BLESS").is_some() {
        assert!(complete, "not every server could be drilled here");
        let text = format!("{before}{BEGIN}\n\n{HEAD}{}\n{END}{after}", rows.concat());
        write(&path, &text);
        return;
    }
    for row in rows {
        assert!(
            table.lines().any(|line| lasting(line) == lasting(row)),
            "docs/drill.md does not have this row; run tests/field/table\n{row}\n{table}"
        );
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
