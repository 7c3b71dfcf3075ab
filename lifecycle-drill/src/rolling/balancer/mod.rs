//! The balancer before the instances: on a thread and a runtime of its own, with the platform's probes
//! beside it, so that neither waits for whoever plays the deploy.

mod connections;
mod requests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::deploy::Balancing;
use super::router::{Backend, Router};
use crate::probe;
use crate::script::Target;
use crate::traffic::client;

/// Between two looks at an instance that has never been ready, before the deploy begins.
const LOOK: Duration = Duration::from_millis(10);
/// A probe without an answer for this long has failed; Kubernetes' own default.
const LIMIT: Duration = Duration::from_secs(1);

/// A balancer at work. Dropping it closes every connection.
pub(super) struct Balancer {
    pub(super) router: Arc<Router>,
    pub(super) address: SocketAddr,
    runtime: Handle,
    _until: DropGuard,
}

impl Balancer {
    /// Listens on a port of its own.
    pub(super) fn start(balancing: Balancing, last_resort: bool) -> anyhow::Result<Self> {
        let router = Arc::new(Router::new(balancing, last_resort));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("the balancer found no port to listen on")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let listener = {
            let _within = handle.enter();
            TcpListener::from_std(listener)?
        };
        let over = CancellationToken::new();
        let (accepting, until) = (Arc::clone(&router), over.clone());
        std::thread::Builder::new()
            .name("drill-balancer".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, balancing, &accepting) => {}
                        () = until.cancelled() => {}
                    }
                });
            })?;
        Ok(Self {
            router,
            address,
            runtime: handle,
            _until: over.drop_guard(),
        })
    }

    /// Takes an instance in, and probes it from now on; connections come to it once it is routed.
    ///
    /// `eager`: it is asked without pause until it is ready for the first time, for nothing is measured
    /// before.
    pub(super) fn take_in(
        &self,
        backend: &Arc<Backend>,
        target: &Target,
        probing: Probing,
    ) -> anyhow::Result<()> {
        let asked = match &target.ready {
            Some(endpoint) => Some((endpoint.clone(), probe::template(endpoint)?)),
            None => None,
        };
        self.router.add(Arc::clone(backend));
        let backend = Arc::clone(backend);
        self.runtime.spawn(async move {
            let mut failures = 0;
            let mut was_ready = false;
            while !backend.over.load(SeqCst) {
                let listens = async || TcpStream::connect(backend.address).await.is_ok();
                let yes = match &asked {
                    Some((endpoint, template)) => {
                        let answer = client::probe(template, endpoint.address(), LIMIT).await;
                        // What kubelet takes for success.
                        answer.is_some_and(|status| (200..400).contains(&status))
                            // An instance may answer health before it takes requests.
                            && (was_ready || listens().await)
                    }
                    None => listens().await,
                };
                failures = if yes { 0 } else { failures + 1 };
                if yes || failures >= probing.failures {
                    backend.found(yes);
                }
                was_ready |= yes;
                let eager = probing.eager && !was_ready;
                sleep(if eager { LOOK } else { probing.period }).await;
            }
        });
        Ok(())
    }
}

/// How an instance is probed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probing {
    /// How often.
    pub(super) period: Duration,
    /// How many bad answers in a row it takes to be not ready.
    pub(super) failures: u32,
    /// Without pause until it is ready for the first time.
    pub(super) eager: bool,
}

async fn accept(listener: &TcpListener, balancing: Balancing, router: &Arc<Router>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // No descriptor left, most likely: those that are open close one day.
            sleep(LOOK).await;
            continue;
        };
        // Without it a small request waits for an acknowledgement; not setting it costs time, not
        // truth.
        let _slower = client.set_nodelay(true);
        let router = Arc::clone(router);
        match balancing {
            Balancing::Connections => tokio::spawn(connections::carry(client, router)),
            Balancing::Requests => tokio::spawn(requests::serve(client, router)),
        };
    }
}
