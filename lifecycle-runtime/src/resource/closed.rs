//! What is refused once a resource takes nothing new.

use std::fmt;
use std::time::Duration;

/// The service is stopping, and what was asked for is not begun any more. Nothing of it has happened:
/// it can safely be tried again, at another instance at once, at this one never.
///
/// With the feature `http` it turns into an answer, 503 with `Retry-After`, in a handler by `?`:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use lifecycle::Sessions;
///
/// # type Body = String;
/// async fn join(
///     rooms: Sessions,
///     request: http::Request<()>,
/// ) -> Result<http::Response<Body>, http::Response<Body>> {
///     let session = rooms.enter(&request, "ada")?;
///     // … the upgrade, and in it `session`
/// #   drop(session);
/// #   Ok(http::Response::default())
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    retry_after: Duration,
}

impl Closed {
    pub(crate) fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }

    /// When to try again, as a client should be told.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// 503, Service Unavailable.
    #[cfg(feature = "http")]
    pub fn status(&self) -> http::StatusCode {
        http::StatusCode::SERVICE_UNAVAILABLE
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the service is stopping and begins nothing new; try again in {:?}",
            self.retry_after
        )
    }
}

impl std::error::Error for Closed {}

/// 503 with `Retry-After` in whole seconds, rounded up, and an empty body.
#[cfg(feature = "http")]
impl<B: Default> From<Closed> for http::Response<B> {
    fn from(closed: Closed) -> Self {
        let mut response = Self::new(B::default());
        *response.status_mut() = closed.status();
        let seconds = whole_seconds(closed.retry_after);
        let headers = response.headers_mut();
        headers.insert(http::header::RETRY_AFTER, seconds.into());
        response
    }
}

/// Rounded up, as `Retry-After` says it.
#[cfg(feature = "http")]
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    let begun = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(begun)
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_answer_that_says_when() {
        for (after, seconds) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")] {
            let response: http::Response<String> = Closed::new(Duration::from_millis(after)).into();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], seconds);
        }
        let response: http::Response<String> = Closed::new(Duration::MAX).into();
        assert_eq!(response.headers()["retry-after"], u64::MAX.to_string());
    }
}
