//! Starting again what has ended badly.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout};

use super::{Hub, Life, Running};
use crate::report::words;
use crate::resource::nursery::ended;
use crate::resource::restart::Backoff;
use crate::work::Failure;

/// What is started again and again.
pub(super) struct Again {
    pub(super) hub: Arc<Hub>,
    pub(super) life: Arc<Life>,
    pub(super) body: Box<dyn Fn(Arc<Hub>) -> Running + Send + Sync>,
}

pub(super) async fn again(it: Again) -> Result<(), Failure> {
    let mut backoff = Backoff::default();
    loop {
        let hub = Arc::new(it.hub.again());
        *it.life.lock() = Arc::clone(&hub.children);
        let began = Instant::now();
        let (during, result) = attempt(&it, &hub).await;
        let Err(error) = result else {
            return Ok(());
        };
        if during == During::Stop || !it.life.restarts() {
            return Err(error);
        }
        let wait = backoff.next(began.elapsed());
        let attempt = backoff.failures();
        let resource = it.life.name.get().map(String::as_str);
        let error = words(&*error);
        tracing::warn!(
            resource,
            error,
            attempt,
            ?wait,
            "ended badly; it is started again"
        );
        tokio::select! {
            biased;
            // Nothing runs, so nothing has to be let go.
            () = hub.leaving() => return Ok(()),
            () = sleep(wait) => {}
        }
    }
}

/// When something ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum During {
    Service,
    Stop,
}

/// One start, to the end of the future and of its children. When one of them ends badly, the others
/// are cancelled, unless the service stops: then they finish what they do.
async fn attempt(it: &Again, hub: &Arc<Hub>) -> (During, Result<(), Failure>) {
    let (body, given) = (&it.body, Arc::clone(hub));
    let mut running = Box::pin(ended(async move { body(given).await }));
    let mut own = None;
    tokio::select! {
        biased;
        () = hub.children.failed() => {}
        result = &mut running => own = Some(result),
    }
    if let Some(Ok(())) = own {
        // Its children live on.
        tokio::select! {
            biased;
            () = hub.children.failed() => {}
            () = hub.roster.drained() => {}
        }
    }
    let stopping = hub.is_leaving();
    if stopping || matches!(own, Some(Err(_))) || hub.children.failure().is_some() {
        if !stopping {
            hub.cancellation.fire();
        }
        let rest = async {
            if own.is_none() {
                own = Some(running.await);
            }
            hub.roster.drained().await;
        };
        if stopping {
            rest.await;
        } else {
            let unwind = hub.unwind.get().copied().unwrap_or_default();
            // What does not let go is dropped.
            let _ = timeout(unwind, rest).await;
            hub.children.abandon();
        }
    }
    let result = own
        .unwrap_or(Ok(()))
        .and_then(|()| hub.children.take_failure());
    let during = if stopping {
        During::Stop
    } else {
        During::Service
    };
    (during, result)
}
