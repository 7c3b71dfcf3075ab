//! Bytes to a manifest that is nearly one: the right keys at the right places, values right and wrong.

use std::fmt::Write as _;

use lifecycle_manifest::Platform;

const DURATIONS: &[&str] = &[
    "5s",
    "15s",
    "250ms",
    "1m30s",
    "0s",
    "1ms",
    "999ms",
    "30s",
    "600s",
    "1h",
    "24h",
    "9999999h",
    "18446744073709551615ms",
    "18446744073709551s",
    "5",
    "5 s",
    "-5s",
    "1s1s",
    "",
    "~",
    "5sec",
    "*a",
    "&a 7s",
    "!t 5s",
    "no",
    "0o17",
    "1:30",
    "1e3s",
    "\"5s\"",
    "20%",
    "101%",
    "GET /",
    "http2 GET /",
    "grpc /a.B/C",
    "websocket",
    "stream /",
    "'10s'",
    "120s",
    "3600s",
    "1_0s",
    "٣s",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "80",
    "8080",
    "65535",
    "65536",
    "18446744073709551616",
    "-1",
    "1.5",
    "0x10",
    "017",
    "1_000",
    "~",
    "true",
    "\"3\"",
    "1024",
    "512",
    "100",
];
const WORDS: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "null",
    "",
    "fargate",
    "writable-root",
    "none",
    "ec2",
    "istio",
    "linkerd",
    "external",
    "warn",
    "refuse",
    "allow",
    "deny",
    "GET",
    "/x",
    "/health/ready",
    "shop",
    "Shop_A",
    "é🛒",
    "\"a\\u0000b\"",
    "\"\\x1b[31m\"",
    "|\n      x",
    ">-\n      y",
    "[]",
    "{}",
    "[a, b]",
    "{ a: 1 }",
    "*a",
    "&a b",
    "1.29",
    "1.33",
    "arn:aws:x",
    "sleep",
    "\u{feff}x",
    "drain",
    "flush",
    "close",
    "stateful-set",
    "daemon-set",
    "cron-job",
    "recreate",
    "25%",
    "30 3 * * *",
];
const KINDS: &[&str] = &[
    "http-server",
    "grpc-server",
    "websocket",
    "stream",
    "queue-consumer",
    "scheduler",
    "task",
    "telemetry",
    "audit-log",
    "message-broker",
    "cache",
    "database",
    "file",
    "custom",
    "http",
];
const TOP: &[&str] = &[
    "budget",
    "traffic",
    "drift",
    "lints",
    "drill",
    "platforms",
    "resources",
    "service",
    "x",
    "<<",
];
const KEYS: &[&str] = &[
    "timeout",
    "request_timeout",
    "task_timeout",
    "cpu_throttling",
    "premium_ingress",
    "image",
    "spot",
    "pre_stop",
    "port",
    "load_balancer",
    "kind",
    "health_check",
    "deregistration_delay",
    "version",
    "uses",
    "unwind",
    "timeouts",
    "target_group_arn",
    "subnets",
    "sidecars",
    "settle",
    "security_groups",
    "reserve",
    "replicas",
    "workload",
    "rollout",
    "strategy",
    "max_surge",
    "max_unavailable",
    "min_ready",
    "start_time",
    "progress_deadline",
    "job",
    "schedule",
    "deadline",
    "replacement",
    "concurrency",
    "autoscaler",
    "min",
    "max",
    "exclusive",
    "command",
    "args",
    "ready",
    "rate",
    "expect",
    "lost",
    "server_errors",
    "refused",
    "exit_code",
    "exit_within",
    "readiness_within",
    "p99",
    "requests",
    "connections",
    "kept_alive",
    "fresh",
    "protocol",
    "method",
    "path",
    "headers",
    "body",
    "body_bytes",
    "proto",
    "weight",
    "slow",
    "send_over",
    "read_over",
    "clients",
    "every",
    "propagation",
    "phase",
    "period",
    "native",
    "namespace",
    "security_context",
    "selector",
    "name",
    "mesh",
    "memory",
    "longest_request",
    "lease",
    "spread",
    "on_failure",
    "launch_type",
    "keep_alive",
    "idle_timeout",
    "health",
    "grace_period",
    "failures",
    "env",
    "execution_role_arn",
    "generate",
    "output",
    "templates",
    "own",
    "logical_ids",
    "task_definition",
    "target_group",
    "desired_count",
    "cpu",
    "cluster",
    "best_effort",
    "app_settle",
    "stop_signal",
    "supervisor_timeout",
    "ports",
    "init",
    "depends_on",
    "after",
    "kill_signal",
    "shutdown_delay",
    "max_kill_timeout",
    "progress_deadline",
    "drain_deadline",
    "driver",
    "auto_stop",
    "strategy",
    "kill_mode",
    "exec_stop",
    "command",
    "user",
    "type",
    "watchdog",
    "socket",
    "process_type",
    "app",
    "treekill",
    "listen_timeout",
    "outer",
    "live",
    "exec",
    "sleep",
    "http",
    "path",
    "gracePeriod",
    "terminationGracePeriodSeconds",
    "unused-grace",
    "r0",
];
const COMMENTS: &[&str] = &[
    "# lifecycle: allow(unused-grace) soon",
    "# lifecycle: allow(grace-too-short, port-taken) why",
    "# lifecycle: allow(LC101)",
    "# lifecycle: allow(",
    "# lifecycle: deny(x)",
    "# c",
];

struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
    text: String,
}

/// A manifest as long as the bytes last.
pub fn manifest(bytes: &[u8]) -> String {
    let mut choices = Choices {
        bytes: bytes.iter(),
        text: String::new(),
    };
    choices.all();
    let style = choices.below(8);
    match style {
        0 => choices.text.replace('\n', "\r\n"),
        1 => format!("\u{feff}{}", choices.text),
        _ => choices.text,
    }
}

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % bound
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    fn left(&self) -> bool {
        self.bytes.len() > 0
    }

    fn all(&mut self) {
        self.text.push_str("lifecycle: 1\nservice: shop\n");
        self.comment();
        if self.below(2) == 1 {
            self.section("budget", &["reserve", "unwind"], DURATIONS);
        }
        if self.below(2) == 1 {
            self.section(
                "traffic",
                &["settle", "longest_request", "keep_alive"],
                DURATIONS,
            );
            if self.below(2) == 1 {
                self.text.push_str("  health:\n");
                self.pairs(4);
            }
        }
        self.text.push_str("resources:\n");
        let count = self.below(9);
        for at in 0..count {
            self.resource(at, count);
        }
        self.text.push_str("platforms:\n");
        for _ in 0..self.below(5) {
            let platform = self.of(Platform::KEYS);
            let grace = self.of(DURATIONS);
            let _ = writeln!(self.text, "  {platform}:\n    grace_period: {grace}");
            self.pairs(4);
        }
        while self.left() {
            let top = self.of(TOP);
            let _ = writeln!(self.text, "{top}:");
            self.pairs(2);
        }
    }

    fn section(&mut self, name: &str, keys: &[&'static str], values: &[&'static str]) {
        let _ = writeln!(self.text, "{name}:");
        for _ in 0..self.below(4) {
            let (key, value) = (self.of(keys), self.of(values));
            let _ = writeln!(self.text, "  {key}: {value}");
        }
    }

    fn resource(&mut self, at: usize, count: usize) {
        let (kind, timeout) = (self.of(KINDS), self.of(DURATIONS));
        let _ = write!(self.text, "  r{at}: {{ kind: {kind}, timeout: {timeout}");
        for key in ["after", "uses"] {
            let edges = self.below(4);
            if edges > 0 {
                let names: Vec<String> = (0..edges)
                    .map(|_| format!("r{}", self.below(count + 1)))
                    .collect();
                let _ = write!(self.text, ", {key}: [{}]", names.join(", "));
            }
        }
        for _ in 0..self.below(3) {
            let (key, value) = (self.of(KEYS), self.value());
            if !value.contains('\n') {
                let _ = write!(self.text, ", {key}: {value}");
            }
        }
        self.text.push_str(" }");
        self.comment();
        self.text.push('\n');
    }

    /// Keys with values, so far in, some of them mappings and lists.
    fn pairs(&mut self, indent: usize) {
        for _ in 0..self.below(6) {
            let key = self.of(KEYS);
            let space = " ".repeat(indent);
            match self.below(6) {
                0 if indent < 10 => {
                    let _ = writeln!(self.text, "{space}{key}:");
                    self.pairs(indent + 2);
                }
                1 if indent < 10 => {
                    let _ = writeln!(self.text, "{space}{key}:");
                    let (inner, value) = (self.of(KEYS), self.value());
                    let _ = writeln!(self.text, "{space}  - {inner}: {value}");
                }
                _ => {
                    let value = self.value();
                    let _ = write!(self.text, "{space}{key}: {value}");
                    self.comment();
                    self.text.push('\n');
                }
            }
        }
    }

    fn value(&mut self) -> &'static str {
        match self.below(3) {
            0 => self.of(DURATIONS),
            1 => self.of(NUMBERS),
            _ => self.of(WORDS),
        }
    }

    fn comment(&mut self) {
        if self.below(6) == 1 {
            let comment = self.of(COMMENTS);
            let _ = write!(self.text, " {comment}");
        }
    }
}
