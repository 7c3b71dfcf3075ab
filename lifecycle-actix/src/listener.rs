//! The listener's last moments.

use std::net::TcpListener;

/// Has the kernel drop the first packet of every new connection, and go on with handshakes that have
/// begun: what comes through is accepted while actix still accepts, and its backlog is empty when it
/// closes the listener. A connection that is left in there would be reset, and its request with it.
///
/// A client that comes now sends its packet again after a second and is then refused, for the
/// listener is closed by then: that costs it a wait, where a reset would cost it a request.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn begin_no_handshake(listener: &TcpListener) {
    use socket2::{SockFilter, SockRef};

    // Classic BPF on the TCP header (linux/filter.h): drop if, of SYN and ACK, only SYN is set.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    // Without it a few connections may be reset, as they are with actix alone.
    let _ = SockRef::from(listener).attach_filter(&filter);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn begin_no_handshake(_: &TcpListener) {}
