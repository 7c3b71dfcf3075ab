//! What a service may choose about its HTTP server.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Extensions, HeaderValue};

use super::peer::Peer;

/// What a service adds to each request's extensions.
pub(super) type Extend = Arc<dyn Fn(&Peer, &mut Extensions) + Send + Sync>;

/// The choices, each with its default in [`Options::default`].
#[derive(Clone)]
pub(super) struct Options {
    pub(super) linger: Duration,
    pub(super) head_timeout: Duration,
    pub(super) stall_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(super) handshake_timeout: Duration,
    /// Set by the service, or else by the plan when the server starts.
    pub(super) keep_alive: OnceLock<Duration>,
    pub(super) retry_after: HeaderValue,
    pub(super) nodelay: bool,
    pub(super) extend: Option<Extend>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(100),
            head_timeout: Duration::from_millis(500),
            stall_timeout: Duration::from_secs(5),
            #[cfg(feature = "tls")]
            handshake_timeout: Duration::from_secs(10),
            keep_alive: OnceLock::new(),
            retry_after: HeaderValue::from_static("1"),
            nodelay: false,
            extend: None,
        }
    }
}
