//! `lifecycle serve` over HTTP: who is answered, what is written, what is run. The page itself is tested
//! in a browser, by `tests/served.rs` of the workspace.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "lines and columns of short texts"
)]

#[path = "../support/mod.rs"]
mod support;

mod client;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::{lifecycle, manifest, project, stdout};

use client::Server;

fn fine() -> String {
    manifest("shop", "45s")
}

#[test]
fn whoever_is_not_the_page_is_refused_and_changes_nothing() {
    let project = project(&[("lifecycle.yaml", &fine())]);
    let server = Server::start(project.path(), &[]);
    let (port, token) = (server.port, &server.token);
    let own = format!("127.0.0.1:{port}");
    let known = format!("X-Lifecycle-Token: {token}\r\nContent-Type: application/json\r\n");
    let overwrite = json!({ "text": "# gone\n", "revision": 1, "force": true }).to_string();

    let with = |more: &str| format!("{known}{more}\r\n");
    for (what, host, headers) in [
        (
            "a foreign name for this machine",
            format!("evil.example:{port}"),
            known.clone(),
        ),
        (
            "another port's name",
            "127.0.0.1:1".to_owned(),
            known.clone(),
        ),
        (
            "a foreign page",
            own.clone(),
            with("Origin: http://evil.example"),
        ),
        (
            "a page of another port",
            own.clone(),
            with("Origin: http://127.0.0.1:3000"),
        ),
        (
            "a page without an origin",
            own.clone(),
            with("Origin: null"),
        ),
        (
            "a request across sites",
            own.clone(),
            with("Sec-Fetch-Site: cross-site"),
        ),
        (
            "a request of a sibling",
            own.clone(),
            with("Sec-Fetch-Site: same-site"),
        ),
        (
            "no token",
            own.clone(),
            "Content-Type: application/json\r\n".to_owned(),
        ),
        (
            "a wrong token",
            own.clone(),
            format!(
                "X-Lifecycle-Token: {}\r\nContent-Type: application/json\r\n",
                "0".repeat(32)
            ),
        ),
        (
            "the token as a cookie",
            own.clone(),
            format!("Cookie: token={token}\r\n"),
        ),
    ] {
        for (method, path) in [
            ("POST", "/api/save"),
            ("POST", "/api/drill"),
            ("GET", "/api/document"),
        ] {
            let answer = server.send(method, path, &host, &headers, &overwrite);
            assert_eq!(
                answer.status, 403,
                "{what}: {method} {path}: {}",
                answer.body
            );
            assert!(!answer.body.contains("shop"), "{what}: {}", answer.body);
        }
    }
    // What a form of another page can send is no JSON.
    let form = format!("X-Lifecycle-Token: {token}\r\nContent-Type: text/plain\r\n");
    assert_eq!(
        server
            .send("POST", "/api/save", &own, &form, &overwrite)
            .status,
        415
    );
    // Asked for by another page's `fetch`, that page's browser asks first, and is told nothing.
    let preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-lifecycle-token\r\n";
    let answer = server.send("OPTIONS", "/api/save", &own, preflight, "");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    // More than any manifest.
    let long = format!(
        "POST /api/save HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nContent-Length: 9000000\r\n{known}\r\n"
    );
    assert_eq!(server.raw(&long).status, 413);

    assert_eq!(
        std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap(),
        fine()
    );
}

#[test]
fn there_are_no_files_but_the_page_s_own() {
    let project = project(&[("lifecycle.yaml", &fine()), ("secret.txt", "secret")]);
    let server = Server::start(project.path(), &[]);
    for path in [
        "/secret.txt",
        "/lifecycle.yaml",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "//etc/passwd",
        "/..%5csecret.txt",
        "/page.js/../../secret.txt",
        "/report/..%2f..%2fsecret.txt",
        "/report/",
        "/report/0",
        "/%00",
    ] {
        let answer = server.ask("GET", path, None);
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    assert_eq!(server.ask("DELETE", "/", None).status, 403);
    for path in [
        "/",
        "/index.html",
        "/page.js",
        "/page.css",
        "/picture.css",
        "/icon.svg",
    ] {
        let answer = server.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{path}");
        // The page is the same for everybody: what is secret is in its address alone.
        assert!(!answer.body.contains(&server.token), "{path}");
        assert!(!answer.body.contains("shop"), "{path}");
    }
}

#[test]
fn every_answer_forbids_what_no_page_of_ours_does() {
    let project = project(&[("lifecycle.yaml", &fine())]);
    let server = Server::start(project.path(), &[]);
    let refused = server.send("GET", "/api/document", "evil.example", "", "");
    assert_eq!(refused.status, 403);
    for answer in [
        server.ask("GET", "/", None),
        server.ask("GET", "/api/document", None),
        server.ask("GET", "/nothing", None),
        refused,
    ] {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
    }
    // What a program wrote is in the report: it must not reach the page.
    let report = server.ask("GET", "/report/0", None);
    let policy = report.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("sandbox allow-scripts; default-src 'none'"),
        "{policy}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn it_listens_on_this_machine_alone() {
    let project = project(&[("lifecycle.yaml", &fine())]);
    let server = Server::start(project.path(), &[]);
    let port = format!(":{:04X}", server.port);
    let listening = |file: &str| -> Vec<String> {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        let rows = table
            .lines()
            .map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.filter(|row| row.get(3) == Some(&"0A"))
            .filter_map(|row| row.get(1)?.strip_suffix(&port).map(str::to_owned))
            .collect()
    };
    assert_eq!(listening("/proc/net/tcp"), ["0100007F"]);
    assert_eq!(listening("/proc/net/tcp6"), [""; 0]);
}

/// Findings as `check --format json` has them.
fn checked(directory: &Path) -> Vec<Value> {
    let output = lifecycle(directory)
        .args(["check", "--format", "json"])
        .output()
        .unwrap();
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    document["findings"].as_array().unwrap().clone()
}

#[test]
fn a_text_is_told_what_check_says_of_it() {
    // Characters that a page counts otherwise than a file does.
    let base = fine().replace("lifecycle: 1", "# é \u{1f980}\nlifecycle: 1");
    for text in [
        base.replace("45s", "12s"),
        base.replace("timeout: 10s", "timeout: 10s, note: é\u{1f980}, lese: 3s"),
        base.replace("service: shop", "service: ["),
    ] {
        is_told(&text);
    }
}

fn is_told(text: &str) {
    let project = project(&[("lifecycle.yaml", text)]);
    let server = Server::start(project.path(), &[]);
    let answer = server.post("/api/look", &json!({ "text": text }));
    let told = answer["findings"].as_array().unwrap();
    let known = checked(project.path());
    assert!(!known.is_empty(), "nothing to compare: {text}");
    assert_eq!(told.len(), known.len());
    for (told, known) in told.iter().zip(&known) {
        for key in [
            "code", "name", "severity", "platform", "message", "label", "notes",
        ] {
            assert_eq!(told[key], known[key], "{key}");
        }
        // A column of a page is one of UTF-16, a column of `check` is a character.
        let line = text
            .lines()
            .nth(told["start"][0].as_u64().unwrap() as usize)
            .unwrap_or_default();
        let column = told["start"][1].as_u64().unwrap() as usize;
        let units: Vec<u16> = line.encode_utf16().take(column).collect();
        let characters = String::from_utf16(&units).unwrap().chars().count() as u64;
        assert_eq!(
            told["start"][0].as_u64().unwrap() + 1,
            known["line"],
            "{told:#}"
        );
        assert_eq!(characters + 1, known["column"], "{told:#}");
        let words = |of: &Value| -> Vec<String> {
            let help = of["help"].as_array().unwrap().iter();
            help.map(|help| help["text"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(words(told), words(known));
    }
    // And mended as `check --fix` mends it.
    let fixed = server.post("/api/fix", &json!({ "text": text }));
    lifecycle(project.path())
        .args(["check", "--fix"])
        .output()
        .unwrap();
    let mended = std::fs::read_to_string(project.path().join("lifecycle.yaml")).unwrap();
    match fixed["text"].as_str() {
        Some(fixed) => assert_eq!(fixed, mended),
        None => assert_eq!(text, mended),
    }
}

#[test]
fn the_file_is_written_when_asked_and_not_over_somebody_else_s() {
    let project = project(&[("lifecycle.yaml", &fine().replace('\n', "\r\n"))]);
    let path = project.path().join("lifecycle.yaml");
    let there = || std::fs::read_to_string(&path).unwrap();
    let server = Server::start(project.path(), &[]);
    let opened = server.ask("GET", "/api/document", None).json();
    assert_eq!(opened["text"], fine());
    assert_eq!(opened["ends"], "cr-lf");
    let edited = fine().replace("45s", "50s");
    server.post("/api/look", &json!({ "text": edited }));
    server.post("/api/fix", &json!({ "text": edited }));
    assert_eq!(
        there(),
        fine().replace('\n', "\r\n"),
        "nobody asked to save"
    );

    let saved = server.post(
        "/api/save",
        &json!({ "text": edited, "revision": opened["revision"] }),
    );
    assert_eq!(saved["outcome"], "saved");
    assert_eq!(there(), edited.replace('\n', "\r\n"));

    std::fs::write(&path, fine()).unwrap();
    let again = json!({ "text": edited, "revision": saved["revision"] });
    assert_eq!(server.post("/api/save", &again)["outcome"], "changed");
    assert_eq!(there(), fine());
    // What an older page loaded is older still.
    let opened = server.ask("GET", "/api/document", None).json();
    assert_eq!(server.post("/api/save", &again)["outcome"], "changed");
    let newest = json!({ "text": edited, "revision": opened["revision"] });
    let saved = server.post("/api/save", &newest);
    assert_eq!(saved["outcome"], "saved");
    assert_eq!(there(), edited);

    // Who insists writes over what was seen, and over nothing that came later.
    let insist = |revision: &Value| {
        let body = json!({ "text": edited, "revision": revision, "force": true });
        server.post("/api/save", &body)
    };
    std::fs::write(&path, "# seen\n").unwrap();
    let newest = json!({ "text": edited, "revision": saved["revision"] });
    let seen = server.post("/api/save", &newest);
    assert_eq!(seen["outcome"], "changed");
    std::fs::write(&path, "# not seen\n").unwrap();
    let refused = insist(&seen["revision"]);
    assert_eq!(refused["outcome"], "changed");
    assert_eq!(there(), "# not seen\n");
    assert_eq!(insist(&refused["revision"])["outcome"], "saved");
    assert_eq!(there(), edited);
}

/// The platform's key and a text for a drill of something that listens nowhere.
fn drill(text: &str) -> Value {
    json!({ "text": text, "platform": "kubernetes", "rate": 10 })
}

#[test]
fn nothing_is_run_but_what_the_command_line_named() {
    let project = project(&[("lifecycle.yaml", &fine())]);
    let server = Server::start(project.path(), &[]);
    let answer = server.post("/api/drill", &drill(&fine()));
    assert_eq!(answer["outcome"], "refused");
    assert!(
        answer["words"].as_str().unwrap().contains("-- COMMAND"),
        "{answer}"
    );
    drop(server);

    let with = |mark: &str| {
        format!(
            "{}drill: {{ env: {{ MARK: {mark} }} }}\n",
            fine().replace("8080", "18397")
        )
    };
    std::fs::write(project.path().join("lifecycle.yaml"), with("written")).unwrap();
    let server = Server::start(
        project.path(),
        &["--", "sh", "-c", "echo MARK is $MARK, $0; exit 3", "named"],
    );
    let mut asked = drill(&with("typed"));
    asked["command"] = json!(["sh", "-c", "echo another"]);
    asked["platform"] = json!("kubernetes");
    assert_eq!(server.post("/api/drill", &asked)["outcome"], "started");
    let mut all = Vec::new();
    server.watch(|entry| {
        all.push(entry.clone());
        true
    });
    let lines: Vec<&str> = all
        .iter()
        .filter_map(|entry| entry["line"].as_str())
        .collect();
    assert_eq!(lines, ["MARK is written, named"], "{all:#?}");
    let notes: Vec<&Value> = all.iter().filter(|entry| entry["what"] == "note").collect();
    assert!(
        notes[0]["words"].as_str().unwrap().contains("`drill.env`"),
        "{notes:?}"
    );
    let last = all.last().unwrap();
    assert_eq!(
        (&last["what"], &last["passed"]),
        (&json!("verdict"), &json!(false)),
        "{last:#}"
    );
    // An option of the command line is no platform.
    for platform in ["--format=json", "nowhere", "kubernetes --", ""] {
        asked["platform"] = json!(platform);
        assert_eq!(
            server.post("/api/drill", &asked)["outcome"],
            "refused",
            "{platform}"
        );
    }
    // What does not fit is not drilled.
    asked["platform"] = json!("kubernetes");
    asked["text"] = json!(with("typed").replace("45s", "5s"));
    assert_eq!(server.post("/api/drill", &asked)["outcome"], "refused");
}

/// As `lifecycle drill svc/shop.yaml` does.
#[test]
fn what_a_manifest_names_beside_it_is_found_from_where_it_is_served() {
    let text = format!(
        "{}drill:\n  requests: [{{ path: /shop.Quotes/Get, protocol: grpc, proto: shop.proto }}]\n",
        fine()
    );
    let proto = "syntax = \"proto3\";\npackage shop;\nmessage Ask {}\n\
                 service Quotes { rpc Get(Ask) returns (Ask); }\n";
    let project = project(&[("svc/shop.yaml", &text), ("svc/shop.proto", proto)]);
    let server = Server::start(project.path(), &["svc/shop.yaml", "--", "sleep", "1000"]);
    let started = server.post("/api/drill", &drill(&text));
    assert_eq!(started["outcome"], "started", "{started}");
    server.post("/api/drill/stop", &json!({}));
    server.watch(|_| true);
}

#[test]
fn a_drill_can_be_stopped_and_ctrl_c_ends_all_of_it() {
    let text = fine().replace("8080", "18398");
    let project = project(&[("lifecycle.yaml", &text)]);
    let server = Server::start(project.path(), &["--", "sleep", "1000"]);
    let started = |server: &Server| {
        assert_eq!(
            server.post("/api/drill", &drill(&text))["outcome"],
            "started"
        );
        let mut process = None;
        let stream = server.watch(|entry| {
            let words = entry["words"].as_str().unwrap_or_default();
            process = words.strip_prefix("started, process ").map(str::to_owned);
            process.is_none()
        });
        (process.unwrap(), stream)
    };
    let is_there = |process: &str| Path::new("/proc").join(process).exists();

    let (process, _stream) = started(&server);
    assert!(is_there(&process));
    let again = server.post("/api/drill", &drill(&text));
    assert_eq!(again["outcome"], "refused", "one at a time: {again}");
    server.post("/api/drill/stop", &json!({}));
    let mut last = Value::Null;
    server.watch(|entry| {
        last = entry.clone();
        true
    });
    assert_eq!(last["what"], "stopped", "{last}");
    assert!(!is_there(&process));

    // A page watches while Ctrl-C comes.
    let (process, _stream) = started(&server);
    assert!(is_there(&process));
    let (status, took) = server.interrupt();
    assert_eq!(status.code(), Some(0));
    assert!(!is_there(&process));
    // A bound that says "at once" on the busiest machine: waiting for the drill would take half a minute.
    assert!(took < Duration::from_secs(15), "{took:?}");
}

/// On a command line every user of the machine could read the token.
#[cfg(target_os = "linux")]
#[test]
fn the_browser_is_shown_the_way_by_a_file_that_only_its_user_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let opener = "#!/bin/sh\nstat -c %a \"$1\" >mode && cp \"$1\" seen.part && mv seen.part seen\n";
    let project = project(&[("lifecycle.yaml", &fine()), ("bin/xdg-open", opener)]);
    let here = |name: &str| project.path().join(name);
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(here("bin/xdg-open"), runs).unwrap();
    let path = format!(
        "{}:{}",
        here("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let server = Server::start_with(project.path(), &["--open"], &[("PATH", &path)]);
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !here("seen").exists() && std::time::Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    let seen = std::fs::read_to_string(here("seen")).unwrap();
    let url = format!("http://127.0.0.1:{}/#token={}", server.port, server.token);
    assert!(seen.contains(&url), "{seen}");
    assert_eq!(std::fs::read_to_string(here("mode")).unwrap().trim(), "600");
}

#[test]
fn what_cannot_be_edited_is_not_served() {
    let project = project(&[("latin.yaml", "")]);
    std::fs::write(project.path().join("latin.yaml"), [b'#', 0xe9, b'\n']).unwrap();
    for (args, words) in [
        (vec!["serve", "latin.yaml"], "not UTF-8"),
        (vec!["serve", "nothing.yaml"], "could not read nothing.yaml"),
        (vec!["serve"], "there is no lifecycle.yaml"),
    ] {
        let output = lifecycle(project.path()).args(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(words), "{args:?}: {told}");
        assert!(output.stdout.is_empty());
    }
}
