//! What a scenario adds to an ordinary drill, and what came of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::oneshot;

use super::clients::{self, Client, Grip};
use crate::script::Endpoint;
use crate::stage::Stage;

/// Beside the script. The default adds nothing.
#[derive(Default)]
pub(crate) struct Additions {
    /// The process is told to leave its report here, and nobody reads it.
    pub(crate) report: Option<PathBuf>,
    /// The signal comes so long after the process was started, ready or not; there is no load.
    pub(crate) during_start: Option<Duration>,
    /// The same signal once more, so long after the first.
    pub(crate) again: Option<Duration>,
    /// Clients beside the load, from readiness on.
    pub(crate) client: Option<Arc<dyn Client>>,
    /// From readiness on the process gets little of the processor.
    pub(crate) starve: bool,
}

/// What came of it.
pub(crate) struct Aside {
    /// What the clients held at the signal; `None` without clients, and when there was no signal.
    pub(crate) grip: Option<Grip>,
    /// The process was ready before its signal came.
    pub(crate) ready: bool,
    /// It still said that it was ready, or said so again, when readiness should have been down for long;
    /// how long after the signal.
    pub(crate) ready_after: Option<Duration>,
    /// When the signal went out once more; `None` when the process had left before.
    pub(crate) again: Option<Instant>,
}

/// What runs beside a drill. It ends with the stage.
#[derive(Default)]
pub(crate) struct Acting {
    clients: Option<oneshot::Receiver<Option<Grip>>>,
}

impl Acting {
    /// Starts what was asked for.
    pub(crate) fn start(
        &mut self,
        additions: &Additions,
        base: Option<&Endpoint>,
        stage: &Arc<Stage>,
    ) -> anyhow::Result<()> {
        if let Some((base, client)) = base.zip(additions.client.as_ref()) {
            self.clients = Some(clients::start(base, client, stage)?);
        }
        Ok(())
    }

    /// What the clients held. To be asked once the stage was halted.
    pub(crate) async fn grip(&mut self) -> anyhow::Result<Option<Grip>> {
        match self.clients.take() {
            None => Ok(None),
            Some(grip) => grip.await.context("the scenario's clients broke off"),
        }
    }
}
