//! The shape of `platforms.nomad`, for editors.

#![allow(dead_code, reason = "only the shapes are read")]

use schemars::JsonSchema;

use super::{Driver, ServiceProvider, Signal};
use crate::schema::{CommonSchema, DurationSchema};

#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "nomad",
    rename = "Nomad",
    description = "How the service stops on HashiCorp Nomad."
)]
pub(crate) struct Schema {
    #[schemars(flatten)]
    common: CommonSchema,
    /// The container's image. Unset: another platform's, or what `gen --image` says.
    #[schemars(extend("examples" = ["registry.example.com/checkout:1.4.2"]))]
    image: Option<String>,
    /// What runs the task; `docker` when not written.
    driver: Option<Driver>,
    /// The program and its arguments, for drivers that run no image. Unset: none, and nothing can be generated for such a driver.
    #[schemars(extend("examples" = [["/usr/local/bin/checkout", "--verbose"]]))]
    command: Option<Vec<String>>,
    /// How many instances; 2 when not written.
    #[schemars(range(max = 10_000))]
    count: Option<u32>,
    /// What asks the program to stop. Unset: `SIGTERM` in a container, `SIGINT` outside of one.
    kill_signal: Option<Signal>,
    /// The clients' `max_kill_timeout`, to which every grace period is cut without a word; 30s when not written.
    max_kill_timeout: Option<DurationSchema>,
    /// How long nothing happens between deregistration and the signal, outside of the grace period. Unset: the settle time, at the group.
    shutdown_delay: Option<ShutdownDelaySchema>,
    /// How long an instance has to become healthy in a deployment; 10m when not written.
    progress_deadline: Option<DurationSchema>,
    /// How long a drained node waits for what runs on it; 1h when not written.
    drain_deadline: Option<DurationSchema>,
    /// Where services are registered; `consul` when not written.
    service_provider: Option<ServiceProvider>,
    /// The namespace of the job. Unset: none is written.
    namespace: Option<String>,
    /// The datacenters of the job. Unset: none are written, and Nomad takes any.
    datacenters: Option<Vec<String>>,
    /// CPU in MHz. Unset: Nomad's default.
    #[schemars(range(min = 1, max = 1_000_000))]
    cpu: Option<u32>,
    /// Memory in MB. Unset: Nomad's default.
    #[schemars(range(min = 10, max = 1_000_000))]
    memory: Option<u32>,
    /// Sidecar tasks. They are asked to stop once the program has, side by side, each with a `kill_timeout` of its own. Unset: none.
    #[schemars(extend("examples" = [[{ "name": "proxy", "timeout": "5s" }]]))]
    sidecars: Option<Vec<SidecarSchema>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum ShutdownDelaySchema {
    /// Of the group.
    Group(DurationSchema),
    /// Of the group and of the task, one after the other.
    Both(DelaysSchema),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "delays")]
struct DelaysSchema {
    /// Once, before any task of the group is asked to stop. Unset: none.
    group: Option<DurationSchema>,
    /// Before the task's signal. Unset: none.
    task: Option<DurationSchema>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "NomadSidecar", title = "sidecar")]
struct SidecarSchema {
    /// The task's name.
    name: String,
    /// How long it takes to stop, after the program has.
    timeout: DurationSchema,
}
