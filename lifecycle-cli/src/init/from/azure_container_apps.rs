//! Azure Container Apps.

use super::super::shown::{Line, Shown};
use super::settings::{self, Takes};

pub(in super::super) static SHOWN: Shown = Shown {
    key: "azure_container_apps",
    always: false,
    grace: Some("From the signal to SIGKILL (template.terminationGracePeriodSeconds)"),
    lines: &[
        Line {
            about: "The fewest and the most replicas.",
            key: "min_replicas",
            example: "2",
        },
        Line {
            about: "",
            key: "max_replicas",
            example: "10",
        },
        Line {
            about: "The ingress takes requests from outside of the environment.",
            key: "external",
            example: "false",
        },
        Line {
            about: "The resource id of the environment. No default.",
            key: "environment_id",
            example: "/subscriptions/…/managedEnvironments/…",
        },
        Line {
            about: "How long a replica has that the liveness probe has given up. Unset: the grace period.",
            key: "liveness_grace_period",
            example: "5s",
        },
        Line {
            about: "The environment's premium ingress: its own grace period, which no replica gets, and after how much \
                    silence it ends a request.",
            key: "premium_ingress",
            example: "{ grace_period: 480s, idle_timeout: 4m }",
        },
        Line {
            about: "Containers beside the program's, which get the signal together with it.",
            key: "sidecars",
            example: "[{ name: proxy, timeout: 5s }]",
        },
    ],
    describe: Some(|draft, chosen, _| {
        let keys = [
            ("min_replicas", Takes::Number(0..=1_000)),
            ("max_replicas", Takes::Number(1..=1_000)),
            ("external", Takes::Words(&["true", "false"])),
            ("environment_id", Takes::Text),
            ("liveness_grace_period", Takes::Seconds(1..=3_600)),
        ];
        settings::describe(draft, chosen, "azure_container_apps", &keys);
    }),
};
