//! Where a value stands in the document: keys and indices, from the root.

use std::fmt;
use std::sync::Arc;

/// One step of a [`Route`].
///
/// ```
/// use lifecycle_manifest::text::{Route, Segment};
/// let route = Route::keys(["drill", "requests"]).index(1);
/// assert_eq!(route.to_string(), "drill.requests[1]");
/// assert_eq!(route.segments(), [
///     Segment::Key("drill".into()),
///     Segment::Key("requests".into()),
///     Segment::Index(1),
/// ]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A mapping's key.
    Key(Arc<str>),
    /// A sequence's index, from zero.
    Index(usize),
}

/// The way from the root of the document to a value, such as `resources.http.timeout`.
///
/// Every value that was read and every wait of the plan holds one: clones share the steps, and a longer
/// one shares the keys.
///
/// ```
/// use lifecycle_manifest::text::Route;
/// let timeout = Route::root().key("resources").key("http").key("timeout");
/// assert_eq!(timeout.to_string(), "resources.http.timeout");
/// assert_eq!(timeout.parent(), Some(Route::keys(["resources", "http"])));
/// assert_eq!(Route::root().parent(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Route(Option<Arc<[Segment]>>);

impl Route {
    /// The document itself.
    pub const fn root() -> Self {
        Self(None)
    }

    /// The route through these keys.
    ///
    /// ```
    /// use lifecycle_manifest::text::Route;
    /// assert_eq!(Route::keys(["budget", "reserve"]).to_string(), "budget.reserve");
    /// ```
    pub fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        keys.into_iter()
            .map(|key| Segment::Key(key.into()))
            .collect::<Vec<_>>()
            .into()
    }

    /// This route and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.into()))
    }

    /// This route and one index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    /// The route one step up; the root has none.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.segments().split_last()?;
        Some(Self::from(rest.to_vec()))
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        self.0.as_deref().unwrap_or_default()
    }

    fn then(&self, segment: Segment) -> Self {
        let before = self.segments();
        let mut segments = Vec::with_capacity(before.len() + 1);
        segments.extend_from_slice(before);
        segments.push(segment);
        segments.into()
    }
}

impl From<Vec<Segment>> for Route {
    fn from(segments: Vec<Segment>) -> Self {
        // The root has one form, so that it equals itself.
        Self((!segments.is_empty()).then(|| segments.into()))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.segments().iter().enumerate() {
            match segment {
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
