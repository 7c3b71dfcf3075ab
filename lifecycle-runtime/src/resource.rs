//! The resources that a service wires, except its HTTP server.
//!
//! Two implementations stand behind all of them: [`served`] for what runs until it is asked to stop,
//! and [`closers`] for what only has an end. The types differ so that one kind cannot be wired where
//! the manifest names another.

mod blocking;
#[cfg(all(unix, feature = "process"))]
pub(crate) mod child;
mod closed;
mod closers;
mod consumer;
mod ending;
mod gate;
#[cfg(all(test, lifecycle_loom))]
mod models;
mod nursery;
mod restart;
mod roster;
mod scheduler;
mod served;
mod sessions;
mod startup;
mod stopping;
mod task;
mod telemetry;

pub use blocking::{Blocking, BlockingWork, Lost, StopFlag, Ticket};
#[cfg(all(unix, feature = "process"))]
pub use child::{Child, ChildProcess, Children, NotStarted, StopSignal};
pub use closed::Closed;
#[cfg(feature = "http")]
pub(crate) use closed::whole_seconds;
pub use closers::{AuditLog, Cache, Custom, Database, File, MessageBroker};
pub use consumer::{
    Claimed, Claims, Demand, Job, NotRenewed, QueueConsumer, QueueConsumerBuilder, Source,
};
pub use ending::Ending;
pub use gate::{CriticalSection, Gate, Inside};
pub(crate) use restart::sealed::AfterFailure;
pub use restart::{Restarts, Stops};
pub use roster::Working;
pub use scheduler::{Schedule, Scheduler};
pub(crate) use served::Served;
pub use sessions::{Farewell, Session, Sessions, Streams, WebSockets};
#[cfg(feature = "http")]
pub use sessions::{Origin, SessionBody};
#[cfg(feature = "futures")]
pub use sessions::{SessionSocket, SessionStream};
pub(crate) use startup::{StartUp, started_when};
pub use stopping::Stopping;
pub use task::{Task, Tasks};
pub use telemetry::{Exporter, Telemetry};

/// Makes a type that holds a `Work` and its [`StartUp`] wirable as one kind; a type with a parameter
/// says by it what is done when it ends badly.
macro_rules! wirable {
    ($name:ident<$declared:ident>, $kind:ident) => {
        impl<$declared: crate::resource::AfterFailure> crate::wiring::sealed::IntoPart
            for $name<$declared>
        {
            fn into_part(self) -> crate::wiring::sealed::Part {
                crate::wiring::sealed::Part::new(crate::plan::Kind::$kind, self.0, self.1)
                    .declared($declared::RESTARTS)
            }
        }

        impl<$declared: crate::resource::AfterFailure> crate::wiring::Resource
            for $name<$declared>
        {
        }

        crate::resource::started_when!($name<$declared>, 1);

        impl<$declared> std::fmt::Debug for $name<$declared> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
    ($name:ident $(as $work:ty)?, $kind:ident) => {
        impl crate::wiring::sealed::IntoPart for $name {
            fn into_part(self) -> crate::wiring::sealed::Part {
                let work = self.0;
                $(let work = <$work>::from(work);)?
                crate::wiring::sealed::Part::new(crate::plan::Kind::$kind, work, self.1)
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
