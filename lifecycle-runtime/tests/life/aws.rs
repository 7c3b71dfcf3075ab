//! What AWS says: metadata services that really listen, asked by real processes.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;

use crate::common::ms;
use crate::running::{QUICK, ask, free_port, start, wait_until};

const TASK: &str = r#"{
    "Cluster": "shop", "Containers": [{"Name": "web", "TaskARN": "not this one", "Limits": {"CPU": 2}}],
    "TaskARN": "arn:aws:ecs:eu-west-1:111122223333:task/shop/158d1c8083dd49d6b527399fd6414f5c",
    "Family": "web", "Revision": "26", "LaunchType": "EC2"
}"#;
const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333:task/shop/158d1c8083dd49d6b527399fd6414f5c";

/// A metadata service as both kinds are: it answers `path` as `answer` says, and writes down what it
/// was asked.
struct Metadata {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Metadata {
    fn answering(answer: impl Fn(&str, usize) -> (u16, &'static str) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let nth = {
                    let mut log = log.lock().unwrap();
                    log.push(head.clone());
                    log.len()
                };
                let (status, body) = answer(&head, nth);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} Words\r\nTransfer-Encoding: chunked\r\nServer: EC2ws\r\n\r\n\
                     {:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len(),
                );
            }
        });
        Self { url, asked }
    }

    /// An instance metadata service of version 2 that announces an interruption with the request of
    /// this number, and whose token runs out once before that.
    fn ec2(announced: usize) -> Self {
        Self::answering(move |head, nth| {
            if head.starts_with("PUT /latest/api/token HTTP/1.1\r\n") {
                assert!(head.contains("X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
                return (200, if nth == 1 { "old" } else { "new==" });
            }
            assert!(head.starts_with("GET /latest/meta-data/spot/instance-action HTTP/1.1\r\n"));
            if !head.contains("X-aws-ec2-metadata-token: new==\r\n") {
                return (401, "");
            }
            match nth >= announced {
                true => (
                    200,
                    r#"{"action": "terminate", "time": "2026-11-21T08:22:00Z"}"#,
                ),
                false => (404, "<html>not found</html>"),
            }
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[test]
fn a_spot_interruption_stops_the_service_in_order() {
    let port = free_port().to_string();
    // Token, refused; token, no notice; five seconds later, a notice.
    let ec2 = Metadata::ec2(5);
    let mut child = start(
        "busy-and-settling",
        &[
            ("LIFECYCLE_AWS", "spot"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &ec2.url),
            ("HEALTH_PORT", &port),
        ],
    );
    child.until("working");
    wait_until("EC2 was asked", || ec2.asked() >= 4);
    let ended = child.end(ms(12_000) + QUICK);
    assert_eq!(ended.code, Some(80), "the work takes longer than it may");
    let report = ended.report();
    assert_eq!(report["signal"], serde_json::Value::Null);
    assert_eq!(
        report["cause"],
        "spot interruption: terminate at 2026-11-21T08:22:00Z"
    );
    assert!(report["settle_ms"].as_u64() >= Some(2_000), "{report}");
    assert_eq!(ec2.asked(), 5, "every five seconds, and never again");
}

#[test]
fn a_service_may_wait_for_the_notice_itself() {
    let ec2 = Metadata::ec2(4);
    let child = start(
        "waits-for-spot",
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &ec2.url)],
    );
    let ended = child.end(QUICK);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.report()["cause"],
        "terminate, about 2026-11-21T08:22:00Z"
    );
}

#[test]
fn the_ecs_task_is_in_the_status_and_the_report() {
    let port = free_port();
    let ecs = Metadata::answering(|head, _| {
        assert!(
            head.starts_with("GET /v4/1f2e-3d/task HTTP/1.1\r\n"),
            "{head}"
        );
        (200, TASK)
    });
    let mut child = start(
        "idle",
        &[
            ("LIFECYCLE_AWS", "ecs-task"),
            (
                "ECS_CONTAINER_METADATA_URI_V4",
                &format!("{}/v4/1f2e-3d", ecs.url),
            ),
            ("HEALTH_PORT", &port.to_string()),
        ],
    );
    child.until("ready");
    wait_until("the status has it", || {
        ask(port, "/lifecycle", "")
            .1
            .contains(&format!(r#""instance":"{ARN}""#))
    });
    assert!(
        ask(port, "/lifecycle?text", "")
            .1
            .contains(&format!(", {ARN}, plan "))
    );
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).report()["instance"], ARN);
}

#[test]
fn a_service_that_cannot_ask_serves_and_says_so_once() {
    let refusing = Metadata::answering(|_, _| (403, "forbidden"));
    for (environment, said) in [
        (
            [
                ("LIFECYCLE_AWS", "spot"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*refusing.url),
            ],
            "EC2 could not be asked for a Spot interruption: no token: the answer is 403",
        ),
        (
            [
                ("LIFECYCLE_AWS", "spot"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
            ],
            "EC2 could not be asked for a Spot interruption: Connection refused",
        ),
        (
            [
                ("LIFECYCLE_AWS", "spot"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ],
            "Spot interruptions cannot be watched for: AWS_EC2_METADATA_DISABLED forbids it",
        ),
        (
            [
                ("LIFECYCLE_AWS", "ecs-task"),
                ("ECS_CONTAINER_METADATA_URI_V4", ""),
            ],
            "ECS could not be asked for the task: ECS_CONTAINER_METADATA_URI_V4 is not set",
        ),
        (
            [("LIFECYCLE_AWS", "sport"), ("A", "")],
            "LIFECYCLE_AWS names `sport`; it knows `spot` and `ecs-task`",
        ),
    ] {
        let mut child = start("says-its-log", &environment);
        // It is ready before or after it has asked.
        let first = child.until_some(|line| line.contains("WARN: ") || line.ends_with("ready\n"));
        let both =
            first + &child.until_some(|line| line.contains("WARN: ") || line.ends_with("ready\n"));
        assert!(both.contains(said) && both.contains("ready\n"), "{both}");
        child.signal(Signal::TERM);
        let ended = child.end(QUICK);
        assert_eq!(ended.code, Some(0));
        assert!(!ended.stdout.contains("WARN"), "{}", ended.stdout);
    }
}

#[test]
fn nobody_is_asked_unless_that_is_asked_for() {
    let metadata = Metadata::ec2(1);
    let mut child = start(
        "idle",
        &[
            ("LIFECYCLE_PLATFORM", "ecs"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url),
            ("ECS_CONTAINER_METADATA_URI_V4", &metadata.url),
        ],
    );
    child.until("ready");
    thread::sleep(ms(500));
    child.signal(Signal::TERM);
    assert_eq!(child.end(QUICK).code, Some(0));
    assert_eq!(metadata.asked(), 0);
}
