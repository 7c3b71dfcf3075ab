//! Nobody else may listen where the target is to.

use std::time::Duration;

use anyhow::bail;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::script::{Endpoint, Target};

/// How long a connection to a port may take that should be free.
const FREE: Duration = Duration::from_millis(300);

/// Errors when somebody already listens where the target is to.
pub(crate) async fn ensure_all_free(target: &Target) -> anyhow::Result<()> {
    if !target.subject.takes_ports() {
        return Ok(());
    }
    for endpoint in [&target.base, &target.ready, &target.live]
        .into_iter()
        .flatten()
    {
        ensure_free(endpoint).await?;
    }
    Ok(())
}

/// Errors when somebody already listens there: the drill would measure that one.
async fn ensure_free(endpoint: &Endpoint) -> anyhow::Result<()> {
    let taken = timeout(FREE, TcpStream::connect(endpoint.address())).await;
    if matches!(taken, Ok(Ok(_))) {
        bail!(
            "something already listens on {}; stop it first, or the drill would measure that",
            endpoint.address()
        );
    }
    Ok(())
}
