//! Sessions: WebSockets, server-sent events, long polls, gRPC streams. What does not end by itself is
//! told to leave, waited for, and then ended.
//!
//! A session is in one of four states, and only ever moves on:
//!
//! | the service | a session | a new one |
//! |---|---|---|
//! | serves, settles | lives | is let in |
//! | drains | is told at its moment of the spread, and says goodbye | is refused with [`Closed`](crate::Closed) |
//! | has waited the step's timeout | is cancelled | |
//! | has waited the unwind time | is dropped, where it has given its future or body away | |

#[cfg(any(feature = "http", feature = "futures"))]
mod course;
mod farewell;
mod hall;
mod host;
#[cfg(all(test, lifecycle_loom))]
mod models;
mod session;
mod spread;

#[cfg(feature = "http")]
mod body;
#[cfg(feature = "futures")]
mod socket;
#[cfg(feature = "futures")]
mod stream;

#[cfg(feature = "http")]
pub use body::SessionBody;
pub use farewell::Farewell;
pub use host::{Sessions, Streams, WebSockets};
#[cfg(feature = "http")]
pub use session::Origin;
pub use session::Session;
#[cfg(feature = "futures")]
pub use socket::SessionSocket;
#[cfg(feature = "futures")]
pub use stream::SessionStream;
