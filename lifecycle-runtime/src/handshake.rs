//! A listener's last moments, for the servers here and for `lifecycle-actix`.

/// Has the kernel drop the first packet of every new connection, and go on with handshakes that have
/// begun: a socket filter on a listener, an instruction each, in the order of `struct sock_filter`.
///
/// Between a listener's last accept and its close somebody may connect, and at saturation somebody
/// does; a connection that is left in the backlog is reset, and its request with it. A client that
/// comes while this is on sends its packet again after a second and is then refused, for the listener
/// is closed by then: that costs it a wait, where a reset would cost it a request. Which is why it is
/// on for milliseconds only.
///
/// No part of what this crate promises.
pub const BEGIN_NO_HANDSHAKE: [(u16, u8, u8, u32); 5] = [
    (LOAD_BYTE, 0, 0, FLAGS),
    (AND, 0, 0, SYN | ACK),
    (JUMP_IF_EQUAL, 0, 1, SYN),
    (RETURN, 0, 0, 0),
    (RETURN, 0, 0, u32::MAX),
];

// Classic BPF on the TCP header (linux/filter.h): drop if, of SYN and ACK, only SYN is set.
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const FLAGS: u32 = 13;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;
