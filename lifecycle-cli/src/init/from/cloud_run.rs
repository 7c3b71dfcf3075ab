//! Google Cloud Run.

use super::super::shown::{Line, Shown};
use super::settings::{self, Takes};

pub(in super::super) static SHOWN: Shown = Shown {
    key: "cloud_run",
    always: true,
    grace: None,
    lines: &[
        Line {
            about: "What it is: service, job or worker-pool. A job has the keys task_timeout, max_retries and tasks, \
                    a worker-pool has instances; a service has the next five.",
            key: "kind",
            example: "service",
        },
        Line {
            about: "A service's: the fewest and the most instances, how many requests one is given at once.",
            key: "min_instances",
            example: "0",
        },
        Line {
            about: "",
            key: "max_instances",
            example: "100",
        },
        Line {
            about: "",
            key: "concurrency",
            example: "80",
        },
        Line {
            about: "A service's: how long an answer may take. An instance that leaves has ten seconds all the same.",
            key: "request_timeout",
            example: "5m",
        },
        Line {
            about: "A service's: the processor only while requests are answered. Work in the background needs false.",
            key: "cpu_throttling",
            example: "true",
        },
        Line {
            about: "Containers beside the program's, which get the signal together with it.",
            key: "sidecars",
            example: "[{ name: proxy, timeout: 5s }]",
        },
    ],
    describe: Some(|draft, chosen, _| {
        let keys = [
            ("kind", Takes::Words(&["service", "job", "worker-pool"])),
            ("min_instances", Takes::Number(0..=100_000)),
            ("max_instances", Takes::Number(1..=100_000)),
            ("concurrency", Takes::Number(1..=1_000)),
            ("request_timeout", Takes::Seconds(1..=3_600)),
            ("cpu_throttling", Takes::Words(&["true", "false"])),
            ("task_timeout", Takes::Seconds(1..=604_800)),
            ("max_retries", Takes::Number(0..=10)),
            ("tasks", Takes::Number(1..=10_000)),
            ("instances", Takes::Number(0..=100_000)),
        ];
        settings::describe(draft, chosen, "cloud_run", &keys);
    }),
};
