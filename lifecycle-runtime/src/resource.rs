//! The resources that a service wires, except its HTTP server.
//!
//! Two implementations stand behind all of them: [`served`] for what runs until it is asked to stop,
//! and [`closers`] for what only has an end. The types differ so that one kind cannot be wired where
//! the manifest names another.

mod closed;
mod closers;
mod consumer;
mod ending;
mod roster;
mod scheduler;
mod served;
mod servers;
mod sessions;
mod startup;

pub use closed::Closed;
pub use closers::{AuditLog, Cache, Custom, Database, File, MessageBroker, Telemetry};
pub use consumer::{
    Claimed, Claims, Demand, Job, NotRenewed, QueueConsumer, QueueConsumerBuilder, Source,
};
pub use ending::Ending;
pub use roster::Working;
pub use scheduler::Scheduler;
pub(crate) use served::Served;
pub use servers::{Stopping, Task};
pub use sessions::{Farewell, Session, Sessions, Streams, WebSockets};
#[cfg(feature = "http")]
pub use sessions::{Origin, SessionBody};
#[cfg(feature = "futures")]
pub use sessions::{SessionSocket, SessionStream};
pub(crate) use startup::{StartUp, started_when};

/// Makes a type that holds a `Work` and its [`StartUp`] wirable as one kind.
macro_rules! wirable {
    ($name:ident, $kind:ident) => {
        impl crate::wiring::sealed::IntoPart for $name {
            fn into_part(self) -> crate::wiring::sealed::Part {
                crate::wiring::sealed::Part::new(crate::plan::Kind::$kind, self.0, self.1)
            }
        }

        impl crate::wiring::Resource for $name {}

        crate::resource::started_when!($name, 1);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
use wirable;
