//! The listener's last moments.

use std::net::TcpListener;

/// Has the kernel begin no new handshake, and go on with those that have begun: what comes through is
/// accepted while actix still accepts, and its backlog is empty when it closes the listener.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn begin_no_handshake(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    let filter = lifecycle::BEGIN_NO_HANDSHAKE
        .map(|(code, when, unless, k)| SockFilter::new(code, when, unless, k));
    // Without it a few connections may be reset, as they are with actix alone.
    let _ = SockRef::from(listener).attach_filter(&filter);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn begin_no_handshake(_: &TcpListener) {}
