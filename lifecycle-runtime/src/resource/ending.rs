//! How a service's own futures may end.

use std::error::Error;

use crate::work::Failure;

/// What a future given to a resource may return: nothing, or a `Result` whose error can be boxed.
///
/// An `Ok` value is dropped, so that a client's own `close().await` can be returned as it is.
/// `anyhow::Error`, `std::io::Error`, `String` and every other `Error + Send + Sync` type will do.
///
/// ```
/// use lifecycle::{Custom, Ending};
///
/// /// A client of any kind, closed by whatever it returns.
/// fn client<O: Ending>(close: impl FnOnce() -> O + Send + 'static) -> Custom {
///     Custom::blocking(close)
/// }
/// let nothing = client(|| ());
/// let result = client(|| Err::<u8, _>("the last page was not written"));
/// ```
pub trait Ending: sealed::Ending {}

impl Ending for () {}
impl Ending for sealed::Never {}
impl<T, E: Into<Box<dyn Error + Send + Sync>>> Ending for Result<T, E> {}

pub(crate) mod sealed {
    use super::{Error, Failure};

    pub trait Ending {
        fn into_result(self) -> Result<(), Failure>;
    }

    /// The type `!` of a body such as `loop {}` or `todo!()`. Stable Rust has no name for it, and
    /// reaches it as what a function pointer returns.
    pub(crate) type Never = <fn() -> ! as Returns>::Value;

    pub trait Returns {
        type Value;
    }

    impl<T> Returns for fn() -> T {
        type Value = T;
    }

    impl Ending for Never {
        fn into_result(self) -> Result<(), Failure> {
            self
        }
    }

    impl Ending for () {
        fn into_result(self) -> Result<(), Failure> {
            Ok(())
        }
    }

    impl<T, E: Into<Box<dyn Error + Send + Sync>>> Ending for Result<T, E> {
        fn into_result(self) -> Result<(), Failure> {
            self.map(drop).map_err(Into::into)
        }
    }
}
