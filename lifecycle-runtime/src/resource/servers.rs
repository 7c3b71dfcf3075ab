//! Servers: anything that offers a stop handle.

use std::future::Future;

use super::ending::Ending;
use super::served::Served;
use super::stopping::Stopping;
use super::{StartUp, wirable};

macro_rules! servers {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {$(
        $(#[$doc])*
        ///
        /// An error or a panic of the future while the service runs stops the service in order, with
        /// a non-zero exit code; an `Ok` end is just an end.
        pub struct $name(Served, StartUp);
        wirable!($name, $kind);

        impl $name {
            /// Runs `run` from the start of the service on; it has to end soon after
            /// [`Stopping::requested`] resolves.
            pub fn new<F, Fut>(run: F) -> Self
            where
                F: FnOnce(Stopping) -> Fut + Send + 'static,
                Fut: Future<Output: Ending> + Send + 'static,
            {
                Self(Served::stopping(run), StartUp::default())
            }
        }
    )*};
}

servers! {
    /// A gRPC server, or any other server that offers a stop handle: with tonic,
    /// `serve_with_shutdown(address, stopping.requested())`.
    GrpcServer = GrpcServer,
}
